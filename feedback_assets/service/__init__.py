"""Running Dagster for this project: webserver, daemon, code location, and the switches."""
