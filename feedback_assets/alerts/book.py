"""What is known of a provider's detractors, shared by the sensors that alert on them.

Kept on the Dagster instance for each provider; ``held`` keeps two sensors from changing it at
once. It contains digests of ids and times, and nothing that a customer wrote.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import msgspec

from feedback_assets.alerts.delivery import Sent
from feedback_assets.assets.looks import Look, kept_under
from feedback_assets.files.locking import locked
from feedback_assets.runtime.kept_values import read_value, write_value
from feedback_assets.schema.names import Names
from feedback_assets.settings import Settings

RECENT_DAYS = 7
"""No alert for older answers, for example when a year is backfilled."""
_UNTOLD = timedelta(days=1)
REMEMBERED_DAYS = 60
"""How long a detractor is known; an older answer is not looked at."""


class Known(msgspec.Struct, frozen=True):
    """A detractor: when it was noticed, and which targets are still to be told.

    ``served_since``: a provider that is asked for everything since then serves it again; None if
    it was noticed in the marts. ``left``: the score has changed to another class since.
    """

    served_since: datetime | None
    noticed: datetime
    owed: tuple[str, ...] = ()
    left: bool = False


class Book(Look, frozen=True, kw_only=True):
    """What is known of a provider's answers; ``known`` has its detractors by ``mark_of``.

    ``since``: from when on the first look asked, None before it. ``content``: a hash of what was
    served last.
    """

    since: datetime | None = None
    content: str = ""
    known: dict[str, Known] = msgspec.field(default_factory=dict)

    def owed(self) -> dict[str, Known]:
        """The detractors that some target has not been told of."""
        return {mark: one for mark, one in self.known.items() if one.owed}

    def left_to_morning(self, now: datetime) -> dict[str, Known]:
        """Those owed that the provider's sensor did not notice, or has not told for a day.

        It may be off by now. One message after the quiet hours is better than two.
        """
        return {
            mark: one
            for mark, one in self.owed().items()
            if one.served_since is None or now - one.noticed > _UNTOLD
        }


def mark_of(feedback_id: str) -> str:
    """A short digest of the id, which may contain an order number."""
    return hashlib.sha256(feedback_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def lock_directory(settings: Settings) -> Path:
    """Where the locks of the alerts are: the sensors of a code location share a machine."""
    return settings.state_dir / "alerts"


@contextmanager
def held(settings: Settings, providers: Iterable[str]) -> Iterator[None]:
    """Keep other sensors from changing the books of these providers; raises ``Unusable``."""
    with ExitStack() as stack:
        for provider in sorted(providers):
            path = lock_directory(settings) / f"{provider}.lock"
            stack.enter_context(locked(path, "DAGSTER_HOME"))
        yield


def read_book(instance: dg.DagsterInstance, names: Names, provider: str) -> Book:
    """The provider's book; an empty one before the first look, or after another format."""
    text = read_value(instance, kept_under(names, provider))
    if text:
        try:
            return msgspec.json.decode(text, type=Book)
        except msgspec.MsgspecError:
            pass
    return Book()


def write_book(instance: dg.DagsterInstance, names: Names, provider: str, book: Book) -> None:
    """Keep the provider's book."""
    write_value(instance, kept_under(names, provider), msgspec.json.encode(book).decode())


def without_old(
    known: Mapping[str, Known], targets: Collection[str], now: datetime
) -> dict[str, Known]:
    """What is still of use: old detractors are forgotten, and debts end after ``RECENT_DAYS``.

    Nothing is owed to a target that is no longer configured.
    """
    oldest, late = now - timedelta(days=REMEMBERED_DAYS), now - timedelta(days=RECENT_DAYS)
    kept = {}
    for mark, one in known.items():
        if one.noticed < oldest:
            continue
        owed = tuple(key for key in one.owed if key in targets) if one.noticed >= late else ()
        kept[mark] = one if owed == one.owed else msgspec.structs.replace(one, owed=owed)
    return kept


def without_debts(book: Book, marks: Iterable[str]) -> Book:
    """The book once nobody is to be told of these any more."""
    gone = {mark: msgspec.structs.replace(book.known[mark], owed=()) for mark in marks}
    return msgspec.structs.replace(book, known={**book.known, **gone}) if gone else book


def after_delivery(book: Book, asked: Iterable[str], sent: Sent) -> Book:
    """The book once these marks were sent: only targets that refused the message remain."""
    marks = set(asked)
    known = {
        mark: msgspec.structs.replace(
            one, owed=tuple(key for key in one.owed if key in sent.pending)
        )
        if mark in marks
        else one
        for mark, one in book.known.items()
    }
    return msgspec.structs.replace(book, known=known)
