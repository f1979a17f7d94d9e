"""A warehouse is built with one customer secret; another one requires ``rekey``."""

import hmac
import json
import shlex
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from feedback_assets.backfill.request import prepare
from feedback_assets.privacy.forget import forget
from feedback_assets.runtime.instance import open_instance
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables import find_table
from feedback_assets.warehouse.customer_secret import (
    FILE,
    OtherSecret,
    accept_secret,
    confirm_secret,
)
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import Project

FORMER, NEW = "the former secret of this shop", "the new secret of this shop"
SOME = '--select=key:"unified/orders"'
ORDERS, FEEDBACK = find_table("unified.orders"), find_table("marts.order_feedback")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "w"))


def never() -> bytes:
    raise AssertionError("a secret was generated")


def test_the_first_secret_is_recorded_and_others_are_rejected(
    warehouse: Warehouse,
) -> None:
    # Checking alone records nothing.
    confirm_secret(warehouse, b"one")
    confirm_secret(warehouse, None, lambda: b"one")
    confirm_secret(warehouse, b"one", never)
    for known in (b"two", None):
        for generate in (None, never):
            with pytest.raises(OtherSecret, match=r"run: feedback-assets rekey$") as caught:
                confirm_secret(warehouse, known, generate)
            assert warehouse.base in str(caught.value)
            assert "\n" not in str(caught.value)
    assert accept_secret(warehouse, b"two")
    assert not accept_secret(warehouse, b"two")
    confirm_secret(warehouse, b"two", never)
    with pytest.raises(OtherSecret):
        confirm_secret(warehouse, b"one", never)


def test_the_record_does_not_reveal_the_secret(warehouse: Warehouse) -> None:
    confirm_secret(warehouse, None, lambda: b"0123456789abcdef")
    content = Path(warehouse.base, FILE).read_text()
    assert set(json.loads(content)) == {"fingerprint"}
    assert "0123456789abcdef" not in content


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff"])
def test_a_damaged_record_counts_as_no_secrets(warehouse: Warehouse, content: bytes) -> None:
    warehouse.write_bytes(f"{warehouse.base}/{FILE}", content)
    with pytest.raises(OtherSecret):
        confirm_secret(warehouse, b"one", never)
    assert accept_secret(warehouse, b"one")
    confirm_secret(warehouse, b"one", never)


def keys(project: Project) -> set[str]:
    """The customer keys in the marts."""
    rows = project.warehouse.read_arrow(FEEDBACK, columns=["customer_key"])
    return set(rows.column("customer_key").drop_null().to_pylist())


def made_with(secret: str, project: Project) -> set[str]:
    """The customer keys of the orders under this secret."""
    rows = project.warehouse.read_arrow(ORDERS, columns=["customer_email"])
    emails = rows.column("customer_email").drop_null().to_pylist()
    return {hmac.digest(secret.encode(), email.encode(), "sha256").hex() for email in emails}


@pytest.mark.slow
def test_a_new_secret_is_rejected_until_rekey_replaces_every_key(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = date.fromisoformat(str(shop.settings.feedback_start_date)) + timedelta(days=3)
    first = last - timedelta(days=3)
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", FORMER)
    done = shop.backfill(first, last, "--select", '+key:"marts/order_feedback"')
    assert done.exit_code == 0, done.output
    before = keys(shop)
    assert before & made_with(FORMER, shop)

    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", NEW)
    refused: list[Callable[[], object]] = [
        lambda: shop.backfill(first, last, SOME),
        lambda: forget(shop.settings, shop.defs, "somebody@example.com"),
    ]
    for command in refused:
        with pytest.raises(OtherSecret):
            command()
    # Reading a provider needs no secret.
    assert shop.backfill(first, last, '--select=key:"wicked_reports/orders"').exit_code == 0
    assert keys(shop) == before

    done = shop.run("rekey")
    assert done.exit_code == 0
    *_, command_line = done.output.splitlines()
    arguments = shlex.split(command_line)[1:]
    assert arguments[:5] == ["backfill", "--from", str(first), "--to", str(last)]
    plan = prepare(shop.settings, shop.defs, first, last, arguments[-1]).plan
    assert {table.group for table in plan.tables} == {"unified", "marts", "reports"}
    assert not plan.reading
    assert shop.backfill(first, last, '--select=key:"marts/order_feedback"').exit_code == 0
    assert len(keys(shop)) == len(before)
    assert keys(shop).isdisjoint(before)
    assert keys(shop) & made_with(NEW, shop)
    assert shop.run("rekey").output == ("The warehouse already uses this customer secret.\n")


def test_a_run_with_another_secret_leaves_the_tables_unchanged(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a run from the UI or the sensor: nothing read the secret before.
    day = shop.settings.feedback_start_date
    accept_secret(shop.warehouse, FORMER.encode())
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", NEW)
    job = shop.defs.resolve_implicit_global_asset_job_def()
    with open_instance(shop.settings) as instance:
        run = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(NO_PREFIX.key(ORDERS))],
            partition_key=str(day),
            raise_on_error=False,
        )
    assert not run.success
    (failure,) = [event for event in run.all_events if event.is_step_failure]
    assert "feedback-assets rekey" in str(failure.step_failure_data.error)
    assert shop.warehouse.files(ORDERS) == []


def test_a_new_home_generates_no_secret_for_a_warehouse_that_has_one(
    shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    day = shop.settings.feedback_start_date
    assert shop.backfill(day, day, SOME).exit_code == 0
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "another home"))
    with pytest.raises(OtherSecret, match=r"^FEEDBACK_CUSTOMER_SECRET is not set, so"):
        shop.backfill(day, day, SOME)
    assert not (tmp_path / "another home" / "customer_secret").exists()
