"""Erasing a person: onto the list first, so that nothing brings them back, then out of all that is.

Killed half-way it is started again: the list is complete before the first file is rewritten, each
file is replaced whole, and what was rewritten is left as it is.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

import dagster as dg
import pyarrow as pa
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from feedback_assets.assets.recorded import latest_metadata, record_days
from feedback_assets.operations.erase_runs import ErasedRuns, erase_runs
from feedback_assets.operations.home import open_instance
from feedback_assets.operations.person import Person, find_partitions, find_person
from feedback_assets.settings import Settings
from feedback_assets.store.customer_secret import confirm_secret
from feedback_assets.store.erased import Erased, is_pseudonym
from feedback_assets.store.erasing import erase_rows
from feedback_assets.store.layout import Warehouse, Written
from feedback_assets.store.quarantine import erase_quarantine
from feedback_assets.tables import PROVIDER_TABLES, Table
from feedback_assets.tables.text import normal_email

AT_MOST = 20
_UNDER_WAY = dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)
_LISTED = (
    "Put on the list of erased persons: what a provider serves of them later is written without "
    "them."
)
_LISTED_BEFORE = "On the list of erased persons already; what was left of them is erased now."
REPORT = dg.AssetKey(["reports", "nps"])
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


class NotForgotten(RuntimeError):
    """Why nobody was erased, in one line for whoever asked."""


@dataclass
class Forgotten:
    """What was done: by table the rows that were theirs and the partitions rewritten."""

    person: Person
    was_listed: bool = False
    rows: Counter[str] = field(default_factory=Counter)
    partitions: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    runs: ErasedRuns = field(default_factory=ErasedRuns)
    writing: int = 0
    report: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing is left that this command could not reach."""
        return not (self.runs.under_way or self.runs.left or self.report == "failed")


