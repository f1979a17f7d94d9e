"""The warehouse: where the Parquet lies, how it is replaced, what is set aside."""
