"""The command line: how its process begins and ends; what it does is in ``commands``."""

import atexit
import ctypes
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Any

# Importing Dagster makes a million objects that stay, and Python looks through them again and
# again for garbage: 0.3 s of 1.4, and 0.05 if it does so every 50,000.
_ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000
# Glibc gives what is larger than 128 kB back to the kernel each time it is freed. A page of
# orders is 1 MB, copied four times on its way: 50,000 of 135,000 page faults of 200,000 orders,
# 0.3 s.
_KEPT_BY_MALLOC = 16 * 1024 * 1024
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def __getattr__(name: str) -> Any:
    # Whoever asks for ``app`` waits for typer and the settings, a quick query does not.
    if name == "app":
        from feedback_assets.cli.commands import app

        return app
    raise AttributeError(name)


def main() -> None:
    """Entry point of ``feedback-assets``."""
    # Dagster's webserver and daemon, which some commands start, upload the files in
    # DAGSTER_HOME/logs whatever dagster.yaml says of telemetry.
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    if sys.argv[1:2] == ["backfill"]:
        gc.disable()
        # The one that gives back what is free when asked to (``ingest/window.py``): half a million
        # orders of a week peak at 330 MB, with jemalloc at 408, in the same time.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        _keep_freed_memory()
        _leave_pandas_out()
        _leave_colours_out()
    try:
        if not _quick(sys.argv[1:]):
            _run()
        _leave(0)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            _leave(ended.code or 0)
        raise


def look_for_garbage() -> None:
    """Begin to, but for what importing has made; nothing where Python always did."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _quick(arguments: list[str]) -> bool:
    """Whether this was a plain query that could be answered without typer and the settings."""
    if len(arguments) not in (2, 3) or arguments[0] != "query":
        return False
    forms = [argument for argument in arguments[1:] if argument in ("--csv", "--json")]
    texts = [argument for argument in arguments[1:] if not argument.startswith("-")]
    if len(texts) != 1 or len(forms) != len(arguments) - 2:
        return False
    from feedback_assets.cli.shown import WIDTH, grid, write
    from feedback_assets.operations.query_text import csv_of, json_of
    from feedback_assets.operations.quick_query import quick_answer

    # There is nothing to put in order before Ctrl-C may end it; under nohup it may not.
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    answer = quick_answer(texts[0])
    signal.signal(signal.SIGINT, interrupted)
    if answer is None:
        return False
    with _piped():
        if forms:
            write((csv_of if forms == ["--csv"] else json_of)(answer.names, answer.rows))
        else:
            from rich.console import Console

            console = Console(highlight=False, width=WIDTH)
            console.print(grid(answer.names, answer.numbers, answer.rows, console.width))
    return True


@contextmanager
def _piped() -> Iterator[None]:
    """An answer piped into head is no error."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run() -> None:
    from feedback_assets.cli import app
    from feedback_assets.providers.masking import masked_errors
    from feedback_assets.store.remote import StoreTrouble

    try:
        with _piped(), masked_errors():
            app()
    except StoreTrouble as error:
        sys.exit(str(error))


def _keep_freed_memory() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # Alpine's musl has none.
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BY_MALLOC)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BY_MALLOC)


class _Absent(MetaPathFinder):
    """Says that there is no such module, whether it is installed or not."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == self._name:
            raise ImportError(fullname)


def _leave_pandas_out() -> None:
    """Have PyArrow find no pandas; any other import of it still does.

    It asks of each value that it is given whether it is one of pandas', and imports pandas to
    know: 0.3 s and 35 MB that no command needs.
    """
    import pyarrow as pa

    absent = _Absent("pandas")
    sys.meta_path.insert(0, absent)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(absent)


def _leave_colours_out() -> None:
    """Have Mako, with which Alembic writes migrations, colour no errors: 0.02 s for Pygments."""
    sys.meta_path.insert(0, _Absent("mako.ext.pygmentplugin"))


def _leave(status: int) -> None:
    """End the process as Python does, but for taking every object apart: 0.6 s with Dagster."""
    wait_for_threads: Any = getattr(threading, "_shutdown")  # noqa: B009 - not in its stub
    wait_for_threads()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            status = 1
    os._exit(status)
