"""From a provider's pages to a table's partitions: typing, counting, setting aside, writing."""
