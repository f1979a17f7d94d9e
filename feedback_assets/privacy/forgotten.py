"""The result of an erasure, and the summary that is printed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from feedback_assets.privacy.person import KINDS, Person
from feedback_assets.privacy.run_history import ErasedRuns
from feedback_assets.privacy.traces import Passage
from feedback_assets.publish.erasing import ErasedAt
from feedback_assets.wording import counted

_MOST_SHOWN = 50
_LISTED = (
    "Added to the list of erased people: data that providers still serve is stored without them."
)
_LISTED_BEFORE = "Already on the list of erased people."


@dataclass
class Forgotten:
    """The result: for each table, the person's rows and the rewritten partitions.

    ``left`` and ``doubtful`` are the findings of the final search: what should be gone, and what
    needs a human decision.
    """

    persons: tuple[Person, ...]
    was_listed: bool = False
    rows: Counter[str] = field(default_factory=Counter)
    partitions: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    runs: ErasedRuns = field(default_factory=ErasedRuns)
    writing: int = 0
    report: str = ""
    published: list[ErasedAt] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    doubtful: list[Passage] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        """Whether the final search found nothing that should be gone."""
        failed = self.report == "failed" or any(at.trouble for at in self.published)
        return not (self.runs.under_way or self.runs.left or failed or self.left)

    @property
    def complete(self) -> bool:
        """Whether there is also nothing left for a human decision."""
        return self.verified and not self.doubtful


def lines(done: Forgotten, *, dry_run: bool = False) -> list[str]:
    """The printed summary, without the person's e-mail, name or contact ids."""
    output = [] if dry_run else [_LISTED_BEFORE if done.was_listed else _LISTED]
    counts = {kind: sum(person.count(kind) for person in done.persons) for kind in KINDS}
    output.append(
        f"Identified by {counted(counts['email'], 'e-mail')}, "
        f"{counted(counts['contact'], 'contact id')}, {counted(counts['order'], 'order number')} "
        f"and {counted(counts['answer'], 'answer')}."
    )
    verb = "would be rewritten" if dry_run else "rewritten"
    for name, days in done.partitions.items():
        output.append(
            f"{name}: {counted(done.rows[name], 'row')}, {counted(days, 'partition')} {verb}"
        )
    for name, count in done.quarantined.items():
        output.append(f'quarantine."{name}": {counted(count, "record")} {verb}')
    if not dry_run:
        output += _about_runs(done)
    output += _about_doubts(done)
    return output if dry_run else [*output, *_verdict(done)]


def _about_runs(done: Forgotten) -> Iterator[str]:
    if done.runs.deleted:
        yield f"Runs that named them: {done.runs.deleted} deleted"
    if done.report:
        yield f"reports/nps: {done.report}"
    yield from map(str, done.published)
    if done.runs.under_way:
        yield f"Unfinished runs that name them: {', '.join(done.runs.under_way)}"
    if done.writing:
        yield f"Runs in progress: {done.writing}. Run this command again when they have finished."


def _about_doubts(done: Forgotten) -> Iterator[str]:
    if not done.doubtful:
        return
    yield (
        f"Please check {counted(len(done.doubtful), 'text')} that may refer to this person, for "
        'example "name (at) example.com". Add --spelled-out to erase these too.'
    )
    yield from (f"  {passage}" for passage in done.doubtful[:_MOST_SHOWN])
    if len(done.doubtful) > _MOST_SHOWN:
        yield f"  and {len(done.doubtful) - _MOST_SHOWN} more"


def _verdict(done: Forgotten) -> Iterator[str]:
    left = [*done.left, *done.runs.left]
    if left:
        yield "Some of their data is still in these files. Run this command again:"
        yield from (f"  {name}" for name in left)
    elif done.complete and not (done.partitions or done.quarantined or done.runs.deleted):
        yield "Searched tables, quarantine, page and run history: no data about them was found."
    elif done.complete:
        yield "Searched tables, quarantine, page and run history again: none of their data is left."
