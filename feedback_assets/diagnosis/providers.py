"""Whether each provider is configured, reachable and authorised, and what to do next."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from feedback_assets.days import last_complete_day
from feedback_assets.http.client import Client
from feedback_assets.http.errors import ProviderError
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.providers.registry import PROVIDERS, find_provider
from feedback_assets.settings import Settings, dotenv_file, where_set


@dataclass(frozen=True)
class Verdict:
    """The result of one cheap request to a provider; ``failed`` only if it is configured.

    ``provider`` is ``warehouse`` or ``coordination`` for the verdicts of ``check_places``.
    ``fix``: variables that are missing or may be wrong.
    """

    provider: str
    configured: bool
    failed: bool
    text: str
    fix: tuple[str, ...] = ()


def check_providers(settings: Settings) -> list[Verdict]:
    """A verdict for each provider, checked in parallel."""
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
            text=f"not configured: set {', '.join(missing)} in the environment or in .env. "
            + settings.worded(find_provider(provider).found),
            fix=missing,
        )
    try:
        with connect(provider, settings) as client:
            client.ping()
    except ProviderError as error:
        return _failed(provider, str(error), settings)
    return Verdict(
        provider, configured=True, failed=False, text="configured, reachable, authorised"
    )


def _failed(provider: str, text: str, settings: Settings) -> Verdict:
    """A client error, the variables that it names, and where to find their values."""
    found = find_provider(provider)
    text = settings.worded(text)
    # With the default URL, the network is at fault rather than the setting.
    chosen = [
        settings.account.variable(found.variable(argument))
        for argument in found.client_arguments
        if f"{provider}_{argument}" in settings.model_fields_set
    ]
    named = tuple(name for name in chosen if re.search(rf"\b{name}\b", text))
    if set(named) & set(map(settings.account.variable, found.needed_variables)):
        text = f"{text} {settings.worded(found.found)}"
    return Verdict(provider, configured=True, failed=True, text=text, fix=named)


@dataclass(frozen=True)
class NextStep:
    """The next step in words, and the arguments of the command to run after it."""

    text: str
    arguments: tuple[str, ...] = ("check",)


def next_step(verdicts: list[Verdict], settings: Settings) -> NextStep:
    """The variables to set or fix before another check; a backfill once every check passes."""
    failed = [verdict for verdict in verdicts if verdict.failed]
    if any(verdict.fix for verdict in failed):
        places = [
            f"{name} {where_set(name, settings.account)}"
            for verdict in failed
            for name in verdict.fix
        ]
        return NextStep(f"fix {', '.join(places)}, then check again:")
    if failed:
        names = ", ".join(verdict.provider for verdict in failed)
        return NextStep(f"{names} cannot be reached at the moment; check again later:")
    providers = [verdict for verdict in verdicts if verdict.provider in PROVIDERS]
    if not any(verdict.configured for verdict in providers):
        options = " or ".join(
            " ".join(f"{name}=…" for name in verdict.fix) for verdict in providers if verdict.fix
        )
        file = dotenv_file(settings.account)
        return NextStep(
            f"set the variables of at least one provider in {file} ({options}), then check again:"
        )
    last = last_complete_day()
    first = max(
        settings.feedback_start_date, last - timedelta(days=settings.feedback_refresh_days - 1)
    )
    if first > last:
        return NextStep(
            f"FEEDBACK_START_DATE is {first}; that day can be loaded once it is over (UTC). "
            "Check again then:"
        )
    days = ("--from", str(first), "--to", str(last))
    return NextStep("load the last few days:", ("backfill", *days))


def connect(provider: str, settings: Settings, retry: RetryPolicy | None = None) -> Client:
    """The provider's client, from the settings; raises ``CredentialsMissing`` if incomplete."""
    arguments: dict[str, object] = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in settings.arguments(provider).items()
    }
    return find_provider(provider).connect(arguments | {"retry": retry}, settings.quota_in)
