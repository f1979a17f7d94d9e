"""All settings: read once from the environment and the project's ``.env``, typed and checked."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    create_model,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from feedback_assets.coordination.database import Coordination
from feedback_assets.environment import values
from feedback_assets.environment.dotenv import line_of, load_dotenv
from feedback_assets.environment.variables import Variables, is_secret, one_line
from feedback_assets.files.secret import SHORTEST
from feedback_assets.files.secret import kept_secret as generated_secret
from feedback_assets.files.unusable import Unusable
from feedback_assets.http.masking import register, url_secrets
from feedback_assets.providers.registry import BROKEN, PROVIDERS, REGISTRY, find_provider


def _project_root() -> Path:
    """The checkout; if the package was installed without one, the current directory."""
    checkout = Path(__file__).resolve().parents[1]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


PROJECT_ROOT = _project_root()


_from_dotenv: dict[str, str] = {}
"""The variables that this process got from ``.env``."""
_EARLIEST = date(2000, 1, 1)


class SettingsError(ValueError):
    """An unusable setting; the text is one line that names the variable."""


def _clock(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError("is not a time of day, for example 06:00")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("is not a URL; use https://…")
    return text.rstrip("/")


def _root(text: str) -> str:
    return values.warehouse_root(text, PROJECT_ROOT)


def _files(text: str | None) -> str | None:
    return None if text is None else values.readable_files(text, PROJECT_ROOT)


def _home(text: str) -> Path:
    return values.directory(text, PROJECT_ROOT)


def _secret(value: SecretStr | None) -> SecretStr | None:
    if value is not None and len(value.get_secret_value()) < SHORTEST:
        raise ValueError(f"is too short to be a secret; use at least {SHORTEST} random characters")
    return value


def _alert_urls(value: SecretStr | None) -> SecretStr | None:
    urls = values.split_urls(value.get_secret_value()) if value else ()
    for number, url in enumerate(urls, start=1):
        if not re.match(r"(?i)[a-z][a-z0-9+.-]*://\S", url) or re.search(r"\s", url):
            raise ValueError(
                f"URL {number} is not valid; use comma-separated URLs such as mailto://… "
                "or slack://…"
            )
    return value


def _postgres_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not values.is_postgres_url(value.get_secret_value()):
        raise ValueError(
            "is not a Postgres URL; use postgresql://user:password@host:5432/database, with "
            "special characters in user and password percent-encoded"
        )
    return value


def _engine(text: str) -> str:
    if text.lower() not in ("duckdb", "spark"):
        raise ValueError("is not an engine; use duckdb or spark")
    return text.lower()


def _spark_master(text: str) -> str:
    if not re.fullmatch(r"local(\[(\d+|\*)\])?|(spark|sc|k8s)://\S+|yarn", text):
        raise ValueError(
            "is not a Spark master; use local[*], spark://host:7077 or sc://host:15002"
        )
    return text


def _past(day: date) -> date:
    if day < _EARLIEST:
        raise ValueError(f"is before {_EARLIEST}; every day since the start date is a partition")
    if day > datetime.now(UTC).date():
        raise ValueError("is in the future; use the first day to load")
    return day


def _providers(text: Any) -> Any:
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in PROVIDERS]
    if unknown:
        raise ValueError(
            f"contains an unknown provider: {', '.join(unknown)}; "
            f"choose from {', '.join(PROVIDERS)}"
        )
    return text


Zone = Annotated[str, AfterValidator(values.zone)]
Url = Annotated[str, AfterValidator(_url)]
Days = Annotated[int, Field(ge=1, le=3660)]
Secret = Annotated[SecretStr | None, AfterValidator(_secret)]
Rate = Annotated[int, Field(ge=1, le=1_000_000)]


class Settings(BaseSettings):
    """The settings, named as in the environment in lower case; secrets never appear in ``repr``.

    Those of the providers are added by ``AllSettings`` and read with ``of``.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", validate_default=False)

    dagster_home: Annotated[Path, BeforeValidator(_home)] = PROJECT_ROOT / "dagster_home"
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
    feedback_personal_data_days: Days | None = None
    feedback_ad_spend: Annotated[str | None, AfterValidator(_files)] = None
    feedback_engine: Annotated[str, AfterValidator(_engine)] = "duckdb"
    feedback_spark_master: Annotated[str, AfterValidator(_spark_master)] = "local[*]"
    feedback_customer_secret: Secret = None
    feedback_erasure_secret: Secret = None
    feedback_coordination_url: Annotated[SecretStr | None, AfterValidator(_postgres_url)] = None
    feedback_alert_urls: Annotated[SecretStr | None, AfterValidator(_alert_urls)] = None
    feedback_ui_url: Url | None = None
    feedback_owners: Annotated[str, AfterValidator(values.owners)] = "team:data"
    feedback_repository_url: Annotated[Url, AfterValidator(values.repository)] | None = None
    feedback_repository_branch: Annotated[str, AfterValidator(values.branch)] = "main"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings names them all
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the source that ``load_settings`` passes, which reads the variables."""
        return (init_settings,)

    def of(self, provider: str, argument: str) -> Any:
        """The value of a provider's setting, or its default."""
        return getattr(self, f"{provider}_{argument}")

    def missing(self, provider: str) -> tuple[str, ...]:
        """The variables that the provider needs and that are not set."""
        needed = find_provider(provider).needed_variables
        return tuple(name for name in needed if getattr(self, name.lower()) is None)

    def any_set(self, provider: str) -> bool:
        """Whether at least one of the provider's needed variables is set."""
        return len(self.missing(provider)) < len(find_provider(provider).needed)

    def arguments(self, provider: str) -> dict[str, SecretStr | str | int]:
        """The client's arguments for the provider that are set or have a default."""
        found = find_provider(provider)
        values = {name: self.of(provider, name) for name in found.client_arguments}
        return {name: value for name, value in values.items() if value is not None}

    def zone(self, provider: str) -> str:
        """The zone of those timestamps of the provider that have none."""
        return str(getattr(self, f"{provider}_timezone", "UTC"))

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """The providers to load, in the usual order.

        Those named in the setting; otherwise those with complete credentials; otherwise, with no
        credentials at all, every one, so that the graph can be explored.
        """
        if self.feedback_providers:
            named = {name.strip().lower() for name in self.feedback_providers.split(",")}
            return tuple(name for name in PROVIDERS if name in named)
        complete = tuple(name for name in PROVIDERS if not self.missing(name))
        return complete or PROVIDERS

    @property
    def warehouse(self) -> str:
        """Root URI of the tables; a relative path is below the project root."""
        root = self.feedback_warehouse
        return root if "://" in root else str(PROJECT_ROOT / Path(root).expanduser())

    @property
    def ad_spend(self) -> str | None:
        """Path, glob or URI of the spend files; a relative one is below the project root."""
        place = self.feedback_ad_spend
        if place is None or "://" in place:
            return place
        return str(PROJECT_ROOT / Path(place).expanduser())

    @property
    def alert_urls(self) -> tuple[str, ...]:
        """The URLs that alerts are sent to, with their credentials."""
        value = self.feedback_alert_urls
        return values.split_urls(value.get_secret_value()) if value else ()

    @property
    def coordination(self) -> Coordination | None:
        """The state shared with other machines, ``None`` if this machine works alone."""
        value = self.feedback_coordination_url
        return Coordination(value.get_secret_value()) if value else None

    @property
    def quota_in(self) -> Coordination | Path:
        """Where the request quotas are stored."""
        return self.coordination or self.quota_dir

    @property
    def quota_dir(self) -> Path:
        return self.dagster_home / "quota"

    def customer_secret(self) -> bytes:
        """The key of ``customer_key``, generated into ``DAGSTER_HOME`` if none is set."""
        if self.feedback_customer_secret is not None:
            return self.feedback_customer_secret.get_secret_value().encode()
        shared = self.coordination is not None
        return kept_secret(self.customer_secret_file, "FEEDBACK_CUSTOMER_SECRET", shared=shared)

    def customer_secret_if_any(self) -> bytes | None:
        """``customer_secret`` if it exists, otherwise ``None``: none is generated."""
        made = self.feedback_customer_secret is not None or self.customer_secret_file.exists()
        return self.customer_secret() if made else None

    def erasure_secret(self) -> bytes:
        """The key of the list of erased persons, generated likewise."""
        if self.feedback_erasure_secret is not None:
            return self.feedback_erasure_secret.get_secret_value().encode()
        return kept_erasure_secret(self.erasure_secret_file, shared=self.coordination is not None)

    @property
    def customer_secret_file(self) -> Path:
        return self.dagster_home / "customer_secret"

    @property
    def erasure_secret_file(self) -> Path:
        return self.dagster_home / "erasure_secret"


