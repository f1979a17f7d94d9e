"""The server from which a backfill forks its worker processes; does not import Dagster itself.

The server has loaded all modules, so workers start quickly, and they do not inherit the threads of
the command.
"""

import multiprocessing
import os
import tempfile
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

from feedback_assets.runtime import preload

WORKER = "feedback_assets.backfill.worker"
_LONGEST_TMPDIR = 64
"""In bytes; the server creates a socket in it, whose path can have about 100."""


def context() -> BaseContext:
    """Fork from the server; if its socket cannot be created, start each process from scratch."""
    if not _can_fork():
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([WORKER, *preload.MODULES])
    return found


def load_ahead() -> None:
    """Start the server: it loads the workers' modules while the command loads its own."""
    if _can_fork():
        context()
        forkserver.ensure_running()


def _can_fork() -> bool:
    return len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_TMPDIR
