"""Exports all data on a person to one folder that only its owner can read.

It uses the search of ``forget``, so the export contains what would be erased.
"""

import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from feedback_assets.privacy.forget import (
    AT_MOST,
    Progress,
    checked_email,
    refuse_shared,
    silent,
)
from feedback_assets.privacy.person import Person, customer_secrets, find_person
from feedback_assets.privacy.run_history import Scope, Wanted, events_that_mention, find_runs
from feedback_assets.privacy.traces import Passage, find_doubtful, find_partitions, rows_of
from feedback_assets.runtime.instance import existing_instance
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import READ_TABLES, find_table
from feedback_assets.warehouse.customer_secret import confirm_secret
from feedback_assets.warehouse.erased import Erased
from feedback_assets.warehouse.erasing import concerned_rows, mentioned_in
from feedback_assets.warehouse.quarantine import quarantine_of
from feedback_assets.warehouse.warehouse import Warehouse
from feedback_assets.wording import counted

README = "README.md"
RUNS = "run history"
_RUNS_FILE = "runs.jsonl"


_INTRODUCTION = """# Personal data

Everything stored about one person on {:%Y-%m-%d at %H:%M} UTC: one file per table, one JSON object
per line. Amounts are strings, so that no digit is lost; times are in UTC.
"""
_MENTIONS = """
A *mention* is a row about someone else that contains the person's e-mail or id. Only the columns
with the mention are exported.
"""
_DOUBTFUL = """
These texts may refer to the person, for example with an e-mail spelled out, and are not exported:
"""


class NotExported(RuntimeError):
    """Why nothing was exported, in one line."""


