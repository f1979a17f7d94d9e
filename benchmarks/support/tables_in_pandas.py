"""The unified tables and marts, computed as an analyst would in pandas: ``WAREHOUSE DIRECTORY``.

Whole columns at a time, money as floats, as-of merges for the latest event before an answer.
Prints rows and sums of each table for comparison with this project; see ``figures``.
"""

import hmac
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.support.history import LAST
from feedback_assets.tables import DERIVED_TABLES, find_table
from feedback_assets.warehouse.warehouse import Warehouse

SECRET = b"a secret for benchmarks"
GIVEN = ("first_click", "first_optin", "re_optin", "last_click")
MODELS = (*GIVEN, "linear", "position_based", "time_decay")
PARTS = ("source", "medium", "campaign", "content", "term")
CHANNEL = ["source", "medium", "campaign"]
CLASSES = {"promoters": "promoter", "passives": "passive", "detractors": "detractor"}
MATCH = pd.Timedelta(days=90)
# The columns that are summed and compared, besides the number of rows.
FIGURES = {
    "unified.feedback": "score",
    "unified.orders": "net_amount",
    "unified.attribution": "weight",
    "marts.order_feedback": "days_to_response",
    "marts.nps_daily": "score_sum",
    "marts.nps_by_attribution": "promoters",
    "marts.nps_by_channel": "nps_low",
    "marts.customer_value": "net_amount_per_customer",
    "marts.survey_funnel": "answered",
    "marts.product_scores": "score_low",
    "marts.match_coverage": "responses",
    "marts.detractor_queue": "customer_net_amount",
}


def read(warehouse: Warehouse, name: str, columns: dict[str, str]) -> pd.DataFrame:
    """Columns by new name, each given as a path into structs; money as floats."""
    outer = list(dict.fromkeys(path.split(".")[0] for path in columns.values()))
    held = warehouse.read_arrow(find_table(name), columns=outer)
    found = {}
    for column, path in columns.items():
        first, *rest = path.split(".")
        values = held.column(first)
        for field in rest:
            values = pc.struct_field(values, field)
        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
        found[column] = values.to_pandas()
    return pd.DataFrame(found)


def present(text: pd.Series) -> pd.Series:
    return text.where(text.str.strip() != "")


