"""The commands that show what is held: ``query`` and ``contact``."""

import os
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from feedback_assets.cli.common import app, fail, grid_of, out, settings_or_exit
from feedback_assets.cli.shown import write


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="For instance: select * from marts.nps_by_channel")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run DuckDB SQL over the tables, named "<group>"."<table>"; it only reads."""
    from feedback_assets.operations.query import QueryError, run_query, to_csv, to_json
    from feedback_assets.operations.quick_query import remember
    from feedback_assets.store.layout import Warehouse

    if as_csv and as_json:
        fail("--csv or --json, not both", code=2)
    given = dict(os.environ)
    settings = settings_or_exit()
    warehouse = Warehouse(settings.warehouse)
    try:
        rows = run_query(sql, warehouse)
        if as_csv or as_json:
            write(to_csv(rows) if as_csv else to_json(rows))
        else:
            out.print(grid_of(rows))
    except QueryError as error:
        fail(str(error))
    remember(settings, warehouse, given)


@app.command()
def contact(
    key: Annotated[
        str, typer.Argument(help="E-mail, id in Wicked Reports, or id in the source system.")
    ],
) -> None:
    """Show one customer, live from Wicked Reports, with the feedback held on them."""
    from feedback_assets.operations.contact import NothingToShow, find_customer, sections

    try:
        customer = find_customer(settings_or_exit(), key)
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
