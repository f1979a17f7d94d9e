"""From a provider's pages to a table's partitions: typing, counting, setting aside, writing."""

READING_RULES = 2
"""Version of the rules by which records are read; raised when a record would read differently."""
