"""The server from which the worker processes of a backfill are forked; imports nothing of Dagster.

It has all modules loaded, so that each worker starts quickly and none inherits the threads of the
command.
"""

import multiprocessing
import os
import tempfile
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

from feedback_assets.runtime import preload

WORKER = "feedback_assets.backfill.worker"
_LONGEST_TMPDIR = 64
"""In bytes; the server listens on a socket below it, whose path may have about 100."""


def context() -> BaseContext:
    """Fork from a server; where its socket cannot be created, start every process from scratch."""
    if not _can_fork():
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([WORKER, *preload.MODULES])
    return found


def load_ahead() -> None:
    """Start the server now: it loads the modules of the workers while the command loads its own."""
    if _can_fork():
        context()
        forkserver.ensure_running()


def _can_fork() -> bool:
    return len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_TMPDIR