def feedback(warehouse: Warehouse) -> pd.DataFrame:
    thanx = read(
        warehouse,
        "thanx.feedbacks",
        {
            "day": "day",
            "provider_feedback_id": "id",
            "rated_at": "rated_at",
            "reviewed_at": "reviewed_at",
            "replied_at": "responded_at",
            "purchased_at": "purchased_at",
            "score": "rating",
            "comment": "review",
            "reply": "response",
            "status": "state",
            "order_ref": "purchase.order.id",
            "purchase_ref": "purchase.id",
            "customer_ref": "user_id",
            "location_ref": "location_id",
            "purchase_amount": "purchase.amount",
        },
    )
    thanx["responded_at"] = (
        thanx.rated_at.fillna(thanx.reviewed_at).fillna(thanx.replied_at).fillna(thanx.purchased_at)
    )
    thanx = thanx[thanx.score.notna() | (thanx.comment.str.strip() != "")]
    thanx = thanx.sort_values("day").drop_duplicates("provider_feedback_id", keep="last")
    answered = thanx.responded_at.dt.tz_localize(None).dt.normalize()
    late = answered - pd.to_datetime(thanx.day)
    thanx = thanx[(late >= pd.Timedelta(0)) & (late <= MATCH)]
    thanx = thanx[thanx.responded_at < pd.Timestamp(LAST, tz="UTC") + pd.Timedelta(days=1)]
    pulse = read(
        warehouse,
        "feedbackpulse.submissions",
        {
            "provider_feedback_id": "id",
            "responded_at": "created_at",
            "score": "nps_score",
            "stars": "star_rating",
            "comment": "text_feedback",
            "reply": "admin_reply",
            "status": "status",
            "sentiment_score": "sentiment_score",
            "sentiment_label": "sentiment_label",
            "customer_email": "customer_email",
            "product_ref": "product_id",
            "survey_ref": "campaign_id",
        },
    )
    pulse["provider_feedback_id"] = pulse.provider_feedback_id.astype(str)
    pulse["customer_email"] = present(pulse.customer_email.str.strip().str.lower())
    pulse["is_spam"] = pulse.status.str.strip().str.lower() == "spam"
    retargeting = read(
        warehouse,
        "retargeting.order_feedback",
        {
            "order_ref": "order_no",
            "responded_at": "added_on",
            "score": "score",
            "comment": "comment",
            "purchased_at": "order.date",
        },
    )
    stamp = retargeting.responded_at.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    stamp = stamp.str.replace(".000000Z", "Z", regex=False)
    retargeting["provider_feedback_id"] = retargeting.order_ref + ":" + stamp
    every = pd.concat(
        [
            thanx.drop(columns=["day", "rated_at", "reviewed_at"]).assign(provider="thanx"),
            pulse.assign(provider="feedbackpulse"),
            retargeting.assign(provider="retargeting"),
        ],
        ignore_index=True,
    )
    every["is_spam"] = every.is_spam.astype("boolean").fillna(False).astype(bool)
    every["feedback_id"] = every.provider + ":" + every.provider_feedback_id
    every["nps_class"] = pd.cut(
        every.score, [-1, 6, 8, 10], labels=["detractor", "passive", "promoter"]
    ).astype("object")
    for name in ("comment", "reply", "status", "sentiment_label", "order_ref", "purchase_ref"):
        every[name] = present(every[name].astype("string"))
    return every.sort_values(["responded_at", "feedback_id"], ignore_index=True)


def added(held: pa.ChunkedArray, value: str, wanted: pa.ChunkedArray | None) -> np.ndarray:
    """For each row of a list column, the sum of a field over its wanted items."""
    values = pc.fill_null(pc.struct_field(pc.list_flatten(held), value).cast(pa.float64()), 0)
    numbers = values.to_numpy() if wanted is None else values.to_numpy() * wanted.to_numpy()
    parents = pc.list_parent_indices(held).to_numpy()
    return np.bincount(parents, numbers, minlength=len(held))


def orders(warehouse: Warehouse) -> pd.DataFrame:
    frame = read(
        warehouse,
        "wicked_reports.orders",
        {
            "order_id": "id",
            "source_id": "source_id",
            "source_system": "source_system",
            "ordered_at": "date",
            "contact_id": "contact.id",
            "contact_source_id": "contact.source_id",
            "customer_email": "contact.email",
            "currency": "currency",
            "amount": "amount",
            "subscription_id": "subscription_id",
        },
    )
    held = warehouse.read_arrow(
        find_table("wicked_reports.orders"), columns=("payments", "products")
    )
    payments = held.column("payments").combine_chunks()
    status = pc.utf8_lower(pc.struct_field(payments.flatten(), "status"))
    paid = pc.is_in(status, pa.array(["approved", "manual", "partially refunded"]))
    frame["paid_amount"] = added(payments, "amount", paid.cast(pa.float64()))
    refunded = pc.equal(status, "refunded").cast(pa.float64())
    frame["refunded_amount"] = added(payments, "amount", refunded)
    net = (frame.paid_amount - frame.refunded_amount).clip(lower=0)
    none = pc.fill_null(pc.list_value_length(payments), 0).to_numpy() == 0
    frame["net_amount"] = net.where(~none, frame.amount)
    frame["item_count"] = added(held.column("products").combine_chunks(), "qty", None)
    frame["customer_email"] = frame.customer_email.str.strip().str.lower()
    for name in frame.select_dtypes(["object", "string"]):
        frame[name] = present(frame[name])
    return frame.sort_values(["ordered_at", "order_id"], ignore_index=True)


