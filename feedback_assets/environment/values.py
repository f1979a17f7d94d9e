"""Validates the values of settings: zones, times, engines, directories, URLs, owners.

Functions that return a value raise ``ValueError`` with the rest of a sentence about it.
"""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
from pydantic import SecretStr

from feedback_assets.files.places import LOCAL, local_path

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
_EARLIEST = date(2000, 1, 1)
_OWNER = re.compile(r"team:\S+|[\w.+-]+@[\w-]+(\.[\w-]+)+")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_QUIET = re.compile(r"(?P<start>([01]\d|2[0-3]):[0-5]\d)-(?P<end>([01]\d|2[0-3]):[0-5]\d)")
ALERT_TAGS = ("support", "marketing", "operators")
"""What an alert URL receives; one without a tag receives everything."""
_TAG = "|".join(ALERT_TAGS)
_TAGS = rf"(?:{_TAG})(?:\+(?:{_TAG}))*="


def zone(name: str) -> str:
    """A time zone that this machine can use to read timestamps."""
    if name != "UTC":
        # Imported here, since it loads Arrow.
        from feedback_assets.schema.zones import is_zone

        if not is_zone(name):
            raise ValueError("is not a valid time zone; use a name such as Europe/Paris")
    return name


def clock(text: str) -> str:
    """A time of day as ``HH:MM``."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError("is not a time of day, for example 06:00")
    return text


def iso_day(text: Any) -> Any:
    """A day as ``YYYY-MM-DD``, so that a number is not read as seconds since 1970."""
    if isinstance(text, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError("is not a day; use YYYY-MM-DD")
    return text


def past_day(day: date) -> date:
    """A day that can be the first partition."""
    if day < _EARLIEST:
        raise ValueError(f"is before {_EARLIEST}; every day since the start date is a partition")
    if day > datetime.now(UTC).date():
        raise ValueError("is in the future; use the first day to load")
    return day


def engine(text: str) -> str:
    """What runs the SQL, in lower case."""
    if text.lower() not in ("duckdb", "spark"):
        raise ValueError("is not an engine; use duckdb or spark")
    return text.lower()


def spark_master(text: str) -> str:
    """The address of a Spark master."""
    if not re.fullmatch(r"local(\[(\d+|\*)\])?|(spark|sc|k8s)://\S+|yarn", text):
        raise ValueError(
            "is not a Spark master; use local[*], spark://host:7077 or sc://host:15002"
        )
    return text


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
    protocol, _, rest = text.partition("://")
    path = local_path(text)
    if path is not None and (path == text or path.strip("/")):
        if path == text:
            _refuse_broken_uri(text)
        directory(path, root)
    elif protocol not in fsspec.available_protocols() or protocol in _NOT_STORES:
        raise ValueError(
            "is not a file system that fsspec can write to; use a path or a URI such as "
            "s3://bucket/warehouse"
        )
    elif not rest.strip("/") or (rest.startswith("/") and protocol not in LOCAL):
        example = "/directory" if protocol in LOCAL else "bucket/warehouse"
        raise ValueError(f"names no bucket or directory; use {protocol}://{example}")
    return text


def readable_files(text: str, root: Path) -> str:
    """A local path or glob, or a URI of a file system that fsspec can read from."""
    protocol, _, rest = text.partition("://")
    path = local_path(text)
    if path is not None:
        if path == text:
            _refuse_broken_uri(text)
        directory(str(Path(path).parent), root)
        if len(path.encode()) > _LONGEST_PATH:
            raise ValueError("cannot be a file: the name is too long")
    elif protocol in ("http", "https") and any(mark in rest for mark in "?#"):
        raise ValueError("has a query, which would be shown in errors; use a URL without one")
    elif protocol not in fsspec.available_protocols():
        raise ValueError(
            "is not a file system that fsspec can read; use a path or a URI such as "
            "s3://bucket/ad-spend/*.csv"
        )
    elif not rest.strip("/"):
        raise ValueError(f"names no file; write {protocol}://bucket/ad-spend/*.csv")
    return text


def _refuse_broken_uri(text: str) -> None:
    """Refuse ``s3:/bucket`` and ``s3//bucket``, which would be directories below the project."""
    if re.match(r"[A-Za-z]:[\\/]", text):
        raise ValueError("is a Windows path; use a path of Linux, macOS or WSL, such as /mnt/c/…")
    address = _ADDRESS.match(text)
    relative = not text.startswith(("/", "~"))
    if address or (relative and "//" in text):
        start = address[1] if address else text.partition("/")[0]
        raise ValueError(
            f"is neither a path nor a URI; use {start}://… for a URI, or ./… for a directory of "
            "that name"
        )


def split_urls(text: str) -> tuple[str, ...]:
    """The URLs in a list separated by commas or blanks, each with its tags in front, if any."""
    # A URL may contain commas; the next one starts at its tags or its scheme.
    next_one = rf"(?i)[\s,]+(?=(?:{_TAGS})?[a-z][a-z0-9+.-]*://)"
    return tuple(dict.fromkeys(re.split(next_one, text.strip().strip(", "))))


def split_tags(text: str) -> tuple[frozenset[str], str]:
    """The tags of ``support+operators=slack://…`` and the URL; no tags if none is in front."""
    found = re.match(rf"(?i){_TAGS}", text)
    if found is None:
        return frozenset(), text
    return frozenset(found[0][:-1].lower().split("+")), text[found.end() :]


def refuse_alert_urls(text: str) -> None:
    """Raise ``ValueError`` for a URL that no service of Apprise can have."""
    for number, (_, url) in enumerate(map(split_tags, split_urls(text)), start=1):
        if not re.match(r"(?i)[a-z][a-z0-9+.-]*://\S", url) or re.search(r"\s", url):
            raise ValueError(
                f"URL {number} is not valid; use comma-separated URLs such as mailto://… "
                f"or support=slack://…; the tags are {', '.join(ALERT_TAGS)}"
            )


def quiet_hours(text: str) -> str:
    """Two times of day, as in ``21:00-07:00``; the second one may be on the next day."""
    found = _QUIET.fullmatch(re.sub(r"\s*[-–]\s*", "-", text))
    if found is None or found["start"] == found["end"]:
        raise ValueError("is not a range of hours; use two times of day such as 21:00-07:00")
    return found[0]


def url(text: str) -> str:
    """The URL of a web server, without a trailing slash."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("is not a URL; use https://…")
    return text.rstrip("/")


def postgres_url(value: SecretStr | None) -> SecretStr | None:
    """The URL of a Postgres database."""
    if value is not None and not is_postgres_url(value.get_secret_value()):
        raise ValueError(
            "is not a Postgres URL; use postgresql://user:password@host:5432/database, with "
            "special characters in user and password percent-encoded"
        )
    return value


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


def properties(text: str) -> dict[str, str]:
    """Properties in a list such as ``s3.endpoint=https://…,s3.region=eu-west-1``."""
    found = {}
    # A value may contain commas; the next property starts at a name and an equals sign.
    for part in re.split(r",\s*(?=[\w.-]+=)", text.strip().strip(",")):
        name, equals, value = part.partition("=")
        if not (equals and re.fullmatch(r"[\w.-]+", name.strip())):
            raise ValueError("is not a list of properties; use name=value,name=value")
        found[name.strip()] = value.strip()
    return found


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
