"""Erasing a person: onto the list first, so that nothing brings them back, then out of all that is.

Killed half-way it is started again: the list is complete before the first file is rewritten, each
file is replaced whole, and what was rewritten is left as it is.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import dagster as dg
import pyarrow as pa
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from feedback_assets.assets.recorded import latest_metadata
from feedback_assets.operations.backfill import open_instance
from feedback_assets.operations.erase_runs import ErasedRuns, erase_runs
from feedback_assets.operations.person import Person, find_partitions, find_person
from feedback_assets.settings import Settings
from feedback_assets.store.erased import Erased
from feedback_assets.store.erasing import erase_rows
from feedback_assets.store.layout import Warehouse, Written
from feedback_assets.store.quarantine import erase_quarantine
from feedback_assets.tables import PROVIDER_TABLES, Table
from feedback_assets.tables.text import normal_email

AT_MOST = 20
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

    @property
    def found(self) -> bool:
        """Whether there was anything of theirs in the warehouse."""
        return bool(self.rows or self.quarantined)


def forget(
    settings: Settings,
    defs: dg.Definitions,
    email: str,
    *,
    at_most: int = AT_MOST,
    dry_run: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> Forgotten:
    """Erase whoever has this e-mail from tables, quarantine and the records of runs.

    Somebody of whom nothing is held is put on the list all the same. Raises ``NotForgotten``
    where that is no e-mail, or where it leads to more than ``at_most`` ids of contacts.
    """
    address = normal_email(email)
    if address is None or not 0 < address.find("@") < len(address) - 1:
        raise NotForgotten(f"{email!r} is no e-mail")
    warehouse = Warehouse(settings.warehouse, settings.erasure_secret)
    listed = warehouse.erased()
    erased = listed or Erased(settings.erasure_secret())
    person = erased.hash_of("email", address)
    progress("looking for what is theirs", 0, 1)
    found = find_person(warehouse, address)
    if found.count("contact") > at_most:
        raise NotForgotten(
            f"this e-mail leads to {found.count('contact')} ids of contacts with "
            f"{found.count('email')} e-mails, so it may be shared by many people: look at them "
            f"first, and give --at-most {found.count('contact')} if all are to be erased"
        )
    result = Forgotten(found, was_listed=person in erased.persons)
    if dry_run:
        _count(warehouse, erased, person, address, settings, result)
        return result
    with open_instance(settings) as instance:
        result.writing = len(instance.get_run_ids(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)))
        erased = warehouse.add_erased(found.addition(erased, person, settings.customer_secret()))
        # Before the tables: they alone tell what else the person is called.
        progress("looking through the runs", 0, 1)
        home = settings.dagster_home.absolute()
        result.runs = erase_runs(
            instance, home, found.known["email"], found.known["contact"], found.names
        )
        _rewrite(warehouse, erased, person, address, instance, result, progress)
        for table in PROVIDER_TABLES:
            result.quarantined[table.full_name] += erase_quarantine(warehouse, table)
        result.quarantined = +result.quarantined
        if result.partitions:
            result.report = _build_report(defs, instance)
    return result


def _rewrite(
    warehouse: Warehouse,
    erased: Erased,
    person: str,
    email: str,
    instance: dg.DagsterInstance,
    result: Forgotten,
    progress: Progress,
) -> None:
    partitions = find_partitions(warehouse, erased, person, email)
    written: dict[Table, dict[date | None, Written]] = {}
    for done, (table, day) in enumerate(partitions):
        progress(f"{table.full_name} {day or ''}".strip(), done, len(partitions))
        theirs, replaced = _erase_partition(warehouse, table, day, erased)
        if replaced is not None:
            result.rows[table.full_name] += theirs
            result.partitions[table.full_name] += 1
            written.setdefault(table, {})[day] = replaced
    for table, days in written.items():
        _record(instance, table, days)
    progress("tables", len(partitions), len(partitions))


def _erase_partition(
    warehouse: Warehouse, table: Table, day: date | None, erased: Erased
) -> tuple[int, Written | None]:
    counted = [0]

    def change(rows: pa.Table) -> pa.Table | None:
        done = erase_rows(table, rows, erased)
        counted[0] = done.theirs
        return done.rows if done.changed else None

    written = warehouse.change_partition(table, day, change)
    return counted[0], written


def _count(
    warehouse: Warehouse,
    erased: Erased,
    person: str,
    email: str,
    settings: Settings,
    result: Forgotten,
) -> None:
    listed = erased.with_more(result.person.addition(erased, person, settings.customer_secret()))
    for table, day in find_partitions(warehouse, listed, person, email):
        days = (day, day) if day is not None else (None, None)
        rows = warehouse.read_arrow(table, *days)
        done = erase_rows(table, rows.drop_columns("day") if table.partitioned else rows, listed)
        if done.changed:
            result.rows[table.full_name] += done.theirs
            result.partitions[table.full_name] += 1


def _record(instance: dg.DagsterInstance, table: Table, days: dict[date | None, Written]) -> None:
    """Say what the partitions hold now, so that what is computed from them is looked at again.

    Only of those that the instance has a record of: for another it would look newly made.
    """
    held = [day for day in days if day is not None]
    span = (min(held), max(held)) if held else None
    for day, metadata in latest_metadata(instance, table, span).items():
        if day not in days:
            continue
        kept = {name: value for name, value in metadata.items() if isinstance(value, str | int)}
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                asset_key=list(table.asset_key),
                partition=day.isoformat() if day else None,
                metadata={**kept, "content_hash": days[day].content_hash},
            )
        )


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
    verb = "would be rewritten" if dry_run else "rewritten"
    told = []
    if done.was_listed:
        told.append("On the list of erased persons already; what was left of them is erased now.")
    elif not dry_run:
        told.append(
            "Put on the list of erased persons: what a provider serves of them later is "
            "written without them."
        )
    told.append(
        f"Known by {found.count('email')} e-mail(s), {found.count('contact')} id(s) of contacts, "
        f"{found.count('order')} number(s) of orders, {found.count('answer')} answer(s)."
    )
    for name, days in done.partitions.items():
        told.append(f"{name}: {done.rows[name]} row(s), {days} partition(s) {verb}")
    for name, count in done.quarantined.items():
        told.append(f'quarantine."{name}": {count} record(s) rewritten')
    if not done.partitions and not done.quarantined:
        told.append("Nothing of them was held in the tables.")
    if dry_run:
        return told
    told.append(f"Runs that named them: {done.runs.deleted} deleted")
    if done.runs.under_way:
        told.append(f"Runs that name them and are under way: {', '.join(done.runs.under_way)}")
    if done.runs.left:
        told.append(f"Files that could not be rewritten: {', '.join(done.runs.left)}")
    if done.report:
        told.append(f"reports/nps: {done.report}")
    if done.writing:
        told.append(f"{done.writing} run(s) were under way: once they have ended, run this again.")
    return told
