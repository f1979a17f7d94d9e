"""The resources of a run: a connection to each provider, and the warehouse.

Credentials occur here alone, as names of environment variables that are read when a run starts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, SecretStr

from feedback_assets.coordination.database import Coordination
from feedback_assets.http.client import Client
from feedback_assets.http.masking import masked_errors
from feedback_assets.providers.registry import find_provider
from feedback_assets.settings import Settings, kept_erasure_secret
from feedback_assets.warehouse.layout import Warehouse


class ProviderResource(dg.ConfigurableResource[Any]):
    """One provider: what its client is made of, the secrets apart from the rest."""

    provider: str
    plain: dict[str, Any]
    secrets: dict[str, str] = Field(repr=False)
    quota_dir: str
    coordination_url: str = Field(default="", repr=False)
    zone: str = "UTC"

    @contextmanager
    def connected(self) -> Iterator[Client]:
        """A client, closed at the end; raises ``CredentialsMissing`` naming every variable."""
        arguments = {**self.plain, **self.secrets}
        provider = find_provider(self.provider)
        quota_in = _coordination(self.coordination_url) or Path(self.quota_dir)
        with masked_errors(), provider.connect(arguments, quota_in) as client:
            yield client


class WarehouseResource(dg.ConfigurableResource[Any]):
    """The root under which all tables lie: a local path or an fsspec URI.

    The key of the list of erased persons is ``erasure_secret``, else what is in
    ``erasure_secret_file``.
    """

    root: str
    erasure_secret: str = ""
    erasure_secret_file: str = ""
    home: str = ""
    coordination_url: str = Field(default="", repr=False)

    @property
    def warehouse(self) -> Warehouse:
        coordination = _coordination(self.coordination_url)
        home = Path(self.home) if self.home else None
        return Warehouse(self.root, self._erasure_key(), coordination, home)

    def _erasure_key(self) -> Callable[[], bytes] | None:
        if self.erasure_secret:
            return self.erasure_secret.encode
        if self.erasure_secret_file:
            file, shared = Path(self.erasure_secret_file), bool(self.coordination_url)
            return lambda: kept_erasure_secret(file, shared=shared)
        return None


def provider_resource(provider: str, settings: Settings) -> ProviderResource:
    """The resource of one provider, its credentials as ``EnvVar`` where they are set."""
    arguments = settings.arguments(provider)
    variable = find_provider(provider).variable
    return ProviderResource(
        provider=provider,
        plain={k: value for k, value in arguments.items() if not isinstance(value, SecretStr)},
        secrets={
            name: dg.EnvVar(variable(name))
            for name, value in arguments.items()
            if isinstance(value, SecretStr)
        },
        quota_dir=str(settings.quota_dir),
        **_coordination_url(settings),
        zone=settings.zone(provider),
    )


def warehouse_resource(settings: Settings) -> WarehouseResource:
    """The warehouse with the key of its erased persons, as ``EnvVar`` where it is set."""
    secret: dict[str, Any] = {}
    if settings.feedback_erasure_secret is not None:
        secret["erasure_secret"] = dg.EnvVar("FEEDBACK_ERASURE_SECRET")
    return WarehouseResource(
        root=settings.warehouse,
        erasure_secret_file=str(settings.erasure_secret_file),
        home=str(settings.dagster_home),
        **_coordination_url(settings),
        **secret,
    )


def _coordination_url(settings: Settings) -> dict[str, Any]:
    if settings.feedback_coordination_url is None:
        return {}
    return {"coordination_url": dg.EnvVar("FEEDBACK_COORDINATION_URL")}


def _coordination(url: str) -> Coordination | None:
    return Coordination(url) if url else None


def resources(settings: Settings) -> dict[str, Any]:
    """All resources by key: each provider's name, and ``warehouse``."""
    return {
        **{provider: provider_resource(provider, settings) for provider in settings.providers},
        "warehouse": warehouse_resource(settings),
    }
