"""All settings: read once from the environment and the project's ``.env``, typed and checked."""

import os
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dotenv
import fsspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)

from feedback_assets.coordination.database import Coordination
from feedback_assets.providers.masking import register, url_secrets
from feedback_assets.providers.registry import PROVIDERS, find_provider


def _project_root() -> Path:
    """The checkout; where the package was installed without one, the current directory."""
    checkout = Path(__file__).resolve().parents[1]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


PROJECT_ROOT = _project_root()


_EARLIEST = date(2000, 1, 1)
_LONGEST_SHOWN = 100
# abfs://container@account.dfs.core.windows.net: a container, not a user.
_AZURE = ("abfs://", "abfss://", "az://")


class SettingsError(ValueError):
    """A setting that cannot be used; its text is one line that names the variable."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone; write one such as Europe/Paris") from None
    return name


def _clock(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError("is no time of day; write one such as 06:00")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("is no URL; write https://…")
    return text.rstrip("/")


def _root(text: str) -> str:
    protocol, found, _ = text.partition("://")
    if not found:
        _directory(text)
    elif protocol not in fsspec.available_protocols():
        raise ValueError("is no file system that fsspec knows; write a path or s3://…")
    return text


def _directory(text: str) -> str:
    try:
        nearest = PROJECT_ROOT / Path(text).expanduser()
        while not nearest.exists():
            nearest = nearest.parent
    except (OSError, RuntimeError) as error:  # too long; a ~user that does not exist
        raise ValueError(f"cannot be a directory: {getattr(error, 'strerror', error)}") from None
    if not nearest.is_dir():
        raise ValueError(f"cannot be a directory: {nearest} is a file")
    return text


def _split_urls(text: str) -> tuple[str, ...]:
    # A URL may hold commas itself; the next one begins where a scheme does.
    urls = re.split(r"(?i)[\s,]+(?=[a-z][a-z0-9+.-]*://)", text.strip().strip(", "))
    return tuple(dict.fromkeys(urls))


def _alert_urls(value: SecretStr | None) -> SecretStr | None:
    urls = _split_urls(value.get_secret_value()) if value else ()
    for number, url in enumerate(urls, start=1):
        if not re.match(r"(?i)[a-z][a-z0-9+.-]*://\S", url) or re.search(r"\s", url):
            raise ValueError(
                f"URL {number} of it is none; write such as mailto://… or slack://…, "
                "several with commas between them"
            )
    return value


def _postgres_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not _is_postgres_url(value.get_secret_value()):
        raise ValueError(
            "is no URL of a Postgres; write postgresql://user:password@host:5432/database, and "
            "in user and password what is neither letter nor digit as %XX"
        )
    return value


def _is_postgres_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # its text shows what stands where the port should: of the password, too
        return False
    named = parts.hostname and parts.path.strip("/")
    known = parts.scheme in ("postgresql", "postgres") and port != 0
    return bool(named and known) and text.isprintable() and " " not in text


def _engine(text: str) -> str:
    if text.lower() not in ("duckdb", "spark"):
        raise ValueError("is no engine; write duckdb or spark")
    return text.lower()


def _spark_master(text: str) -> str:
    if not re.fullmatch(r"local(\[(\d+|\*)\])?|(spark|sc|k8s)://\S+|yarn", text):
        raise ValueError("is no Spark; write local[*], spark://host:7077 or sc://host:15002")
    return text


def _past(day: date) -> date:
    if day < _EARLIEST:
        raise ValueError(f"lies before {_EARLIEST}; every day from then on is a partition")
    if day > datetime.now(UTC).date():
        raise ValueError("lies in the future; write the first day to load")
    return day


def _providers(text: Any) -> Any:
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in PROVIDERS]
    if unknown:
        raise ValueError(
            f"names no provider: {', '.join(unknown)}; choose from {', '.join(PROVIDERS)}"
        )
    return text


Zone = Annotated[str, AfterValidator(_zone)]
Url = Annotated[str, AfterValidator(_url)]
Days = Annotated[int, Field(ge=1, le=3660)]
Rate = Annotated[int, Field(ge=1, le=1_000_000)]


class Settings(BaseModel):
    """The settings as the environment names them, in lower case; secrets never in ``repr``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dagster_home: Annotated[Path, BeforeValidator(_directory)] = PROJECT_ROOT / "dagster_home"
    feedback_warehouse: Annotated[str, AfterValidator(_root)] = str(
        PROJECT_ROOT / "data" / "warehouse"
    )
    feedback_start_date: Annotated[date, AfterValidator(_past)] = date(2024, 1, 1)
    feedback_providers: Annotated[str, AfterValidator(_providers)] = ""
    feedback_refresh_days: Days = 30
    feedback_refresh_at: Annotated[str, AfterValidator(_clock)] = "06:00"
    feedback_refresh_timezone: Zone = "UTC"
    feedback_match_days: Days = 90
    feedback_touch_days: Days = 30
    feedback_engine: Annotated[str, AfterValidator(_engine)] = "duckdb"
    feedback_spark_master: Annotated[str, AfterValidator(_spark_master)] = "local[*]"
    feedback_customer_secret: SecretStr | None = None
    feedback_erasure_secret: SecretStr | None = None
    feedback_coordination_url: Annotated[SecretStr | None, AfterValidator(_postgres_url)] = None
    feedback_alert_urls: Annotated[SecretStr | None, AfterValidator(_alert_urls)] = None
    feedback_ui_url: Url | None = None

    wicked_reports_url: Url = "https://api.wickedreports.com"
    wicked_reports_api_key: SecretStr | None = None
    wicked_reports_timezone: Zone = "UTC"
    wicked_reports_requests_per_minute: Rate = 120

    thanx_url: Url = "https://api.thanx.com"
    thanx_access_token: SecretStr | None = None
    thanx_client_id: SecretStr | None = None
    thanx_merchant_id: str | None = None

    fullwhere_url: Url = "https://api.fullwhere.com"
    fullwhere_api_key: SecretStr | None = None
    fullwhere_api_secret: SecretStr | None = None

    feedbackpulse_url: Url | None = None
    feedbackpulse_api_key: SecretStr | None = None
    feedbackpulse_requests_per_minute: Rate = 60

    retargeting_url: Url = "https://api.retargeting.app/v1"
    retargeting_rest_key: SecretStr | None = None
    retargeting_customer_id: SecretStr | None = None
    retargeting_timezone: Zone = "UTC"

    @classmethod
    def checked_variables(cls) -> list[str]:
        """The variables of which some values are refused: all but most secrets."""
        return [
            name.upper()
            for name, field in cls.model_fields.items()
            if not _is_secret(name) or field.metadata
        ]

    def missing(self, provider: str) -> tuple[str, ...]:
        """The variables that the provider needs and that are not set."""
        needed = find_provider(provider).needed_variables
        return tuple(name for name in needed if getattr(self, name.lower()) is None)

    def any_set(self, provider: str) -> bool:
        """Whether at least one of the provider's needed variables is set."""
        return len(self.missing(provider)) < len(find_provider(provider).needed)

    def arguments(self, provider: str) -> dict[str, SecretStr | str | int]:
        """What the provider's client is made of, by argument, of what is set or has a default."""
        found = find_provider(provider)
        values = {name: getattr(self, f"{provider}_{name}") for name in found.arguments}
        return {name: value for name, value in values.items() if value is not None}

    def zone(self, provider: str) -> str:
        """The zone of the provider's time stamps that carry none."""
        return str(getattr(self, f"{provider}_timezone", "UTC"))

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """The providers to load, in the usual order.

        Those named; else those whose credentials are all set; else, with no credentials at all,
        every one, so that the graph can be explored.
        """
        if self.feedback_providers:
            named = {name.strip().lower() for name in self.feedback_providers.split(",")}
            return tuple(name for name in PROVIDERS if name in named)
        complete = tuple(name for name in PROVIDERS if not self.missing(name))
        return complete or PROVIDERS

    @property
    def warehouse(self) -> str:
        """Root URI of the tables; a relative path counts from the project root."""
        root = self.feedback_warehouse
        return root if "://" in root else str(PROJECT_ROOT / Path(root).expanduser())

    @property
    def alert_urls(self) -> tuple[str, ...]:
        """The URLs that alerts go to, each with the credentials in it."""
        value = self.feedback_alert_urls
        return _split_urls(value.get_secret_value()) if value else ()

    @property
    def coordination(self) -> Coordination | None:
        """What this machine shares with others, ``None`` where it works alone."""
        value = self.feedback_coordination_url
        return Coordination(value.get_secret_value()) if value else None

    @property
    def quota_in(self) -> Coordination | Path:
        """Where the request quotas are kept."""
        return self.coordination or self.quota_dir

    @property
    def quota_dir(self) -> Path:
        return self.dagster_home / "quota"

    def customer_secret(self) -> bytes:
        """The key of ``customer_key``; made once in ``DAGSTER_HOME`` where none is set."""
        if self.feedback_customer_secret is not None:
            return self.feedback_customer_secret.get_secret_value().encode()
        return kept_secret(self.dagster_home / "customer_secret")

    def customer_secrets(self) -> tuple[bytes, ...]:
        """The key of ``customer_key``, then the one in ``DAGSTER_HOME`` if another was set since.

        Tables that were not built since then hold keys of the earlier secret.
        """
        found = [self.customer_secret()]
        kept = self.dagster_home / "customer_secret"
        if kept.is_file():
            found.append(kept_secret(kept))
        return tuple(dict.fromkeys(found))

    def erasure_secret(self) -> bytes:
        """The key of the list of erased persons; made once in ``DAGSTER_HOME`` if none is set."""
        if self.feedback_erasure_secret is not None:
            return self.feedback_erasure_secret.get_secret_value().encode()
        return kept_secret(self.erasure_secret_file)

    @property
    def erasure_secret_file(self) -> Path:
        return self.dagster_home / "erasure_secret"


