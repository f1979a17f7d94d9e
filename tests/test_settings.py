"""Settings: what is read, what is rejected, and one-line errors."""

import base64
import errno
import fcntl
import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pyarrow as pa
import pytest

from feedback_assets import settings as settings_module
from feedback_assets.files.unusable import Unusable
from feedback_assets.http.masking import mask
from feedback_assets.ingest.stamps import parse_stamps
from feedback_assets.providers.registry import PROVIDERS, REGISTRY
from feedback_assets.schema.zones import is_zone
from feedback_assets.settings import (
    SettingsError,
    load_settings,
    secret_variables,
    variables,
    where_set,
)

ROOT = Path(__file__).parents[1]


def test_without_settings_the_documented_defaults_and_every_provider_apply() -> None:
    settings = load_settings({})
    assert settings.feedback_start_date == date(2024, 1, 1)
    assert settings.feedback_refresh_days == 30
    assert settings.feedback_match_days == 90
    assert settings.feedback_touch_days == 30
    assert settings.of("wicked_reports", "requests_per_minute") == 120
    assert settings.of("feedbackpulse", "requests_per_minute") == 60
    assert settings.of("retargeting", "url") == "https://api.retargeting.app/v1"
    assert settings.of("feedbackpulse", "url") is None
    assert settings.warehouse.endswith("/data/warehouse")
    assert settings.providers == PROVIDERS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FEEDBACK_START_DATE", "yesterday"),
        ("FEEDBACK_START_DATE", "20240101"),
        ("FEEDBACK_START_DATE", "1704067200"),
        ("FEEDBACK_WAREHOUSE", "C:\\shop"),
        ("FEEDBACK_PUBLISH_TABLES", ","),
        ("FEEDBACK_PROVIDERS", ","),
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
        ("FEEDBACK_WATCH_SECONDS", "5"),
        ("FEEDBACK_WATCH_PROVIDERS", "thanx,yelp"),
        ("FEEDBACK_QUIET_HOURS", "21:00"),
        ("FEEDBACK_QUIET_HOURS", "07:00-07:00"),
        ("FEEDBACK_QUIET_HOURS", "21:00-24:30"),
        ("FEEDBACK_OWNERS", "team:data, Ana"),
        ("FEEDBACK_REPOSITORY_URL", "https://git.shop.example/feedback"),
        ("FEEDBACKPULSE_URL", "ftp://example.com"),
        ("FEEDBACK_WAREHOUSE", "s4q://bucket/warehouse"),
        ("FEEDBACK_WAREHOUSE", "/etc/passwd/warehouse"),
        ("FEEDBACK_WAREHOUSE", "s3:/bucket/warehouse"),
        ("FEEDBACK_WAREHOUSE", "s3:bucket/warehouse"),
        ("FEEDBACK_WAREHOUSE", "s3//bucket/warehouse"),
        ("FEEDBACK_WAREHOUSE", "s3.//bucket"),
        ("FEEDBACK_WAREHOUSE", "S3://bucket/warehouse"),
        ("FEEDBACK_WAREHOUSE", "s3://"),
        ("FEEDBACK_WAREHOUSE", "s3:///warehouse"),
        ("FEEDBACK_WAREHOUSE", "gs:///"),
        ("FEEDBACK_WAREHOUSE", "file://"),
        ("FEEDBACK_WAREHOUSE", "gs:/bucket"),
        ("FEEDBACK_WAREHOUSE", "://bucket"),
        ("FEEDBACK_WAREHOUSE", "https://example.com/warehouse"),
        ("FEEDBACK_WAREHOUSE", "C:\\warehouse"),
        ("FEEDBACK_AD_SPEND", "s3:/bucket/spend.csv"),
        ("FEEDBACK_AD_SPEND", "s3://"),
        ("FEEDBACK_AD_SPEND", "s4q://bucket/spend.csv"),
        ("FEEDBACK_AD_SPEND", "/etc/passwd/spend.csv"),
        ("FEEDBACK_AD_SPEND", "file:///etc/passwd/spend.csv"),
        ("FEEDBACK_AD_SPEND", "https://example.com/spend.csv?sig=secret"),
        ("DAGSTER_HOME", "/etc/passwd/home"),
    ],
)
def test_an_invalid_value_is_reported_in_one_line_naming_the_variable(
    name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value})
    assert str(caught.value).startswith(f"{name}={value!r}")
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "root",
    [
        "data/warehouse",
        "./data",
        "../elsewhere",
        "~/warehouse",
        "/srv//warehouse",
        "with space/warehouse",
        "./ware:house",
        "s3://bucket",
        "s3://bucket/a/b/",
        "gs://bucket/x",
        "file:///srv/warehouse",
    ],
)
def test_a_valid_warehouse_is_accepted(root: str) -> None:
    assert load_settings({"FEEDBACK_WAREHOUSE": root}).feedback_warehouse == root


