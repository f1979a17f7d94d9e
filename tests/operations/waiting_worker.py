"""A Celery app whose one task waits, in the place of a run: for tests of the launcher."""

import os
import time

from feedback_assets.operations.celery_launcher import CheckedCeleryRunLauncher
from feedback_assets.operations.leaving_workers import announce


def launcher(redis: str) -> CheckedCeleryRunLauncher:
    return CheckedCeleryRunLauncher("dagster", redis, redis)


app = launcher(os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1")).celery
announce(app)


@app.task(name="wait", track_started=True)
def wait(seconds: float) -> None:
    time.sleep(seconds)
