"""Publishing to an Iceberg REST catalog: all days of a table in one commit."""
