"""A Celery app whose only task waits in place of a run, for tests of the launcher."""

import os
import time
from pathlib import Path

from feedback_assets.runtime.celery_launcher import CheckedCeleryRunLauncher
from feedback_assets.runtime.leaving_workers import announce


def launcher(redis: str) -> CheckedCeleryRunLauncher:
    return CheckedCeleryRunLauncher("dagster", redis, redis)


app = launcher(os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1")).celery
announce(app)


@app.task(name="wait", track_started=True)
def wait(seconds: float, end: str) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not Path(end).exists():
        time.sleep(0.1)
