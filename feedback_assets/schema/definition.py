"""How a table's rows are made, as a short text that is recorded with each partition.

``3f2a90c1d4e5b607 FEEDBACK_MATCH_DAYS=90``: a hash of declaration and code, then the settings that
the rows depend on. Partitions with the same text were made the same way. The content of the hash is
defined in ``transforms.definition``, ``ingest.definition`` and ``reports.definition``.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

SECRETS = frozenset({"FEEDBACK_CUSTOMER_SECRET"})
"""Settings recorded as a fingerprint, which is not shown."""

FIRST_VERSION = "first-version"
"""Recorded for a day of the first version with a row that the present rules read differently."""

_DIGITS = 16


@dataclass(frozen=True)
class Definition:
    """``code``: the hash of everything but settings; ``settings``: by environment variable."""

    code: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The recorded text: equal for equal definitions."""
        return " ".join(
            [self.code, *(f"{name}={value}" for name, value in sorted(self.settings.items()))]
        )

    @property
    def without_secrets(self) -> "Definition":
        """The definition without fingerprints, for uses that must not depend on a secret."""
        kept = {name: value for name, value in self.settings.items() if name not in SECRETS}
        return Definition(self.code, kept)


def code_of(*parts: Any) -> str:
    """The hash of lists, tuples, dicts, texts, numbers and nulls; the same in every process."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def declared(value: Any, *, without: frozenset[str]) -> Any:
    """A declaration as input for ``code_of``: all its fields, at any depth, ``without`` some."""
    if is_dataclass(value):
        return {
            one.name: declared(getattr(value, one.name), without=without)
            for one in fields(value)
            if one.name not in without
        }
    if isinstance(value, tuple | list):
        return [declared(item, without=without) for item in value]
    if isinstance(value, frozenset):
        return sorted(declared(item, without=without) for item in value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def why(recorded: str | None, now: Definition) -> str:
    """Why a partition with this definition is out of date; empty if it is not."""
    if recorded is None:
        return "built by the first version, which recorded no definition"
    if recorded == now.text:
        return ""
    if recorded == FIRST_VERSION:
        return "read by the first version; some rows are read differently now"
    code, *pairs = recorded.split(" ")
    before = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    reasons = [] if code == now.code else ["its declaration or the code that fills it changed"]
    for name in sorted(before.keys() | now.settings.keys()):
        was, is_ = before.get(name), now.settings.get(name)
        if was == is_:
            continue
        if name in SECRETS or was is None or is_ is None:
            reasons.append(f"{name} changed")
        else:
            reasons.append(f"{name} was {was} and is {is_}")
    return "; ".join(reasons) or "its definition changed"
