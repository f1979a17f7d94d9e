"""The result of a publication, as numbers and as lines of text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from feedback_assets.wording import counted


@dataclass(frozen=True)
class Sent:
    """One table: partitions written and removed, and the rows written."""

    partitions: int = 0
    removed: int = 0
    rows: int = 0

    @property
    def anything(self) -> bool:
        return bool(self.partitions or self.removed)


@dataclass(frozen=True)
class Outcome:
    """A publication that succeeded.

    ``tables``: what was sent, for every published table by ``group.table``. ``left_out``: the keys
    and indexes that the rows do not allow. ``newest``: the newest day at the target. ``before``:
    the time of the previous publication.
    """

    target: str
    address: str
    tables: dict[str, Sent]
    seconds: float
    dropped: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    newest: date | None = None
    before: datetime | None = None
    files_removed: int = 0

    @property
    def partitions(self) -> int:
        return sum(sent.partitions for sent in self.tables.values())

    @property
    def removed(self) -> int:
        return sum(sent.removed for sent in self.tables.values())

    @property
    def rows(self) -> int:
        return sum(sent.rows for sent in self.tables.values())


@dataclass(frozen=True)
class Behind:
    """How far a target is behind: partitions by table, and when it was last published to.

    ``held``: whether it has been published to, even if its history was removed.
    """

    partitions: dict[str, int] = field(default_factory=dict)
    last: datetime | None = None
    held: bool = False

    def __str__(self) -> str:
        count = sum(self.partitions.values())
        if not self.held:
            return f"nothing published yet, {counted(count, 'partition')} to send"
        state = "up to date" if not count else f"{counted(count, 'partition')} behind"
        return f"{state}, last published {self.last:%Y-%m-%d %H:%M} UTC" if self.last else state


def lines(done: Outcome) -> Iterator[str]:
    """The outcome as printed: one line for the target, and one for each changed table."""
    what = f"{done.target}: {counted(len(done.tables), 'table')} at {done.address}"
    if not (done.partitions or done.removed or done.dropped):
        yield f"{what}, unchanged ({done.seconds:.1f} s)"
    else:
        yield (
            f"{what}, {counted(done.partitions, 'partition')} and {counted(done.rows, 'row')} "
            f"sent ({done.seconds:.1f} s)"
        )
    for name, sent in done.tables.items():
        if sent.anything:
            removed = f", {sent.removed:,} removed" if sent.removed else ""
            yield (
                f"  {name}: {counted(sent.partitions, 'partition')}, "
                f"{counted(sent.rows, 'row')}{removed}"
            )
    for name in done.dropped:
        yield f"  {name}: dropped"
    for name in done.left_out:
        yield f"  Omitted, because the rows do not allow it: {name}"
