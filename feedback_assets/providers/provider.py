"""What a provider declares: its settings, what is read of it, its answers, and its news."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
"""Days asked for at once: with a day before and two after, 31 dates and so 30 days of difference,
which is as far apart as Wicked Reports' clicks may be asked."""

Kind = Literal["text", "secret", "url", "rate", "zone"]


@dataclass(frozen=True)
class Argument:
    """One argument of a client, which is the setting ``<PROVIDER>_<NAME>``.

    ``kind``: a text, a secret that is never shown, the address of the API, the requests a minute
    that are allowed, or the zone of time stamps that carry none, which the reading takes and not
    the client. ``needed``: without it nothing can be asked. ``meaning``: what docs/providers.md
    says of it, in Markdown; the default is added to it.
    """

    name: str
    kind: Kind
    meaning: str = ""
    needed: bool = False
    default: str | int | None = None


@dataclass(frozen=True)
class Source:
    """One list of a provider and the tables that it fills.

    ``ask(client, first, last)`` gives the pages of the dates ``first`` to ``last``, margin
    included. ``reshape`` takes the records of a page apart where they hold records of another
    table: by full name, the first table's own records first.
    ``whole_list``: the provider cannot be asked for the end of a window, so one reading takes
    any number of days. ``null_text``: it writes null as the text ``"null"``. ``restated``: records
    change long after their day, and nothing says which, so every day is read again once a month.
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
        """The pages of these dates; of each, the records of every table by its full name."""
        for page in self.ask(client, first, last):
            yield self.parts(page)

    def parts(self, page: Page) -> Mapping[str, Page]:
        """The records of a page by the full name of their table."""
        own = self.tables[0].full_name
        if self.reshape is None:
            return {own: page}
        parts = self.reshape(page.records)
        # What is set aside of the list itself is kept as it was served.
        whole = Page(parts[own].records, parts[own].count, served=page.records)
        return {**parts, own: whole}

    def windows(self, first: date, last: date) -> Iterator[tuple[date, date]]:
        """The days ``first`` to ``last`` as they are asked for, the earliest first."""
        step = (last - first).days + 1 if self.whole_list else WINDOW_DAYS
        while first <= last:
            end = min(last, first + timedelta(days=step - 1))
            yield first, end
            first = end + timedelta(days=1)

    def typing(self, zone: str) -> Typing:
        """How its JSON is typed, in the zone of its zone-less time stamps."""
        return Typing(zone, self.null_text)


@dataclass(frozen=True)
class Feed:
    """How a provider is asked what is new: ``ask(client, since)`` gives the list of ``table``.

    Rows come again within the ``margin`` before ``since``, and those without anything in
    ``answer`` are no answers. ``needs``: an argument without which there is no such list.
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
    """One provider: all that the rest of the project knows of it.

    ``name``: the group of its tables and the prefix of its settings; ``title``: as people write
    it. ``client`` makes a client of the arguments, a ``quota_in`` and a ``retry``; it imports the
    client's module only then, since whoever asks for names and settings does not wait for an HTTP
    library. ``found``: sentences that say where in the provider's own settings the needed values
    are, as docs/providers.md has it. ``job_tables``: tables that jobs write and nothing reads.
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
        """The names of the arguments without which nothing can be asked."""
        return tuple(one.name for one in self.arguments if one.needed)

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
