"""The `query` command: SQL over the tables, read-only."""
