"""An object store as the warehouse sees it: listings, whole objects, and errors with their cure.

Nothing here knows tables. An object is read by one request, so that it is one version whoever
replaces it meanwhile; what fsspec remembers of earlier listings is never trusted, since another
machine may have written since.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from feedback_assets.warehouse.marks import remote_mark

# A day of a hundred thousand answers. What is larger is read by range, where a query needs less.
WHOLE_BYTES = 16 * 1024 * 1024
# At once: some connections wait while others bring, and memory holds no more than this.
_OBJECTS_AT_ONCE = 64
_BYTES_AT_ONCE = 64 * 1024 * 1024
_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and AWS_ENDPOINT_URL where "
    "the store is not Amazon's, as docs/deploy.md says"
)
# By the names that botocore has for them: other stores need not have it installed.
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}
_NO_ANSWER = {
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "ConnectionError",
    "ReadTimeoutError",
    "HTTPClientError",
    "ResponseParserError",
    "ClientPayloadError",
    "FSTimeoutError",
    "IncompleteRead",
}
_BUSY = ("reduce your request rate", "slow down", "try again", "internal error", "unavailable")


class StoreTrouble(OSError):
    """The warehouse could not be read or written: what happened, and what to do.

    ``transient``: whether the same may go well in a minute.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


@dataclass(frozen=True)
class Found:
    """One object: its path as the warehouse spells it, its size in bytes, its ``marks`` mark."""

    path: str
    size: int
    mark: str = ""


@contextmanager
def store_errors(place: str, setting: str = "FEEDBACK_WAREHOUSE") -> Iterator[None]:
    """Errors of an object store as ``StoreTrouble``; a missing object stays what it is.

    ``setting`` is the variable that names the place.
    """
    try:
        yield
    except StoreTrouble:
        raise
    except FileNotFoundError as error:
        if "specified bucket" not in str(error):
            raise
        raise StoreTrouble(
            f"{place}: there is no such bucket. Create it, or fix {setting}."
        ) from None
    except PermissionError as error:
        raise StoreTrouble(
            f"{place}: the object store refused the credentials ({_words(error)}): {_CREDENTIALS}; "
            "they must be allowed to list, read, write and delete there."
        ) from None
    except OSError as error:
        words = _words(error)
        raise StoreTrouble(
            f"{place}: the object store failed ({words}).",
            transient=any(part in words.lower() for part in _BUSY),
        ) from None
    except Exception as error:
        explained = _explained(place, error)
        if explained is None:
            raise
        raise explained from None


def _explained(place: str, error: Exception) -> StoreTrouble | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _NO_CREDENTIALS:
        return StoreTrouble(f"{place}: no credentials for the object store: {_CREDENTIALS}.")
    if names & _NO_ANSWER:
        return StoreTrouble(
            f"{place}: the object store did not answer ({_words(error)}). Is it up, and is "
            "AWS_ENDPOINT_URL right? Then run it again.",
            transient=True,
        )
    if isinstance(error, ImportError):
        return StoreTrouble(f"{place}: {error}. For s3:// pip install 'feedback-assets[s3]'.")
    return None


def _words(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said).rstrip(".")


def listed(filesystem: Any, directory: str, spelt: str) -> list[Found]:
    """All objects below ``directory``, as they are now; a thousand keys a request, not one a day.

    ``spelt`` is the protocol that the paths get where the file system leaves it out.
    """
    filesystem.invalidate_cache()
    with store_errors(directory):
        found = filesystem.find(directory, detail=True)
    return [
        Found(
            path if "://" in path else f"{spelt}://{path}", int(about["size"]), remote_mark(about)
        )
        for path, about in sorted(found.items())
        # No name of ours; as a copy it would lie outside the directory of copies.
        if ".." not in path.split("/")
    ]


def fetched(filesystem: Any, objects: Sequence[Found]) -> Iterator[bytes]:
    """The content of each, in order, each by one request and many of them at once."""
    for some in _portions(objects):
        paths = [found.path for found in some]
        with store_errors(paths[0]):
            # With a start, for without one a large object would be read in pieces, which may be
            # those of two versions.
            contents = filesystem.cat_ranges(paths, 0, None, on_error="raise")
        yield from contents


def _portions(objects: Sequence[Found]) -> Iterator[list[Found]]:
    some: list[Found] = []
    size = 0
    for found in objects:
        if some and (len(some) == _OBJECTS_AT_ONCE or size + found.size > _BYTES_AT_ONCE):
            yield some
            some, size = [], 0
        some.append(found)
        size += found.size
    if some:
        yield some