def given(ordered: pd.DataFrame, touches: pa.ChunkedArray) -> pd.DataFrame:
    found = []
    for model in GIVEN:
        touch = pc.struct_field(touches, model)
        frame = ordered[["order_id", "ordered_at"]].copy()
        frame["model"] = model
        frame["touched_at"] = pc.struct_field(touch, "date").to_pandas()
        for part in PARTS:
            frame[part] = present(pc.struct_field(touch, part).to_pandas())
        found.append(frame.dropna(subset=["touched_at", *PARTS], how="all"))
    return pd.concat(found).assign(touch_index=1, touch_count=1, weight=1.0)


def computed(ordered: pd.DataFrame, clicks: pd.DataFrame) -> pd.DataFrame:
    pairs = ordered.merge(clicks, on="contact_id")
    age = pairs.ordered_at - pairs.touched_at
    pairs = pairs[(age >= pd.Timedelta(0)) & (age <= pd.Timedelta(days=30))]
    pairs = pairs.sort_values(["order_id", "touched_at", "tracking_url"])
    by_order = pairs.groupby("order_id", sort=False)
    pairs["touch_index"] = by_order.cumcount() + 1
    pairs["touch_count"] = by_order.contact_id.transform("size")
    days = (pairs.ordered_at - pairs.touched_at).dt.total_seconds() / 86400
    pairs["decay"] = 0.5 ** (days / 7)
    total = pairs.groupby("order_id", sort=False).decay.transform("sum")
    count, index = pairs.touch_count, pairs.touch_index
    ends = (index == 1) | (index == count)
    position = np.select(
        [count == 1, count == 2, ends], [1.0, 0.5, 0.4], 0.2 / (count - 2).where(count > 2, 1)
    )
    weights = {
        "linear": 1 / count,
        "position_based": position,
        "time_decay": pairs.decay / total,
    }
    return pd.concat([pairs.assign(model=name, weight=w) for name, w in weights.items()])


def attribution(warehouse: Warehouse) -> pd.DataFrame:
    held = warehouse.read_arrow(
        find_table("wicked_reports.orders"), columns=("id", "date", "contact", "attributions")
    )
    ordered = pd.DataFrame(
        {
            "order_id": held.column("id").to_pandas(),
            "ordered_at": held.column("date").to_pandas(),
            "contact_id": pc.struct_field(held.column("contact"), "id").to_pandas(),
        }
    )
    clicks = read(
        warehouse,
        "wicked_reports.clicks",
        {
            "contact_id": "contact_id",
            "touched_at": "date",
            "tracking_url": "tracking_url",
            **{part: f"utms.{part}" for part in PARTS},
        },
    )
    columns = [column.name for column in find_table("unified.attribution").columns]
    touches = held.column("attributions")
    every = pd.concat([given(ordered, touches), computed(ordered, clicks)])[columns]
    return every.sort_values(["ordered_at", "order_id", "model", "touch_index"], ignore_index=True)


