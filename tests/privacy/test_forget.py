"""Forgetting a person: no byte of them remains, and no figure changes."""

import json
import math
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feedback_assets.automation.refresh_sensor import due
from feedback_assets.privacy import forget as operation
from feedback_assets.privacy.person import customer_key
from feedback_assets.providers.feedbackpulse.tables import SUBMISSIONS
from feedback_assets.providers.retargeting.tables import ORDER_FEEDBACK
from feedback_assets.providers.wicked_reports.tables import CONTACTS, ORDERS
from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox import feedbackpulse, identity, retargeting, thanx
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.schema.table import Table
from feedback_assets.schema.text import normal_email
from feedback_assets.tables import ALL_TABLES, DERIVED_TABLES, MART_TABLES, STORED_TABLES
from feedback_assets.tables.marts import ORDER_FEEDBACK as MART
from feedback_assets.tables.unified import FEEDBACK
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from feedback_assets.warehouse.replacing import Written
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project, configure
from tests.jobs.launching import op_of

DAYS = 28
FIRST = YESTERDAY - timedelta(days=DAYS - 1)
DAY = YESTERDAY - timedelta(days=3)
AT = datetime.combine(DAY, time(9), UTC)
EMAIL = "ana@example.com"
# A person who answered several providers with comments.
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
Rows = dict[str, list[dict[str, Any]]]


class Replies:
    """Merchant replies that are all different."""

    def __len__(self) -> int:
        return 1 << 20

    def __getitem__(self, number: int) -> str:
        return f"Sorry to hear that, case {number}."


@dataclass(frozen=True)
class Shop:
    """A project whose tables were built from a sandbox that continues to serve the person."""

    project: Project
    sandbox: Sandbox
    email: str

    @property
    def roots(self) -> tuple[Path, Path]:
        settings = self.project.settings
        return Path(settings.warehouse), settings.dagster_home


