"""The memory of the machine or container; imports nothing, since a quick query asks for it too."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# What a container may take, in version 2 and version 1 of Linux' control groups. A share of the
# machine's memory would be more than that, and the kernel kills who takes more.
_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def machine_memory() -> int:
    """Bytes of memory that this machine or container has, of which a connection gets a share."""
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_container_limits()])


def _container_limits() -> Iterator[int]:
    for path in _CONTAINER_LIMITS:
        with suppress(OSError, ValueError):  # no such file outside a container; "max": none is set
            yield int(path.read_text())