def matched(answers: pd.DataFrame, ordered: pd.DataFrame) -> pd.DataFrame:
    """For each matched answer, its order and the rule."""
    rules = (
        (1, "order_id", "order_ref", ("source_id", "order_id")),
        (2, "order_id", "purchase_ref", ("source_id", "order_id")),
        (3, "customer_id", "customer_ref", ("contact_source_id", "contact_id")),
        (4, "email", "customer_email", ("customer_email",)),
    )
    found = []
    for step, method, ref, names in rules:
        sought = answers[["feedback_id", "responded_at", ref]].dropna()
        sought = sought.rename(columns={ref: "ref"}).sort_values("responded_at")
        sought["ref"] = sought.ref.astype("object")
        offered = pd.concat(
            [ordered[["order_id", "ordered_at"]].assign(ref=ordered[name]) for name in names]
        ).dropna()
        offered["ref"] = offered.ref.astype("object")
        offered = offered[offered.ref.isin(sought.ref)]
        offered = offered.sort_values(["ordered_at", "order_id"], ascending=[True, False])
        times = {"left_on": "responded_at", "right_on": "ordered_at", "by": "ref"}
        before = pd.merge_asof(sought, offered, **times)
        if method == "order_id":
            day, placed = before.responded_at.dt.normalize(), before.ordered_at.dt.normalize()
            good = day - placed <= MATCH
            after = pd.merge_asof(
                before.loc[~good, ["feedback_id", "responded_at", "ref"]],
                offered.sort_values(["ordered_at", "order_id"]),
                **times,
                direction="forward",
                allow_exact_matches=False,
            )
            same = after.ordered_at.dt.normalize() == after.responded_at.dt.normalize()
            before = pd.concat([before[good], after[same]])
        else:
            before = before[before.responded_at - before.ordered_at <= MATCH]
        found.append(before[["feedback_id", "order_id"]].assign(match_method=method, step=step))
    every = pd.concat(found).sort_values("step", kind="stable")
    return every.drop_duplicates("feedback_id").drop(columns="step")


def keys(values: pd.Series) -> pd.Series:
    unique = values.dropna().unique()
    digests = {value: hmac.digest(SECRET, value.encode(), "sha256").hex() for value in unique}
    return values.map(digests)


def surveys(pairs: pd.DataFrame, ordered: pd.DataFrame, trackers: pd.DataFrame) -> pd.DataFrame:
    """For each matched answer, the survey of its order that was sent last before it."""
    named = pairs.merge(ordered[["order_id", "source_id"]], on="order_id")
    sought = pd.concat(
        [
            named[["feedback_id", "responded_at"]].assign(purchase_id=named[name])
            for name in ("order_id", "source_id")
        ]
    ).dropna()
    sent = trackers.dropna(subset=["sent_at", "purchase_id"]).sort_values("sent_at")
    seen = pd.merge_asof(
        sought.sort_values("responded_at"),
        sent[["purchase_id", "sent_at", "survey_name", "clicks", "day"]],
        left_on="responded_at",
        right_on="sent_at",
        by="purchase_id",
    ).dropna(subset=["sent_at"])
    age = seen.responded_at.dt.tz_localize(None).dt.normalize() - pd.to_datetime(seen.day)
    seen = seen[(age >= -pd.Timedelta(days=1)) & (age <= MATCH)].sort_values("sent_at")
    seen = seen.drop_duplicates("feedback_id", keep="last")
    return seen[["feedback_id", "sent_at", "survey_name", "clicks"]].rename(
        columns={"sent_at": "survey_sent_at", "clicks": "survey_clicks"}
    )


def order_feedback(
    answers: pd.DataFrame, ordered: pd.DataFrame, touches: pd.DataFrame, trackers: pd.DataFrame
) -> pd.DataFrame:
    pairs = matched(answers, ordered).merge(answers[["feedback_id", "responded_at"]])
    bought = ordered[
        ["order_id", "source_id", "ordered_at", "currency", "net_amount", "contact_id"]
    ].assign(order_email=ordered.customer_email)
    every = answers.merge(pairs.drop(columns="responded_at"), on="feedback_id", how="left")
    every = every.merge(bought.rename(columns={"source_id": "order_source_id"}), how="left")
    every["days_to_response"] = (every.responded_at - every.ordered_at).dt.total_seconds() / 86400
    every["customer_key"] = keys(
        every.customer_email.astype("object").fillna(every.order_email).fillna(every.contact_id)
    )
    credited = touches[touches.model.isin(GIVEN) & touches.order_id.isin(pairs.order_id)]
    wide = credited.pivot(index="order_id", columns="model", values=CHANNEL)
    wide.columns = [f"{model}_{part}" for part, model in wide.columns]
    every = every.merge(wide, left_on="order_id", right_index=True, how="left")
    every = every.merge(surveys(pairs, ordered, trackers), on="feedback_id", how="left")
    names = [column.name for column in find_table("marts.order_feedback").columns]
    return every.reindex(columns=names)


