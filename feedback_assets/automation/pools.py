"""How many runs of each provider execute at once: pool limits, which Dagster keeps per instance."""

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

from feedback_assets.assets import derived_assets
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.schema.names import Names


@dataclass(frozen=True)
class Limit:
    """The number of concurrent runs in a pool; ``before``: the previous limit, None if unset."""

    pool: str
    runs: int
    why: str
    before: int | None = None


def right_limits(providers: Iterable[str], names: Names) -> list[Limit]:
    """The limit of each provider's pool and of the derived tables' pool.

    One run per list of a provider: all lists share its quota, and one run uses everything the
    others leave. A second run of the same list would only wait for the first, and would read lists
    without an end date twice.
    """
    limits = []
    for provider in providers:
        lists = sum(source.provider == provider for source in SOURCES)
        limits.append(Limit(names.called(provider), lists, "one run per list"))
    return [
        *limits,
        Limit(
            names.called(derived_assets.POOL),
            1,
            "a query uses all cores, and days depend on earlier days",
        ),
    ]


def set_limits(instance: dg.DagsterInstance, limits: Iterable[Limit]) -> list[Limit]:
    """Set the limits that are not set yet; returns every limit with its previous value."""
    storage = instance.event_log_storage
    set_already = {
        found.name: found.limit for found in storage.get_pool_limits() if not found.from_default
    }
    done = []
    for limit in limits:
        before = set_already.get(limit.pool)
        if before != limit.runs:
            storage.set_concurrency_slots(limit.pool, limit.runs)
        done.append(Limit(limit.pool, limit.runs, limit.why, before))
    return done
