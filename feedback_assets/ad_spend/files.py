"""Finds the files of ``FEEDBACK_AD_SPEND``, in order of precedence, and reads their bytes."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import has_magic

from feedback_assets.ad_spend.trouble import SETTING, SpendTrouble
from feedback_assets.warehouse.marks import local_mark, remote_mark
from feedback_assets.warehouse.remote import store_errors

# The names of the modification time: S3, Azure, Google Cloud, fsspec's memory.
_MODIFIED = ("LastModified", "last_modified", "updated", "mtime", "created")


@dataclass(frozen=True, order=True)
class SpendFile:
    """One file; the later one in this order wins. ``mark`` as in ``warehouse.marks``."""

    modified_ns: int
    path: str
    size: int
    mark: str

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


def find_files(place: str) -> list[SpendFile]:
    """The files of a path, glob or fsspec URI, by time of change and then by path.

    Raises ``SpendTrouble`` if there is none, ``StoreTrouble`` if the store cannot be reached.
    """
    found = _local_files(place) if "://" not in place else _remote_files(place)
    if not found:
        kind = "matches no file" if has_magic(place) else "is not a file"
        raise SpendTrouble(f"{place} {kind}. Put the export there, or correct {SETTING}.")
    return sorted(found)


def read_file(file: SpendFile) -> bytes:
    """All bytes of one file; raises as ``find_files`` does."""
    if "://" not in file.path:
        try:
            return Path(file.path).read_bytes()
        except OSError as error:
            raise _unreadable(file.path, error) from None
    filesystem, inside = _opened(file.path)
    try:
        with store_errors(file.path, SETTING):
            content: bytes = filesystem.cat_file(inside)
    except FileNotFoundError:
        raise SpendTrouble(f"{file.path} was removed while it was read. Run it again.") from None
    return content


def listing(files: Iterable[SpendFile]) -> str:
    """Identifies these versions of these files: changes if one is edited or removed."""
    rows = (f"{file.path} {file.modified_ns} {file.mark}\n" for file in sorted(files))
    return hashlib.sha256("".join(rows).encode()).hexdigest()[:16]


def _local_files(place: str) -> list[SpendFile]:
    path = Path(place)
    # The name of an existing file is taken literally, even if it has brackets.
    paths = [path] if path.exists() or not has_magic(place) else _globbed(place)
    found = []
    for each in paths:
        try:
            about = each.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unreadable(str(each), error) from None
        if each.is_file():
            found.append(SpendFile(about.st_mtime_ns, str(each), about.st_size, local_mark(about)))
        elif each == path:
            raise SpendTrouble(
                f"{place} is a directory. Name the files in it: {SETTING}={place.rstrip('/')}/*.csv"
            )
    return found


def _globbed(place: str) -> list[Path]:
    return [Path(found) for found in fsspec.filesystem("file").glob(place)]


def _remote_files(place: str) -> list[SpendFile]:
    filesystem, inside = _opened(place)
    filesystem.invalidate_cache()
    try:
        with store_errors(place, SETTING):
            if has_magic(inside):
                found = filesystem.glob(inside, detail=True)
            else:
                found = {inside: filesystem.info(inside)}
    except FileNotFoundError:
        return []
    return [
        SpendFile(
            _modified_ns(about),
            str(filesystem.unstrip_protocol(path)),
            int(about.get("size") or 0),
            remote_mark({**about, "size": about.get("size")}),
        )
        for path, about in found.items()
        if about.get("type") != "directory"
    ]


def _opened(place: str) -> tuple[Any, str]:
    with store_errors(place, SETTING):
        filesystem, inside = fsspec.core.url_to_fs(place)
    return filesystem, inside


def _modified_ns(about: Mapping[str, Any]) -> int:
    """The modification time in nanoseconds; 0 if the file system does not report it."""
    value = next((about[name] for name in _MODIFIED if about.get(name)), 0)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return int(value * 1_000_000_000)


def _unreadable(path: str, error: OSError) -> SpendTrouble:
    reason = error.strerror or str(error)
    return SpendTrouble(f"{path} cannot be read: {reason}. Fix its permissions, or {SETTING}.")