@pytest.mark.parametrize("root", ["data/here", "file://data/here", "local://data/here"])
def test_a_relative_warehouse_is_below_the_project_root(root: str) -> None:
    expected = str(settings_module.PROJECT_ROOT / "data" / "here")
    assert load_settings({"FEEDBACK_WAREHOUSE": root}).warehouse == expected


@pytest.mark.parametrize(
    ("place", "meant"),
    [
        ("exports/*.csv", "{root}/exports/*.csv"),
        ("/srv/ad spend.parquet", "/srv/ad spend.parquet"),
        ("file:///srv/spend/*.csv", "/srv/spend/*.csv"),
        ("local://exports/*.csv", "{root}/exports/*.csv"),
        ("s3://bucket/ad-spend/**/*.csv", "s3://bucket/ad-spend/**/*.csv"),
        ("https://example.com/spend.csv", "https://example.com/spend.csv"),
    ],
)
def test_spend_files_are_a_path_from_the_project_root_a_glob_or_any_uri(
    place: str, meant: str
) -> None:
    root = settings_module.PROJECT_ROOT
    assert load_settings({"FEEDBACK_AD_SPEND": place}).ad_spend == meant.format(root=root)
    assert load_settings({}).ad_spend is None


PLAIN = sorted(variables() - secret_variables() - {"THANX_MERCHANT_ID"})


GARBAGE = ("9" * 5000, "x\nFEEDBACK_MATCH_DAYS=1", "\x1b[31m", "x" * 5000 + "/y", "~nobody-here/x")


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("value", GARBAGE)
def test_garbage_is_reported_in_one_short_line_naming_the_variable(name: str, value: str) -> None:
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
def test_a_misplaced_password_is_rejected_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value})
    assert str(caught.value).startswith(f"{name}: ")
    assert "hun" not in str(caught.value)


def test_an_azure_container_is_not_mistaken_for_a_password() -> None:
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
def test_a_non_postgres_url_is_rejected_without_showing_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"FEEDBACK_COORDINATION_URL": url})
    assert str(caught.value).startswith("FEEDBACK_COORDINATION_URL: is not a Postgres URL; ")
    assert "hun" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_quotas_are_kept_in_the_shared_database_and_its_password_is_masked() -> None:
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


def test_settings_reach_another_process_unchanged() -> None:
    settings = load_settings({"THANX_ACCESS_TOKEN": "token", "FEEDBACK_MATCH_DAYS": "30"})
    again = pickle.loads(pickle.dumps(settings))
    assert again == settings
    assert again.of("thanx", "access_token").get_secret_value() == "token"
    assert again.model_fields_set == settings.model_fields_set


def test_an_empty_value_counts_as_unset() -> None:
    settings = load_settings({"THANX_MERCHANT_ID": " ", "FEEDBACK_MATCH_DAYS": ""})
    assert settings.of("thanx", "merchant_id") is None
    assert settings.feedback_match_days == 90


def test_providers_default_to_those_with_all_credentials() -> None:
    environ = {"THANX_ACCESS_TOKEN": "t", "FULLWHERE_API_KEY": "k"}
    settings = load_settings(environ)
    assert settings.providers == ("thanx",)
    assert settings.missing("fullwhere") == ("FULLWHERE_API_SECRET",)
    named = load_settings(environ | {"FEEDBACK_PROVIDERS": " Retargeting, thanx "})
    assert named.providers == ("thanx", "retargeting")


def test_secrets_are_not_shown() -> None:
    environ = {name: "hunter2" for provider in REGISTRY for name in provider.needed_variables}
    environ["FEEDBACKPULSE_URL"] = "https://example.com"
    environ["FEEDBACK_CUSTOMER_SECRET"] = "hunter2 hunter2 hunter2"
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


@pytest.mark.parametrize("variable", ["FEEDBACK_REFRESH_TIMEZONE", "RETARGETING_TIMEZONE"])
@pytest.mark.parametrize(
    "name",
    [
        "Factory",
        "posixrules",
        "posix/Europe/Paris",
        "right/UTC",
        "europe/paris",
        "+02:00",
        "CET-1CEST",
        "zone.tab",
        "Europe",
        "Europe/Paris\u200b",
        "/usr/share/zoneinfo/Europe/Paris",
    ],
)
def test_a_zone_that_cannot_parse_a_timestamp_is_rejected(variable: str, name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}"):
        load_settings({variable: name})


