"""All settings: read once from the environment and the project's ``.env``, typed and checked."""

import os
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    create_model,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from feedback_assets.coordination.database import Coordination
from feedback_assets.environment import values
from feedback_assets.environment.account import ALONE, Account
from feedback_assets.environment.dotenv import line_of, load_dotenv
from feedback_assets.environment.publishing import PublishingSettings
from feedback_assets.environment.variables import Variables, is_secret, one_line
from feedback_assets.files.places import local_path
from feedback_assets.files.secret import SHORTEST
from feedback_assets.files.secret import kept_secret as generated_secret
from feedback_assets.files.unusable import Unusable
from feedback_assets.http.masking import register, url_secrets
from feedback_assets.providers.registry import BROKEN, PROVIDERS, REGISTRY, find_provider
from feedback_assets.schema.names import Names


def _project_root() -> Path:
    """The checkout; if the package was installed without one, the current directory."""
    checkout = Path(__file__).resolve().parents[1]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


PROJECT_ROOT = _project_root()


_from_dotenv: dict[str, str] = {}
"""The variables that this process got from ``.env``."""


class SettingsError(ValueError):
    """An unusable setting; the text is one line that names the variable."""


def _from_root(place: str) -> str:
    """A place as it is used: a local path is absolute, from the project root."""
    path = local_path(place)
    return place if path is None else str(PROJECT_ROOT / Path(path).expanduser())


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
    if value is not None:
        values.refuse_alert_urls(value.get_secret_value())
    return value


def _providers(text: Any) -> Any:
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    if text and not names:
        raise ValueError(
            f"names no provider; choose from {', '.join(PROVIDERS)}, or leave it empty"
        )
    unknown = [name for name in names if name not in PROVIDERS]
    if unknown:
        raise ValueError(
            f"contains an unknown provider: {', '.join(unknown)}; "
            f"choose from {', '.join(PROVIDERS)}"
        )
    return text


Zone = Annotated[str, AfterValidator(values.zone)]
Url = Annotated[str, AfterValidator(values.url)]
Days = Annotated[int, Field(ge=1, le=3660)]
Secret = Annotated[SecretStr | None, AfterValidator(_secret)]
Rate = Annotated[int, Field(ge=1, le=1_000_000)]


class Settings(PublishingSettings):
    """The settings, named as in the environment in lower case; secrets never appear in ``repr``.

    Those of the providers are added by ``AllSettings`` and read with ``of``.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", validate_default=False)

    dagster_home: Annotated[Path, BeforeValidator(_home)] = PROJECT_ROOT / "dagster_home"
    feedback_warehouse: Annotated[str, AfterValidator(_root)] = str(
        PROJECT_ROOT / "data" / "warehouse"
    )
    feedback_start_date: Annotated[
        date, BeforeValidator(values.iso_day), AfterValidator(values.past_day)
    ] = date(2024, 1, 1)
    feedback_providers: Annotated[str, AfterValidator(_providers)] = ""
    feedback_refresh_days: Days = 30
    feedback_refresh_at: Annotated[str, AfterValidator(values.clock)] = "06:00"
    feedback_refresh_timezone: Zone = "UTC"
    feedback_match_days: Days = 90
    feedback_touch_days: Days = 30
    feedback_personal_data_days: Days | None = None
    feedback_ad_spend: Annotated[str | None, AfterValidator(_files)] = None
    feedback_engine: Annotated[str, AfterValidator(values.engine)] = "duckdb"
    feedback_spark_master: Annotated[str, AfterValidator(values.spark_master)] = "local[*]"
    feedback_customer_secret: Secret = None
    feedback_erasure_secret: Secret = None
    feedback_coordination_url: Annotated[SecretStr | None, AfterValidator(values.postgres_url)] = (
        None
    )
    feedback_alert_urls: Annotated[SecretStr | None, AfterValidator(_alert_urls)] = None
    feedback_ui_url: Url | None = None
    feedback_watch_seconds: Annotated[int, Field(ge=30, le=86_400)] = 300
    feedback_watch_providers: Annotated[str, AfterValidator(_providers)] = ""
    feedback_quiet_hours: Annotated[str, AfterValidator(values.quiet_hours)] | None = None
    feedback_owners: Annotated[str, AfterValidator(values.owners)] = "team:data"
    feedback_repository_url: Annotated[Url, AfterValidator(values.repository)] | None = None
    feedback_repository_branch: Annotated[str, AfterValidator(values.branch)] = "main"
    _account: Account = PrivateAttr(default=ALONE)

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

    @property
    def account(self) -> Account:
        """The account that the settings belong to."""
        return self._account

    @property
    def names(self) -> Names:
        """The names of the account's assets, jobs, resources and pools."""
        return self._account.names

    def worded(self, text: str) -> str:
        """A message with the account's own variable names."""
        return self._account.worded(text, variables())

    def of(self, provider: str, argument: str) -> Any:
        """The value of a provider's setting, or its default."""
        return getattr(self, f"{provider}_{argument}")

    def missing(self, provider: str) -> tuple[str, ...]:
        """The variables that the provider needs and that are not set."""
        needed = find_provider(provider).needed_variables
        unset = (name for name in needed if getattr(self, name.lower()) is None)
        return tuple(map(self._account.variable, unset))

    def any_set(self, provider: str) -> bool:
        """Whether at least one of the provider's needed variables is set."""
        return len(self.missing(provider)) < len(find_provider(provider).needed)

    def arguments(self, provider: str) -> dict[str, SecretStr | str | int]:
        """The client's arguments for the provider that are set or have a default."""
        found = find_provider(provider)
        values = {name: self.of(provider, name) for name in found.client_arguments}
        return {name: value for name, value in values.items() if value is not None}

    def zone(self, provider: str) -> str:
        """The time zone of the provider's timestamps that carry none."""
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
        return _from_root(self.feedback_warehouse)

    @property
    def ad_spend(self) -> str | None:
        """Path, glob or URI of the spend files; a relative one is below the project root."""
        return None if self.feedback_ad_spend is None else _from_root(self.feedback_ad_spend)

    @property
    def watched(self) -> tuple[str, ...]:
        """The loaded providers that may be asked for new answers every few minutes."""
        named = {name.strip().lower() for name in self.feedback_watch_providers.split(",")}
        return tuple(
            name for name in self.providers if not self.feedback_watch_providers or name in named
        )

    @property
    def alert_routes(self) -> tuple[tuple[frozenset[str], str], ...]:
        """The tags and the URL of each target of alerts, with its credentials."""
        value = self.feedback_alert_urls
        found = values.split_urls(value.get_secret_value()) if value else ()
        return tuple(map(values.split_tags, found))

    @property
    def alert_urls(self) -> tuple[str, ...]:
        """The URLs that alerts are sent to, with their credentials."""
        return tuple(url for _, url in self.alert_routes)

    @property
    def coordination(self) -> Coordination | None:
        """The state shared with other machines, ``None`` if this machine works alone."""
        value = self.feedback_coordination_url
        if value is None:
            return None
        return Coordination(value.get_secret_value(), account=self.names.prefix)

    @property
    def quota_in(self) -> Coordination | Path:
        """Where the request quotas are stored."""
        return self.coordination or self.quota_dir

    @property
    def state_dir(self) -> Path:
        """The directory of the account's generated secrets, quotas and locks."""
        prefix = self.names.prefix
        return self.dagster_home / "feedback" / prefix if prefix else self.dagster_home

    @property
    def quota_dir(self) -> Path:
        return self.state_dir / "quota"

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
        """The key of the list of erased people, generated likewise."""
        if self.feedback_erasure_secret is not None:
            return self.feedback_erasure_secret.get_secret_value().encode()
        return kept_erasure_secret(self.erasure_secret_file, shared=self.coordination is not None)

    @property
    def customer_secret_file(self) -> Path:
        return self.state_dir / "customer_secret"

    @property
    def erasure_secret_file(self) -> Path:
        return self.state_dir / "erasure_secret"


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


