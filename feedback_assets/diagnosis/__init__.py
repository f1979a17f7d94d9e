"""The `check` command: whether providers, warehouse and databases can be used."""
