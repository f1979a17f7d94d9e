"""Turns a provider's pages into table partitions: parsing, counting, quarantining, writing."""

READING_RULES = 2
"""Version of the reading rules; increase it when a record would be read differently."""