def dotenv_file(account: Account = ALONE) -> Path:
    """The file for settings, whether it exists or not."""
    return (account.root or PROJECT_ROOT) / ".env"


def where_set(variable: str, account: Account = ALONE) -> str:
    """Where this process got a variable from, in words, or where to set it."""
    if os.environ.get(variable) != _from_dotenv.get(variable):
        return "in the environment"
    path = dotenv_file(account)
    line = line_of(path, variable)
    return f"in {path}" if line is None else f"in line {line} of {path}"


def kept_secret(path: Path, variable: str, *, shared: bool) -> bytes:
    """The secret in this file, generated on first use, and masked in all output."""
    kept = generated_secret(path, variable, shared=shared)
    register(kept)
    return kept.encode()


def kept_erasure_secret(path: Path, *, shared: bool) -> bytes:
    """The key of the list of erased people, stored as by ``kept_secret``."""
    return kept_secret(path, "FEEDBACK_ERASURE_SECRET", shared=shared)


def _environment() -> Mapping[str, str]:
    """The process's variables, plus those of ``.env`` that it lacks.

    They are added to the process, since Dagster's resources read the credentials from the
    environment when a run starts.
    """
    read_dotenv(dotenv_file())
    return os.environ


def read_dotenv(path: Path) -> None:
    """Add the variables of the file that the process lacks; raises ``SettingsError``."""
    try:
        _from_dotenv.update(load_dotenv(path))
    except Unusable as error:
        raise SettingsError(str(error)) from None


def load_settings(environ: Mapping[str, str] | None = None, account: Account = ALONE) -> Settings:
    """The settings of an account in ``environ``; by default of the process and its ``.env``.

    In the process, ``DAGSTER_HOME`` becomes an absolute path, as Dagster needs it. Raises
    ``SettingsError``.
    """
    of_process = environ is None
    environ = _environment() if environ is None else environ
    if BROKEN:
        raise SettingsError(BROKEN[0])
    account = account.with_shared(environ)
    try:
        found = Variables(AllSettings, account.values(environ, variables()))()
        settings = AllSettings(**found)
    except ValidationError as error:
        line = one_line(error, AllSettings.model_fields)
        raise SettingsError(account.worded(line, variables())) from None
    except ValueError as error:
        raise SettingsError(account.worded(str(error), variables())) from None
    settings._account = account  # a private attribute, which pydantic does not take as an argument
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
    register(*settings.publishing_secrets)