@pytest.fixture
def shop(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    # A world in which names and words are unique, so that each can be searched for.
    said = thanx.comment
    for module in (thanx, feedbackpulse, retargeting):
        monkeypatch.setattr(module, "comment", lambda score, n: f"{said(score, n)} Case {n}.")
    for module in (thanx, feedbackpulse):
        monkeypatch.setattr(module, "REPLIES", Replies())
    monkeypatch.setattr(identity, "names", lambda _, n: (f"Vorname{n}x", f"Nachname{n}x"))
    faults = Faults(quotas=False, malformed_rate=0.04, extra_fields=True)
    with running_sandbox(seed=7, days=45, customers=60, faults=faults) as sandbox:
        configure(monkeypatch, sandbox)
        filled = project.backfill(FIRST, YESTERDAY)
        assert filled.exit_code == 0, filled.output
        result = project.run("query", WHOM, "--json").stdout
        yield Shop(project, sandbox, json.loads(result)[0]["email"])


def read(project: Project) -> Rows:
    return {
        table.full_name: project.warehouse.read_arrow(table).to_pylist() for table in STORED_TABLES
    }


def texts_of(rows: Rows, email: str) -> Texts:
    """The texts to search for, from the tables before the erasure."""
    contacts = [
        row for row in rows["wicked_reports.contacts"] if normal_email(row["email"]) == email
    ]
    orders = [
        row
        for row in rows["wicked_reports.orders"]
        if normal_email(row["contact"]["email"]) == email
    ]
    submissions = [
        row
        for row in rows["feedbackpulse.submissions"]
        if normal_email(row["customer_email"]) == email
    ]
    ids = {row[name] for row in contacts for name in ("id", "source_id")}
    ids |= {row["contact"][name] for row in orders for name in ("id", "source_id")}
    numbers = {row[name] for row in orders for name in ("id", "source_id")}
    prompts = [row for row in rows["thanx.feedbacks"] if row["user_id"] in ids]
    trackers = [
        row
        for row in rows["fullwhere.survey_trackers"]
        if row["customer_id"] in ids or row["purchase_id"] in numbers
    ]
    comments = {
        row["comment"]
        for name in ("retargeting.order_feedback", "retargeting.product_reviews")
        for row in rows[name]
        if row["order_no"] in numbers
    }
    return {
        kind: {text for text in texts if text}
        for kind, texts in {
            "e-mail": {email},
            "id": ids,
            "name": {row[name] for row in contacts for name in ("first_name", "last_name")},
            "address": {row[name] for row in trackers for name in ("sent_to", "link")},
            "words": comments
            | {row[name] for row in prompts for name in ("review", "response")}
            | {row[name] for row in submissions for name in ("text_feedback", "admin_reply")},
        }.items()
    }


def stored(*roots: Path) -> Iterator[tuple[str, str]]:
    """Every file below: Parquet as values, SQLite as rows and bytes, others as bytes."""
    for path in (path for root in roots for path in sorted(root.rglob("*")) if path.is_file()):
        if path.suffix == ".parquet":
            rows = pq.read_table(path, partitioning=None)
            yield str(path), json.dumps(rows.to_pylist(), default=str, ensure_ascii=False)
            continue
        content = path.read_bytes()
        yield str(path), content.decode(errors="replace")
        if content.startswith(b"SQLite format 3"):
            with closing(sqlite3.connect(path)) as database:
                yield str(path), "\n".join(database.iterdump())


def places(wanted: Texts, *roots: Path) -> dict[str, set[str]]:
    """The places that contain any of the texts."""
    found: dict[str, set[str]] = {}
    looked_for = {text.lower() for texts in wanted.values() for text in texts}
    for path, text in stored(*roots):
        lowered = text.lower()
        for word in looked_for:
            if word in lowered:
                found.setdefault(word, set()).add(path)
    return found


def numbers(project: Project) -> Rows:
    """Every mart; identifying columns only as present or absent."""
    found = {}
    for table in MART_TABLES:
        found[table.full_name] = project.warehouse.read_arrow(table).to_pylist()
        for row in found[table.full_name]:
            row |= {
                name: row[name] is not None
                for name in ("customer_key", "comment", "reply")
                if name in row
            }
        if "customer_key" in table.order_by:
            # An erased person has another key, and so another place.
            found[table.full_name].sort(key=repr)
    return found


def assert_equal(before: Rows, after: Rows) -> None:
    for name, rows in before.items():
        assert len(rows) == len(after[name]), name
        for row, now in zip(rows, after[name], strict=True):
            for column, value in row.items():
                if isinstance(value, float):
                    assert math.isclose(value, now[column], rel_tol=1e-9), (name, column)
                else:
                    assert value == now[column], (name, column)


def contents(project: Project) -> dict[str, str]:
    return {
        table.full_name: content_hash(project.warehouse.read_arrow(table)) for table in ALL_TABLES
    }


def start(project: Project, instance: dg.DagsterInstance, job: str, config: dict[str, Any]) -> None:
    """Run an operator's job as the UI would."""
    run_config = {"ops": {op_of(project, job): {"config": config}}}
    assert (
        project.defs.get_job_def(job)
        .execute_in_process(run_config=run_config, instance=instance)
        .success
    )


@pytest.mark.slow
def test_an_erased_person_leaves_no_byte_and_no_figure_changes(shop: Shop) -> None:
    project, email = shop.project, shop.email
    wanted, before = texts_of(read(project), email), numbers(project)
    assert all(wanted.values()), wanted
    assert set(places(wanted, *shop.roots)) == {
        text.lower() for texts in wanted.values() for text in texts
    }

    result = project.run("forget", email)
    assert result.exit_code == 0, result.output
    assert not any(text in result.output for text in wanted["e-mail"] | wanted["name"])
    assert places(wanted, *shop.roots) == {}
    assert_equal(before, numbers(project))

    # The providers still serve the person.
    erased = contents(project)
    assert project.backfill(FIRST, YESTERDAY).exit_code == 0
    assert places(wanted, *shop.roots) == {}
    assert_equal(before, numbers(project))
    # Rereads are written without the person, so nothing needs to be rebuilt.
    assert contents(project) == erased
    with open_instance(project.settings) as instance:
        plan = due(instance, project.settings, DERIVED_TABLES, YESTERDAY + timedelta(days=1))
        assert plan.builds == ()


@pytest.mark.slow
def test_runs_that_name_the_person_are_deleted_completely_and_others_stay(
    project: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, sandbox)
    world = sandbox.world
    number, other = (n for n in (9, 10) if identity.email(world, n))
    email = str(identity.email(world, number)).lower()
    with open_instance(project.settings) as instance:
        start(project, instance, "refresh_contact", {"key": email})
        start(project, instance, "refresh_contact", {"key": identity.contact_id(number)})
        start(project, instance, "refresh_contact", {"key": identity.contact_id(other)})
        config = {"campaign_id": 1, "text_feedback": "!", "customer_email": email.upper()}
        start(project, instance, "create_submission", config)
    home = project.settings.dagster_home
    wanted = {"e-mail": {email}}
    assert places(wanted, home)
    result = project.run("forget", email)
    assert result.exit_code == 0, result.output
    assert "Runs that named them: 3 deleted" in result.output
    assert places(wanted, home) == {}
    assert places({"e-mail": {str(identity.email(world, other)).lower()}}, home)
    with open_instance(project.settings) as instance:
        assert len(instance.get_run_ids()) == 1
    sandbox.forget_written()


def put(project: Project, table: Table, *records: dict[str, Any], day: date = DAY) -> None:
    project.warehouse.replace_day(
        table, day, pa.Table.from_pylist(list(records), schema=table.schema)
    )


def contact(number: int, email: str, **more: Any) -> dict[str, Any]:
    return {"id": f"AB-{number}", "email": email, "create_date": AT} | more


def order(number: int, contact: str, email: str | None = None, **more: Any) -> dict[str, Any]:
    who = {"id": contact, "email": email}
    return {"id": f"WR-{number}", "source_id": f"{number}", "date": AT, "contact": who} | more


def answer(number: int, comment: str) -> dict[str, Any]:
    return {"order_no": f"{number}", "score": 1, "comment": comment, "added_on": AT}


@pytest.fixture
def small(project: Project) -> Project:
    """A warehouse with three people: Ana, with two spellings of her e-mail, Bo and Cy."""
    put(
        project,
        CONTACTS,
        contact(1, " ANA@Example.com", first_name="Ana"),
        contact(2, EMAIL, last_name="Anasson"),
        contact(3, "bo@example.com", first_name="Bo"),
    )
    put(project, ORDERS, order(100, "AB-1", EMAIL), order(200, "AB-3", "bo@example.com"))
    put(project, ORDERS, order(101, "AB-2"), day=DAY + timedelta(days=1))
    put(project, ORDER_FEEDBACK, answer(101, "from Ana"), answer(200, "from Bo"))
    put(
        project,
        SUBMISSIONS,
        {"id": 1, "customer_email": "Ana@example.com\n", "text_feedback": "A", "created_at": AT},
        {"id": 2, "customer_email": "cy@example.com", "text_feedback": "C", "created_at": AT},
    )
    return project


def traces_of_ana(project: Project) -> bool:
    wanted = {"all": {"ana@", "anasson", "AB-1", "AB-2", '"Ana"', "from Ana", '"A"'}}
    return bool(places(wanted, Path(project.settings.warehouse)))


def test_only_contacts_of_the_email_are_erased_in_any_spelling(small: Project) -> None:
    before = read(small)
    result = small.run("forget", "  Ana@EXAMPLE.com ")
    assert result.exit_code == 0
    assert "wicked_reports.contacts: 2 rows, 1 partition rewritten" in result.output
    assert "wicked_reports.orders: 2 rows, 2 partitions rewritten" in result.output
    assert not traces_of_ana(small)
    after = read(small)
    for name, rows in before.items():
        others = [row for row in rows if {"AB-3", "200", 2} & {row.get("id"), row.get("order_no")}]
        assert all(row in after[name] for row in others), name
        assert len(rows) == len(after[name])


def test_forgetting_twice_changes_nothing(small: Project) -> None:
    assert small.run("forget", EMAIL).exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in Path(small.settings.warehouse).rglob("*.*")}
    result = small.run("forget", EMAIL)
    assert result.exit_code == 0
    assert "Already on the list of erased people" in result.output
    assert "rewritten" not in result.output
    assert before == {
        path: path.stat().st_mtime_ns for path in Path(small.settings.warehouse).rglob("*.*")
    }


