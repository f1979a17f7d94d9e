"""Publishing: keeps tables of a Postgres database or an Iceberg catalog equal to the warehouse."""
