"""Local copies of a remote warehouse's files, for readers that open each file many times."""

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
    """Paths of the files that ``find`` lists, copied into ``directory`` under the same names.

    Files too large to copy stay remote. Raises ``StoreTrouble`` if the disk is full.
    """
    # A file removed since the listing, as replay does, is missing from the next listing.
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
                f"{copy} could not be written ({error.strerror}): objects of {place.base} "
                "are copied there before they are read. Free disk space, or set "
                "TMPDIR to a larger place."
            ) from None
        copies[found.path] = str(copy)
    return [copies.get(found.path, found.path) for found in there]
