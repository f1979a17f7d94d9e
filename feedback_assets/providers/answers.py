"""A provider's answers as rows of ``unified.feedback``: which columns they may fill, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from feedback_assets.schema.columns import (
    BOOL,
    FLOAT,
    INT8,
    MONEY,
    STAMP,
    TEXT,
    Column,
    Personal,
)
from feedback_assets.schema.table import Depends

COLUMNS: tuple[Column, ...] = (
    Column(
        "provider_feedback_id", TEXT, "What follows the first colon of feedback_id", nullable=False
    ),
    Column(
        "responded_at",
        STAMP,
        "When the customer answered (Thanx: rated, else reviewed, else responded, else purchased)",
        nullable=False,
    ),
    Column("score", INT8, "NPS score; null where none was given", unit="0–10", low=0, high=10),
    Column("stars", INT8, "Stars, where the provider asks for them", unit="1–5", low=1, high=5),
    Column("comment", TEXT, "The customer's words", personal=Personal.FREE_TEXT),
    Column("reply", TEXT, "The merchant's words", personal=Personal.FREE_TEXT),
    Column("replied_at", STAMP, "When the merchant replied, where the provider says"),
    Column("status", TEXT, "State or status as the provider calls it"),
    Column("is_spam", BOOL, "Whether the provider marked it as spam", nullable=False),
    Column("sentiment_score", FLOAT, "Sentiment of the text", unit="−1 to 1"),
    Column("sentiment_label", TEXT, "positive, neutral or negative"),
    Column("order_ref", TEXT, "The order that the answer names", names="order"),
    Column(
        "purchase_ref",
        TEXT,
        "The purchase that the answer names",
        names="order",
        unless="order_ref",
    ),
    Column(
        "customer_email",
        TEXT,
        "Normal form of the e-mail: the address in lower case, in NFC, without invisible "
        "characters and white space around it; null for text that is not an e-mail",
        personal=Personal.EMAIL,
    ),
    Column(
        "customer_ref",
        TEXT,
        "The provider's id of the customer",
        personal=Personal.CONTACT_ID,
    ),
    Column("product_ref", TEXT, "The product that the answer names"),
    Column("location_ref", TEXT, "The place that the answer names"),
    Column("survey_ref", TEXT, "The survey or campaign that asked"),
    Column("purchased_at", STAMP, "When the purchase was made, where the provider says"),
    Column("purchase_amount", MONEY, "Amount of the purchase, where the provider says"),
)
"""What an answer has; a column that a provider does not fill is null, ``is_spam`` false."""

NEEDED = ("provider_feedback_id", "responded_at")
"""What every provider's answers fill."""


@dataclass(frozen=True)
class Answers:
    """The ``feedback.sql`` of a provider's package, and what it reads and gives.

    The query gives ``day``, the day of the answer between ``$first_day`` and ``$last_day``, and the
    columns named here. ``columns``: of each, the columns ``table.column`` of the provider that it
    is computed from, for lineage. ``depends``: by table, the days that a day of answers reads.
    """

    package: str
    columns: Mapping[str, tuple[str, ...]]
    depends: Mapping[str, Depends]

    @property
    def sql(self) -> str:
        """The text of the query; ``FileNotFoundError`` where the package has none."""
        return (files(self.package) / "feedback.sql").read_text(encoding="utf-8")