def test_a_zone_is_accepted_exactly_if_ingest_can_parse_a_timestamp_in_it() -> None:
    texts = pa.array(["2024-07-01 12:00:00", "1970-01-01 00:00:00"])
    for name in [*sorted(available_timezones())[::20], "US/Eastern", "Factory", "Mars/Olympus"]:
        try:
            parse_stamps(texts, name)
            ZoneInfo(name)
            readable = True
        except (pa.ArrowInvalid, ZoneInfoNotFoundError):
            readable = False
        assert is_zone(name) is readable, name


@pytest.mark.parametrize("text", ["here/home", "./here/home", "~/here/home", "{root}/here/home"])
def test_dagster_home_is_the_same_from_every_working_directory(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_module, "PROJECT_ROOT", tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = set()
    for directory in (tmp_path / "one", tmp_path / "two"):
        directory.mkdir()
        monkeypatch.chdir(directory)
        environ = {"DAGSTER_HOME": text.format(root=tmp_path)}
        found.add(load_settings(environ).dagster_home)
    assert found == {tmp_path / "here" / "home"}


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_dagster_processes_get_an_absolute_home(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_module, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path)})
    if place == ".env":
        (tmp_path / ".env").write_text("DAGSTER_HOME=~/home\n")
    else:
        os.environ["DAGSTER_HOME"] = "home"
    load_settings()
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / "home")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings_module, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(settings_module, "_from_dotenv", {})
    monkeypatch.setattr(os, "environ", {})
    return tmp_path


LINE = "FEEDBACK_UI_URL=https://käse.example.com\r\n"


@pytest.mark.parametrize(
    "content",
    [
        LINE.encode("utf-16"),
        LINE.encode("utf-16-le"),
        LINE.encode("utf-16-be"),
        "FEEDBACK_MATCH_DAYS=3\n".encode("utf-16-le"),
        LINE.encode("latin-1"),
        LINE.encode("utf-8") + b"\xff",
        b"FEEDBACK_MATCH_DAYS=3\0\n",
    ],
)
def test_a_dotenv_that_is_not_utf_8_is_reported_in_one_line_naming_the_file(
    content: bytes, project: Path
) -> None:
    (project / ".env").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"{project / '.env'} is not UTF-8")
    assert "save it again as UTF-8" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_utf_8_dotenv_is_read_with_and_without_a_bom(start: str, end: str, project: Path) -> None:
    text = f"{start}FEEDBACK_MATCH_DAYS=3{end}THANX_MERCHANT_ID=käse{end}"
    (project / ".env").write_bytes(text.encode())
    settings = load_settings()
    assert (settings.feedback_match_days, settings.of("thanx", "merchant_id")) == (3, "käse")
    assert where_set("FEEDBACK_MATCH_DAYS") == f"in line 1 of {project / '.env'}"


@pytest.mark.parametrize("line", ["THANX_ACCESS_TOKEN='secret-token", "A B=1", "=x"])
def test_a_line_of_dotenv_that_cannot_be_read_is_named(line: str, project: Path) -> None:
    (project / ".env").write_text(f"# first\n\n{line}\nFEEDBACK_MATCH_DAYS=3\n")
    with pytest.raises(SettingsError, match=r"\.env, line 3 is not NAME=value") as caught:
        load_settings()
    assert "secret-token" not in str(caught.value), "it may be a secret"


def test_a_dotenv_that_is_a_directory_is_reported_in_one_line(project: Path) -> None:
    (project / ".env").mkdir()
    with pytest.raises(SettingsError, match=r"\.env cannot be read \(Is a directory\)"):
        load_settings()


def test_the_reported_origin_of_a_variable_matches_the_process(project: Path) -> None:
    file = project / ".env"
    file.write_text(
        "# key\n\nTHANX_ACCESS_TOKEN=old\nexport THANX_ACCESS_TOKEN='new'\nTHANX_URL=\n"
    )
    os.environ["FULLWHERE_API_KEY"] = "k"
    load_settings()
    assert os.environ["THANX_ACCESS_TOKEN"] == "new"
    assert where_set("THANX_ACCESS_TOKEN") == f"in line 4 of {file}"
    assert where_set("FULLWHERE_API_KEY") == "in the environment"
    assert where_set("RETARGETING_REST_KEY") == f"in {file}"


