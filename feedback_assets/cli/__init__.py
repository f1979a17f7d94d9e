"""The command line: how its process begins and ends; what it does is in ``commands``."""

import atexit
import gc
import os
import sys
import threading
from importlib.abc import MetaPathFinder
from typing import Any

# Importing Dagster makes a million objects that stay, and Python looks through them again and
# again for garbage: 0.3 s of 1.4.
_ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000


def __getattr__(name: str) -> Any:
    # Whoever asks for ``app`` waits for typer and the settings, a quick query does not.
    if name == "app":
        from feedback_assets.cli.commands import app

        return app
    raise AttributeError(name)


def main() -> None:
    """Entry point of ``feedback-assets``."""
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    if sys.argv[1:2] == ["backfill"]:
        _leave_pandas_out()
    try:
        _run()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            _leave(ended.code or 0)
        raise


def _run() -> None:
    from feedback_assets.cli import app
    from feedback_assets.providers.masking import masked_errors

    # An answer piped into head is no error.
    try:
        with masked_errors():
            app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


class _NoPandas(MetaPathFinder):
    @classmethod
    def find_spec(cls, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ImportError(fullname)


def _leave_pandas_out() -> None:
    """Have PyArrow find no pandas; any other import of it still does.

    It asks of each value that it is given whether it is one of pandas', and imports pandas to
    know: 0.3 s and 35 MB that no command needs.
    """
    import pyarrow as pa

    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(_NoPandas)


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
