"""Names of files being written, by which later processes recognise leftovers of killed ones.

Only names of this project's form are ever removed, and only when no process can be writing them.
"""

import os
import re
import shutil
import socket
import stat
import tempfile
import threading
import time
import uuid
from pathlib import Path

from feedback_assets.files.unusable import Unusable

# Nothing takes this long to write; older files were left by a machine that is gone.
_ABANDONED_SECONDS = 24 * 3600
_FILE = re.compile(r"^\.(?P<host>.+)\.(?P<pid>\d+)\.[0-9a-f]{32}\.tmp$")
_DIRECTORY = re.compile(r"^feedback-assets\.(?P<host>.+)\.(?P<pid>\d+)\.[0-9a-f]{32}$")
_SUFFIXES = ("", ".2", ".3", ".4")
# Volumes in a pod are writable for all users, and there is only one user in it.
_POD = "KUBERNETES_SERVICE_HOST"
_in_use: set[str] = set()
"""Names of the files and directories that this process is writing."""
_making_lock = threading.Lock()


def private_directory() -> Path:
    """A directory for this user's private temporary files on this machine.

    Raises ``Unusable`` if other users could replace its files.
    """
    parent = Path(tempfile.gettempdir())
    if _others_may_replace(parent):
        raise Unusable(
            f"TMPDIR={parent}: other users can replace the files in it. Set its sticky bit "
            f"(chmod +t {parent}), or set TMPDIR to a directory that only you can write to"
        )
    # If a name belongs to another user, try the next one.
    for suffix in _SUFFIXES:
        directory = parent / f"feedback-assets-{os.getuid()}{suffix}"
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError:  # a file or a link
            continue
        except OSError as error:
            raise Unusable(
                f"{directory} cannot be created ({error.strerror}). Free disk space or fix its "
                "permissions, or set TMPDIR to another directory"
            ) from None
        if _is_private(directory):
            return directory
    raise Unusable(
        f"{parent}/feedback-assets-{os.getuid()} and similar names belong to another user, "
        "or other users can write to them: remove them, or set TMPDIR to another directory"
    )


def _others_may_replace(parent: Path) -> bool:
    found = parent.stat()
    if found.st_mode & stat.S_ISVTX or _POD in os.environ:
        return False
    # A user's private group, the default on most systems, has no other members.
    own_group = found.st_gid == os.getuid()
    return bool(found.st_mode & (stat.S_IWOTH if own_group else stat.S_IWGRP | stat.S_IWOTH))


def _is_private(directory: Path) -> bool:
    try:
        # Checked on the descriptor, so that the checked file is the opened one; links are refused.
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return False
        if stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
            os.fchmod(descriptor, stat.S_IRWXU)
    finally:
        os.close(descriptor)
    return True


def new_temporary(directory: Path) -> Path:
    """A temporary name beside a file that is about to be replaced; ``release`` it afterwards."""
    return directory / _register(f".{_unique_suffix()}.tmp")


def release(path: Path) -> None:
    """Unregister a name that this process no longer writes."""
    _in_use.discard(path.name)


def remove_abandoned(directory: Path) -> None:
    """Remove files that a killed process left half-written in a partition."""
    for entry in os.scandir(directory):
        if _is_abandoned(entry, _FILE):
            Path(entry.path).unlink(missing_ok=True)


def scratch_path() -> Path:
    """A new name in this user's temporary directory, for rows that do not fit in memory.

    Leftovers of this user's killed processes are removed first: they contain personal data.
    """
    root = private_directory()
    with _making_lock:
        for entry in os.scandir(root):
            if _is_abandoned(entry, _DIRECTORY) and _is_own(entry):
                shutil.rmtree(entry.path, ignore_errors=True)
        return root / _register(f"feedback-assets.{_unique_suffix()}")


def make_scratch() -> Path:
    """Create a new private directory there; ``remove_scratch`` removes it."""
    path = scratch_path()
    path.mkdir(mode=0o700)
    return path


def remove_scratch(path: Path) -> None:
    """Remove a directory created by ``make_scratch``, with its contents."""
    shutil.rmtree(path, ignore_errors=True)
    release(path)


def _unique_suffix() -> str:
    return f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex}"


def _register(name: str) -> str:
    _in_use.add(name)
    return name


def _is_own(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_uid == os.getuid()
    except FileNotFoundError:
        return False


def _is_abandoned(entry: os.DirEntry[str], form: re.Pattern[str]) -> bool:
    found = form.match(entry.name)
    if not found:
        return False
    try:
        old = time.time() - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED_SECONDS
    except FileNotFoundError:
        return False
    pid = int(found["pid"])
    if old or found["host"] != socket.gethostname():
        return old
    # A restarted container reuses the host name and process id of the killed one.
    return entry.name not in _in_use if pid == os.getpid() else not is_alive(pid)


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists on this machine, under any user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
