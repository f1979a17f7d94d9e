"""The NPS of each location over the last days."""

from feedback_assets.schema.columns import INT32, INT64, TEXT, Column
from feedback_assets.schema.table import Depends, Table
from feedback_assets.tables.marts.columns import IN_FEEDBACK
from feedback_assets.tables.marts.spread import column

_NPS = "−100 to 100"
_LOCATED = tuple(IN_FEEDBACK + name for name in ("score", "is_spam", "location_ref"))

NPS_BY_LOCATION = Table(
    "marts",
    "nps_by_location",
    "One row is the NPS of one location over the last 7, 30, 90 or 365 days.",
    (
        Column(
            "window_days",
            INT32,
            "7, 30, 90 or 365, ending with the last stored day of unified.feedback",
            unit="days",
            nullable=False,
        ),
        column("provider", "Who asked", (IN_FEEDBACK + "provider",), type_=TEXT, nullable=False),
        column(
            "location_ref",
            "Location named in the answers",
            (IN_FEEDBACK + "location_ref",),
            type_=TEXT,
            nullable=False,
        ),
        column(
            "responses",
            "Answers with a score that are not spam",
            _LOCATED,
            "answers",
            INT64,
            nullable=False,
        ),
        column(
            "promoters",
            "Responses with a score of 9–10",
            _LOCATED,
            "answers",
            INT64,
            nullable=False,
        ),
        column(
            "passives", "Responses with a score of 7–8", _LOCATED, "answers", INT64, nullable=False
        ),
        column(
            "detractors",
            "Responses with a score of 0–6",
            _LOCATED,
            "answers",
            INT64,
            nullable=False,
        ),
        column("nps", "100 × (promoters − detractors) / responses", _LOCATED, _NPS),
        column("nps_low", "Lower end of the 95 % interval (adjusted Wald)", _LOCATED, _NPS),
        column("nps_high", "Upper end of the 95 % interval (adjusted Wald)", _LOCATED, _NPS),
    ),
    key=("window_days", "provider", "location_ref"),
    order_by=("window_days", "provider", "location_ref"),
    partitioned=False,
    depends={"unified.feedback": Depends(back=364)},
    example=(
        'select location_ref, responses, nps, nps_low, nps_high from "marts"."nps_by_location" '
        "where window_days = 90 order by nps"
    ),
)
