"""Local copies of a remote warehouse's files, for a reader that opens each many times."""

from collections.abc import Callable
from pathlib import Path

from tenacity import retry, retry_if_exception_type, stop_after_attempt

from feedback_assets.warehouse.place import Place
from feedback_assets.warehouse.remote import WHOLE_BYTES, Found, StoreTrouble, fetched

_LISTINGS = 5


@retry(
    retry=retry_if_exception_type(FileNotFoundError),
    stop=stop_after_attempt(_LISTINGS),
    reraise=True,
)
def copy_near(
    place: Place, find: Callable[[], list[Found]], directory: Callable[[], Path]
) -> list[str]:
    """Paths of what ``find`` lists, copied into ``directory`` as they lie below the root.

    What is too large to copy stays where it is. Raises ``StoreTrouble`` where there is no room.
    """
    # What was removed since it was listed, as replaying does, is not there in the next listing.
    there = find()
    small = [found for found in there if found.size <= WHOLE_BYTES]
    if not small:
        return [found.path for found in there]
    root = directory()
    copies = {}
    for found, content in zip(small, fetched(place.filesystem, small), strict=True):
        copy = root / place.inside(found.path)
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        except OSError as error:
            raise StoreTrouble(
                f"{copy} could not be written ({error.strerror}): what is read of {place.base} "
                "is copied there first. Make room, or set TMPDIR to a larger place."
            ) from None
        copies[found.path] = str(copy)
    return [copies.get(found.path, found.path) for found in there]