@pytest.mark.parametrize("after", range(5))
def test_the_next_run_completes_a_killed_run(
    small: Project, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    change, done = Warehouse.change_partition, []

    def killed(self: Warehouse, *arguments: Any) -> Written | None:
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(arguments)
        return change(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "change_partition", killed)
        with pytest.raises(KeyboardInterrupt):
            operation.forget(small.settings, small.defs, EMAIL)
    assert traces_of_ana(small)
    assert small.run("forget", EMAIL).exit_code == 0
    assert not traces_of_ana(small)


def test_a_person_without_data_is_still_added_to_the_list(project: Project) -> None:
    result = project.run("forget", EMAIL)
    assert result.exit_code == 0
    assert "no data about them was found" in result.output
    writing = Warehouse(project.settings.warehouse, project.settings.erasure_secret)
    rows = pa.Table.from_pylist([contact(1, EMAIL, first_name="Ana")], schema=CONTACTS.schema)
    writing.replace_day(CONTACTS, DAY, rows)
    assert not traces_of_ana(project)


@pytest.mark.parametrize(
    "text", ["", "  ", "ana", "@example.com", "ana@", "n/a", "a@b@c", "erased:" + "0" * 32]
)
def test_an_invalid_email_is_rejected(project: Project, text: str) -> None:
    result = project.run("forget", text)
    assert result.exit_code == 1
    assert "is not an e-mail address" in result.stderr
    assert not (Path(project.settings.warehouse) / "erased").exists()


def test_an_email_with_many_contacts_needs_confirmation(small: Project) -> None:
    result = small.run("forget", EMAIL, "--at-most", "1")
    assert result.exit_code == 1
    assert "2 contact ids" in result.stderr
    assert "--at-most 2" in result.stderr
    assert traces_of_ana(small)
    assert small.run("forget", EMAIL, "--at-most", "2").exit_code == 0


def test_a_second_email_of_the_same_contact_is_erased_too(small: Project) -> None:
    put(small, ORDERS, order(102, "AB-1", "ana2@example.com"), day=DAY - timedelta(days=1))
    put(
        small,
        SUBMISSIONS,
        {"id": 3, "customer_email": "ana2@example.com", "created_at": AT},
        day=DAY - timedelta(days=1),
    )
    result = small.run("forget", EMAIL)
    assert "Identified by 2 e-mails" in result.output
    assert not places({"e-mail": {"ana2@"}}, Path(small.settings.warehouse))
    # The order and the answer still match by it.
    rows = read(small)
    (mine,) = [row for row in rows["wicked_reports.orders"] if row["id"] == "WR-102"]
    (given,) = [row for row in rows["feedbackpulse.submissions"] if row["id"] == 3]
    assert mine["contact"]["email"] == given["customer_email"]


def test_a_dry_run_reports_what_would_be_rewritten_and_changes_nothing(small: Project) -> None:
    before = read(small)
    result = small.run("forget", EMAIL, "--dry-run")
    assert result.exit_code == 0
    assert "wicked_reports.contacts: 2 rows, 1 partition would be rewritten" in result.output
    assert read(small) == before
    assert not (Path(small.settings.warehouse) / "erased").exists()


def test_a_concurrent_writer_does_not_restore_the_person(small: Project) -> None:
    settings = small.settings
    stop = threading.Event()
    both = [contact(number, EMAIL, first_name="Ana") for number in (1, 2)]
    rows = pa.Table.from_pylist(both, schema=CONTACTS.schema)
    wrote = threading.Semaphore(0)

    def backfill() -> None:
        writing = Warehouse(settings.warehouse, settings.erasure_secret)
        while not stop.is_set():
            for offset in range(4):
                writing.replace_day(CONTACTS, DAY - timedelta(days=offset), rows)
            wrote.release()

    threads = [threading.Thread(target=backfill) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        wrote.acquire(timeout=120)
        operation.forget(settings, small.defs, EMAIL)
        wrote.acquire(timeout=120)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not traces_of_ana(small)


def test_the_quarantine_is_searched_too(small: Project) -> None:
    payload = json.dumps({"id": "AB-9", "email": EMAIL, "firstName": "Ana", "createDate": "?"})
    record = SetAside(None, f'createDate: the text "{EMAIL}"', payload)
    set_aside(small.warehouse, CONTACTS, [record], AT)
    result = small.run("forget", EMAIL)
    assert 'quarantine."wicked_reports.contacts": 1 record rewritten' in result.output
    assert not traces_of_ana(small)


def test_the_page_is_rebuilt_when_it_covered_the_person(small: Project) -> None:
    page = Path(small.settings.warehouse) / "reports" / "nps.html"
    open_instance(small.settings).dispose()
    assert operation.forget(small.settings, small.defs, "nobody@example.com").report == ""
    assert not page.exists()
    assert operation.forget(small.settings, small.defs, EMAIL).report == "rebuilt"
    assert page.exists()


def test_a_table_computed_during_erasure_is_written_without_the_person(
    small: Project,
) -> None:
    row = {"customer_email": EMAIL, "comment": "A", "provider": "feedbackpulse", "is_spam": False}
    row |= {"feedback_id": "feedbackpulse:1", "provider_feedback_id": "1", "responded_at": AT}
    computed = pa.Table.from_pylist([row], schema=FEEDBACK.schema)
    operation.forget(small.settings, small.defs, EMAIL)
    writing = Warehouse(small.settings.warehouse, small.settings.erasure_secret)
    writing.replace_day(FEEDBACK, DAY, computed)
    assert not traces_of_ana(small)


def test_cases_for_manual_review_are_listed_with_exit_status_1(small: Project) -> None:
    words = "Write to ana (at) example.com"
    put(small, ORDER_FEEDBACK, answer(101, "from Ana"), answer(200, words))
    result = small.run("forget", EMAIL)
    assert result.exit_code == 1
    assert f"  retargeting.order_feedback, {DAY}, order_no=200" in result.output
    assert words not in result.output
    assert "none of their data is left" not in result.output
    (kept,) = [row for row in read(small)["retargeting.order_feedback"] if row["order_no"] == "200"]
    assert kept["comment"] == words
    result = small.run("forget", EMAIL, "--spelled-out")
    assert result.exit_code == 0, result.output
    assert not places({"e-mail": {"ana (at)"}}, Path(small.settings.warehouse))
    # From then on it is written without it, too.
    writing = Warehouse(small.settings.warehouse, small.settings.erasure_secret)
    rows = pa.Table.from_pylist([answer(300, words)], schema=ORDER_FEEDBACK.schema)
    writing.replace_day(ORDER_FEEDBACK, DAY, rows)
    assert not places({"e-mail": {"ana (at)"}}, Path(small.settings.warehouse))


def test_a_file_outside_the_tables_that_names_the_person_is_reported(small: Project) -> None:
    copy = Path(small.settings.warehouse) / "wicked_reports" / "copy of contacts.parquet"
    pq.write_table(pa.table({"who": [f"“{EMAIL}”"]}), copy)
    result = small.run("forget", EMAIL)
    assert result.exit_code == 1
    assert "  wicked_reports/copy of contacts.parquet" in result.output
    copy.unlink()
    assert small.run("forget", EMAIL).exit_code == 0


SECRETS = ("the first customer secret", "the second customer secret")


@pytest.mark.parametrize("known", [True, False])
def test_keys_from_an_earlier_customer_secret_are_erased_too(
    small: Project, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    first = SECRETS[0]
    if known:
        home = small.settings.dagster_home
        home.mkdir(parents=True, exist_ok=True)
        (home / "customer_secret").write_text(first)
    was = customer_key(first.encode(), EMAIL)
    bo = customer_key(first.encode(), "bo@example.com")
    given = {"provider": "retargeting", "provider_feedback_id": "x", "responded_at": AT}
    given |= {"is_spam": False}
    put(
        small,
        MART,
        given | {"feedback_id": "retargeting:100:x", "order_id": "WR-100", "customer_key": was},
        given | {"feedback_id": "retargeting:101:x", "order_id": "WR-100", "customer_key": was},
        given | {"feedback_id": "retargeting:200:x", "order_id": "WR-200", "customer_key": bo},
    )
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", SECRETS[1])
    assert small.run("forget", EMAIL).exit_code == 0
    rows = read(small)["marts.order_feedback"]
    keys = [row["customer_key"] for row in sorted(rows, key=lambda row: row["feedback_id"])]
    assert keys[0] == keys[1] != was
    assert keys[2] == bo
    assert len(keys[0]) == 64
    # Nor the list, which would reveal to the owner of the secret that they were a customer.
    assert not places({"key": {was}}, Path(small.settings.warehouse))
    before = read(small)
    assert small.run("forget", EMAIL).exit_code == 0
    assert read(small) == before
