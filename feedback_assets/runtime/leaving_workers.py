"""Which Celery workers were told to end and wait for their runs: in Redis, under their names.

A worker that was told to end is deaf at once, while its runs go on for minutes: without a word left
behind it looks as one that was lost, and its runs would be given to another.
"""

from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

LEAVING_SECONDS = 660
"""How long a worker is believed: it is killed after 600, see deploy/cluster/worker.conf."""


def announce(app: Celery) -> None:
    """Have the workers of this process say that they leave, and that they are back."""

    def leaving(sender: str, **_: Any) -> None:
        app.backend.client.set(_key(sender), "1", ex=LEAVING_SECONDS)

    def back(sender: Any, **_: Any) -> None:
        app.backend.client.delete(_key(sender.hostname))

    worker_shutting_down.connect(leaving, weak=False)
    worker_ready.connect(back, weak=False)


def is_leaving(app: Celery, worker: str) -> bool:
    """Whether this worker was told to end and may still wait for its runs."""
    return bool(app.backend.client.exists(_key(worker)))


def _key(worker: str) -> str:
    return f"feedback_assets leaving {worker}"
