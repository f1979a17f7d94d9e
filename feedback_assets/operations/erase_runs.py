"""What Dagster keeps of a person: runs whose config or events name them, their logs, and the pages.

Runs of the jobs that an operator starts hold what was typed and shown; a failed run may quote a
provider. SQLite leaves what it deletes in its pages until they are written anew.
"""

import html
import json
import mmap
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from feedback_assets.operations.contact import escaped
from feedback_assets.tables.text import folded

_RUNS_AT_ONCE = 200
_EVENTS_AT_ONCE = 1000
_WAIT_SECONDS = 20
_ASSET_JOB = "__ASSET_JOB"
_SQLITE = b"SQLite format 3\0"
# A number of four digits may be anything.
_SHORTEST_NUMBER = 5


@dataclass(frozen=True)
class ErasedRuns:
    """Runs deleted, runs that name the person and are under way, files that could not be mended."""

    deleted: int = 0
    under_way: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def erase_runs(
    instance: dg.DagsterInstance,
    home: Path,
    emails: Iterable[str],
    ids: Iterable[str],
    names: Iterable[str],
) -> ErasedRuns:
    """Delete the finished runs that mention one of these, with their logs."""
    addresses = {email.strip() for email in emails}
    pattern = _pattern([folded(text) for text in (*addresses, *_telling(ids, names))])
    named = {run.run_id: run for run in _runs(instance) if _mentions(instance, run, pattern)}
    for run_id in _in_files(home, addresses):
        run = instance.get_run_by_id(run_id)
        if run is not None:
            named[run_id] = run
    going = [run_id for run_id, run in named.items() if run.status in NOT_FINISHED_STATUSES]
    finished = [run_id for run_id in named if run_id not in going]
    if finished:
        logs = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home))).compute_log_manager
        for run_id in finished:
            logs.delete_logs(prefix=[run_id])
            instance.delete_run(run_id)
            shutil.rmtree(home / "storage" / run_id, ignore_errors=True)
    left = [path for path in _databases(home) if finished and not _written_anew(path)]
    left += [path for path in _files_with(home, addresses) if path not in left]
    return ErasedRuns(len(finished), tuple(going), tuple(str(path) for path in sorted(left)))


def _telling(ids: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    yield from (text.strip() for text in ids if len(text.strip()) >= _SHORTEST_NUMBER)
    yield from (name for name in names if " " in name.strip())


def _pattern(texts: list[str]) -> re.Pattern[str]:
    words = "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
    return re.compile(rf"(?<![\w.+@-])(?:{words})(?![\w@-])")


def _runs(instance: dg.DagsterInstance) -> Iterator[dg.DagsterRun]:
    cursor = None
    while runs := instance.get_runs(cursor=cursor, limit=_RUNS_AT_ONCE):
        yield from runs
        cursor = runs[-1].run_id


def _mentions(instance: dg.DagsterInstance, run: dg.DagsterRun, pattern: re.Pattern[str]) -> bool:
    if pattern.search(_plain({"config": run.run_config, "tags": dict(run.tags)})):
        return True
    # A run that materialised tables says counts; its events are not worth the reading.
    if run.job_name.startswith(_ASSET_JOB) and run.is_success:
        return False
    cursor = None
    while True:
        page = instance.get_records_for_run(run.run_id, cursor=cursor, limit=_EVENTS_AT_ONCE)
        if any(pattern.search(_plain(_values(record))) for record in page.records):
            return True
        if not page.has_more:
            return False
        cursor = page.cursor


def _values(record: Any) -> Any:
    return json.loads(dg.serialize_value(record.event_log_entry))


def _plain(value: Any) -> str:
    """All texts of a value in the form in which ``folded`` compares what a person reads."""
    return folded(html.unescape("\n".join(_texts(value))))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value)


def _in_files(home: Path, addresses: set[str]) -> Iterator[str]:
    """Ids of the runs in whose own files an address stands: their events, logs, outputs."""
    for path in _files_with(home, addresses):
        within = path.relative_to(home).parts
        if within[0] == "storage" and len(within) > 1:
            yield within[1]
        yield path.name.split(".db", 1)[0]


def _files_with(home: Path, addresses: set[str]) -> list[Path]:
    forms = {form for address in addresses for form in (address, escaped(address))}
    forms |= {json.dumps(form)[1:-1] for form in forms}
    pattern = re.compile(b"|".join(re.escape(form.encode()) for form in forms), re.IGNORECASE)
    found = []
    for path in home.rglob("*") if addresses else ():
        # A file that goes meanwhile, or an empty one, which cannot be mapped.
        with (
            suppress(OSError, ValueError),
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            if pattern.search(content):
                found.append(path)
    return found


def _databases(home: Path) -> Iterator[Path]:
    for path in sorted(home.rglob("*.db")):
        with suppress(OSError), path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                yield path


def _written_anew(path: Path) -> bool:
    """Whether the file now holds what the database says and nothing that was deleted from it."""
    try:
        with closing(
            sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        ) as database:
            database.execute("vacuum")
            (busy, *_) = database.execute("pragma wal_checkpoint(truncate)").fetchone()
    except sqlite3.Error:
        return False
    return not busy
