"""Reviews and mean score of each product."""

from feedback_assets.schema.columns import FLOAT, INT64, TEXT, Column
from feedback_assets.schema.table import ALL_DAYS, Table

_IN_WICKED_ORDERS = "wicked_reports.orders."
_IN_REVIEWS = "retargeting.product_reviews."

PRODUCT_SCORES = Table(
    "marts",
    "product_scores",
    "One row is the reviews and mean score of one product.",
    (
        Column(
            "real_id",
            TEXT,
            "Id of the product in the shop",
            nullable=False,
            source=(_IN_REVIEWS + "real_id",),
        ),
        Column(
            "product_name",
            TEXT,
            "Name of the product in the orders",
            source=(_IN_WICKED_ORDERS + "products",),
        ),
        Column(
            "reviews",
            INT64,
            "Reviews, with or without score",
            unit="reviews",
            source=(_IN_REVIEWS + "real_id",),
            nullable=False,
        ),
        Column("score_mean", FLOAT, "Mean of the scores", source=(_IN_REVIEWS + "score",)),
        Column(
            "score_low",
            FLOAT,
            "Lower end of the 95 % interval of the mean; null under two",
            source=(_IN_REVIEWS + "score",),
        ),
        Column(
            "score_high",
            FLOAT,
            "Upper end of the 95 % interval of the mean; null under two",
            source=(_IN_REVIEWS + "score",),
        ),
        Column(
            "comments",
            INT64,
            "Reviews with a comment",
            unit="reviews",
            source=(_IN_REVIEWS + "comment",),
            nullable=False,
        ),
    ),
    key=("real_id",),
    order_by=("real_id",),
    partitioned=False,
    depends={"retargeting.product_reviews": ALL_DAYS, "wicked_reports.orders": ALL_DAYS},
    example=(
        'select product_name, reviews, score_mean from "marts"."product_scores" '
        "where reviews >= 5 order by score_mean limit 10"
    ),
)