def dotenv_file() -> Path:
    """Where settings can be written, whether the file is there or not."""
    return PROJECT_ROOT / ".env"


def where_set(variable: str) -> str:
    """Where the process has a variable from, in words; where to write one that is not set."""
    path = dotenv_file()
    held = dotenv.dotenv_values(path).get(variable)
    if os.environ.get(variable, "") != (held or ""):
        return "in the environment"
    text = path.read_text(encoding="utf-8") if held is not None else ""
    lines = [
        number
        for number, line in enumerate(text.splitlines(), start=1)
        if re.match(rf"\s*(export\s+)?{variable}\s*=", line)
    ]
    return f"in line {lines[-1]} of {path}" if lines else f"in {path}"


def kept_secret(path: Path) -> bytes:
    """The secret in this file, for its owner alone; made where there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
            # A link fails where another process was first, and that one's secret then holds.
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    kept = path.read_text().strip()
    register(kept)
    return kept.encode()


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of ``environ``; by default of the process, and of ``.env`` below it.

    The ``.env`` goes into the process's environment, since Dagster's resources take the
    credentials from there when a run starts. Raises ``SettingsError``.
    """
    if environ is None:
        dotenv.load_dotenv(dotenv_file(), override=False)
        environ = os.environ
    names = {name.upper(): name for name in Settings.model_fields}
    given = {
        field: environ[name].strip()
        for name, field in names.items()
        if environ.get(name, "").strip()
    }
    for field, value in given.items():
        if not _is_secret(field):
            _refuse_hidden(field, value)
    try:
        settings = Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None
    # All of them, not only those of the providers that a run asks.
    secrets_set = (getattr(settings, name) for name in names.values())
    register(*(value.get_secret_value() for value in secrets_set if isinstance(value, SecretStr)))
    register(*(secret for url in settings.alert_urls for secret in url_secrets(url)))
    if settings.coordination is not None:
        register(*settings.coordination.secrets)
    return settings


def _is_secret(field: str) -> bool:
    return Settings.model_fields[field].annotation == SecretStr | None


def _refuse_hidden(field: str, value: str) -> None:
    """What would be shown, in the UI or in an error, holds no password and stays on its line."""
    if not value.isprintable():
        raise SettingsError(f"{field.upper()}: holds a line break or another control character")
    if field.endswith("_url"):
        hidden = any(mark in value for mark in "@?#")
    else:
        authority = value.partition("://")[2].partition("/")[0]
        hidden = "@" in authority and not value.startswith(_AZURE)
    if hidden:
        raise SettingsError(
            f"{field.upper()}: holds a user name, a password or a query, which would be shown "
            "wherever the address is; write it without"
        )


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    field = str(first["loc"][0])
    message = first["msg"].removeprefix("Value error, ")
    return f"{field.upper()}{_shown(field, str(first['input']))}: {_cut(message, 4)}"


def _shown(field: str, value: str) -> str:
    if _is_secret(field):
        return ""
    return f"={_cut(value)!r}"


def _cut(text: str, times: int = 1) -> str:
    longest = times * _LONGEST_SHOWN
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
