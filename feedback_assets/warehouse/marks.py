"""Marks distinguish versions of a file without reading it.

Marks are compared for equality only: a file that keeps its mark keeps its content.
"""

import os
from collections.abc import Mapping
from typing import Any

# Version attributes of object stores: S3, Google Cloud, Azure, fsspec's memory.
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "created")


def local_mark(found: os.stat_result) -> str:
    """The mark of a file on a disk."""
    return f"{found.st_size} {found.st_mtime_ns}"


def remote_mark(about: Mapping[str, Any]) -> str:
    """The mark of an object, from the attributes its file system reports."""
    version = next((about[name] for name in _VERSIONS if about.get(name)), "")
    return f"{about['size']} {version}".replace('"', "")
