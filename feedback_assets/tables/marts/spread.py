"""Declares columns of weights and money, and the columns of a distribution of customers' totals."""

import pyarrow as pa

from feedback_assets.schema.columns import FLOAT, MONEY_SUM, Column


def column(
    name: str,
    description: str,
    source: tuple[str, ...],
    unit: str = "",
    type_: pa.DataType = FLOAT,
    *,
    nullable: bool = True,
) -> Column:
    """A column, of weights or ratios if no type is given."""
    return Column(name, type_, description, source=source, unit=unit, nullable=nullable)


def counted(name: str, description: str, source: tuple[str, ...], unit: str) -> Column:
    """A sum of weights: 0 where there is nothing, never null."""
    return column(name, description, source, unit, nullable=False)


def money(name: str, description: str, source: tuple[str, ...]) -> Column:
    """A sum of money; null across currencies."""
    return column(name, description, source, "currency", MONEY_SUM)


def spread(source: tuple[str, ...]) -> tuple[Column, ...]:
    """Mean and median of customers' totals with intervals, and the quartiles."""
    return (
        column("net_amount_per_customer", "net_amount / customers", source, "currency"),
        column(
            "net_amount_per_customer_low",
            "Lower end of its 95 % interval (Hall); null with fewer than two customers",
            source,
            "currency",
        ),
        column(
            "net_amount_per_customer_high",
            "Upper end of its 95 % interval (Hall); null with fewer than two customers",
            source,
            "currency",
        ),
        column("median", "Median of the customers' whole totals", source, "currency"),
        column("q1", "Lower quartile of these totals", source, "currency"),
        column("q3", "Upper quartile of these totals", source, "currency"),
        column(
            "median_low",
            "Lower end of the median's 95 % interval, by ranks; null with fewer than six customers",
            source,
            "currency",
        ),
        column(
            "median_high",
            "Upper end of the median's 95 % interval, by ranks; null with fewer than six customers",
            source,
            "currency",
        ),
    )
