"""Which partitions are out of date, missing or failed, and which have to be built again."""
