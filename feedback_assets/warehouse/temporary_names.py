"""Names for what a process is writing, by which the next one tells what a killed one left behind.

Only names of this project's form are ever removed, and only where nobody can be writing them.
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

# Nothing takes as long to write; what is older was left by a machine that is gone.
_ABANDONED_SECONDS = 24 * 3600
_FILE = re.compile(r"^\.(?P<host>.+)\.(?P<pid>\d+)\.[0-9a-f]{32}\.tmp$")
_DIRECTORY = re.compile(r"^feedback-assets\.(?P<host>.+)\.(?P<pid>\d+)\.[0-9a-f]{32}$")
_SUFFIXES = ("", ".2", ".3", ".4")
# The volumes of a pod are open to all users, and nobody else is in it.
_POD = "KUBERNETES_SERVICE_HOST"
_in_use: set[str] = set()
"""Names of the files and directories that this process is writing."""
_making_lock = threading.Lock()


def private_directory() -> Path:
    """A directory for temporary files of this user alone, on this machine.

    Raises ``Unusable`` where other users could put theirs in its place.
    """
    parent = Path(tempfile.gettempdir())
    if _others_may_replace(parent):
        raise Unusable(
            f"TMPDIR={parent}: other users can replace the files in it. Set its sticky bit "
            f"(chmod +t {parent}), or set TMPDIR to a directory that only you can write to"
        )
    # Where a name is somebody else's, the next one.
    for suffix in _SUFFIXES:
        directory = parent / f"feedback-assets-{os.getuid()}{suffix}"
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError:  # a file or a link
            continue
        except OSError as error:
            raise Unusable(
                f"{directory} cannot be created ({error.strerror}). Make room or fix its "
                "permissions, or set TMPDIR to another directory"
            ) from None
        if _is_private(directory):
            return directory
    raise Unusable(
        f"{parent}/feedback-assets-{os.getuid()} and other names like it belong to somebody else, "
        "or others can write to them: remove them, or set TMPDIR to another directory"
    )


def _others_may_replace(parent: Path) -> bool:
    found = parent.stat()
    if found.st_mode & stat.S_ISVTX or _POD in os.environ:
        return False
    # A group of the user's own, as most systems make one, has no other members.
    own_group = found.st_gid == os.getuid()
    return bool(found.st_mode & (stat.S_IWOTH if own_group else stat.S_IWGRP | stat.S_IWOTH))


def _is_private(directory: Path) -> bool:
    try:
        # Checked on the descriptor, so that what is checked is what was opened; not a link.
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
    """A name beside a file, for what will replace it; ``release`` it when that is done."""
    return directory / _register(f".{_unique_suffix()}.tmp")


def release(path: Path) -> None:
    """This process no longer writes there."""
    _in_use.discard(path.name)


def remove_abandoned(directory: Path) -> None:
    """Remove what a killed process left half-written in a partition."""
    for entry in os.scandir(directory):
        if _is_abandoned(entry, _FILE):
            Path(entry.path).unlink(missing_ok=True)


def scratch_path() -> Path:
    """A new name in this user's temporary directory, where rows wait that memory cannot hold.

    What killed processes of this user left there is removed first: it holds personal data.
    """
    root = private_directory()
    with _making_lock:
        for entry in os.scandir(root):
            if _is_abandoned(entry, _DIRECTORY) and _is_own(entry):
                shutil.rmtree(entry.path, ignore_errors=True)
        return root / _register(f"feedback-assets.{_unique_suffix()}")


def make_scratch() -> Path:
    """A new private directory there; ``remove_scratch`` takes it away."""
    path = scratch_path()
    path.mkdir(mode=0o700)
    return path


def remove_scratch(path: Path) -> None:
    """Take away a directory that ``make_scratch`` made, with all that is in it."""
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
    # A restarted container has the host name and the process id of the killed one.
    return entry.name not in _in_use if pid == os.getpid() else not is_alive(pid)


def is_alive(pid: int) -> bool:
    """Whether this machine has such a process, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
