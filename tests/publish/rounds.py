"""Ten rounds of changes to a small warehouse; after each, the target must be equal to it."""

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from feedback_assets.schema.columns import INT64, TEXT, Column
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.publish.made_up import made_up

FIRST = date(2026, 3, 1)
PERSON = "ana.lopez@example.com"
NAMES = (
    "marts.order_feedback",
    "marts.nps_daily",
    "marts.customer_value",
    "marts.match_coverage",
    "unified.feedback",
    "wicked_reports.orders",
)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@dataclass
class Rounds:
    """The warehouse and the published tables, which some rounds change."""

    warehouse: Warehouse
    tables: list[Table] = field(default_factory=lambda: [find_table(name) for name in NAMES])

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.full_name == name)

    def write(self, name: str, on: date | None, count: int, seed: object = 0) -> None:
        """Replace a partition with rows that are made up."""
        table = self.table(name)
        rows = made_up(table, on, count, seed)
        if on is None:
            self.warehouse.replace_whole(table, rows)
        else:
            self.warehouse.replace_day(table, on, rows)

    def redeclare(self, name: str, *columns: Column) -> None:
        """Publish another version of a table's declaration from now on."""
        place = self.tables.index(self.table(name))
        self.tables[place] = dataclasses.replace(self.tables[place], columns=columns)

    def first_days(self) -> None:
        for table in self.tables:
            days = [day(number) for number in range(4)] if table.partitioned else [None]
            for on in days:
                self.write(table.full_name, on, 7)

    def new_days(self) -> None:
        for table in self.tables:
            if table.partitioned:
                self.write(table.full_name, day(4), 5)
                self.write(table.full_name, day(6), 5)  # a day between them is missing

    def restatement(self) -> None:
        self.write("marts.order_feedback", day(1), 9, "restated")
        self.write("wicked_reports.orders", day(2), 3, "restated")
        self.write("marts.customer_value", None, 12, "restated")

    def same_rows_in_new_files(self) -> None:
        for table in self.tables:
            for on, rows in list(self.warehouse.read_partitions(table, self._held(table))):
                if on is None:
                    self.warehouse.replace_whole(table, rows)
                else:
                    self.warehouse.replace_day(table, on, rows)

    def _held(self, table: Table) -> list[date | None]:
        return [*self.warehouse.days_held(table)] if table.partitioned else [None]

    def empty_days(self) -> None:
        self.write("marts.order_feedback", day(0), 0)
        self.write("marts.nps_daily", day(7), 0)
        self.write("unified.feedback", day(3), 0)

    def erased_person(self) -> None:
        """A person is there, is published with the next round, and is gone in the one after."""
        self._with_person(PERSON)

    def person_gone(self) -> None:
        self._with_person("erased:00000000000000000000000000000000")

    def _with_person(self, email: str) -> None:
        table = self.table("unified.feedback")
        rows = made_up(table, day(4), 5, "person")
        emails = pa.array([email, *["other@example.com"] * 4])
        at = rows.schema.get_field_index("customer_email")
        self.warehouse.replace_day(
            table, day(4), rows.set_column(at, rows.schema.field(at), emails)
        )

    def day_removed(self) -> None:
        table = self.table("marts.nps_daily")
        shutil.rmtree(Path(self.warehouse.path(table, day(2))).parent)

    def new_column(self) -> None:
        columns = self.table("marts.order_feedback").columns
        self.redeclare("marts.order_feedback", *columns, Column("mood", TEXT, "How they felt"))
        self.write("marts.order_feedback", day(8), 4, "with the column")

    def column_of_another_type(self) -> None:
        columns = self.table("marts.order_feedback").columns
        wider = [
            dataclasses.replace(one, type=INT64) if one.name == "score" else one
            for one in columns
            if one.name != "mood"
        ]
        self.redeclare("marts.order_feedback", *wider)

    def dropped_table(self) -> None:
        self.tables.remove(self.table("wicked_reports.orders"))
        shutil.rmtree(self.warehouse.directory(self.table("marts.match_coverage")))

    @property
    def all(self) -> list[Callable[[], None]]:
        """The rounds in order."""
        return [
            self.first_days,
            self.new_days,
            self.restatement,
            self.same_rows_in_new_files,
            self.empty_days,
            self.erased_person,
            self.person_gone,
            self.day_removed,
            self.new_column,
            self.column_of_another_type,
            self.dropped_table,
        ]
