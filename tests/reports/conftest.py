"""A warehouse of marts only, written as rows, so that figures can be counted by hand."""

import random
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from feedback_assets.schema.columns import TEXT
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.reports.shop import CHANNELS, DAYS, LAST, by_day, scorecard

HOSTILE = (
    "<script>document.title = 'run'</script>",
    "</script><script>document.title = 'run'</script>",
    "<img src=x onerror=\"document.title = 'run'\">",
    "<!--<script>",
    "\u2028document.title = 'run'\u2029",
    "{{ 7 * 7 }}{% raw %}",
    "![x](javascript:document.title='run')",
    '=HYPERLINK("https://example.com")',
    "+1", "-1", "@sum", "\tx", "\rx", 'say "hello", twice\nand go',
)  # fmt: skip


@dataclass
class Marts:
    """A warehouse of marts, and the rows written to it."""

    warehouse: Warehouse
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def put(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """Write a mart; rows of a partitioned one have a ``day``."""
        table = find_table(name)
        filler = {c.name: "-" for c in table.columns if not c.nullable and c.type == TEXT}
        filler |= {c.name: 0 for c in table.columns if not c.nullable and c.type != TEXT}
        rows = [filler | row for row in rows]
        self.rows[name] = rows
        if not table.partitioned:
            self.warehouse.replace_whole(table, pa.Table.from_pylist(rows, schema=table.schema))
            return
        by_day: dict[date, list[dict[str, Any]]] = {}
        for row in rows:
            by_day.setdefault(row["day"], []).append(row)
        for day, held in by_day.items():
            self.warehouse.replace_day(table, day, pa.Table.from_pylist(held, schema=table.schema))

    def sums(self, name: str, first: date, last: date) -> tuple[int, ...]:
        """Responses, promoters, passives and detractors of those days."""
        found = [row for row in self.rows[name] if first <= row["day"] <= last]
        return tuple(
            sum(row[column] for row in found)
            for column in ("responses", "promoters", "passives", "detractors")
        )


def daily(days: int = DAYS, last: date = LAST, seed: int = 1) -> list[dict[str, Any]]:
    """Daily answers of two providers."""
    draw = random.Random(seed)
    rows = []
    for back in range(days):
        for provider in ("thanx", "retargeting"):
            promoters, passives, detractors = (draw.randrange(n) for n in (8, 4, 5))
            responses = promoters + passives + detractors
            rows.append(
                {
                    "day": last - timedelta(days=back), "provider": provider,
                    "responses": responses, "promoters": promoters, "passives": passives,
                    "detractors": detractors, "score_sum": 0, "nps": None,
                }
            )  # fmt: skip
    return rows


def value(nps_class: str, currency: str | None, customers: int, each: str, repeat: float) -> Any:
    """A row of ``marts.customer_value``."""
    return {
        "nps_class": nps_class, "currency": currency, "customers": customers,
        "orders": customers * 2, "net_amount": Decimal(each) * customers,
        "net_amount_per_customer": Decimal(each), "repeat_rate": repeat,
    }  # fmt: skip


def spread(nps_class: str, currency: str | None, customers: int, each: float, back: float) -> Any:
    """The row of ``marts.customer_value_spread`` beside it."""
    return {
        "nps_class": nps_class, "currency": currency, "customers": customers,
        "net_amount": Decimal(str(each)) * customers, "net_amount_per_customer": each,
        "net_amount_per_customer_low": each - 20, "net_amount_per_customer_high": each + 30,
        "median": each - 10, "q1": each - 60, "q3": each + 60, "median_low": each - 30,
        "median_high": each + 20, "followed": customers, "returned_30": back,
        "net_amount_30": each * back,
    }  # fmt: skip


def location(name: str, answers: int, up: float, down: float, window: int) -> Any:
    """A row of ``marts.nps_by_location``."""
    promoters, detractors = round(answers * up), round(answers * down)
    return {
        "window_days": window, "provider": "thanx", "location_ref": name, "responses": answers,
        "promoters": promoters, "detractors": detractors,
        "passives": answers - promoters - detractors,
    }  # fmt: skip


def answer(number: int, text: str | None, **other: Any) -> dict[str, Any]:
    """A row of ``marts.order_feedback``."""
    at = datetime.combine(LAST - timedelta(days=number % 5), time(9), UTC)
    at += timedelta(minutes=number % 600)
    return {
        "day": at.date(), "feedback_id": f"thanx:{number}", "provider": "thanx",
        "responded_at": at, "score": 9, "nps_class": "promoter", "comment": text,
        "is_spam": False, "customer_key": f"{number:064x}", "order_source_id": str(1000 + number),
    } | other  # fmt: skip


def waiting(number: int, text: str | None, **other: Any) -> dict[str, Any]:
    """A row of ``marts.detractor_queue``, ``number`` days old."""
    at = datetime.combine(LAST - timedelta(days=number), time(8), UTC)
    return {
        "feedback_id": f"retargeting:{number}", "provider": "retargeting", "responded_at": at,
        "days_waiting": number, "score": 2, "comment": text, "customer_key": f"{number:064x}",
        "order_source_id": str(number), "currency": "EUR", "net_amount": Decimal("20.00"),
        "customer_net_amount": Decimal("1234.50"), "first_click_source": "tiktok",
        "first_click_campaign": "flash",
    } | other  # fmt: skip


@pytest.fixture
def marts(tmp_path: Path) -> Marts:
    """An empty warehouse."""
    return Marts(Warehouse(str(tmp_path / "warehouse")))


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """Two months of every mart, with malicious comments; read-only."""
    marts = Marts(Warehouse(str(tmp_path_factory.mktemp("full"))))
    marts.put("marts.nps_daily", daily())
    part = {"spend_days_missing": 1}
    marts.put(
        "marts.channel_scorecard",
        (row | (part if row["source"] == "print" else {}) for row in scorecard(CHANNELS)),
    )
    marts.put("marts.nps_by_attribution", by_day(CHANNELS))
    marts.put(
        "marts.customer_value_spread",
        [
            spread("promoter", "EUR", 40, 300.1, 0.75),
            spread("detractor", "EUR", 20, 150.05, 0.25),
            spread("promoter", "USD", 4, 99.99, 0.5),
        ],
    )
    marts.put(
        "marts.nps_by_location",
        [
            location(name, answers, up, down, window)
            for window in (7, 30, 90, 365)
            for name, answers, up, down in (
                ("Harbour", 80, 0.7, 0.1),
                ("Station", 60, 0.25, 0.5),
                ("Airport", 8, 0.5, 0.5),
            )
        ],
    )
    marts.put(
        "marts.customer_value",
        [
            value("promoter", "EUR", 40, "300.10", 0.9),
            value("detractor", "EUR", 20, "150.05", 0.5),
            value("promoter", "USD", 4, "99.99", 0.25),
            value("(no answer)", None, 1, "10", 0.0),
        ],
    )
    marts.put(
        "marts.survey_funnel",
        [
            {
                "day": LAST - timedelta(days=back), "survey_name": name, "sending_type": "email",
                "planned": 20, "sent": 18, "resent": 3, "clicked": 9, "answered": 4,
                "response_rate": 4 / 18,
            }
            for back in range(DAYS)
            for name in ("After delivery", "Returns")
        ],
    )  # fmt: skip
    marts.put(
        "marts.product_scores",
        [
            {
                "real_id": f"p{n}", "product_name": f"Product {n}" if n else None, "reviews": 5 * n,
                "score_mean": 5 + n / 4, "score_low": 4.5 + n / 4, "score_high": 5.5 + n / 4,
                "comments": n,
            }
            for n in range(8)
        ],
    )  # fmt: skip
    marts.put(
        "marts.match_coverage",
        [
            {"day": LAST, "provider": "thanx", "match_method": method, "responses": count}
            for method, count in (("order_id", 60), ("customer_id", 20), (None, 20))
        ],
    )
    unhappy = [waiting(number, text) for number, text in enumerate(HOSTILE)]
    silent = [waiting(20, None), waiting(21, " ")]
    marts.put("marts.detractor_queue", unhappy + silent)
    marts.put(
        "marts.order_feedback",
        [
            *(answer(n, f"Comment {n}") for n in range(40)),
            *(answer(100 + n, text, reply=text) for n, text in enumerate(HOSTILE)),
            answer(200, "spam", is_spam=True),
            answer(201, None),
            *(
                answer(300 + n, row["comment"], feedback_id=row["feedback_id"])
                for n, row in enumerate(unhappy)
            ),
        ],
    )
    return marts


@pytest.fixture
def own(full: Marts, tmp_path: Path) -> Marts:
    """A copy that a test may change."""
    shutil.copytree(full.warehouse.base, tmp_path / "own")
    return Marts(Warehouse(str(tmp_path / "own")), full.rows)
