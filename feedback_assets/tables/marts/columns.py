"""Columns shared by several marts, and the names of the tables they are computed from."""

from dataclasses import replace

import pyarrow as pa

from feedback_assets.schema.columns import FLOAT, TEXT, Column

IN_FEEDBACK = "unified.feedback."
IN_ORDERS = "unified.orders."
IN_ATTRIBUTION = "unified.attribution."
IN_ANSWERS = "marts.order_feedback."
IN_TRACKERS = "fullwhere.survey_trackers."
IN_CUSTOMERS = "marts.customers."

KEY_SOURCES = (
    IN_FEEDBACK + "customer_email",
    IN_ORDERS + "customer_email",
    IN_ORDERS + "contact_id",
)


def kept(column: Column) -> Column:
    """A column of ``unified.feedback``, unchanged."""
    return replace(column, source=(IN_FEEDBACK + column.name,))


def customer_key(description: str) -> Column:
    """The pseudonym of the answer's customer."""
    return Column("customer_key", TEXT, description, source=KEY_SOURCES, names="customer")


def given_touches(models: tuple[str, ...], source: str) -> tuple[Column, ...]:
    """The order's channel in each model; ``source`` contains ``{model}`` and ``{part}``."""
    return tuple(
        Column(
            f"{model}_{part}",
            TEXT,
            f"utm_{part} of the order's {model} touch, trimmed and in lower case",
            source=(source.format(model=model, part=part),),
        )
        for model in models
        for part in ("source", "medium", "campaign")
    )


def sums(type_: pa.DataType, source: tuple[str, ...]) -> tuple[Column, ...]:
    """Responses by class; type ``INT64`` for counts of rows, ``FLOAT`` for weights."""
    return (
        Column(
            "responses",
            type_,
            "Answers with a score that are not spam",
            unit="answers",
            source=source,
            nullable=False,
        ),
        Column(
            "promoters",
            type_,
            "Responses with a score of 9–10",
            unit="answers",
            source=source,
            nullable=False,
        ),
        Column(
            "passives",
            type_,
            "Responses with a score of 7–8",
            unit="answers",
            source=source,
            nullable=False,
        ),
        Column(
            "detractors",
            type_,
            "Responses with a score of 0–6",
            unit="answers",
            source=source,
            nullable=False,
        ),
    )


NPS = Column(
    "nps",
    FLOAT,
    "100 × (promoters − detractors) / responses; null without responses",
    unit="−100 to 100",
    source=(IN_ANSWERS + "nps_class",),
)

CHANNEL = (
    Column("model", TEXT, "Attribution model", nullable=False, source=(IN_ATTRIBUTION + "model",)),
    Column(
        "source",
        TEXT,
        "utm_source, trimmed and in lower case; (none), (unattributed) or (unmatched)",
        nullable=False,
        source=(IN_ATTRIBUTION + "source",),
    ),
    Column(
        "medium", TEXT, "utm_medium, likewise", nullable=False, source=(IN_ATTRIBUTION + "medium",)
    ),
    Column(
        "campaign",
        TEXT,
        "utm_campaign, likewise",
        nullable=False,
        source=(IN_ATTRIBUTION + "campaign",),
    ),
)
CHANNEL_KEY = ("model", "source", "medium", "campaign")
