"""Storing the events of a year of one table in batches, compared with Dagster's own storage.

The CPU of storing alone: the events of a run that builds nothing, as Dagster passes them.
"""

import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.support.measuring import Compared, Usage, compare, cpu, options, say, wall
from feedback_assets.runtime.event_log import HeldOpenEventLogStorage

DAYS = dg.DailyPartitionsDefinition("2020-01-01")
Entries = list[dg.EventLogEntry]


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), code_version="1")
def built(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Materialised with as much metadata as a provider table."""
    for number, day in enumerate(context.partition_keys):
        counts = dict.fromkeys(("rows", "fetched", "outside", "twice", "set aside"), number)
        texts = {"content_hash": "0" * 64, "file": "19600 1795923787124456215", "definition": "0"}
        context.add_asset_metadata(counts | texts, partition_key=day)
    return dg.MaterializeResult()


def entries_of_a_run(days: int) -> Entries:
    """The events of a run over this many days."""
    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.local_temp(home) as instance:
        keys = DAYS.get_partition_keys()[:days]
        tags = {
            "dagster/asset_partition_range_start": keys[0],
            "dagster/asset_partition_range_end": keys[-1],
        }
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        done = dg.materialize([built], instance=instance, tags=tags, run_config=quiet)
        return list(instance.all_logs(done.run_id))


def stored(storage: Callable[[str], Any], batches: list[Entries]) -> Usage:
    """Store the batches in an empty directory."""
    directory = tempfile.mkdtemp()
    try:
        log = storage(directory)
        before, began = resource.getrusage(resource.RUSAGE_SELF), os.times().elapsed
        for batch in batches:
            if len(batch) == 1:
                log.store_event(batch[0])
            else:
                log.store_event_batch(batch)
        after = resource.getrusage(resource.RUSAGE_SELF)
        took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        log.dispose()
        size = sum(path.stat().st_size for path in Path(directory).glob("*.db"))
        return Usage(os.times().elapsed - began, took, size, "")
    finally:
        shutil.rmtree(directory)


def main() -> None:
    chosen = options(__doc__, size=365, small=10)
    entries = entries_of_a_run(chosen.size)

    def kind(entry: dg.EventLogEntry) -> Any:
        name = entry.get_dagster_event().event_type_value if entry.dagster_event else ""
        return name if name.startswith("ASSET_MATERIALIZATION") else id(entry)

    batches = [list(group) for _, group in groupby(entries, kind)]
    single = [[entry] for entry in entries]
    _, dagsters, *_ = HeldOpenEventLogStorage.__mro__
    own: Compared = compare(
        lambda: stored(HeldOpenEventLogStorage, batches),
        lambda: stored(dagsters, single),
        chosen,
    )
    held = compare(
        lambda: stored(HeldOpenEventLogStorage, batches),
        lambda: stored(HeldOpenEventLogStorage, single),
        chosen,
    )
    for name, compared in (("Dagster's own storage", own), ("open databases, one by one", held)):
        (ours, theirs), (fast, slow) = compared.medians(cpu), compared.medians(wall)
        say(
            f"storing events in batches, CPU against {name}",
            compared.ratio(cpu),
            "≤ 0.1" if compared is own else "none",
            f"{chosen.size} partitions, {1000 * ours / chosen.size:.2f} ms of CPU each against "
            f"{1000 * theirs / chosen.size:.2f}, wall {fast:.2f} s against {slow:.2f} s",
        )


if __name__ == "__main__":
    main()