def scored(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows.score.notna() & ~rows.is_spam]


def nps(frame: pd.DataFrame) -> pd.Series:
    share = 100 * (frame.promoters - frame.detractors) / frame.responses
    return share.where(frame.responses > 0)


def nps_daily(rows: pd.DataFrame) -> pd.DataFrame:
    counts = rows.score.notna() & ~rows.is_spam
    frame = rows[["day", "provider"]].assign(responses=counts.astype(int))
    for name, label in CLASSES.items():
        frame[name] = (counts & (rows.nps_class == label)).astype(int)
    frame["score_sum"] = rows.score.where(counts, 0)
    summed = frame.groupby(["day", "provider"], as_index=False).sum()
    return summed.assign(nps=nps(summed))


def nps_by_attribution(rows: pd.DataFrame, touches: pd.DataFrame) -> pd.DataFrame:
    answers = scored(rows)[["day", "nps_class", "order_id"]]
    models = pd.DataFrame({"model": MODELS})
    every = answers.merge(models, how="cross").merge(
        touches[["order_id", "model", *CHANNEL, "weight"]], on=["order_id", "model"], how="left"
    )
    for part in CHANNEL:
        credited = every[part].astype("object").fillna("(none)")
        credited = credited.where(every.weight.notna(), "(unattributed)")
        every[part] = credited.where(every.order_id.notna(), "(unmatched)")
    every["responses"] = every.weight.fillna(1.0)
    for name, label in CLASSES.items():
        every[name] = every.responses.where(every.nps_class == label, 0.0)
    sums = ["responses", *CLASSES]
    return every.groupby(["day", "model", *CHANNEL], as_index=False)[sums].sum()


def nps_by_channel(daily: pd.DataFrame) -> pd.DataFrame:
    found = []
    age = pd.Timestamp(LAST) - pd.to_datetime(daily.day)
    for window in (7, 30, 90, 365):
        inside = daily[age < pd.Timedelta(days=window)]
        sums = inside.groupby(["model", *CHANNEL], as_index=False)[["responses", *CLASSES]].sum()
        found.append(sums.assign(window_days=window))
    every = pd.concat(found, ignore_index=True)
    number = every.responses + 3
    p, d = (every.promoters + 0.75) / number, (every.detractors + 0.75) / number
    margin = 1.96 * np.sqrt((p + d - (p - d) ** 2) / number)
    every["nps"] = nps(every)
    every["nps_low"] = (100 * (p - d - margin)).clip(lower=-100)
    every["nps_high"] = (100 * (p - d + margin)).clip(upper=100)
    return every.sort_values(["window_days", "model", *CHANNEL], ignore_index=True)


def customer_value(rows: pd.DataFrame, ordered: pd.DataFrame) -> pd.DataFrame:
    own = ordered[["order_id", "currency", "net_amount", "customer_key"]]
    answers = scored(rows).merge(
        own[["order_id", "customer_key"]], on="order_id", how="left", suffixes=("_own", "")
    )
    answers["customer_key"] = answers.customer_key.fillna(answers.customer_key_own)
    answers = answers.sort_values(["responded_at", "feedback_id"], ascending=[False, True])
    latest = answers.drop_duplicates("customer_key")[["customer_key", "nps_class"]]
    bought = (
        own.dropna(subset=["customer_key"])
        .groupby(["customer_key", "currency"], as_index=False)
        .agg(orders=("order_id", "size"), net_amount=("net_amount", "sum"))
        .merge(latest, on="customer_key", how="left")
    )
    bought["nps_class"] = bought.nps_class.fillna("(no answer)")
    bought["again"] = bought.orders >= 2
    value = bought.groupby(["nps_class", "currency"], as_index=False).agg(
        customers=("customer_key", "size"),
        orders=("orders", "sum"),
        net_amount=("net_amount", "sum"),
        repeat_rate=("again", "mean"),
    )
    return value.assign(net_amount_per_customer=(value.net_amount / value.customers).round(4))


