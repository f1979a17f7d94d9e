"""When each provider was last polled for new answers, stored by the sensors that poll."""

from collections.abc import Iterable
from datetime import datetime

import dagster as dg
import msgspec

from feedback_assets.runtime.kept_values import read_value
from feedback_assets.schema.names import Names


class Look(msgspec.Struct, frozen=True):
    """The last look at a provider.

    ``asked``: the time up to which all served answers have been read. ``answered``: when the latest
    answer seen was given.
    """

    asked: datetime | None = None
    answered: datetime | None = None


def kept_under(names: Names, provider: str) -> str:
    """The key under which the last look at a provider is stored."""
    return f"feedback_assets/alerts/{'/'.join(names.path(provider))}"


def read_looks(
    instance: dg.DagsterInstance, names: Names, providers: Iterable[str]
) -> dict[str, Look]:
    """The last look at each watched provider."""
    found = {}
    for provider in providers:
        text = read_value(instance, kept_under(names, provider))
        if text:
            try:
                found[provider] = msgspec.json.decode(text, type=Look)
            except msgspec.MsgspecError:
                continue
    return found
