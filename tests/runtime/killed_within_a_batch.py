"""A process that is killed while it stores a batch of events; started by a test."""

import os
import signal
import sys
from typing import Any

import dagster as dg
import sqlalchemy

from feedback_assets.runtime.event_log import HeldOpenEventLogStorage


def main(home: str, source: str, run_id: str, moment: str) -> None:
    with dg.DagsterInstance.from_config(source) as own:
        entries = own.all_logs(run_id)
    storage: Any = dg.DagsterInstance.from_config(home).event_log_storage
    assert isinstance(storage, HeldOpenEventLogStorage)

    def within(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if moment == "in the index" and "INTO asset_keys" in statement:
            os.kill(os.getpid(), signal.SIGKILL)

    def at_the_end(connection: Any) -> None:
        if moment == "before the run" and run_id in str(connection.engine.url):
            os.kill(os.getpid(), signal.SIGKILL)

    with storage.run_connection(run_id):
        pass  # creates the database, which commits too
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", within)
    sqlalchemy.event.listen(sqlalchemy.Engine, "commit", at_the_end)
    storage.store_event_batch(entries)


if __name__ == "__main__":
    main(*sys.argv[1:])