def survey_funnel(rows: pd.DataFrame, trackers: pd.DataFrame) -> pd.DataFrame:
    latest = trackers.sort_values(["updated_at", "day"], na_position="first")
    latest = latest.drop_duplicates("id", keep="last")
    good = rows[rows.order_id.notna() & ~rows.is_spam]
    answers = pd.concat(
        [
            good[["responded_at"]].assign(purchase_id=good[name].astype("object"))
            for name in ("order_id", "order_source_id")
        ]
    ).dropna()
    sent = latest.dropna(subset=["sent_at", "purchase_id"])[["id", "sent_at", "purchase_id"]]
    seen = pd.merge_asof(
        sent.assign(purchase_id=sent.purchase_id.astype("object")).sort_values("sent_at"),
        answers.sort_values("responded_at"),
        left_on="sent_at",
        right_on="responded_at",
        by="purchase_id",
        direction="forward",
    )
    answered = seen.id[seen.responded_at - seen.sent_at <= MATCH]
    latest = latest.assign(
        planned=1,
        sent=latest.sent_at.notna().astype(int),
        resent=latest.resent.astype("boolean").fillna(False).astype(int),
        clicked=((latest.clicks.fillna(0) > 0) | (latest.unique_clicks.fillna(0) > 0)).astype(int),
        answered=latest.id.isin(answered).astype(int),
    )
    names = ["planned", "sent", "resent", "clicked", "answered"]
    by = ["day", "survey_name", "sending_type"]
    summed = latest.groupby(by, as_index=False, dropna=False)[names].sum()
    return summed.assign(response_rate=(summed.answered / summed.sent).where(summed.sent > 0))


def product_scores(warehouse: Warehouse) -> pd.DataFrame:
    reviews = read(
        warehouse,
        "retargeting.product_reviews",
        {"real_id": "real_id", "score": "score", "comment": "comment"},
    )
    held = warehouse.read_arrow(
        find_table("wicked_reports.orders"), columns=("id", "date", "products")
    )
    products = held.column("products").combine_chunks()
    parents = pc.list_parent_indices(products)
    items = products.flatten()
    named = pd.DataFrame(
        {
            "real_id": pc.struct_field(items, "id").to_pandas(),
            "product_name": pc.struct_field(items, "name").to_pandas(),
            "ordered_at": held.column("date").take(parents).to_pandas(),
            "order_id": held.column("id").take(parents).to_pandas(),
        }
    )
    named = named[named.real_id.isin(reviews.real_id)].dropna(subset=["product_name"])
    named = named.sort_values(
        ["ordered_at", "order_id", "product_name"], ascending=[False, True, True]
    ).drop_duplicates("real_id")
    reviews["commented"] = reviews.comment.notna() & (reviews.comment.str.strip() != "")
    summed = reviews.groupby("real_id", as_index=False).agg(
        reviews=("real_id", "size"),
        scores=("score", "count"),
        score_mean=("score", "mean"),
        deviation=("score", "std"),
        comments=("commented", "sum"),
    )
    margin = 1.96 * summed.deviation / np.sqrt(summed.scores)
    summed = summed.assign(
        score_low=summed.score_mean - margin, score_high=summed.score_mean + margin
    )
    names = named[["real_id", "product_name"]]
    return summed.drop(columns=["scores", "deviation"]).merge(names, on="real_id", how="left")


def match_coverage(rows: pd.DataFrame) -> pd.DataFrame:
    by = ["day", "provider", "match_method"]
    return rows.groupby(by, dropna=False).size().reset_index(name="responses")


