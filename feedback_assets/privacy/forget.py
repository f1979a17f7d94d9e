"""Erases a person: adds them to the erasure list, so that they are not loaded again, then rewrites.

Afterwards the same search runs again over tables, quarantine, page and ``DAGSTER_HOME``, and its
findings are reported. A killed run can be restarted: the list is complete before the first file
is rewritten, each file is replaced atomically, and rewritten files do not change again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import dagster as dg
import pyarrow as pa

from feedback_assets.assets.recorded import latest_metadata, record_days
from feedback_assets.assets.resources import open_warehouse
from feedback_assets.privacy.forgotten import Forgotten
from feedback_assets.privacy.person import (
    Person,
    customer_key,
    customer_secrets,
    find_person,
)
from feedback_assets.privacy.run_history import Scope, Wanted, erase_runs
from feedback_assets.privacy.traces import (
    Partition,
    find_doubtful,
    find_partitions,
    left_elsewhere,
    left_in_tables,
    pseudonyms,
    rows_of,
)
from feedback_assets.publish.erasing import erase_everywhere, owe_everywhere
from feedback_assets.reports.path import page_path
from feedback_assets.runtime.instance import existing_instance
from feedback_assets.runtime.runs import UNFINISHED
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.schema.text import normal_email
from feedback_assets.settings import Settings
from feedback_assets.tables import READ_TABLES
from feedback_assets.warehouse.customer_secret import confirm_secret
from feedback_assets.warehouse.erased import Erased, is_pseudonym
from feedback_assets.warehouse.erasing import erase_rows
from feedback_assets.warehouse.quarantine import erase_quarantine, quarantine_of
from feedback_assets.warehouse.replacing import Written
from feedback_assets.warehouse.warehouse import Warehouse

AT_MOST = 20
_UNDER_WAY = dg.RunsFilter(statuses=UNFINISHED)
# A writer of an old version may restore something between two searches.
_ROUNDS = 3
REPORT = "reports.nps"
Progress = Callable[[str, int, int], None]
"""Called with the current step, the amount done, and the total."""


class NotForgotten(RuntimeError):
    """Why nobody was erased, in one line."""


def forget(
    settings: Settings,
    defs: dg.Definitions,
    email: str,
    *,
    at_most: int = AT_MOST,
    dry_run: bool = False,
    spelled_out: bool = False,
    progress: Progress | None = None,
) -> Forgotten:
    """Erase the person with this e-mail from tables, quarantine, page and run history.

    A person without any data is added to the list as well. ``spelled_out`` also erases what would
    be listed as doubtful. Raises ``NotForgotten`` if ``email`` is not an e-mail, or if it leads to
    more than ``at_most`` contact ids.
    """
    address = checked_email(email)
    warehouse = writable(settings)
    erased = warehouse.erased() or Erased(settings.erasure_secret())
    # The first version used another format of the list.
    person = erased.person_of("email", address) or erased.hash_of("email", address)
    progress = progress or silent
    progress("looking for their data", 0, 1)
    found = find_person(warehouse, address)
    refuse_shared(found, at_most)
    work = Erasure(settings, defs, warehouse, progress, spelled_out)
    return work.run({person: found}, erased, dry_run=dry_run)


def writable(settings: Settings) -> Warehouse:
    """The warehouse, for erasing; raises ``OtherSecret`` if it was built with another secret."""
    warehouse = open_warehouse(settings)
    # Otherwise the person's customer keys would not be found.
    confirm_secret(warehouse, settings.customer_secret_if_any())
    return warehouse


def checked_email(email: str) -> str:
    """The e-mail in its normal form; raises ``NotForgotten`` if it is not an e-mail."""
    address = normal_email(email)
    if address is None or is_pseudonym(address):
        raise NotForgotten(f"{email!r} is not an e-mail address")
    return address


def refuse_shared(found: Person, at_most: int) -> None:
    """Raise ``NotForgotten`` if several people may share the e-mail."""
    if found.count("contact") > at_most:
        raise NotForgotten(
            f"{found.count('contact')} contact ids with {found.count('email')} e-mails belong to "
            "this e-mail, so several people may share it. Check them first, then pass --at-most "
            f"{found.count('contact')} to include them all."
        )


def silent(_what: str, _done: int, _total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Erasure:
    """Erases any number of persons in one pass over the partitions with their data."""

    settings: Settings
    defs: dg.Definitions
    warehouse: Warehouse
    progress: Progress = silent
    spelled_out: bool = False
    own_run: str = ""

    def run(
        self, persons: Mapping[str, Person], erased: Erased, *, dry_run: bool = False
    ) -> Forgotten:
        """Erase ``persons``, keyed by their hash on the list; then search again."""
        result = Forgotten(
            tuple(persons.values()), was_listed=set(persons) <= set(erased.persons.values())
        )
        secrets = customer_secrets(self.settings)
        additions = [
            person.addition(erased, name, secrets, spelled_out=self.spelled_out)
            for name, person in persons.items()
        ]
        if dry_run:
            for addition in additions:
                erased = erased.with_more(addition)
            _count(self.warehouse, self._with_own_keys(erased, secrets), persons, result)
            return result
        new = [
            addition
            for addition in additions
            if not (addition.hashes <= erased.persons.keys() and addition.spelled <= erased.spelled)
        ]
        if new:
            erased = self.warehouse.add_erased(*new)
        owe_everywhere(self.settings, self.warehouse)
        with existing_instance(self.settings) as instance:
            if instance is not None:
                # Before the tables, which alone link the person's identifiers.
                self._erase_runs(instance, erased, persons, result)
            self._erase_tables(instance, self._with_own_keys(erased, secrets), persons, result)
        result.published = erase_everywhere(self.settings, self.warehouse)
        return result

    def _erase_runs(
        self,
        instance: dg.DagsterInstance,
        erased: Erased,
        persons: Mapping[str, Person],
        result: Forgotten,
    ) -> None:
        self.progress("looking through the runs", 0, 1)
        under_way = set(instance.get_run_ids(_UNDER_WAY)) - {self.own_run}
        result.writing = len(under_way)
        ids = (text for person in persons.values() for text in person.known["contact"])
        names = (name for person in persons.values() for name in person.names)
        wanted = Wanted.of(erased, ids, names)
        result.runs = erase_runs(instance, Scope.of(instance, self.settings), wanted)

    def _erase_tables(
        self,
        instance: dg.DagsterInstance | None,
        erased: Erased,
        persons: Mapping[str, Person],
        result: Forgotten,
    ) -> None:
        warehouse = self.warehouse
        partitions = find_partitions(warehouse, erased, persons)
        for _ in range(_ROUNDS):
            self._rewrite(partitions, erased, instance, result)
            for table in READ_TABLES:
                result.quarantined[table.full_name] += erase_quarantine(warehouse, table)
            self.progress("searching again", 0, 1)
            partitions = left_in_tables(warehouse, erased, persons)
            if not partitions:
                break
        result.quarantined = +result.quarantined
        elsewhere = left_elsewhere(warehouse, erased)
        if instance is not None and (
            result.partitions or warehouse.inside(page_path(warehouse)) in elsewhere
        ):
            result.report = _build_report(self.defs, instance, self.settings.names)
            elsewhere = left_elsewhere(warehouse, erased)
        result.left = [f"{table.full_name} {day or ''}".strip() for table, day in partitions]
        result.left += elsewhere
        if not self.spelled_out:
            result.doubtful = find_doubtful(warehouse, _restricted_to(erased, persons))

    def _with_own_keys(self, erased: Erased, secrets: Iterable[bytes]) -> Erased:
        """The list, with the keys that are pseudonyms and so identify nobody."""
        own = {
            customer_key(secret, text) for secret in secrets for text in pseudonyms(self.warehouse)
        }
        return replace(erased, own_keys=frozenset(own | set(erased.customer_keys.values())))

    def _rewrite(
        self,
        partitions: list[Partition],
        erased: Erased,
        instance: dg.DagsterInstance | None,
        result: Forgotten,
    ) -> None:
        written: dict[Table, dict[date | None, Written]] = {}
        for done, (table, day) in enumerate(partitions):
            self.progress(f"{table.full_name} {day or ''}".strip(), done, len(partitions))
            theirs, replaced = _erase_partition(self.warehouse, erased, table, day)
            if replaced is not None:
                result.rows[table.full_name] += theirs
                result.partitions[table.full_name] += 1
                written.setdefault(table, {})[day] = replaced
        if instance is not None:
            for table, days in written.items():
                _record(instance, table, self.settings.names, days)
        self.progress("tables", len(partitions), len(partitions))


def _restricted_to(erased: Erased, persons: Mapping[str, Person]) -> Erased:
    """The list restricted to these persons: decisions about others are not repeated."""
    kept = {name: person for name, person in erased.persons.items() if person in persons}
    return replace(erased, persons=kept)


def _erase_partition(
    warehouse: Warehouse, erased: Erased, table: Table, day: date | None
) -> tuple[int, Written | None]:
    counted = [0]

    def change(rows: pa.Table) -> pa.Table | None:
        done = erase_rows(table, rows, erased)
        counted[0] = done.theirs
        return done.rows if done.changed else None

    written = warehouse.change_partition(table, day, change)
    return counted[0], written


def _count(warehouse: Warehouse, erased: Erased, persons: Iterable[str], result: Forgotten) -> None:
    for table, day in find_partitions(warehouse, erased, set(persons)):
        done = erase_rows(table, rows_of(warehouse, table, day), erased)
        if done.changed:
            result.rows[table.full_name] += done.theirs
            result.partitions[table.full_name] += 1
    for table in READ_TABLES:
        result.quarantined[table.full_name] += len(list(quarantine_of(warehouse, table, erased)))
    result.quarantined = +result.quarantined
    result.doubtful = find_doubtful(
        warehouse, _restricted_to(erased, dict.fromkeys(persons, Person()))
    )


def _record(
    instance: dg.DagsterInstance, table: Table, names: Names, days: Mapping[date | None, Written]
) -> None:
    """Record the partitions' new content, so that tables computed from them are checked again.

    Only partitions with a record on the instance: others would look newly materialised.
    """
    before = latest_metadata(instance, table, names, days)
    now = {
        day: {**before[day], "content_hash": written.content_hash, "file": written.mark}
        for day, written in days.items()
        if day in before
    }
    record_days(instance, table, names, now)


def _build_report(defs: dg.Definitions, instance: dg.DagsterInstance, names: Names) -> str:
    """Rebuild the page, since it shows comments; returns whether that worked."""
    report = dg.AssetKey(names.path(REPORT))
    if report not in defs.resolve_asset_graph().get_all_asset_keys():
        return ""
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[report],
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    return "rebuilt" if result.success else "failed"
