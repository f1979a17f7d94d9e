"""A generated shop's scorecard, read over HTTP and computed by the SQL, without Dagster."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa

from feedback_assets.ad_spend.days import read_spend
from feedback_assets.days import days_between
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.ingest.window import asked, read_window
from feedback_assets.providers.registry import find_provider
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.sandbox.spending import write_spend
from feedback_assets.sandbox.world import World
from feedback_assets.summary.reading import Scorecard, read_scorecard
from feedback_assets.tables import find_table
from feedback_assets.tables.ad_spend import DAILY
from feedback_assets.transforms import ArrowTables, Parameters, build_days, build_whole
from feedback_assets.warehouse.warehouse import Warehouse

# As the demo: 60 days of 3,000 people.
DAYS, CUSTOMERS, SERVED = 60, 3000, 400
TODAY = date(2026, 11, 29)
# What the scorecard and the findings are computed from.
READ = {
    "wicked_reports.contacts",
    "wicked_reports.clicks",
    "wicked_reports.orders",
    "thanx.feedbacks",
    "feedbackpulse.submissions",
    "retargeting.order_feedback",
}
BUILT = (
    "unified.feedback",
    "unified.orders",
    "unified.attribution",
    "marts.order_feedback",
    "marts.nps_by_attribution",
    "marts.customers",
    "marts.detractor_queue",
    "marts.channel_scorecard",
)
PARAMETERS = Parameters(customer_secret=b"generated", threads=2)


def scorecard(directory: Path, seed: int, *, effects: bool, spend: bool = False) -> Scorecard:
    """The scorecard of the sandbox with this seed, as the demo reads it."""
    last = TODAY - timedelta(days=1)
    first = last - timedelta(days=DAYS - 1)
    warehouse = Warehouse(str(directory / "warehouse"))
    world = World(seed, SERVED, CUSTOMERS, TODAY, effects=effects)
    with running_sandbox(world=world, faults=Faults(quotas=False)) as sandbox:
        _read(sandbox, first, last, warehouse)
    days = days_between(first, last)
    rows = {name: warehouse.read_arrow(find_table(name)) for name in READ}
    if spend:
        files = directory / "ad_spend"
        write_spend(files, last, customers=CUSTOMERS, seed=seed, days=SERVED)
        held = read_spend(f"{files}/*.csv")
        rows[DAILY.full_name] = _of_days((day, held.rows_of(day)) for day in days)
    # In memory: writing 300 days would take as long as everything else.
    source = ArrowTables(rows, dict.fromkeys(rows, days))
    for name in BUILT:
        table = find_table(name)
        if table.partitioned:
            built = _of_days(build_days(table, first, last, source, PARAMETERS))
        else:
            built = build_whole(table, source, PARAMETERS)
        source = ArrowTables({**source.rows, name: built}, {**source.days, name: days})
    return read_scorecard(source)


def _of_days(days: Iterable[tuple[date, pa.Table]]) -> pa.Table:
    return pa.concat_tables(
        rows.append_column("day", pa.array([day] * rows.num_rows, pa.date32()))
        for day, rows in days
    )


def _read(sandbox: Sandbox, first: date, last: date, warehouse: Warehouse) -> None:
    served = sandbox.environment()
    for source in SOURCES:
        provider = find_provider(source.provider)
        tables = {t: source.typing("UTC") for t in source.tables if t.full_name in READ}
        if not tables:
            continue
        given = {name: served.get(provider.variable(name)) for name in provider.client_arguments}
        known = {name: value for name, value in given.items() if value is not None}
        with provider.connect(known, None) as client:
            for start, end in source.windows(first, last):
                read_window(
                    partial(source.read, client, *asked(start, end)), tables, start, end, warehouse
                )
