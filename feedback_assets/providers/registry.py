"""The providers there are: each one's client, and which settings that client is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feedback_assets.http.client import Client
    from feedback_assets.http.quota import QuotaPlace


@dataclass(frozen=True)
class Provider:
    """One provider; its settings are named ``<NAME>_<ARGUMENT>`` after its client's arguments.

    `needed`: the arguments without which nothing can be asked; `optional`: those that have a
    default. All clients take a `url` and a `quota_in`. `found`: sentences that say where in the
    provider's own settings the needed values are, as docs/providers.md has it.
    """

    name: str
    client: Callable[..., Client]
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    found: str = field(kw_only=True)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The client's arguments that are settings."""
        return tuple(dict.fromkeys(("url", *self.needed, *self.optional)))

    def variable(self, argument: str) -> str:
        """The environment variable of an argument."""
        return f"{self.name}_{argument}".upper()

    @property
    def needed_variables(self) -> tuple[str, ...]:
        """The variables without which nothing can be asked."""
        return tuple(self.variable(argument) for argument in self.needed)

    def connect(self, arguments: Mapping[str, Any], quota_in: QuotaPlace) -> Client:
        """The client, made of what is set; `CredentialsMissing` names what is needed and is not."""
        unset = dict.fromkeys(self.needed)
        return self.client(**unset | dict(arguments), quota_in=quota_in)


# Whoever only asks for names and settings does not wait for an HTTP library: 0.1 s of a query's.
def _wicked_reports(**arguments: Any) -> Client:
    from feedback_assets.providers.wicked_reports.client import WickedReports

    return WickedReports(**arguments)


def _thanx(**arguments: Any) -> Client:
    from feedback_assets.providers.thanx.client import Thanx

    return Thanx(**arguments)


def _fullwhere(**arguments: Any) -> Client:
    from feedback_assets.providers.fullwhere.client import Fullwhere

    return Fullwhere(**arguments)


def _feedbackpulse(**arguments: Any) -> Client:
    from feedback_assets.providers.feedbackpulse.client import FeedbackPulse

    return FeedbackPulse(**arguments)


def _retargeting(**arguments: Any) -> Client:
    from feedback_assets.providers.retargeting.client import Retargeting

    return Retargeting(**arguments)


REGISTRY: tuple[Provider, ...] = (
    Provider(
        "wicked_reports",
        _wicked_reports,
        ("api_key",),
        ("requests_per_minute",),
        found="Ask Wicked Reports to enable the outbound API; then enable the contacts or the "
        'orders API on the page "Authorizations" of its dashboard, and copy the text under '
        '"Your API key".',
    ),
    Provider(
        "thanx",
        _thanx,
        ("access_token",),
        ("client_id", "merchant_id"),
        found="Ask Thanx for API access: they issue token, client id and merchant id; a merchant "
        "sets THANX_MERCHANT_ID too.",
    ),
    Provider(
        "fullwhere",
        _fullwhere,
        ("api_key", "api_secret"),
        found='Ask Fullwhere for "Partner API Key" and "Partner API Secret".',
    ),
    Provider(
        "feedbackpulse",
        _feedbackpulse,
        ("url", "api_key"),
        ("requests_per_minute",),
        found="FEEDBACKPULSE_URL is the address of your installation, and its administrator has "
        "the key.",
    ),
    Provider(
        "retargeting",
        _retargeting,
        ("rest_key", "customer_id"),
        found='In the account under Settings → Integration: "REST API Key" is the second field, '
        '"Customer ID" the third.',
    ),
)
PROVIDERS: tuple[str, ...] = tuple(provider.name for provider in REGISTRY)


def find_provider(name: str) -> Provider:
    """The provider of that name; `KeyError` if there is none."""
    return {provider.name: provider for provider in REGISTRY}[name]
