"""Personal data in Dagster's storage: runs that name a person, their logs, and database pages.

Runs of operator jobs contain their input and output; a failed run may quote a provider. SQLite
keeps deleted content in its pages until the file is rewritten.
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

from feedback_assets.runtime.instance import compute_logs
from feedback_assets.runtime.run_launcher import PROCESS_TAG
from feedback_assets.runtime.runs import belongs
from feedback_assets.schema.names import Names
from feedback_assets.schema.text import folded
from feedback_assets.settings import Settings
from feedback_assets.warehouse.addresses import AT_SIGN_PATTERN
from feedback_assets.warehouse.erased import Erased

_RUNS_AT_ONCE = 200
_EVENTS_AT_ONCE = 1000
_WAIT_SECONDS = 20
_ASSET_JOB = "__ASSET_JOB"
_SQLITE = b"SQLite format 3\0"
_WORD_JOINER = "\u2060"
# A four-digit number may be anything.
_SHORTEST_NUMBER = 5
_LONGEST_NAME = 6
# Written by Dagster and the launcher; a process id in them may equal a contact id.
_OWN_TAG = re.compile(rf"\.?dagster/|{re.escape(PROCESS_TAG)}$")
_WORD = re.compile(r"\w[\w.+@-]*")
_AT_SIGN = re.compile(AT_SIGN_PATTERN.encode())
_AROUND = 600


@dataclass(frozen=True)
class ErasedRuns:
    """Deleted runs, unfinished runs that name the person, and files that still name them."""

    deleted: int = 0
    under_way: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """Search terms for runs: e-mails through the list, ids and names as words."""

    erased: Erased
    words: frozenset[str]

    @staticmethod
    def of(erased: Erased, ids: Iterable[str], names: Iterable[str]) -> "Wanted":
        telling = [text.strip() for text in ids if len(text.strip()) >= _SHORTEST_NUMBER]
        telling += [name for name in names if " " in name.strip()]
        return Wanted(erased, frozenset(" ".join(_words(text)) for text in telling) - {""})

    def stand_in(self, text: str) -> bool:
        """Whether the text contains any of them."""
        if self.erased.scrubbed(text) != text:
            return True
        words = _words(text)
        return bool(self.words) and any(
            " ".join(words[start:end]) in self.words
            for start in range(len(words))
            for end in range(start + 1, min(start + _LONGEST_NAME, len(words)) + 1)
        )


def _words(text: str) -> list[str]:
    return [word.rstrip(".+-@") for word in _WORD.findall(folded(text))]


@dataclass(frozen=True)
class Scope:
    """What is searched: ``DAGSTER_HOME``, or the part of it that belongs to one account.

    Runs and files of other accounts and of the rest of a project are neither read nor changed.
    """

    home: Path
    names: Names
    state: Path
    runs: frozenset[str]

    @staticmethod
    def of(instance: dg.DagsterInstance, settings: Settings) -> "Scope":
        """The scope of the account with these settings."""
        names = settings.names
        mine = (run.run_id for run in _runs(instance) if belongs(run, names))
        ids = frozenset(mine) if names.prefix else frozenset()
        return Scope(settings.dagster_home, names, settings.state_dir, ids)

    def holds(self, path: Path) -> bool:
        """Whether a file below the home belongs to the account."""
        if not self.names.prefix or path.is_relative_to(self.state):
            return True
        return bool({*_run_ids(path, self.home)} & self.runs)

    def alone_in(self, run: dg.DagsterRun) -> bool:
        """Whether a run of the account builds nothing else."""
        return all(self.names.owns(key.path) for key in run.asset_selection or ())


def find_runs(instance: dg.DagsterInstance, scope: Scope, wanted: Wanted) -> list[dg.DagsterRun]:
    """The runs that contain one of the terms in their config, tags, events or files."""
    mine = (run for run in _runs(instance) if belongs(run, scope.names))
    named = {run.run_id: run for run in mine if _mentions(instance, run, wanted)}
    for run_id in _in_files(scope, wanted):
        run = instance.get_run_by_id(run_id)
        if run is not None:
            named[run_id] = run
    return list(named.values())


def events_that_mention(
    instance: dg.DagsterInstance, run: dg.DagsterRun, wanted: Wanted
) -> Iterator[Any]:
    """The events of a run that contain one of the terms, as stored by Dagster."""
    cursor = None
    while True:
        page = instance.get_records_for_run(run.run_id, cursor=cursor, limit=_EVENTS_AT_ONCE)
        values = (_values(record) for record in page.records)
        yield from (value for value in values if wanted.stand_in(_plain(value)))
        if not page.has_more:
            return
        cursor = page.cursor


def erase_runs(instance: dg.DagsterInstance, scope: Scope, wanted: Wanted) -> ErasedRuns:
    """Delete the finished runs found by ``find_runs``, with their logs; then search again.

    A run that also builds other assets is reported instead: deleting it would delete their history.
    """
    home = scope.home
    named = find_runs(instance, scope, wanted)
    shared = [run.run_id for run in named if not scope.alone_in(run)]
    named = [run for run in named if run.run_id not in shared]
    going = [run.run_id for run in named if not run.is_finished]
    finished = [run.run_id for run in named if run.run_id not in going]
    if finished:
        logs = compute_logs(home)
        for run_id in finished:
            logs.delete_logs(prefix=[run_id])
            instance.delete_run(run_id)
            shutil.rmtree(home / "storage" / run_id, ignore_errors=True)
    left = [path for path in _databases(home) if finished and not _rewrite_file(path)]
    left += [path for path in _files_with(scope, wanted) if path not in left]
    also = (
        f"run {run_id}, which also builds other assets: delete it in the UI" for run_id in shared
    )
    return ErasedRuns(len(finished), tuple(going), (*map(str, sorted(left)), *also))


def _runs(instance: dg.DagsterInstance) -> Iterator[dg.DagsterRun]:
    cursor = None
    while runs := instance.get_runs(cursor=cursor, limit=_RUNS_AT_ONCE):
        yield from runs
        cursor = runs[-1].run_id


def _mentions(instance: dg.DagsterInstance, run: dg.DagsterRun, wanted: Wanted) -> bool:
    tags = {name: text for name, text in run.tags.items() if not _OWN_TAG.match(name)}
    if wanted.stand_in(_plain({"config": run.run_config, "tags": tags})):
        return True
    # Events of a run that materialised tables contain counts and are not worth searching.
    if run.job_name.startswith(_ASSET_JOB) and run.is_success:
        return False
    return any(True for _ in events_that_mention(instance, run, wanted))


def _values(record: Any) -> Any:
    return json.loads(dg.serialize_value(record.event_log_entry))


def _plain(value: Any) -> str:
    """All texts in a value, in readable form."""
    text = "\n".join(_texts(value))
    return html.unescape(text).replace(_WORD_JOINER, "")


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


def _in_files(scope: Scope, wanted: Wanted) -> Iterator[str]:
    """Ids of the runs whose own files contain an address: events, logs, outputs."""
    for path in _files_with(scope, wanted):
        yield from _run_ids(path, scope.home)


def _run_ids(path: Path, home: Path) -> Iterator[str]:
    """The id of the run that a file may belong to."""
    within = path.relative_to(home).parts
    if within[0] == "storage" and len(within) > 1:
        yield within[1]
    yield path.name.split(".db", 1)[0]


def _files_with(scope: Scope, wanted: Wanted) -> list[Path]:
    found = []
    for path in filter(scope.holds, scope.home.rglob("*")):
        # The file may have been deleted meanwhile, or be empty and so not mappable.
        with (
            suppress(OSError, ValueError),
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            if any(wanted.erased.scrubbed(text) != text for text in _around_signs(content)):
                found.append(path)
    return found


def _around_signs(content: mmap.mmap) -> Iterator[str]:
    """The text around each ``@``, in any encoding."""
    begin = finish = 0
    for sign in _AT_SIGN.finditer(content):
        if finish and sign.start() - _AROUND > finish:
            yield content[begin:finish].decode(errors="replace")
            finish = 0
        begin = begin if finish else max(0, sign.start() - _AROUND)
        finish = sign.end() + _AROUND
    if finish:
        yield content[begin:finish].decode(errors="replace")


def _databases(home: Path) -> Iterator[Path]:
    for path in sorted(home.rglob("*.db")):
        with suppress(OSError), path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                yield path


def _rewrite_file(path: Path) -> bool:
    """Rewrite a database without deleted content; returns whether that worked."""
    try:
        with closing(
            sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        ) as database:
            database.execute("vacuum")
            (busy, *_) = database.execute("pragma wal_checkpoint(truncate)").fetchone()
    except sqlite3.Error:
        return False
    return not busy
