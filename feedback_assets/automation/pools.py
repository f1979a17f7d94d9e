"""How many runs of a provider go on at the same time: Dagster keeps that in the instance."""

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

from feedback_assets.assets import derived_assets
from feedback_assets.ingest.sources import SOURCES


@dataclass(frozen=True)
class Limit:
    """The runs that a pool lets through at once; ``before``: what was set, None for nothing."""

    pool: str
    runs: int
    why: str
    before: int | None = None


def right_limits(providers: Iterable[str]) -> list[Limit]:
    """The limit of each provider's pool and of the derived tables'.

    A run for each list of a provider, since its quota is shared by all of them and one run of a
    list uses all that the others leave. A second run of a list would only wait for the first,
    and read what comes whole twice.
    """
    limits = []
    for provider in providers:
        lists = sum(source.provider == provider for source in SOURCES)
        limits.append(Limit(provider, lists, "a run a list"))
    return [
        *limits,
        Limit(derived_assets.POOL, 1, "a query uses all cores, and days depend on earlier days"),
    ]


def set_limits(instance: dg.DagsterInstance, limits: Iterable[Limit]) -> list[Limit]:
    """Set what is not set yet; every limit with what was there before."""
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
