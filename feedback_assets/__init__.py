"""NPS answers, orders and attribution of five providers as daily Parquet.

``read_table`` and ``read_arrow`` are for interactive use: notebooks, reports, ad-hoc queries.
"""

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Days = date | str | tuple[date | str | None, date | str | None] | None

__all__ = ["read_arrow", "read_table"]


def read_table(
    name: str, days: Days = None, columns: Iterable[str] | None = None
) -> "pd.DataFrame":
    """The rows of ``group.table`` as a DataFrame with Arrow-backed types.

    ``days``: one day, or a first and last day, both included, either of them None for no limit;
    all days by default. ``columns``: column names, including ``day`` if the table is partitioned;
    all columns by default. Reads the warehouse of the settings, local or remote. Money is decimal,
    timestamps are UTC. Raises ``KeyError`` for an unknown table or column.
    """
    import pandas as pd

    frame: pd.DataFrame = read_arrow(name, days, columns).to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def read_arrow(name: str, days: Days = None, columns: Iterable[str] | None = None) -> "pa.Table":
    """The rows of ``group.table`` as an Arrow table; otherwise like ``read_table``."""
    from feedback_assets.reading import rows_of
    from feedback_assets.settings import load_settings
    from feedback_assets.warehouse.warehouse import Warehouse

    return rows_of(Warehouse(load_settings().warehouse), name, days, columns)
