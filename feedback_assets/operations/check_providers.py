"""Whether each provider is configured, reachable and authorised, and if not, what to do."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import SecretStr

from feedback_assets.ingest.sources import Credentials, connect
from feedback_assets.providers import PROVIDERS
from feedback_assets.providers.errors import ProviderError
from feedback_assets.settings import Settings

_FIELDS = {
    "wicked_reports": ("api_key",),
    "thanx": ("access_token", "client_id", "merchant_id"),
    "fullwhere": ("api_key", "api_secret"),
    "feedbackpulse": ("api_key",),
    "retargeting": ("rest_key", "customer_id"),
}


@dataclass(frozen=True)
class Verdict:
    """What one cheap request to a provider showed; ``failed`` only where it is configured."""

    provider: str
    configured: bool
    failed: bool
    text: str


def check_providers(settings: Settings) -> list[Verdict]:
    """A verdict for each provider, asked side by side."""
    with ThreadPoolExecutor(len(PROVIDERS)) as pool:
        return list(pool.map(lambda provider: _check(provider, settings), PROVIDERS))


def _check(provider: str, settings: Settings) -> Verdict:
    missing = settings.missing(provider)
    if missing:
        wanted = settings.any_set(provider) or (
            bool(settings.feedback_providers) and provider in settings.providers
        )
        return Verdict(
            provider,
            configured=False,
            failed=wanted,
            text=f"not configured: set {', '.join(missing)} in the environment or in .env",
        )
    try:
        with connect(provider, credentials(provider, settings)) as client:
            client.ping()
    except ProviderError as error:
        return Verdict(provider, configured=True, failed=True, text=str(error))
    return Verdict(
        provider, configured=True, failed=False, text="configured, reachable, authorised"
    )


def credentials(provider: str, settings: Settings) -> Credentials:
    """What the provider's client is made of, from the settings."""

    def value(name: str) -> str | None:
        found: SecretStr | str | None = getattr(settings, f"{provider}_{name}")
        return found.get_secret_value() if isinstance(found, SecretStr) else found and str(found)

    return Credentials(
        values={name: value(name) for name in ("url", *_FIELDS[provider])},
        requests_per_minute=getattr(settings, f"{provider}_requests_per_minute", None),
        quota_dir=settings.quota_dir,
    )