@dataclass
class Exported:
    """The export: for each table, the person's rows and other people's rows that mention them."""

    directory: Path
    rows: Counter[str] = field(default_factory=Counter)
    mentions: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    days: dict[str, list[date]] = field(default_factory=dict)
    doubtful: list[Passage] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether there is no data on the person."""
        return not (self.rows or self.mentions or self.quarantined or self.runs)


def export(
    settings: Settings,
    email: str,
    directory: Path,
    *,
    at_most: int = AT_MOST,
    progress: Progress | None = None,
) -> Exported:
    """Write all data on the person to ``directory``, which must not exist.

    Writes nothing if there is no data. Raises ``NotExported``, and ``NotForgotten`` under the same
    conditions as ``forget``.
    """
    address = checked_email(email)
    if directory.exists() or directory.is_symlink():
        raise NotExported(f"{directory} already exists. Choose another folder with --to.")
    progress = progress or silent
    progress("looking for their data", 0, 1)
    warehouse = Warehouse(settings.warehouse)
    confirm_secret(warehouse, settings.customer_secret_if_any())
    person = find_person(warehouse, address)
    refuse_shared(person, at_most)
    try:
        return _Export(settings, warehouse, person, progress, Exported(directory)).run()
    except OSError as error:
        raise NotExported(f"{directory} could not be written: {error.strerror}.") from None


@dataclass(frozen=True)
class _Export:
    settings: Settings
    warehouse: Warehouse
    person: Person
    progress: Progress
    result: Exported

    def run(self) -> Exported:
        # An erasure list of one person under a throwaway key: the same search without a trace.
        empty = Erased(secrets.token_bytes(32))
        name = empty.hash_of("email", next(iter(self.person.known["email"])))
        listed = self.person.addition(empty, name, customer_secrets(self.settings))
        erased = empty.with_more(listed)
        try:
            self._tables(erased, name)
            self._quarantine(erased)
            self._runs(erased)
            self.result.doubtful = find_doubtful(self.warehouse, erased)
            if not self.result.nothing:
                self._write(README, _readme(self.result).splitlines())
        except BaseException:
            with suppress(OSError):
                shutil.rmtree(self.result.directory)
            raise
        return self.result

    def _tables(self, erased: Erased, person: str) -> None:
        found = find_partitions(self.warehouse, erased, {person})
        by_table: dict[str, list[dict[str, Any]]] = {}
        for done, (table, day) in enumerate(found):
            self.progress(f"{table.full_name} {day or ''}".strip(), done, len(found))
            rows = rows_of(self.warehouse, table, day)
            concerned = concerned_rows(table, rows, erased)
            where = {} if day is None else {"day": day}
            owned = _plain_rows(rows, concerned.owned)
            mentions = _plain_rows(rows, concerned.mentioning)
            records = [where | row for row in owned]
            records += [where | mentioned_in(table, row, erased) for row in mentions]
            if records:
                by_table.setdefault(table.full_name, []).extend(records)
                self.result.rows[table.full_name] += len(owned)
                self.result.mentions[table.full_name] += len(mentions)
                if day is not None:
                    self.result.days.setdefault(table.full_name, []).append(day)
        for name, records in by_table.items():
            self._write(f"{name}.jsonl", map(_line, records))
        self.result.rows, self.result.mentions = +self.result.rows, +self.result.mentions

    def _quarantine(self, erased: Erased) -> None:
        for table in READ_TABLES:
            rows = [row for _, row in quarantine_of(self.warehouse, table, erased)]
            if rows:
                self._write(f"quarantine.{table.full_name}.jsonl", map(_line, rows))
                self.result.quarantined[table.full_name] = len(rows)

    def _runs(self, erased: Erased) -> None:
        wanted = Wanted.of(erased, self.person.known["contact"], self.person.names)
        with existing_instance(self.settings) as instance:
            if instance is None:
                return
            self.progress("looking through the runs", 0, 1)
            runs = [
                {
                    "run_id": run.run_id,
                    "job": run.job_name,
                    "status": run.status.value,
                    "config": run.run_config,
                    "events": list(events_that_mention(instance, run, wanted)),
                }
                for run in find_runs(instance, Scope.of(instance, self.settings), wanted)
            ]
        if runs:
            self._write(_RUNS_FILE, map(_line, runs))
            self.result.runs = len(runs)

    def _write(self, name: str, lines: Iterable[str]) -> None:
        directory = self.result.directory
        if not directory.exists():
            directory.mkdir(mode=0o700, parents=True)
            directory.chmod(0o700)
        descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)
            file.writelines(f"{line}\n" for line in lines)


def _plain_rows(rows: pa.Table, places: Iterable[int]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rows.take(pa.array(sorted(places), pa.int64())).to_pylist()
    return found


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else repr(value)


def _readme(done: Exported) -> str:
    parts = [
        _INTRODUCTION.format(datetime.now(UTC)),
        "| file | rows | days | contents |",
        "|---|---|---|---|",
    ]
    for name in dict.fromkeys([*done.rows, *done.mentions]):
        days = done.days.get(name)
        span = f"{min(days)} to {max(days)}" if days else ""
        what = _described(find_table(name))
        parts.append(f"| `{name}.jsonl` | {_count(done, name)} | {span} | {what} |")
    for name, count in done.quarantined.items():
        what = f"Records of {name} that could not be read, as the provider served them"
        parts.append(f"| `quarantine.{name}.jsonl` | {count} | | {what} |")
    if done.runs:
        what = "Runs of jobs that name the person: their configuration and matching events"
        parts.append(f"| `{_RUNS_FILE}` | {done.runs} | | {what} |")
    if done.mentions:
        parts.append(_MENTIONS)
    if done.doubtful:
        parts += [_DOUBTFUL, *(f"- {passage}" for passage in done.doubtful)]
    return "\n".join(parts)


def _count(done: Exported, name: str) -> str:
    rows, mentions = done.rows[name], done.mentions[name]
    return f"{rows}, and {counted(mentions, 'mention')}" if mentions else str(rows)


def _described(table: Table) -> str:
    text = table.description.split(". ", 1)[0].rstrip(".")
    source = "computed" if table.group in ("unified", "marts") else f"from {table.group}"
    return f"{text} ({source})"


def lines(done: Exported) -> list[str]:
    """The printed summary."""
    if done.nothing:
        return ["No data is stored about this person."]
    output = [
        f"{name}: {_count(done, name)}" for name in dict.fromkeys([*done.rows, *done.mentions])
    ]
    output += [f'quarantine."{name}": {count}' for name, count in done.quarantined.items()]
    if done.runs:
        output.append(f"{RUNS}: {done.runs}")
    if done.doubtful:
        output.append(
            f"{counted(len(done.doubtful), 'text')} may refer to this person; see {README}."
        )
    return [*output, f"Written to {done.directory}"]
