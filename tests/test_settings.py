"""Settings: what is read, what is refused, and in one line."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from feedback_assets import settings as settings_module
from feedback_assets.providers.masking import mask
from feedback_assets.providers.registry import PROVIDERS, REGISTRY
from feedback_assets.settings import Settings, SettingsError, load_settings

ROOT = Path(__file__).parents[1]


def test_nothing_set_gives_the_documented_defaults_and_every_provider() -> None:
    settings = load_settings({})
    assert settings.feedback_start_date == date(2024, 1, 1)
    assert settings.feedback_refresh_days == 30
    assert settings.feedback_match_days == 90
    assert settings.feedback_touch_days == 30
    assert settings.wicked_reports_requests_per_minute == 120
    assert settings.feedbackpulse_requests_per_minute == 60
    assert settings.retargeting_url == "https://api.retargeting.app/v1"
    assert settings.feedbackpulse_url is None
    assert settings.warehouse.endswith("/data/warehouse")
    assert settings.providers == PROVIDERS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FEEDBACK_START_DATE", "yesterday"),
        ("FEEDBACK_START_DATE", str(datetime.now(UTC).date() + timedelta(days=3))),
        ("FEEDBACK_PROVIDERS", "thanx,yelp"),
        ("FEEDBACK_REFRESH_DAYS", "0"),
        ("FEEDBACK_REFRESH_AT", "6 o'clock"),
        ("FEEDBACK_REFRESH_AT", "24:00"),
        ("FEEDBACK_REFRESH_TIMEZONE", "Mars/Olympus"),
        ("FEEDBACK_MATCH_DAYS", "ninety"),
        ("FEEDBACK_TOUCH_DAYS", "-1"),
        ("WICKED_REPORTS_TIMEZONE", "Mars/Olympus"),
        ("WICKED_REPORTS_TIMEZONE", "../../etc/passwd"),
        ("WICKED_REPORTS_REQUESTS_PER_MINUTE", "0"),
        ("THANX_URL", "api.thanx.com"),
        ("FEEDBACK_UI_URL", "dagster.example.com"),
        ("FEEDBACKPULSE_URL", "ftp://example.com"),
        ("FEEDBACK_WAREHOUSE", "s4q://bucket/warehouse"),
        ("FEEDBACK_WAREHOUSE", "/etc/passwd/warehouse"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_line_naming_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value})
    assert str(caught.value).startswith(f"{name}={value!r}")
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


PLAIN = [
    name.upper()
    for name, field in Settings.model_fields.items()
    if "SecretStr" not in str(field.annotation) and name != "thanx_merchant_id"
]


GARBAGE = ("9" * 5000, "x\nFEEDBACK_MATCH_DAYS=1", "\x1b[31m", "x" * 5000 + "/y", "~nobody-here/x")


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("value", GARBAGE)
def test_garbage_of_any_kind_is_one_short_line_naming_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value})
    line = str(caught.value)
    assert line.startswith(name)
    assert line.isprintable()
    assert len(line) < 600
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("THANX_URL", "https://ana:hunter2@api.thanx.com"),
        ("THANX_URL", "ana:hunter2@api.thanx.com"),
        ("THANX_URL", "https://ana:hun/ter2@api.thanx.com"),
        ("RETARGETING_URL", "https://api.retargeting.app/v1?k=hunter2"),
        ("FEEDBACK_WAREHOUSE", "sftp://ana:hunter2@host/warehouse"),
    ],
)
def test_a_password_where_none_belongs_is_refused_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value})
    assert str(caught.value).startswith(f"{name}: ")
    assert "hun" not in str(caught.value)


def test_a_container_of_azure_is_no_password() -> None:
    root = "abfs://container@account.dfs.core.windows.net/warehouse"
    assert load_settings({"FEEDBACK_WAREHOUSE": root}).warehouse == root


def test_the_passwords_in_alert_urls_and_the_generated_secret_are_masked(tmp_path: Path) -> None:
    urls = "mailto://joe:pa%20ss7@example.com, slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    environ = {"FEEDBACK_ALERT_URLS": urls, "DAGSTER_HOME": str(tmp_path)}
    made = load_settings(environ).customer_secret().decode()
    for secret in (made, "pa%20ss7", "pa ss7", "TIiajkdnlazkcOXrIdevi7FQ", "A1BRTD4JD"):
        assert mask(f"before {secret} after") == "before *** after"
    basic = base64.b64encode(b"joe:pa ss7").decode()
    assert "YSBzczc" not in mask(f"Authorization: Basic {basic}")
    assert mask("example.com answered 500") == "example.com answered 500"


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "mysql://ana:hunter2@db/shared",
        "postgresql://ana:hunter2@db",
        "postgresql://ana:hun/ter2@db/shared",
        "postgresql://ana:hunter2@db:0/shared",
        "postgresql://ana:hunter2@/shared",
        "postgresql://ana:hunter2@db/shared with more",
    ],
)
def test_what_is_no_postgres_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"FEEDBACK_COORDINATION_URL": url})
    assert str(caught.value).startswith("FEEDBACK_COORDINATION_URL: is no URL of a Postgres; ")
    assert "hun" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_machines_share_is_where_the_quotas_are_kept_and_its_password_is_masked() -> None:
    url = "postgresql://ana:pa%20ss77@db:5432/shared?sslpassword=keyword99"
    settings = load_settings({"FEEDBACK_COORDINATION_URL": url})
    assert settings.quota_in == settings.coordination
    assert settings.coordination is not None
    assert settings.coordination.address == "db:5432/shared"
    assert "ss77" not in f"{settings!r} {settings.coordination!r}"
    for secret in (url, "pa%20ss77", "pa ss77", "keyword99"):
        assert mask(f"before {secret} after") == "before *** after"
    alone = load_settings({})
    assert alone.coordination is None
    assert alone.quota_in == alone.quota_dir


def test_an_empty_value_counts_as_not_set() -> None:
    settings = load_settings({"THANX_MERCHANT_ID": " ", "FEEDBACK_MATCH_DAYS": ""})
    assert settings.thanx_merchant_id is None
    assert settings.feedback_match_days == 90


def test_providers_are_those_with_all_credentials_unless_they_are_named() -> None:
    environ = {"THANX_ACCESS_TOKEN": "t", "FULLWHERE_API_KEY": "k"}
    settings = load_settings(environ)
    assert settings.providers == ("thanx",)
    assert settings.missing("fullwhere") == ("FULLWHERE_API_SECRET",)
    named = load_settings(environ | {"FEEDBACK_PROVIDERS": " Retargeting, thanx "})
    assert named.providers == ("thanx", "retargeting")


def test_secrets_are_not_shown() -> None:
    environ = {name: "hunter2" for provider in REGISTRY for name in provider.needed_variables}
    environ["FEEDBACKPULSE_URL"] = "https://example.com"
    environ["FEEDBACK_CUSTOMER_SECRET"] = "hunter2"
    environ["THANX_CLIENT_ID"] = "hunter2"
    assert "hunter2" not in repr(load_settings(environ))


def test_the_dotenv_of_the_project_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_module, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    (tmp_path / ".env").write_text("FEEDBACK_MATCH_DAYS=10\nFEEDBACK_TOUCH_DAYS=11\n")
    monkeypatch.setenv("FEEDBACK_TOUCH_DAYS", "12")
    settings = load_settings()
    assert (settings.feedback_match_days, settings.feedback_touch_days) == (10, 12)


def test_the_customer_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    environ = {"DAGSTER_HOME": str(tmp_path / "home")}
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: load_settings(environ).customer_secret(), range(32)))
    assert len(made) == 1
    files = list((tmp_path / "home").iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600]
    assert load_settings(environ | {"FEEDBACK_CUSTOMER_SECRET": "käse"}).customer_secret() == (
        "käse".encode()
    )


def test_the_example_lists_every_setting() -> None:
    listed = {
        line.lstrip("# ").split("=")[0]
        for line in (ROOT / ".env.example").read_text().splitlines()
        if "=" in line
    }
    assert listed == {name.upper() for name in Settings.model_fields}
