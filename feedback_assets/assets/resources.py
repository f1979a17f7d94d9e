"""The resources of a run: a connection to each provider, and the warehouse.

Credentials appear only here, as names of environment variables that are read when a run starts.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import dagster as dg
import pyarrow as pa
from pydantic import Field, SecretStr, create_model

from feedback_assets.coordination.database import Coordination
from feedback_assets.http.client import Client
from feedback_assets.http.masking import masked_errors
from feedback_assets.providers.registry import find_provider
from feedback_assets.reading import Days, rows_of
from feedback_assets.schema.names import Names
from feedback_assets.settings import Settings, kept_erasure_secret
from feedback_assets.warehouse.warehouse import Warehouse

WAREHOUSE = "warehouse"
"""The key of the warehouse's resource, without the account's prefix."""


class _WithResources(Protocol):
    @property
    def resources(self) -> Any: ...


class ProviderResource(dg.ConfigurableResource[Any]):
    """One provider; what its client is made of is in further fields, see ``provider_resource``."""

    provider: str = Field(description="Name of the provider")
    quota_dir: str = Field(description="Where the processes of this machine count their requests")
    coordination_url: str = Field(
        default="", repr=False, description="Postgres in which all machines count them instead"
    )
    account: str = Field(default="", description="Prefix of the account")
    zone: str = Field(default="UTC", description="Time zone of timestamps without one")

    @contextmanager
    def connected(self) -> Iterator[Client]:
        """A client, closed at the end; raises ``CredentialsMissing`` naming every variable."""
        own = type(self).model_fields.keys() - ProviderResource.model_fields.keys()
        arguments = {name: getattr(self, name) for name in own}
        provider = find_provider(self.provider)
        quota_in = _coordination(self.coordination_url, self.account) or Path(self.quota_dir)
        with masked_errors(), provider.connect(arguments, quota_in) as client:
            yield client


class WarehouseResource(dg.ConfigurableResource[Any]):
    """The root under which all tables lie: a local path or an fsspec URI.

    The key of the list of erased people is ``erasure_secret``, else what is in
    ``erasure_secret_file``.
    """

    root: str = Field(description="Local path or fsspec URI of the tables")
    erasure_secret: str = Field(
        default="", repr=False, description="Key of the list of erased people"
    )
    erasure_secret_file: str = Field(default="", description="File with that key")
    account: str = Field(default="", description="Prefix of the account")
    home: str = Field(default="", description="Directory with the locks of a remote warehouse")
    coordination_url: str = Field(
        default="", repr=False, description="Postgres with the locks of all machines instead"
    )

    @property
    def warehouse(self) -> Warehouse:
        coordination = _coordination(self.coordination_url, self.account)
        home = Path(self.home) if self.home else None
        return Warehouse(self.root, self._erasure_key(), coordination, home)

    def read_arrow(
        self, name: str, days: Days = None, columns: Iterable[str] | None = None
    ) -> pa.Table:
        """The rows of ``group.table``, as ``feedback_assets.read_arrow`` returns them."""
        return rows_of(self.warehouse, name, days, columns)

    def _erasure_key(self) -> Callable[[], bytes] | None:
        if self.erasure_secret:
            return self.erasure_secret.encode
        if self.erasure_secret_file:
            file, shared = Path(self.erasure_secret_file), bool(self.coordination_url)
            return lambda: kept_erasure_secret(file, shared=shared)
        return None


def provider_resource(provider: str, settings: Settings) -> ProviderResource:
    """The resource of one provider, with a field for each argument of its client that is set.

    Secrets are ``EnvVar``.
    """
    arguments = settings.arguments(provider)

    def variable(argument: str) -> str:
        return settings.account.variable(find_provider(provider).variable(argument))

    fields: dict[str, Any] = {
        name: (_type(value), Field(repr=not _is_secret(value), description=variable(name)))
        for name, value in arguments.items()
    }
    name = f"{provider.title().replace('_', '')}Resource"
    kind = create_model(name, __base__=ProviderResource, **fields)
    set_here: dict[str, Any] = {
        name: dg.EnvVar(variable(name)) if _is_secret(value) else value
        for name, value in arguments.items()
    }
    return kind(
        provider=provider,
        quota_dir=str(settings.quota_dir),
        account=settings.names.prefix,
        zone=settings.zone(provider),
        **_coordination_url(settings),
        **set_here,
    )


def _is_secret(value: object) -> bool:
    return isinstance(value, SecretStr)


def _type(value: object) -> type:
    return str if _is_secret(value) else type(value)


def warehouse_resource(settings: Settings) -> WarehouseResource:
    """The warehouse with the key of its erasure list, as ``EnvVar`` if that is set."""
    secret: dict[str, Any] = {}
    if settings.feedback_erasure_secret is not None:
        secret["erasure_secret"] = _env(settings, "FEEDBACK_ERASURE_SECRET")
    return WarehouseResource(
        root=settings.warehouse,
        erasure_secret_file=str(settings.erasure_secret_file),
        account=settings.names.prefix,
        home=str(settings.state_dir),
        **_coordination_url(settings),
        **secret,
    )


def _coordination_url(settings: Settings) -> dict[str, Any]:
    if settings.feedback_coordination_url is None:
        return {}
    return {"coordination_url": _env(settings, "FEEDBACK_COORDINATION_URL")}


def _env(settings: Settings, name: str) -> dg.EnvVar:
    return dg.EnvVar(settings.account.variable(name))


def _coordination(url: str, account: str) -> Coordination | None:
    return Coordination(url, account=account) if url else None


def resources(settings: Settings) -> dict[str, Any]:
    """All resources by key: each provider's name, and ``warehouse``, named for the account."""
    called = settings.names.called
    return {
        **{called(name): provider_resource(name, settings) for name in settings.providers},
        called(WAREHOUSE): warehouse_resource(settings),
    }


def provider_of(context: _WithResources, names: Names, provider: str) -> ProviderResource:
    """The account's resource of a provider, which the step must require by its key."""
    resource: ProviderResource = getattr(context.resources, names.called(provider))
    return resource


def open_warehouse(settings: Settings) -> Warehouse:
    """The account's warehouse, with the key of the erased people and the locks for writing."""
    return Warehouse(
        settings.warehouse, settings.erasure_secret, settings.coordination, settings.state_dir
    )


def warehouse_of(context: _WithResources, names: Names) -> Warehouse:
    """The account's warehouse, whose resource the step must require by its key."""
    resource: WarehouseResource = getattr(context.resources, names.called(WAREHOUSE))
    return resource.warehouse
