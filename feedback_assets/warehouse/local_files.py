"""Replaces files on a disk in batches: each file is replaced as a whole or not at all.

All files are written under temporary names, then flushed, then renamed, then their directories are
flushed. After a power failure, each file is the old or the new one. The process waits for the disk
once per step, not once per file.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from feedback_assets.files.durable import create_private, sync_directory
from feedback_assets.warehouse.marks import local_mark
from feedback_assets.warehouse.temporary_names import new_temporary, release, remove_abandoned
from feedback_assets.warehouse.until_failure import until_failure

T = TypeVar("T")
R = TypeVar("R")
Write = Callable[[Any], object]
# Flushes of several files share a commit of the file system's journal: 64 small files took 200 ms
# one after the other, 30 ms with four threads, and no less with more.
_FLUSHED_AT_ONCE = 4


@dataclass(frozen=True)
class _Draft:
    """A file under its temporary name; ``sink`` is open until it is flushed."""

    path: Path
    temporary: Path
    sink: Any
    created: tuple[Path, ...]
    """Directories in which a directory was created for it."""


def put_local(files: Sequence[tuple[str, Write]]) -> Iterator[str]:
    """Replace files, each with what its function writes; yields the mark of each, in order.

    If one fails, its error is raised after the marks of those before it; those after it may be
    replaced without being yielded.
    """
    drafts, failed = until_failure(_draft(Path(path), write) for path, write in files)
    renamed = 0
    try:
        # Otherwise a power failure may leave the new name without the new bytes.
        marks, refused = _several(_flush, drafts)
        failed = refused or failed
        paths, refused = until_failure(map(_rename, drafts[: len(marks)]))
        renamed, failed = len(paths), refused or failed
        created = dict.fromkeys(above for draft in drafts[:renamed] for above in draft.created)
        directories = [*created, *(path.parent for path in paths)]
        flushed, refused = _several(sync_directory, directories)
        failed = refused or failed
    finally:
        for draft in drafts[renamed:]:
            _discard(draft.temporary, draft.sink)
        for draft in drafts[:renamed]:
            release(draft.temporary)
    yield from marks[: max(0, len(flushed) - len(created))]
    if failed is not None:
        raise failed


def _draft(path: Path, write: Write) -> _Draft:
    created = create_private(path.parent)
    if not created:
        remove_abandoned(path.parent)
    temporary = new_temporary(path.parent)
    sink = None
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        sink = os.fdopen(descriptor, "wb")
        write(sink)
        sink.flush()
    except BaseException:
        _discard(temporary, sink)
        raise
    return _Draft(path, temporary, sink, tuple(created))


def _flush(draft: _Draft) -> str:
    os.fsync(draft.sink.fileno())
    mark = local_mark(os.fstat(draft.sink.fileno()))
    draft.sink.close()
    return mark


def _rename(draft: _Draft) -> Path:
    return draft.temporary.replace(draft.path)


def _discard(temporary: Path, sink: Any) -> None:
    temporary.unlink(missing_ok=True)
    release(temporary)
    if sink is not None:
        # Closing writes what is still buffered, which a full disk refuses again.
        with suppress(OSError):
            sink.close()


def _several(work: Callable[[T], R], items: Sequence[T]) -> tuple[list[R], Exception | None]:
    """``until_failure``, with several items at a time."""
    size = max(1, -(-len(items) // _FLUSHED_AT_ONCE))
    shares = [items[start : start + size] for start in range(0, len(items), size)]
    if len(shares) < 2:
        return until_failure(map(work, items))
    done: list[R] = []
    with ThreadPoolExecutor(len(shares), "flush") as pool:
        for results, failed in pool.map(lambda share: until_failure(map(work, share)), shares):
            done += results
            if failed is not None:
                return done, failed
    return done, None
