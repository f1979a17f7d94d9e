"""The commands that show stored data: ``query`` and ``contact``."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from feedback_assets.cli.common import (
    DATA,
    START,
    Account,
    all_settings_or_exit,
    app,
    err,
    fail,
    out,
    settings_or_exit,
)
from feedback_assets.cli.shown import MOST_ROWS, lay_out, write, writes


@app.command(rich_help_panel=START)
def query(
    sql: Annotated[str, typer.Argument(help="For example: select * from marts.nps_by_channel")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    account: Account = "",
) -> None:
    """Run SQL over the tables, read-only; `show tables` lists them.

    In a project with several accounts, each is a database: brand_a.marts.nps_by_channel.
    """
    from feedback_assets.query.run import QueryError, open_answer
    from feedback_assets.warehouse.warehouse import Warehouse

    if as_csv and as_json:
        fail("choose either --csv or --json", code=2)
    held = {one.names.prefix: Warehouse(one.warehouse) for one in all_settings_or_exit(account)}
    if len(held) == 1:
        # The only account, or the chosen one: its prefix may be left out.
        held = {"": next(iter(held.values())), **held}
    # One row more than is shown, to detect whether there are more.
    first = None if as_csv or as_json else MOST_ROWS + 1
    try:
        with open_answer(sql, held, first=first) as answer:
            if as_csv or as_json:
                write(answer.csv() if as_csv else answer.json(ascii_only=not writes("é✓")))
                return
            rows = [row for batch in answer.batches for row in batch]
    except QueryError as error:
        fail(str(error))
    laid = lay_out(answer.names, answer.numbers, rows[:MOST_ROWS], out.width)
    out.print(laid.shown)
    if laid.note:
        err.print(Text(laid.note), soft_wrap=True)
    elif len(rows) > MOST_ROWS:
        err.print(f"The first {MOST_ROWS:,} rows are shown; --csv or --json prints all.")


@app.command(rich_help_panel=DATA)
def contact(
    key: Annotated[
        str, typer.Argument(help="E-mail, id in Wicked Reports, or id in the source system.")
    ],
    account: Account = "",
) -> None:
    """Show a customer, live from Wicked Reports, and their feedback."""
    from feedback_assets.jobs.contact import NothingToShow, find_customer, sections

    try:
        customer = find_customer(settings_or_exit(account), key)
    except NothingToShow as error:
        fail(str(error))
    for section in sections(customer):
        out.print(f"\n[bold]{escape(section.title)}[/]")
        if section.note:
            out.print(escape(section.note), soft_wrap=True)
        if section.rows:
            out.print(_texts(section.columns, section.rows))


def _texts(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Grid:
    grid = Grid(header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(text) for text in row))
    return grid
