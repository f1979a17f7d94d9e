"""Celery workers that are shutting down and wait for their runs, recorded by name in Redis.

A worker that is shutting down no longer replies, while its runs go on for minutes: without this
record it would look lost, and its runs would be given to another worker.
"""

from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

LEAVING_SECONDS = 660
"""How long a record is valid: the worker is killed after 600 s, see deploy/cluster/worker.conf."""


def announce(app: Celery) -> None:
    """Make the workers of this process record their shutdown and their return."""

    def leaving(sender: str, **_: Any) -> None:
        app.backend.client.set(_key(sender), "1", ex=LEAVING_SECONDS)

    def back(sender: Any, **_: Any) -> None:
        app.backend.client.delete(_key(sender.hostname))

    worker_shutting_down.connect(leaving, weak=False)
    worker_ready.connect(back, weak=False)


def is_leaving(app: Celery, worker: str) -> bool:
    """Whether this worker is shutting down and may still wait for its runs."""
    return bool(app.backend.client.exists(_key(worker)))


def _key(worker: str) -> str:
    return f"feedback_assets leaving {worker}"
