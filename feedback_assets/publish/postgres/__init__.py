"""Publishing to Postgres: all days and tables of a publication in one transaction."""
