"""A process that has everything imported and starts ``feedback-assets`` in a child on demand.

Importing Dagster takes seconds; a child that is forked off it begins at once, so that a moment to
kill it is one of its work and not of Python's. ``read FIRST LAST`` is no command of the project: it
reads and writes what a backfill does and leaves out Dagster, which takes most of the time. A line
of JSON comes in (the arguments and the environment), the child's process id goes out, then its
status.
"""

import functools
import json
import os
import sys
from datetime import date

from pydantic import SecretStr

from feedback_assets.ingest.sources import SOURCES
from feedback_assets.ingest.window import asked, read_window
from feedback_assets.providers.registry import find_provider
from feedback_assets.settings import load_settings
from feedback_assets.warehouse.warehouse import Warehouse


def main() -> None:
    # What a run needs, so that a child need not.
    from feedback_assets.backfill import progress as backfill_view
    from feedback_assets.backfill import run as backfill
    from feedback_assets.backfill.definitions import table_definitions
    from feedback_assets.cli import app

    assert all((table_definitions, backfill, backfill_view))

    _say("ready")
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            os.setsid()
            with open(os.devnull) as nothing, open(order["log"], "a") as log:  # noqa: PTH123
                os.dup2(nothing.fileno(), 0)
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            os.environ.update(order["environment"])
            code = 1
            try:
                if order["arguments"][0] == "read":
                    code = read_days(*map(date.fromisoformat, order["arguments"][1:]))
                else:
                    app(order["arguments"])
            except SystemExit as ended:
                code = int(ended.code or 0)
            except BaseException:  # noqa: BLE001 - the child must never come back into the loop
                import traceback

                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _say(str(child))
        _, status = os.waitpid(child, 0)
        _say(str(os.waitstatus_to_exitcode(status)))


def read_days(first: date, last: date) -> int:
    """All that a backfill reads and writes of the providers, without Dagster around it."""
    settings = load_settings()
    for source in SOURCES:
        given = settings.arguments(source.provider).items()
        plain = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in given}
        with find_provider(source.provider).connect(plain, None) as client:
            read_window(
                functools.partial(source.read, client, *asked(first, last)),
                {table: source.typing(settings.zone(source.provider)) for table in source.tables},
                first,
                last,
                Warehouse(settings.warehouse),
            )
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
