"""The known detractors of each provider, shared by the sensors that alert on them.

A book is stored on the Dagster instance for each provider; ``locked_books`` keeps two sensors from
changing it at the same time. It contains digests of ids, and times; nothing that a customer wrote.
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
_OVERDUE = timedelta(days=1)
REMEMBERED_DAYS = 60
"""How long a detractor stays known; older answers are ignored."""


class Known(msgspec.Struct, frozen=True):
    """A detractor: when it was noticed, and the targets that an alert is still owed to.

    ``served_since``: the provider serves the answer again if asked for everything since then; None
    if it was noticed in the marts. ``left``: the score has since changed to another class.
    """

    served_since: datetime | None
    noticed: datetime
    owed: tuple[str, ...] = ()
    left: bool = False


class Book(Look, frozen=True, kw_only=True):
    """The known answers of a provider; ``known`` has its detractors by ``mark_of``.

    ``since``: the start of the first request, None before it. ``content``: a hash of the rows that
    were served last.
    """

    since: datetime | None = None
    content: str = ""
    known: dict[str, Known] = msgspec.field(default_factory=dict)

    def owed(self) -> dict[str, Known]:
        """The detractors with an alert that is still owed to a target."""
        return {mark: one for mark, one in self.known.items() if one.owed}

    def left_to_morning(self, now: datetime) -> dict[str, Known]:
        """Owed alerts that the provider's sensor did not notice, or has not sent for a day.

        That sensor may be off by now. One message after the quiet hours is better than two.
        """
        return {
            mark: one
            for mark, one in self.owed().items()
            if one.served_since is None or now - one.noticed > _OVERDUE
        }


def mark_of(feedback_id: str) -> str:
    """A short digest of the id, which may contain an order number."""
    return hashlib.sha256(feedback_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def lock_directory(settings: Settings) -> Path:
    """The directory of the alerts' locks: the sensors of a code location share a machine."""
    return settings.state_dir / "alerts"


@contextmanager
def locked_books(settings: Settings, providers: Iterable[str]) -> Iterator[None]:
    """Keep other sensors from changing the books of these providers; raises ``Unusable``."""
    with ExitStack() as stack:
        for provider in sorted(providers):
            path = lock_directory(settings) / f"{provider}.lock"
            stack.enter_context(locked(path, "DAGSTER_HOME"))
        yield


def read_book(instance: dg.DagsterInstance, names: Names, provider: str) -> Book:
    """The provider's book; an empty one before the first tick, or if its format has changed."""
    text = read_value(instance, kept_under(names, provider))
    if text:
        try:
            return msgspec.json.decode(text, type=Book)
        except msgspec.MsgspecError:
            pass
    return Book()


def write_book(instance: dg.DagsterInstance, names: Names, provider: str, book: Book) -> None:
    """Store the provider's book."""
    write_value(instance, kept_under(names, provider), msgspec.json.encode(book).decode())


def without_old(
    known: Mapping[str, Known], targets: Collection[str], now: datetime
) -> dict[str, Known]:
    """The detractors without outdated ones; alerts are no longer owed after ``RECENT_DAYS``.

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
    """The book once no alert about these is owed any more."""
    gone = {mark: msgspec.structs.replace(book.known[mark], owed=()) for mark in marks}
    return msgspec.structs.replace(book, known={**book.known, **gone}) if gone else book


def after_delivery(book: Book, delivered: Iterable[str], sent: Sent) -> Book:
    """The book after a delivery: alerts are still owed to targets that rejected the message."""
    marks = set(delivered)
    known = {
        mark: msgspec.structs.replace(
            one, owed=tuple(key for key in one.owed if key in sent.pending)
        )
        if mark in marks
        else one
        for mark, one in book.known.items()
    }
    return msgspec.structs.replace(book, known=known)
