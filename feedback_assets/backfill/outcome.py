"""The text that a backfill prints: why nothing can be loaded, what failed, and closing lines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from feedback_assets.backfill.plan import Plan
from feedback_assets.backfill.results import TableResult
from feedback_assets.reports.path import page_path
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings, dotenv_file
from feedback_assets.warehouse.remote import StoreTrouble
from feedback_assets.warehouse.warehouse import Warehouse

TableResults = Mapping[Table, TableResult]

# The parts in which messages of one cause differ between the tables of a provider.
_OF_ONE_TABLE = re.compile(r"\b(GET|POST) \S+|\d{4}-\d{2}-\d{2}( to \d{4}-\d{2}-\d{2})?")


@dataclass
class Failure:
    """One cause, and the tables that failed because of it."""

    reason: str
    tables: list[str] = field(default_factory=list)


def unconfigured(settings: Settings, plan: Plan) -> str:
    """One line if the plan reads providers and none of them is configured; else empty."""
    providers = {table.group for lane in plan.reading for run in lane.runs for table in run.tables}
    missing = {name: settings.missing(name) for name in settings.providers if name in providers}
    if not missing or not all(missing.values()):
        return ""
    options = " or ".join(", ".join(names) for names in missing.values())
    return (
        f"No provider is configured, so nothing can be loaded: set {options} in the environment "
        f"or in {dotenv_file(settings.account)}."
    )


def failures(results: TableResults) -> list[Failure]:
    """The tables that failed, by cause, without those that were skipped because of them."""
    found: dict[str, Failure] = {}
    for table, result in results.items():
        if result.error and not result.skipped:
            reason = result.error.removeprefix(f"{table.full_name}, ")
            cause = _OF_ONE_TABLE.sub("", reason.replace(table.full_name, ""))
            found.setdefault(cause, Failure(reason)).tables.append(table.full_name)
    return list(found.values())


def skipped(results: TableResults) -> list[str]:
    """The tables that were skipped because a table that they depend on failed."""
    return [table.full_name for table, result in results.items() if result.skipped]


def closing_lines(settings: Settings) -> list[str]:
    """The last lines of a backfill, before the next step."""
    warehouse = Warehouse(settings.warehouse)
    page = page_path(warehouse)
    try:
        built = warehouse.exists(page)
    except StoreTrouble:
        built = False  # the failures above explain the problem
    if not built:
        return []
    return [f"Page: {Path(page).as_uri() if warehouse.is_local else page}"]
