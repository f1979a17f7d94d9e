"""However an e-mail is written, and wherever: after ``forget`` it is in no byte of what is kept."""

import json
import re
import secrets
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback_assets.privacy import forget as operation
from feedback_assets.providers.feedbackpulse.tables import SUBMISSIONS
from feedback_assets.providers.retargeting.tables import ORDER_FEEDBACK
from feedback_assets.providers.wicked_reports.tables import CLICKS, CONTACTS, ORDERS
from feedback_assets.schema.table import Table
from feedback_assets.settings import load_settings
from feedback_assets.tables.unified import ATTRIBUTION
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import Project
from tests.privacy.test_forget import AT, DAY, contact, order, stored
from tests.warehouse.test_addresses import BESIDE, ENCODINGS, emails


def put(table: Table, *records: dict[str, Any]) -> None:
    rows = pa.Table.from_pylist(list(records), schema=table.schema)
    writer().replace_day(table, DAY, rows)


def writer() -> Warehouse:
    """The warehouse as a backfill opens it, with the key of the list of erased people."""
    settings = load_settings()
    return Warehouse(settings.warehouse, settings.erasure_secret)


def fill(email: str, texts: list[str]) -> None:
    """The person's rows, and rows of others with each of the texts wherever a text may stand."""
    numbered = list(enumerate(texts))
    put(CONTACTS, contact(1, email, first_name="Ana"), *(
        contact(10 + n, "cy@example.com", extra=json.dumps({"note": text})) for n, text in numbered
    ))  # fmt: skip
    put(ORDERS, order(100, "AB-1", email), *(
        order(200 + n, f"AB-{10 + n}", products=[{"name": text}]) for n, text in numbered
    ))  # fmt: skip
    put(CLICKS, *(
        {"contact_id": f"AB-{10 + n}", "date": AT, "tracking_url": f"https://a.example/?q={text}",
         "utms": {"source": text}} for n, text in numbered
    ))  # fmt: skip
    put(ATTRIBUTION, *(
        {"order_id": f"WR-{200 + n}", "ordered_at": AT, "model": "linear", "touch_index": 1,
         "touch_count": 1, "touched_at": AT, "weight": 1.0, "campaign": text}
        for n, text in numbered
    ))  # fmt: skip
    put(ORDER_FEEDBACK, *(
        {"order_no": f"{200 + n}", "score": 1, "comment": text, "added_on": AT}
        for n, text in numbered
    ))  # fmt: skip
    put(SUBMISSIONS, *(
        {"id": n, "customer_email": "cy@example.com", "created_at": AT, "admin_reply": text,
         "extra": json.dumps({"deep": [{"mail": text}]}, ensure_ascii=n % 2 == 0)}
        for n, text in numbered
    ))  # fmt: skip
    bad = [
        SetAside(None, f"created_at: {text}", json.dumps({"id": "x", "note": text}))
        for text in texts
    ]
    bad += [SetAside(DAY, "?", text) for text in texts]
    set_aside(writer(), SUBMISSIONS, bad, AT)


def assert_gone(project: Project, email: str, texts: list[str]) -> None:
    """Nothing that was written, nor the address as it is, in any byte or value."""
    roots = (Path(project.settings.warehouse), project.settings.dagster_home)
    plain = re.compile(rf"(?i)(?<![\w.+'-]){re.escape(email)}(?![\w-])")
    for path, content in stored(*roots):
        assert not plain.search(content), path
        for text in texts:
            assert text not in content, path


@settings(
    max_examples=3,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    email=emails(),
    written=st.lists(
        st.tuples(
            st.sampled_from(sorted(ENCODINGS)), st.sampled_from(BESIDE), st.sampled_from(BESIDE)
        ),
        min_size=4,
        max_size=10,
    ),
)
def test_an_e_mail_is_gone_from_every_byte_however_and_wherever_it_was_written(
    project: Project, monkeypatch: pytest.MonkeyPatch, email: str, written: list[tuple[str, ...]]
) -> None:
    root = Path(project.home) / secrets.token_hex(4)
    monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(root))
    texts = [f"{before}{ENCODINGS[encoding](email)}{after}" for encoding, before, after in written]
    surely = [text for text in texts if len(text.strip()) >= len(email)]
    fill(email, texts)
    # Nothing was ever run here, so no page is rebuilt.
    done = operation.forget(load_settings(), dg.Definitions(), email)
    assert done.verified, done.left
    assert_gone(project, email, surely)
    # What a provider goes on serving is written without the person too.
    fill(email, texts)
    assert_gone(project, email, surely)
