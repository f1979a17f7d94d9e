"""A provider's declaration: its settings, its lists, its answers, and its news."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from feedback_assets.http.paging import Page
from feedback_assets.providers.answers import Answers
from feedback_assets.schema.table import Table
from feedback_assets.schema.typing import Typing

if TYPE_CHECKING:
    from feedback_assets.http.client import Client
    from feedback_assets.http.quota import QuotaPlace

WINDOW_DAYS = 28
"""Days requested at once: with a day before and two after, 31 dates, so 30 days apart, the maximum
for Wicked Reports' clicks."""

Kind = Literal["text", "secret", "url", "rate", "zone"]


@dataclass(frozen=True)
class Argument:
    """One argument of a client, which is the setting ``<PROVIDER>_<NAME>``.

    ``kind``: a text, a secret that is never shown, the API's address, the allowed requests a
    minute, or the zone of timestamps without one, which the parser uses and not the client.
    ``needed``: no request is possible without it. ``meaning``: its description in
    docs/providers.md, in Markdown; the default is appended.
    """

    name: str
    kind: Kind
    meaning: str = ""
    needed: bool = False
    default: str | int | None = None


@dataclass(frozen=True)
class Source:
    """One list of a provider and the tables that it fills.

    ``ask(client, first, last)`` returns the pages of the dates ``first`` to ``last``, including the
    margin. ``reshape`` splits the records of a page that contain records of another table: by full
    name, the first table's own records first. ``whole_list``: the provider cannot filter by end
    date, so one read covers any number of days. ``null_text``: it writes null as the text
    ``"null"``. ``restated``: records change long after their day without any sign of it, so every
    day is read again once a month.
    """

    tables: tuple[Table, ...]
    ask: Callable[[Any, date, date], Iterator[Page]]
    reshape: Callable[[bytes], Mapping[str, Page]] | None = None
    whole_list: bool = False
    null_text: bool = False
    restated: bool = False

    @property
    def provider(self) -> str:
        """The name of the provider."""
        return self.tables[0].group

    def read(self, client: Any, first: date, last: date) -> Iterator[Mapping[str, Page]]:
        """Yield the pages of these dates; each maps a table's full name to its records."""
        for page in self.ask(client, first, last):
            yield self.parts(page)

    def parts(self, page: Page) -> Mapping[str, Page]:
        """The records of a page by the full name of their table."""
        own = self.tables[0].full_name
        if self.reshape is None:
            return {own: page}
        parts = self.reshape(page.records)
        # The list's own quarantined records are stored as served.
        whole = replace(parts[own], served=page.records, shifted=page.shifted)
        return {**parts, own: whole}

    def windows(self, first: date, last: date) -> Iterator[tuple[date, date]]:
        """Yield the days ``first`` to ``last`` as requested windows, the earliest first."""
        step = (last - first).days + 1 if self.whole_list else WINDOW_DAYS
        while first <= last:
            end = min(last, first + timedelta(days=step - 1))
            yield first, end
            first = end + timedelta(days=1)

    def typing(self, zone: str) -> Typing:
        """How its JSON is parsed, given the zone of timestamps without one."""
        return Typing(zone, self.null_text)


@dataclass(frozen=True)
class Feed:
    """How to ask a provider for news: ``ask(client, since)`` returns the list of ``table``.

    Rows repeat within the ``margin`` before ``since``, and those without a value in ``answer`` are
    not answers. ``needs``: an argument without which the list is not available.
    """

    table: Table
    ask: Callable[[Any, datetime], Iterator[Page]]
    margin: timedelta
    answer: tuple[str, ...]
    needs: str = ""

    @property
    def provider(self) -> str:
        """The name of the provider."""
        return self.table.group


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One provider: everything that the rest of the project uses of it.

    ``name``: the group of its tables and the prefix of its settings; ``title``: its display name.
    ``client`` creates a client from the arguments, a ``quota_in`` and a ``retry``. Import the
    client's module lazily: reading names and settings must not load an HTTP library. ``found``:
    sentences for docs/providers.md that say where to find the values in the provider's own
    settings. ``job_tables``: tables that jobs write instead of a list.
    """

    name: str
    title: str
    client: Callable[..., Client]
    arguments: tuple[Argument, ...]
    found: str
    sources: tuple[Source, ...]
    answers: Answers | None = None
    feed: Feed | None = None
    job_tables: tuple[Table, ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that its lists fill."""
        return tuple(table for source in self.sources for table in source.tables)

    @property
    def client_arguments(self) -> tuple[str, ...]:
        """The names of the client's arguments that are settings."""
        return tuple(one.name for one in self.arguments if one.kind != "zone")

    @property
    def needed(self) -> tuple[str, ...]:
        """The names of the required arguments."""
        return tuple(one.name for one in self.arguments if one.needed)

    def variable(self, argument: str) -> str:
        """The environment variable of an argument."""
        return f"{self.name}_{argument}".upper()

    @property
    def needed_variables(self) -> tuple[str, ...]:
        """The required variables."""
        return tuple(self.variable(argument) for argument in self.needed)

    def connect(self, arguments: Mapping[str, Any], quota_in: QuotaPlace) -> Client:
        """Create the client from the settings; `CredentialsMissing` names missing ones."""
        unset = dict.fromkeys(self.needed)
        return self.client(**unset | dict(arguments), quota_in=quota_in)
