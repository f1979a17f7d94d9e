"""The command line: process start and exit; the commands are in the other modules."""

import os
import sys
from pathlib import Path
from typing import Any

from feedback_assets.runtime.event_batches import store_in_batches

_INTERRUPTED = 130


def __getattr__(name: str) -> Any:
    # Imported on demand, so that ``main`` can handle Ctrl-C while modules are loading.
    if name == "app":
        from feedback_assets.cli.commands import app

        return app
    raise AttributeError(name)


def main() -> None:
    """Entry point of ``feedback-assets``."""
    # Runs and their logs may contain personal data; Dagster would create them world-readable.
    os.umask(0o077)
    # Dagster's webserver and daemon, which some commands start, upload the files in
    # DAGSTER_HOME/logs regardless of the telemetry setting in dagster.yaml.
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    # Without it, a backfill of the daemon fails when its code server restarts.
    os.environ.setdefault("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "yes")
    store_in_batches()
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Output piped into head: Python flushes standard output once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run() -> None:
    for number, argument in enumerate(sys.argv[1:], 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            print(f"argument {number} is not valid UTF-8: {argument!a}", file=sys.stderr)
            sys.exit(2)
    from feedback_assets.cli.commands import app
    from feedback_assets.cli.shown import plain_where_needed
    from feedback_assets.files.unusable import Unusable
    from feedback_assets.http.masking import masked_errors
    from feedback_assets.warehouse.customer_secret import OtherSecret
    from feedback_assets.warehouse.remote import StoreTrouble

    plain_where_needed()
    try:
        with masked_errors():
            app()
    except (StoreTrouble, Unusable, OtherSecret) as error:
        sys.exit(str(error))
    except BrokenPipeError:
        raise
    except Exception as error:
        line = _trouble_of_home(error)
        if line is None:
            raise
        sys.exit(line)


def _trouble_of_home(error: Exception) -> str | None:
    """The problem with Dagster's databases and files, if they caused the error."""
    from feedback_assets.runtime.home_errors import trouble_line

    home = os.environ.get("DAGSTER_HOME")
    return trouble_line(error, Path(home)) if home else None