def test_a_variable_set_in_both_places_is_reported_from_the_environment(
    project: Path,
) -> None:
    (project / ".env").write_text("THANX_ACCESS_TOKEN=t\nFULLWHERE_API_KEY=k\n")
    os.environ |= {"THANX_ACCESS_TOKEN": "t", "FULLWHERE_API_KEY": ""}
    settings = load_settings()
    assert settings.of("fullwhere", "api_key") is None
    assert where_set("THANX_ACCESS_TOKEN") == "in the environment"
    assert where_set("FULLWHERE_API_KEY") == "in the environment"


def test_an_interpolated_variable_comes_from_the_environment(project: Path) -> None:
    (project / ".env").write_text("SHOP=one\nTHANX_MERCHANT_ID=${SHOP}-1\n")
    os.environ["SHOP"] = "two"
    assert load_settings().of("thanx", "merchant_id") == "two-1"


def test_a_credential_that_is_not_utf_8_is_reported_in_one_line_without_its_value() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"THANX_ACCESS_TOKEN": os.fsdecode(b"hunter2\xff")})
    assert str(caught.value) == "THANX_ACCESS_TOKEN: is not UTF-8"


@pytest.mark.parametrize("variable", ["FEEDBACK_CUSTOMER_SECRET", "FEEDBACK_ERASURE_SECRET"])
def test_a_guessable_secret_is_rejected_and_not_shown(variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({variable: "hunter2 hunter2"})
    assert str(caught.value).startswith(f"{variable}: is too short to be a secret")
    assert "hunter2" not in str(caught.value)
    assert load_settings({variable: "hunter2 hunter2 hunter2"})


def refuse(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_the_customer_secret_is_generated_once_and_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on exFAT and SMB, which have no hard links.
    monkeypatch.setattr(os, "link", refuse)
    environ = {"DAGSTER_HOME": str(tmp_path / "home")}
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: load_settings(environ).customer_secret(), range(32)))
    assert len(made) == 1
    files = {file.name: file.stat() for file in (tmp_path / "home").iterdir()}
    assert set(files) == {"customer_secret", ".customer_secret.lock"}
    assert {stat.S_IMODE(file.st_mode) for file in files.values()} == {0o600}
    secret = "käse und noch mehr käse"
    set_to = load_settings(environ | {"FEEDBACK_CUSTOMER_SECRET": secret})
    assert set_to.customer_secret() == secret.encode()


def test_a_partially_written_secret_is_not_used(
    tmp_path: Path,
) -> None:
    for left in ("", "0123"):
        (tmp_path / ".customer_secret.new").write_text(left)
        (tmp_path / "customer_secret").unlink(missing_ok=True)
        secret = load_settings({"DAGSTER_HOME": str(tmp_path)}).customer_secret()
        assert len(secret) == 64
        assert not (tmp_path / ".customer_secret.new").exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"0123456789abcde", b"\xff" * 64])
def test_an_empty_or_damaged_secret_file_is_rejected_in_one_line(
    content: bytes, tmp_path: Path
) -> None:
    settings = load_settings({"DAGSTER_HOME": str(tmp_path)})
    for name, secret in (
        ("customer_secret", settings.customer_secret),
        ("erasure_secret", settings.erasure_secret),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Unusable) as caught:
            secret()
        assert str(tmp_path / name) in str(caught.value)
        assert str(caught.value).isprintable()
        assert (tmp_path / name).read_bytes() == content


def test_machines_that_share_a_database_generate_no_secrets(tmp_path: Path) -> None:
    shared = {"FEEDBACK_COORDINATION_URL": "postgresql://ana:hunter2@db/shared"}
    settings = load_settings({"DAGSTER_HOME": str(tmp_path / "home")} | shared)
    for variable in ("FEEDBACK_CUSTOMER_SECRET", "FEEDBACK_ERASURE_SECRET"):
        with pytest.raises(Unusable, match=f"^{variable} is not set.*on every machine$"):
            settings.customer_secret() if "CUSTOMER" in variable else settings.erasure_secret()
    assert not (tmp_path / "home").exists()


def test_a_file_system_without_locks_is_reported_in_one_line_with_path_and_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):

        def without(*_: object, code: int = code) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(fcntl, "flock", without)
        with pytest.raises(Unusable) as caught:
            load_settings({"DAGSTER_HOME": str(tmp_path)}).customer_secret()
        line = str(caught.value)
        assert str(tmp_path) in line
        assert "does not support file locks. Set DAGSTER_HOME" in line
        assert line.isprintable()


def test_the_example_lists_every_setting() -> None:
    listed = {
        line.lstrip("# ").split("=")[0]
        for line in (ROOT / ".env.example").read_text().splitlines()
        if "=" in line
    }
    assert listed == variables()