def forget(
    settings: Settings,
    defs: dg.Definitions,
    email: str,
    *,
    at_most: int = AT_MOST,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Forgotten:
    """Erase whoever has this e-mail from tables, quarantine and the records of runs.

    Somebody of whom nothing is held is put on the list all the same. Raises ``NotForgotten``
    where that is not an e-mail address, or where it leads to more than ``at_most`` ids of contacts.
    """
    address = normal_email(email)
    if address is None or is_pseudonym(address):
        raise NotForgotten(f"{email!r} is not an e-mail address")
    warehouse = Warehouse(
        settings.warehouse, settings.erasure_secret, settings.coordination, settings.dagster_home
    )
    # Else the customer keys of the person would not be found.
    confirm_secret(warehouse, settings.customer_secret_if_any())
    listed = warehouse.erased()
    erased = listed or Erased(settings.erasure_secret())
    listed_as = erased.person_of("email", address)
    person = listed_as or erased.hash_of("email", address)
    progress = progress or _silent
    progress("looking for what is theirs", 0, 1)
    found = find_person(warehouse, address)
    if found.count("contact") > at_most:
        raise NotForgotten(
            f"this e-mail leads to {found.count('contact')} ids of contacts with "
            f"{found.count('email')} e-mails, so it may be shared by many people: look at them "
            f"first, and give --at-most {found.count('contact')} if all are to be erased"
        )
    emails = found.emails
    result = Forgotten(found, was_listed=listed_as is not None)
    if dry_run:
        listed = erased.with_more(found.addition(erased, person, settings.customer_secret()))
        _count(_Search(warehouse, listed, person, emails), result)
        return result
    addition = found.addition(erased, person, settings.customer_secret())
    if not addition.hashes <= erased.persons.keys():
        erased = warehouse.add_erased(addition)
    with _opened(settings) as instance:
        if instance is not None:
            # Before the tables: they alone tell what else the person is called.
            progress("looking through the runs", 0, 1)
            result.writing = len(instance.get_run_ids(_UNDER_WAY))
            home = settings.dagster_home
            ids = found.known["contact"]
            result.runs = erase_runs(instance, home, emails, ids, found.names)
        search = _Search(warehouse, erased, person, emails)
        _rewrite(search, instance, result, progress)
        for table in PROVIDER_TABLES:
            result.quarantined[table.full_name] += erase_quarantine(warehouse, table)
        result.quarantined = +result.quarantined
        if instance is not None and result.partitions:
            result.report = _build_report(defs, instance)
    return result


@contextmanager
def _opened(settings: Settings) -> Iterator[dg.DagsterInstance | None]:
    """The instance, ``None`` where nothing was ever run: it is not made for this."""
    if any((settings.dagster_home / name).exists() for name in ("dagster.yaml", "history")):
        with open_instance(settings) as instance:
            yield instance
    else:
        yield None


def _silent(_what: str, _done: int, _total: int) -> None:
    """For whoever does not want to hear of it."""


@dataclass(frozen=True)
class _Search:
    """Where to look for whom."""

    warehouse: Warehouse
    erased: Erased
    person: str
    emails: frozenset[str]

    def partitions(self) -> list[tuple[Table, date | None]]:
        return find_partitions(self.warehouse, self.erased, self.person, self.emails)


def _rewrite(
    search: _Search, instance: dg.DagsterInstance | None, result: Forgotten, progress: Progress
) -> None:
    partitions = search.partitions()
    written: dict[Table, dict[date | None, Written]] = {}
    for done, (table, day) in enumerate(partitions):
        progress(f"{table.full_name} {day or ''}".strip(), done, len(partitions))
        theirs, replaced = _erase_partition(search, table, day)
        if replaced is not None:
            result.rows[table.full_name] += theirs
            result.partitions[table.full_name] += 1
            written.setdefault(table, {})[day] = replaced
    if instance is not None:
        for table, days in written.items():
            _record(instance, table, days)
    progress("tables", len(partitions), len(partitions))


def _erase_partition(search: _Search, table: Table, day: date | None) -> tuple[int, Written | None]:
    counted = [0]

    def change(rows: pa.Table) -> pa.Table | None:
        done = erase_rows(table, rows, search.erased)
        counted[0] = done.theirs
        return done.rows if done.changed else None

    written = search.warehouse.change_partition(table, day, change)
    return counted[0], written


def _count(search: _Search, result: Forgotten) -> None:
    for table, day in search.partitions():
        rows = search.warehouse.read_arrow(table, day, day)
        if table.partitioned:
            rows = rows.drop_columns("day")
        done = erase_rows(table, rows, search.erased)
        if done.changed:
            result.rows[table.full_name] += done.theirs
            result.partitions[table.full_name] += 1


def _record(
    instance: dg.DagsterInstance, table: Table, days: Mapping[date | None, Written]
) -> None:
    """Say what the partitions hold now, so that what is computed from them is looked at again.

    Only of those that the instance has a record of: for another it would look newly made.
    """
    before = latest_metadata(instance, table, days)
    now = {
        day: {**before[day], "content_hash": written.content_hash, "file": written.mark}
        for day, written in days.items()
        if day in before
    }
    record_days(instance, table, now)


def _build_report(defs: dg.Definitions, instance: dg.DagsterInstance) -> str:
    """Build the page again, since comments stand in it; the reason where that failed."""
    if REPORT not in defs.resolve_asset_graph().get_all_asset_keys():
        return ""
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[REPORT],
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    return "built again" if result.success else "failed"


def lines(done: Forgotten, *, dry_run: bool = False) -> list[str]:
    """What was done, as it is printed; no e-mail, name or id is in it."""
    found = done.person
    told = [] if dry_run else [_LISTED_BEFORE if done.was_listed else _LISTED]
    told.append(
        f"Known by {found.count('email')} e-mail(s), {found.count('contact')} id(s) of contacts, "
        f"{found.count('order')} number(s) of orders, {found.count('answer')} answer(s)."
    )
    verb = "would be rewritten" if dry_run else "rewritten"
    for name, days in done.partitions.items():
        told.append(f"{name}: {done.rows[name]} row(s), {days} partition(s) {verb}")
    for name, count in done.quarantined.items():
        told.append(f'quarantine."{name}": {count} record(s) rewritten')
    if not done.partitions and not done.quarantined:
        told.append("Nothing of them was held in the tables.")
    return told if dry_run else [*told, *_about_runs(done)]


def _about_runs(done: Forgotten) -> Iterator[str]:
    yield f"Runs that named them: {done.runs.deleted} deleted"
    if done.report:
        yield f"reports/nps: {done.report}"
    if done.runs.under_way:
        yield f"Runs that name them and are under way: {', '.join(done.runs.under_way)}"
    if done.runs.left:
        yield f"Files that hold them and could not be rewritten: {', '.join(done.runs.left)}"
    if done.writing:
        yield f"{done.writing} run(s) were under way: once they have ended, run this again."
