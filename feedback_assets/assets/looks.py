"""When each provider was last looked at for new answers, kept by the sensors that do so."""

from collections.abc import Iterable
from datetime import datetime

import dagster as dg
import msgspec

from feedback_assets.runtime.kept_values import read_value
from feedback_assets.schema.names import Names


class Look(msgspec.Struct, frozen=True):
    """The last look at a provider.

    ``asked``: up to when everything that it served has been looked at. ``answered``: when the
    latest answer seen was given.
    """

    asked: datetime | None = None
    answered: datetime | None = None


def kept_under(names: Names, provider: str) -> str:
    """The key under which the look at a provider of an account is kept."""
    return f"feedback_assets/alerts/{'/'.join(names.path(provider))}"


def read_looks(
    instance: dg.DagsterInstance, names: Names, providers: Iterable[str]
) -> dict[str, Look]:
    """The last look at each provider that is watched."""
    found = {}
    for provider in providers:
        text = read_value(instance, kept_under(names, provider))
        if text:
            try:
                found[provider] = msgspec.json.decode(text, type=Look)
            except msgspec.MsgspecError:
                continue
    return found
