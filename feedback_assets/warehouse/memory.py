"""The memory of the machine or container; imports nothing, since quick queries use it too."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# A container's limit, in version 2 and version 1 of Linux control groups. A share of the whole
# machine's memory would exceed it, and the kernel kills processes that do.
_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def machine_memory() -> int:
    """Bytes of memory of this machine or container; a connection gets a share of it."""
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_container_limits()])


def _container_limits() -> Iterator[int]:
    for path in _CONTAINER_LIMITS:
        with suppress(OSError, ValueError):  # no such file outside a container; "max": no limit
            yield int(path.read_text())