_TYPES: dict[str, Any] = {
    "text": str | None,
    "secret": SecretStr | None,
    "url": Url | None,
    "rate": Rate | None,
    "zone": Zone,
}


def _provider_fields() -> dict[str, Any]:
    return {
        f"{provider.name}_{argument.name}": (_TYPES[argument.kind], argument.default)
        for provider in REGISTRY
        for argument in provider.arguments
    }


# Pickled under this name for other processes, so class and variable share the name.
AllSettings: type[Settings] = create_model(
    "AllSettings", __base__=Settings, __module__=__name__, **_provider_fields()
)
"""``Settings`` with a field ``<provider>_<argument>`` for each argument of each provider."""


def variables() -> frozenset[str]:
    """The environment variable of every setting."""
    return frozenset(name.upper() for name in AllSettings.model_fields)


def secret_variables() -> frozenset[str]:
    """The variables whose values are never shown."""
    fields = AllSettings.model_fields
    return frozenset(name.upper() for name, field in fields.items() if is_secret(field))


def dotenv_file() -> Path:
    """The file for settings, whether it exists or not."""
    return PROJECT_ROOT / ".env"


def where_set(variable: str) -> str:
    """Where this process got a variable from, in words, or where to set it."""
    if os.environ.get(variable) != _from_dotenv.get(variable):
        return "in the environment"
    path = dotenv_file()
    line = line_of(path, variable)
    return f"in {path}" if line is None else f"in line {line} of {path}"


