"""The warehouse: where Parquet files are stored, how they are replaced, and the quarantine."""