def detractor_queue(rows: pd.DataFrame, ordered: pd.DataFrame) -> pd.DataFrame:
    end = pd.Timestamp(LAST, tz="UTC") + pd.Timedelta(days=1)
    age = end - rows.responded_at
    waiting = rows[
        (age <= pd.Timedelta(days=30))
        & (rows.nps_class == "detractor")
        & ~rows.is_spam
        & rows.reply.isna()
    ]
    known = ordered[ordered.customer_key.isin(waiting.customer_key.dropna())]
    bought = known.groupby(["customer_key", "currency"], as_index=False).net_amount.sum()
    bought = bought.rename(columns={"net_amount": "customer_net_amount"})
    waiting = waiting.assign(days_waiting=(end - waiting.responded_at) // pd.Timedelta(days=1))
    waiting = waiting.merge(bought, on=["customer_key", "currency"], how="left")
    return waiting.sort_values(["responded_at", "feedback_id"], ascending=[False, True])


def figures(name: str, rows: int, total: float) -> str:
    """A table's line: the number of rows, and the sum of one column to six significant figures."""
    return f"{name} {rows} {total:.6g}"


def figures_held(root: str) -> list[str]:
    """The lines for the tables below a directory, in the layout of a warehouse."""
    told = []
    for table in (table for table in DERIVED_TABLES if table.full_name in FIGURES):
        column = FIGURES[table.full_name]
        values = pq.read_table(f"{root}/{table.group}/{table.name}", columns=[column]).column(
            column
        )
        total = float(pc.sum(values).as_py() or 0)
        told.append(figures(table.full_name, len(values), total))
    return told


def main(root: str, directory: str) -> None:
    warehouse, place, told = Warehouse(root), Path(directory), {}

    def write(name: str, frame: pd.DataFrame) -> pd.DataFrame:
        column = FIGURES[name]
        told[name] = figures(name, len(frame), float(frame[column].sum()))
        path = place / name
        if find_table(name).partitioned:
            frame.to_parquet(path, partition_cols=["day"], compression="zstd", index=False)
        else:
            place.mkdir(exist_ok=True)
            frame.to_parquet(f"{path}.parquet", compression="zstd", index=False)
        return frame

    def on_day(frame: pd.DataFrame, moment: str) -> pd.DataFrame:
        return frame.assign(day=frame[moment].dt.strftime("%Y-%m-%d"))

    answers = write("unified.feedback", on_day(feedback(warehouse), "responded_at"))
    ordered = write("unified.orders", on_day(orders(warehouse), "ordered_at"))
    touches = write("unified.attribution", on_day(attribution(warehouse), "ordered_at"))
    columns = ("day", "id", "survey_name", "sent_at", "updated_at", "purchase_id", "sending_type")
    columns += ("clicks", "unique_clicks", "resent")
    trackers = read(warehouse, "fullwhere.survey_trackers", {name: name for name in columns})
    rows = on_day(order_feedback(answers, ordered, touches, trackers), "responded_at")
    write("marts.order_feedback", rows)
    write("marts.nps_daily", nps_daily(rows))
    daily = write("marts.nps_by_attribution", nps_by_attribution(rows, touches))
    write("marts.nps_by_channel", nps_by_channel(daily))
    ordered["customer_key"] = keys(ordered.customer_email.fillna(ordered.contact_id))
    write("marts.customer_value", customer_value(rows, ordered))
    write("marts.survey_funnel", survey_funnel(rows, trackers))
    write("marts.product_scores", product_scores(warehouse))
    write("marts.match_coverage", match_coverage(rows))
    write("marts.detractor_queue", detractor_queue(rows, ordered))
    print("\n".join(told[table.full_name] for table in DERIVED_TABLES if table.full_name in told))


if __name__ == "__main__":
    main(*sys.argv[1:])
    # Once, on a busy machine, the process was aborted after its last line, while the libraries'
    # threads shut down; everything measured is done by now.
    sys.stdout.flush()
    os._exit(0)
