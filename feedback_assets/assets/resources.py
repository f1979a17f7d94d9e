"""The resources of a run: a connection to each provider, and the warehouse.

Credentials occur here alone, as names of environment variables that are read when a run starts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from feedback_assets.ingest.sources import Client, Credentials, connect
from feedback_assets.settings import Settings
from feedback_assets.store.layout import Warehouse


class ProviderResource(dg.ConfigurableResource[Any]):
    """One provider's address, credentials and quota; a credential that is not set is null."""

    provider: str
    url: str | None = None
    requests_per_minute: int | None = None
    quota_dir: str
    zone: str = "UTC"
    api_key: str | None = None
    api_secret: str | None = None
    access_token: str | None = None
    client_id: str | None = None
    merchant_id: str | None = None
    rest_key: str | None = None
    customer_id: str | None = None

    @contextmanager
    def connected(self) -> Iterator[Client]:
        """A client, closed at the end; raises ``CredentialsMissing`` naming every variable."""
        names = (
            "url",
            "api_key",
            "api_secret",
            "access_token",
            "client_id",
            "merchant_id",
            "rest_key",
            "customer_id",
        )
        client = connect(
            self.provider,
            Credentials(
                values={name: getattr(self, name) for name in names},
                requests_per_minute=self.requests_per_minute,
                quota_dir=Path(self.quota_dir),
            ),
        )
        with client:
            yield client


class WarehouseResource(dg.ConfigurableResource[Any]):
    """The root under which all tables lie: a local path or an fsspec URI."""

    root: str

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.root)


_SECRETS = {
    "wicked_reports": {"api_key": "WICKED_REPORTS_API_KEY"},
    "thanx": {"access_token": "THANX_ACCESS_TOKEN", "client_id": "THANX_CLIENT_ID"},
    "fullwhere": {"api_key": "FULLWHERE_API_KEY", "api_secret": "FULLWHERE_API_SECRET"},
    "feedbackpulse": {"api_key": "FEEDBACKPULSE_API_KEY"},
    "retargeting": {
        "rest_key": "RETARGETING_REST_KEY",
        "customer_id": "RETARGETING_CUSTOMER_ID",
    },
}


def provider_resource(provider: str, settings: Settings) -> ProviderResource:
    """The resource of one provider, its credentials as ``EnvVar`` where they are set."""
    secrets: dict[str, Any] = {
        field: dg.EnvVar(variable)
        for field, variable in _SECRETS[provider].items()
        if getattr(settings, variable.lower()) is not None
    }
    plain = {
        "url": getattr(settings, f"{provider}_url"),
        "requests_per_minute": getattr(settings, f"{provider}_requests_per_minute", None),
        "zone": getattr(settings, f"{provider}_timezone", "UTC"),
        "merchant_id": settings.thanx_merchant_id if provider == "thanx" else None,
    }
    return ProviderResource(
        provider=provider,
        quota_dir=str(settings.quota_dir),
        **{name: value for name, value in plain.items() if value is not None},
        **secrets,
    )


def resources(settings: Settings) -> dict[str, Any]:
    """All resources by key: each provider's name, and ``warehouse``."""
    return {
        **{provider: provider_resource(provider, settings) for provider in settings.providers},
        "warehouse": WarehouseResource(root=settings.warehouse),
    }
