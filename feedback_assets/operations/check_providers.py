"""Whether each provider is configured, reachable and authorised, and if not, what to do."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import SecretStr

from feedback_assets.providers.client import Client
from feedback_assets.providers.errors import ProviderError
from feedback_assets.providers.registry import PROVIDERS, find_provider
from feedback_assets.providers.retrying import RetryPolicy
from feedback_assets.settings import Settings


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
    if settings.feedback_providers and provider not in settings.providers:
        return Verdict(
            provider,
            configured=False,
            failed=False,
            text=f"not loaded: FEEDBACK_PROVIDERS is {settings.feedback_providers}",
        )
    missing = settings.missing(provider)
    if missing:
        wanted = settings.any_set(provider) or bool(settings.feedback_providers)
        return Verdict(
            provider,
            configured=False,
            failed=wanted,
            text=f"not configured: set {', '.join(missing)} in the environment or in .env",
        )
    try:
        with connect(provider, settings) as client:
            client.ping()
    except ProviderError as error:
        return Verdict(provider, configured=True, failed=True, text=str(error))
    return Verdict(
        provider, configured=True, failed=False, text="configured, reachable, authorised"
    )


def connect(provider: str, settings: Settings, retry: RetryPolicy | None = None) -> Client:
    """The provider's client, from the settings; ``CredentialsMissing`` where they do not do."""
    arguments: dict[str, object] = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in settings.arguments(provider).items()
    }
    return find_provider(provider).connect(arguments | {"retry": retry}, settings.quota_dir)
