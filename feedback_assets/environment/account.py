"""One account: its names, and the source of each of its settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from feedback_assets.schema.names import NO_PREFIX, Names

_OF_THE_INSTANCE = frozenset({"DAGSTER_HOME"})
"""Settings that all accounts of a project share."""
_SHARED_BY_DEFAULT = frozenset({"FEEDBACK_COORDINATION_URL", "FEEDBACK_UI_URL"})
"""Settings that an account reads from the plain variable if it has no variable of its own."""
_PLACES = frozenset({"DAGSTER_HOME", "FEEDBACK_WAREHOUSE", "FEEDBACK_AD_SPEND"})
"""Settings whose relative paths start at the root of the project."""
_VARIABLE = re.compile(r"(?<![A-Z0-9_])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![A-Z0-9_])")


@dataclass(frozen=True)
class Account:
    """The source of one account's settings; by default, each is read from the variable of its name.

    Settings are named as in docs/providers.md, in capitals. ``given``: values that do not come
    from the environment; ``given_in``: the file with these. ``variables``: the environment variable
    of a setting, if it is not ``<PREFIX>_<SETTING>``. ``root``: the directory of the
    project, where relative paths start. ``schedules`` and ``sensors``: the ones to define, by their
    names without a prefix; all by default.
    """

    names: Names = NO_PREFIX
    given: Mapping[str, str] = field(default_factory=dict)
    given_in: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    root: Path | None = None
    schedules: tuple[str, ...] | None = None
    sensors: tuple[str, ...] | None = None

    def variable(self, setting: str) -> str:
        """The environment variable with the value of a setting."""
        if setting in self.variables:
            return self.variables[setting]
        if setting in _OF_THE_INSTANCE or not self.names.prefix:
            return setting
        return f"{self.names.prefix.upper()}_{setting}"

    def with_shared(self, environ: Mapping[str, str]) -> "Account":
        """The account, with the plain variable of each shared setting whose own is not set."""
        if not self.names.prefix:
            return self
        plain = {
            name: name
            for name in _SHARED_BY_DEFAULT
            if name not in self.variables and not environ.get(self.variable(name), "").strip()
        }
        return replace(self, variables={**self.variables, **plain})

    def values(self, environ: Mapping[str, str], settings: frozenset[str]) -> Mapping[str, str]:
        """The texts of these settings, by setting: given ones, and those of the environment."""
        if not self.names.prefix:
            return environ
        found = {name: environ.get(self.variable(name), "") for name in settings}
        if self.root is not None and not found.get("DAGSTER_HOME", "").strip():
            found["DAGSTER_HOME"] = "dagster_home"
        found |= self.given
        return {name: self._below_root(name, text) for name, text in found.items()}

    def worded(self, text: str, settings: frozenset[str]) -> str:
        """A message in which each setting has the account's own name for it."""
        if not self.names.prefix:
            return text
        return _VARIABLE.sub(lambda found: self._own_name(found[0], settings), text)

    def _own_name(self, name: str, settings: frozenset[str]) -> str:
        if name not in settings:
            return name
        return f"{name} ({self.given_in})" if name in self.given else self.variable(name)

    def _below_root(self, name: str, text: str) -> str:
        text = text.strip()
        relative = text and "://" not in text and not text.startswith(("/", "~"))
        if self.root is None or name not in _PLACES or not relative:
            return text
        return str(self.root / text)


ALONE = Account()
"""The only account of a project: no prefix, every setting from the variable of its name."""
