"""The scorecard in brief, for the terminal and the Dagster UI: what is read, and as what text."""
