"""Which partitions are out of date, missing or failed, and which to rebuild."""
