"""Providers that other packages register: taken where they can be used, named where not."""

from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from feedback_assets.providers import BUILT_IN
from feedback_assets.providers import registry as registry_module
from feedback_assets.providers.answers import Answers
from feedback_assets.providers.provider import Argument, Provider, Source
from feedback_assets.providers.registry import plugged_in
from feedback_assets.schema.columns import STAMP, TEXT, Column
from feedback_assets.schema.table import SAME_DAY, provider_table

ANSWERS = provider_table(
    "yelp",
    "answers",
    "One row is one answer.",
    Column("id", TEXT, "Id", nullable=False),
    Column("at", STAMP, "When", nullable=False),
    key=("id",),
    event_time="at",
)
GOOD = Provider(
    name="yelp",
    title="Yelp",
    client=lambda **_: None,  # type: ignore[arg-type, return-value]
    arguments=(Argument("key", "secret", needed=True), Argument("url", "url", default="https://y")),
    found="Ask.",
    sources=(Source((ANSWERS,), lambda _client, _first, _last: iter(())),),
    # Some package that has a feedback.sql.
    answers=Answers(
        package="feedback_assets.providers.thanx",
        columns={"provider_feedback_id": ("answers.id",), "responded_at": ("answers.at",)},
        depends={"answers": SAME_DAY},
    ),
)
found: Any = GOOD


def entry(name: str = "yelp") -> EntryPoint:
    return EntryPoint(name, f"{__name__}:found", registry_module.GROUP)


def broken(declared: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The line about this declaration."""
    monkeypatch.setitem(globals(), "found", declared)
    providers, (line,) = plugged_in([entry()], BUILT_IN)
    assert providers == ()
    assert line.startswith(f"the provider yelp ({__name__}:found) cannot be used: ")
    assert line.endswith(". Correct or uninstall the package")
    return line


def test_a_provider_that_is_registered_is_one_of_them() -> None:
    assert plugged_in([entry()], BUILT_IN) == ((GOOD,), ())


def test_all_answers_of_this_repository_are_declared_as_those_of_others_have_to_be() -> None:
    for provider in BUILT_IN:
        others = tuple(other for other in BUILT_IN if other is not provider)
        assert registry_module._checked(provider, others) is provider


ARGUMENTS = GOOD.arguments
COLUMNS = GOOD.answers.columns if GOOD.answers else {}


def answering(**changed: Any) -> Provider:
    assert GOOD.answers is not None
    return replace(GOOD, answers=replace(GOOD.answers, **changed))


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ("thanx", "it is a str, not a Provider"),
        (replace(GOOD, name="Yelp!"), "'Yelp!' is no name; write one in snake_case"),
        (replace(GOOD, name="thanx"), "the name thanx is taken"),
        (replace(GOOD, name="marts"), "the name marts is taken"),
        (replace(GOOD, name="other"), "the group of yelp.answers is not other"),
        (replace(GOOD, arguments=ARGUMENTS[:1]), "it has no argument url of the kind url"),
        (
            replace(GOOD, arguments=(*ARGUMENTS, ARGUMENTS[0])),
            "YELP_KEY is the variable of two arguments",
        ),
        (
            replace(GOOD, arguments=(*ARGUMENTS, Argument("timezone", "zone"))),
            "a zone is the argument timezone of the kind zone, with a default",
        ),
        (
            replace(GOOD, arguments=(*ARGUMENTS, Argument("zone", "zone", default="UTC"))),
            "a zone is the argument timezone of the kind zone, with a default",
        ),
        (replace(GOOD, sources=()), "it needs a table, and each table one source"),
        (
            replace(GOOD, sources=GOOD.sources * 2),
            "it needs a table, and each table one source",
        ),
        (
            answering(columns={"responded_at": ("answers.at",)}),
            "its answers lack provider_feedback_id",
        ),
        (answering(columns={**COLUMNS, "mood": ()}), "answers have no column mood"),
        (
            answering(columns={**COLUMNS, "comment": ("answers.words",)}),
            "its answers name answers.words, which is no column of what they depend on",
        ),
        (
            answering(depends={"others": SAME_DAY}),
            "its answers depend on others, which is no table of it",
        ),
        (
            answering(package="feedback_assets.providers.wicked_reports"),
            "its feedback.sql cannot be read: ",
        ),
        (answering(package="no_such_package"), "its feedback.sql cannot be read: "),
    ],
)
def test_a_declaration_that_cannot_be_used_is_left_out_with_the_reason(
    declared: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f": {reason}" in broken(declared, monkeypatch)


def test_an_entry_point_that_cannot_be_loaded_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(globals(), "found")
    _, (line,) = plugged_in([entry()], BUILT_IN)
    assert "cannot be used: AttributeError: " in line
    assert line.isprintable()


def test_two_packages_that_take_one_name_leave_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    providers, lines = plugged_in([entry("b"), entry("a")], BUILT_IN)
    assert providers == (GOOD,)
    assert [line.split(" ")[2] for line in lines] == ["b"]
    assert "the name yelp is taken" in lines[0]
