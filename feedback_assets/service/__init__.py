"""Runs Dagster for this project: webserver, daemon, code location and automation switches."""