def kept_secret(path: Path, variable: str, *, shared: bool) -> bytes:
    """The secret in this file, generated on first use, and masked in all output."""
    kept = generated_secret(path, variable, shared=shared)
    register(kept)
    return kept.encode()


def kept_erasure_secret(path: Path, *, shared: bool) -> bytes:
    """The key of the list of erased persons, stored as by ``kept_secret``."""
    return kept_secret(path, "FEEDBACK_ERASURE_SECRET", shared=shared)


def _environment() -> Mapping[str, str]:
    """The process's variables, plus those of ``.env`` that it lacks.

    They are added to the process, since Dagster's resources read the credentials from the
    environment when a run starts.
    """
    try:
        _from_dotenv.update(load_dotenv(dotenv_file()))
    except Unusable as error:
        raise SettingsError(str(error)) from None
    return os.environ


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of ``environ``; by default of the process and its ``.env``.

    In the process, ``DAGSTER_HOME`` becomes an absolute path, as Dagster needs it. Raises
    ``SettingsError``.
    """
    of_process = environ is None
    environ = _environment() if environ is None else environ
    if BROKEN:
        raise SettingsError(BROKEN[0])
    try:
        settings = AllSettings(**Variables(AllSettings, environ)())
    except ValidationError as error:
        raise SettingsError(one_line(error, AllSettings.model_fields)) from None
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if of_process and "dagster_home" in settings.model_fields_set:
        os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    register_secrets(settings)
    return settings


def register_secrets(settings: Settings) -> None:
    """Mask every secret that is set in this process, not only those that a run uses."""
    secrets_set = (getattr(settings, name) for name in AllSettings.model_fields)
    register(*(value.get_secret_value() for value in secrets_set if isinstance(value, SecretStr)))
    register(*(secret for url in settings.alert_urls for secret in url_secrets(url)))
    if settings.coordination is not None:
        register(*settings.coordination.secrets)
