"""Validates the values of settings: zones, directories, warehouses, URLs, owners.

Functions that return a value raise ``ValueError`` with the rest of a sentence about it.
"""

import re
from pathlib import Path
from urllib.parse import urlsplit

import fsspec

# Protocols that fsspec supports, but that are read-only or end with the process.
_NOT_STORES = {
    "http",
    "https",
    "data",
    "ftp",
    "git",
    "github",
    "zip",
    "tar",
    "cached",
    "blockcache",
}
_LONGEST_PATH = 4096
_OWNER = re.compile(r"team:\S+|[\w.+-]+@[\w-]+(\.[\w-]+)+")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def zone(name: str) -> str:
    """A time zone that this machine can use to read timestamps."""
    if name != "UTC":
        # Imported here, since it loads Arrow.
        from feedback_assets.schema.zones import is_zone

        if not is_zone(name):
            raise ValueError("is not a valid time zone; use a name such as Europe/Paris")
    return name


def directory(text: str, root: Path) -> Path:
    """The directory as an absolute path: ``~`` is the home, a relative path is below ``root``."""
    try:
        path = root / Path(text).expanduser()
        nearest = path
        while not nearest.exists():
            nearest = nearest.parent
    except (OSError, RuntimeError) as error:  # too long, or an unknown ~user
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"cannot be a directory: {reason}") from None
    if not nearest.is_dir():
        raise ValueError(f"cannot be a directory: {nearest} is a file")
    return path


def warehouse_root(text: str, root: Path) -> str:
    """A local path or a URI of a writable store that fsspec supports."""
    protocol, found, rest = text.partition("://")
    if not found:
        _refuse_broken_uri(text)
        directory(text, root)
    elif protocol not in fsspec.available_protocols() or protocol in _NOT_STORES:
        raise ValueError(
            "is not a file system that fsspec can write to; use a path or a URI such as "
            "s3://bucket/warehouse"
        )
    elif not rest.strip("/") or (rest.startswith("/") and protocol not in ("file", "local")):
        example = "/directory" if protocol in ("file", "local") else "bucket/warehouse"
        raise ValueError(f"names no bucket or directory; use {protocol}://{example}")
    return text


def readable_files(text: str, root: Path) -> str:
    """A local path or glob, or a URI of a file system that fsspec can read from."""
    protocol, found, rest = text.partition("://")
    if not found:
        _refuse_broken_uri(text)
        directory(str(Path(text).parent), root)
        if len(text.encode()) > _LONGEST_PATH:
            raise ValueError("cannot be a file: the name is too long")
    elif protocol not in fsspec.available_protocols() or protocol in ("file", "local"):
        raise ValueError(
            "is not a file system that fsspec can read; use a path or a URI such as "
            "s3://bucket/ad-spend/*.csv"
        )
    elif not rest.strip("/"):
        raise ValueError(f"names no file; write {protocol}://bucket/ad-spend/*.csv")
    return text


def _refuse_broken_uri(text: str) -> None:
    """Refuse ``s3:/bucket`` and ``s3//bucket``, which would be directories below the project."""
    address = _ADDRESS.match(text)
    relative = not text.startswith(("/", "~"))
    if address or (relative and "//" in text):
        start = address[1] if address else text.partition("/")[0]
        raise ValueError(
            f"is neither a path nor a URI; use {start}://… for a URI, or ./… for a directory of "
            "that name"
        )


def split_urls(text: str) -> tuple[str, ...]:
    """The URLs in a list separated by commas or blanks."""
    # A URL may contain commas; the next one starts at a scheme.
    urls = re.split(r"(?i)[\s,]+(?=[a-z][a-z0-9+.-]*://)", text.strip().strip(", "))
    return tuple(dict.fromkeys(urls))


def is_postgres_url(text: str) -> bool:
    """Whether this is the complete URL of a Postgres database."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # its text shows the invalid port, which may be part of the password
        return False
    named = parts.hostname and parts.path.strip("/")
    known = parts.scheme in ("postgresql", "postgres") and port != 0
    return bool(named and known) and text.isprintable() and " " not in text


def split_owners(text: str) -> tuple[str, ...]:
    """The owners in a list separated by commas or blanks."""
    return tuple(dict.fromkeys(re.split(r"[\s,]+", text.strip().strip(", "))))


def owners(text: str) -> str:
    """Owners in Dagster's format: e-mails, and teams as ``team:name``."""
    for owner in split_owners(text):
        if not _OWNER.fullmatch(owner):
            raise ValueError(f"{owner!r} is not a valid owner; use e-mails, or team:name for teams")
    return text


def repository(url: str) -> str:
    """The address of a repository whose files can be linked to."""
    if not re.search(r"github|gitlab", urlsplit(url).hostname or ""):
        raise ValueError("is not a GitHub or GitLab repository; only those can be linked to")
    return url.removesuffix(".git")


def branch(name: str) -> str:
    """A branch, tag or commit of a repository."""
    if not re.fullmatch(r"\w[\w./-]{0,199}", name):
        raise ValueError("is not a valid branch name; use a name such as main")
    return name
