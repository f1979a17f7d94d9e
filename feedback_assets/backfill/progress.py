"""A backfill as the terminal shows it: a bar while it runs, a table of counts when it is done."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date

from rich.console import Console, Group
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table as Grid
from rich.text import Text

from feedback_assets.backfill.plan import Plan, Run
from feedback_assets.backfill.results import TableResult
from feedback_assets.backfill.run import Progress as Advance
from feedback_assets.schema.table import Table
from feedback_assets.tables import READ_TABLES, REPORT_PAGES


@contextmanager
def progress_of(plan: Plan, console: Console) -> Iterator[Advance]:
    """A bar a table while its runs go on, counted in partitions."""
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    failed: set[str] = set()
    with Progress(*columns, console=console) as bars:
        tasks = {
            table: bars.add_task(table.full_name, total=plan.days_of(table))
            for table in plan.tables
        }

        def advance(run: Run, succeeded: bool) -> None:
            for table in run.tables:
                if succeeded:
                    bars.advance(tasks[table], run.days)
                elif table.full_name not in failed:
                    failed.add(table.full_name)
                    bars.update(tasks[table], description=f"[red]{table.full_name} failed[/]")

        yield advance


def summary(results: Mapping[Table, TableResult], first: date, last: date, seconds: float) -> Group:
    """What was read, kept and set aside, table by table, and how long it took."""
    grid = Grid(title=f"{first} to {last}", title_justify="left", header_style="bold")
    grid.add_column("table")
    for name in (
        "days",
        "fetched",
        "rows",
        "outside window",
        "duplicates",
        "quarantined",
        "requests",
    ):
        grid.add_column(name, justify="right")
    for table, result in results.items():
        counts = result.counts
        read = table in READ_TABLES
        numbers = (
            counts["fetched"] if read else None,
            None if table in REPORT_PAGES else counts["rows"],
            counts["outside_window"] if read else None,
            counts["duplicates"] if read else None,
            counts["quarantined"] if read else None,
            result.requests if read else None,
        )
        grid.add_row(
            f"[red]{table.full_name}[/]" if result.error else table.full_name,
            f"{result.days:,}" if table.partitioned else "",
            *("" if number is None else f"{number:,}" for number in numbers),
        )
    read_results = [result for table, result in results.items() if table in READ_TABLES]
    megabytes = sum(result.bytes for result in read_results) / 1e6
    fetched = sum(result.counts["fetched"] for result in read_results)
    line = f"{fetched:,} records, {megabytes:,.1f} MB read in {seconds:,.1f} s"
    return Group(grid, Text(line))
