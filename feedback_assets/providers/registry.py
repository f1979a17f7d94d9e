"""All providers: those of this repository, then those that installed packages register.

A package registers one by an entry point of the group ``feedback_assets.providers`` whose object
is a `Provider`. One that cannot be used is left out and named in ``BROKEN``, with which loading
the settings fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from feedback_assets.providers import BUILT_IN
from feedback_assets.providers.answers import COLUMNS, NEEDED, Answers
from feedback_assets.providers.provider import Provider

GROUP = "feedback_assets.providers"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TAKEN = frozenset(
    # Groups of tables, and prefixes of variables that are not a provider's.
    {"unified", "marts", "reports", "quarantine", "survey_links", "feedback", "dagster"}
)


class Unsuitable(Exception):
    """A declaration that cannot be used; its text is the rest of a sentence that says why."""


def plugged_in(
    found: Iterable[EntryPoint], known: tuple[Provider, ...]
) -> tuple[tuple[Provider, ...], tuple[str, ...]]:
    """The providers of these entry points, by name, and a line for each that cannot be used."""
    providers: list[Provider] = []
    broken: list[str] = []
    for entry in sorted(found, key=lambda entry: entry.name):
        try:
            providers.append(_checked(_loaded(entry), (*known, *providers)))
        except Unsuitable as error:
            package = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
            broken.append(
                f"the provider {entry.name} ({entry.value}{package}) cannot be used: {error}. "
                "Correct or uninstall the package"
            )
    return tuple(providers), tuple(broken)


def _loaded(entry: EntryPoint) -> object:
    try:
        return entry.load()
    except Exception as error:  # noqa: BLE001 - somebody else's module may raise anything
        text = " ".join(str(error).split())
        raise Unsuitable(f"{type(error).__name__}: {text}") from None


def _checked(found: object, known: tuple[Provider, ...]) -> Provider:
    if not isinstance(found, Provider):
        raise Unsuitable(f"it is a {type(found).__name__}, not a Provider")
    if not _NAME.fullmatch(found.name):
        raise Unsuitable(f"{found.name!r} is no name; write one in snake_case")
    if found.name in _TAKEN | {other.name for other in known}:
        raise Unsuitable(f"the name {found.name} is taken")
    _check_arguments(found, known)
    _check_tables(found)
    if found.answers is not None:
        _check_answers(found, found.answers)
    return found


def _check_arguments(provider: Provider, known: tuple[Provider, ...]) -> None:
    taken = {other.variable(one.name) for other in known for one in other.arguments}
    own = [provider.variable(one.name) for one in provider.arguments]
    for variable in own:
        if variable in taken or own.count(variable) > 1:
            raise Unsuitable(f"{variable} is the variable of two arguments")
    if not any(one.name == "url" and one.kind == "url" for one in provider.arguments):
        raise Unsuitable("it has no argument url of the kind url")
    zones = [one for one in provider.arguments if one.kind == "zone" or one.name == "timezone"]
    if any((one.kind, one.name) != ("zone", "timezone") or not one.default for one in zones):
        raise Unsuitable("a zone is the argument timezone of the kind zone, with a default")


def _check_tables(provider: Provider) -> None:
    tables = provider.tables
    if not tables or len({table.full_name for table in tables}) < len(tables):
        raise Unsuitable("it needs a table, and each table one source")
    for table in tables:
        if table.group != provider.name:
            raise Unsuitable(f"the group of {table.full_name} is not {provider.name}")


def _check_answers(provider: Provider, answers: Answers) -> None:
    unknown = answers.columns.keys() - {column.name for column in COLUMNS}
    if unknown:
        raise Unsuitable(f"answers have no column {', '.join(sorted(unknown))}")
    lacking = [name for name in NEEDED if name not in answers.columns]
    if lacking:
        raise Unsuitable(f"its answers lack {' and '.join(lacking)}")
    tables = {table.name: {column.name for column in table.columns} for table in provider.tables}
    for name in answers.depends:
        if name not in tables:
            raise Unsuitable(f"its answers depend on {name}, which is no table of it")
    for path in (path for sources in answers.columns.values() for path in sources):
        name, _, column = path.partition(".")
        if column not in tables.get(name, ()) or name not in answers.depends:
            raise Unsuitable(f"its answers name {path}, which is no column of what they depend on")
    try:
        text = answers.sql
    except (OSError, ImportError, ValueError) as error:
        raise Unsuitable(f"its feedback.sql cannot be read: {error}") from None
    if not text.strip():
        raise Unsuitable("its feedback.sql is empty")


_PLUGGED_IN, BROKEN = plugged_in(entry_points(group=GROUP), BUILT_IN)
REGISTRY: tuple[Provider, ...] = (*BUILT_IN, *_PLUGGED_IN)
PROVIDERS: tuple[str, ...] = tuple(provider.name for provider in REGISTRY)


def find_provider(name: str) -> Provider:
    """The provider of that name; `KeyError` if there is none."""
    return {provider.name: provider for provider in REGISTRY}[name]


def title_of(name: str) -> str:
    """The provider's name as people write it; the name itself where there is no such provider."""
    return next((one.title for one in REGISTRY if one.name == name), name)
