"""Run tags with a meaning to Dagster, and the days of a run according to its tags."""

from collections.abc import Mapping
from datetime import date

from feedback_assets.schema.names import Names

PARTITION = "dagster/partition"
FIRST_PARTITION = "dagster/asset_partition_range_start"
LAST_PARTITION = "dagster/asset_partition_range_end"
MAX_RETRIES = "dagster/max_retries"
WILL_RETRY = "dagster/will_retry"
ACCOUNT = "feedback_assets/account"
"""Whose run it is, where several accounts share an instance."""


def account_tags(names: Names) -> dict[str, str]:
    """The tag of an account's jobs; empty without a prefix."""
    return {ACCOUNT: names.prefix} if names.prefix else {}


def range_tags(first: date | None, last: date | None) -> dict[str, str]:
    """The tags of a run for the days ``first`` to ``last``; empty for a table without days."""
    if first is None or last is None:
        return {}
    return {FIRST_PARTITION: first.isoformat(), LAST_PARTITION: last.isoformat()}


def days_of(tags: Mapping[str, str]) -> tuple[date, date] | None:
    """The first and last day of a run according to its tags.

    None for a run without partitions, or with partitions that are not days.
    """
    first = tags.get(FIRST_PARTITION, tags.get(PARTITION))
    last = tags.get(LAST_PARTITION, tags.get(PARTITION))
    if first is None or last is None:
        return None
    try:
        return date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
