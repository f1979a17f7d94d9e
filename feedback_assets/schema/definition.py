"""By what a table's rows are made, as a short text that is recorded beside each partition.

``3f2a90c1d4e5b607 FEEDBACK_MATCH_DAYS=90``: a hash of declaration and code, then the settings that
the rows depend on. Two partitions with the same text were made the same way. What goes into the
hash is said by ``transforms.definition``, ``ingest.definition`` and ``reports.definition``.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

SECRETS = frozenset({"FEEDBACK_CUSTOMER_SECRET"})
"""Settings of which a definition holds a fingerprint, which is no value to show."""

FIRST_VERSION = "first-version"
"""Recorded for a day of the first version in which the present rules read a row differently."""

_DIGITS = 16


@dataclass(frozen=True)
class Definition:
    """``code``: the hash of all that is not a setting; ``settings``: by environment variable."""

    code: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What is recorded: equal for equal definitions."""
        return " ".join(
            [self.code, *(f"{name}={value}" for name, value in sorted(self.settings.items()))]
        )

    @property
    def without_secrets(self) -> "Definition":
        """The same without fingerprints, for whoever must not depend on a secret."""
        kept = {name: value for name, value in self.settings.items() if name not in SECRETS}
        return Definition(self.code, kept)


def code_of(*parts: Any) -> str:
    """The hash of lists, tuples, dicts, texts, numbers and nulls, whatever process takes it."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def declared(value: Any, *, without: frozenset[str]) -> Any:
    """A declaration as ``code_of`` takes it: all its fields, at any depth, ``without`` some."""
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
    """Why a partition with this definition is out of date; empty where it is not."""
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
