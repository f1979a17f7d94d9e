"""Forgetting a person: nothing of them is left in any byte, and no number changes."""

import json
import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feedback_assets.operations.backfill import open_instance
from feedback_assets.sandbox import feedbackpulse, identity, retargeting, thanx
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.store.content import content_hash
from feedback_assets.tables import ALL_TABLES, MART_TABLES, PROVIDER_TABLES, STORED_TABLES
from feedback_assets.tables import find_table
from feedback_assets.transforms.text import normal_email
from tests.conftest import YESTERDAY, Project, configure

DAYS = 28
FIRST = YESTERDAY - timedelta(days=DAYS - 1)
# Somebody who answered everywhere, with words.
WHOM = """
    select orders.customer_email as email
    from unified.orders as orders
    join marts.order_feedback as given using (order_id)
    join wicked_reports.contacts as contacts on contacts.id = orders.contact_id
    where orders.customer_email is not null
    group by 1
    order by
        count(distinct given.provider) filter (given.comment is not null) desc,
        count(distinct given.feedback_id) desc,
        1
    limit 1
"""
Texts = dict[str, set[str]]


@dataclass(frozen=True)
class Shop:
    """A project with its tables built from a sandbox that goes on serving the person."""

    project: Project
    sandbox: Sandbox
    email: str


class Replies:
    """A merchant who never says the same twice."""

    def __len__(self) -> int:
        return 1 << 20

    def __getitem__(self, number: int) -> str:
        return f"Sorry to hear that, case {number}."


@pytest.fixture
def shop(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    # A world where nobody has another's name or words, so that each can be looked for.
    said = thanx.comment
    for module in (thanx, feedbackpulse, retargeting):
        monkeypatch.setattr(module, "comment", lambda score, n: f"{said(score, n)} Case {n}.")
    for module in (thanx, feedbackpulse):
        monkeypatch.setattr(module, "REPLIES", Replies())
    monkeypatch.setattr(identity, "names", lambda _, n: (f"Vorname{n}x", f"Nachname{n}x"))
    faults = Faults(quotas=False, malformed_rate=0.04, extra_fields=True)
    with running_sandbox(seed=7, days=45, customers=60, faults=faults) as sandbox:
        configure(monkeypatch, sandbox)
        assert project.backfill(FIRST, YESTERDAY).exit_code == 0
        (row,) = ask(project, WHOM)
        yield Shop(project, sandbox, row["email"])


def ask(project: Project, sql: str) -> list[dict[str, Any]]:
    return list(json.loads(project.run("query", sql, "--json").stdout))


def theirs(project: Project, email: str) -> Texts:
    """What is looked for in every byte, found in the tables before anything is erased."""
    found: Texts = {"e-mail": {email}, "id": set(), "name": set(), "words": set(), "address": set()}
    read = {table.full_name: project.warehouse.read_arrow(table).to_pylist() for table in STORED_TABLES}
    numbers: set[str] = set()
    for row in read["wicked_reports.contacts"]:
        if normal_email(row["email"]) == email:
            found["e-mail"].add(row["email"])
            found["id"] |= {row["id"], row["source_id"]}
            found["name"] |= {row["first_name"], row["last_name"]}
    for row in read["wicked_reports.orders"]:
        if normal_email(row["contact"]["email"]) == email:
            found["id"] |= {row["contact"]["id"], row["contact"]["source_id"]}
            numbers |= {row["id"], row["source_id"]}
    for row in read["feedbackpulse.submissions"]:
        if normal_email(row["customer_email"]) == email:
            found["e-mail"].add(row["customer_email"])
            found["words"] |= {row["text_feedback"], row["admin_reply"]}
    for row in read["thanx.feedbacks"]:
        order = (row["purchase"]["order"] or {}).get("id")
        if row["user_id"] in found["id"] or {order, row["purchase"]["id"]} & numbers:
            found["words"] |= {row["review"], row["response"]}
    for name in ("retargeting.order_feedback", "retargeting.product_reviews"):
        found["words"] |= {row["comment"] for row in read[name] if row["order_no"] in numbers}
    for row in read["fullwhere.survey_trackers"]:
        if row["customer_id"] in found["id"] or row["purchase_id"] in numbers:
            found["address"] |= {row["sent_to"], row["link"]}
    return {kind: {text for text in texts if text} for kind, texts in found.items()}


def stored(*roots: Path) -> Iterator[tuple[str, str]]:
    """Every file below these: Parquet as its values, SQLite as its rows and its bytes, the rest."""
    for root in roots:
        for path in sorted(root.rglob("*")):
            if not path.is_file():
                continue
            if path.suffix == ".parquet":
                rows = pq.read_table(path, partitioning=None)
                yield str(path), json.dumps(rows.to_pylist(), default=str, ensure_ascii=False)
                continue
            content = path.read_bytes()
            yield str(path), content.decode(errors="replace")
            if content.startswith(b"SQLite format 3"):
                with closing(sqlite3.connect(path)) as database:
                    yield str(path), "\n".join(database.iterdump())


def places(wanted: Texts, unless: set[str], *roots: Path) -> dict[str, set[str]]:
    """Where something of it stands, without the words that others wrote too."""
    found: dict[str, set[str]] = {}
    looked_for = {text.lower() for texts in wanted.values() for text in texts} - unless
    for path, text in stored(*roots):
        lowered = text.lower()
        for word in looked_for:
            if word in lowered:
                found.setdefault(word, set()).add(path)
    return found


def written_by_others(project: Project, wanted: Texts) -> set[str]:
    """Texts of the person that are no secret: a sandbox draws the words of all from one list."""
    return set()


def numbers(project: Project) -> dict[str, list[dict[str, Any]]]:
    """Every mart without what tells the person."""
    found = {}
    for table in MART_TABLES:
        rows = project.warehouse.read_arrow(table).to_pylist()
        for row in rows:
            for name in ("customer_key", "comment", "reply"):
                if name in row:
                    row[name] = row[name] is not None
        found[table.full_name] = rows
    return found


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return bool(one == other)


def equal(before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]) -> None:
    for name, rows in before.items():
        assert len(rows) == len(after[name]), name
        for row, now in zip(rows, after[name], strict=True):
            assert all(same(row[column], now[column]) for column in row), (name, row, now)


def contents(project: Project) -> dict[str, str]:
    return {
        table.full_name: content_hash(project.warehouse.read_arrow(table)) for table in ALL_TABLES
    }


@pytest.mark.timeout(300)
def test_nothing_of_an_erased_person_is_left_and_no_number_changes(shop: Shop) -> None:
    project, email = shop.project, shop.email
    warehouse, home = Path(project.settings.warehouse), project.settings.dagster_home
    wanted = theirs(project, email)
    print({kind: len(texts) for kind, texts in wanted.items()}, wanted)
    assert all(wanted.values()), wanted
    before = numbers(project)
    start=time.monotonic()
    done = project.run("forget", email)
    print(done.output)
    assert done.exit_code == 0, done.output
    assert email not in done.output
    print("TIME", time.monotonic() - start)
    left = places(wanted, set(), warehouse, home)
    print({w: [p.replace(str(warehouse), "") for p in ps][:6] for w, ps in left.items()})
    equal(before, numbers(project))
    after = contents(project)
    assert project.backfill(FIRST, YESTERDAY).exit_code == 0
    again = contents(project)
    print([n for n in after if after[n] != again[n]])
    print("TIME", time.monotonic() - start)
    left = places(wanted, set(), warehouse, home)
    print({w: [p.replace(str(warehouse), "") for p in ps][:6] for w, ps in left.items()})
    equal(before, numbers(project))
    assert after == again
    assert not left
