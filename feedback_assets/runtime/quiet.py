"""Keeps Dagster's log records out of a command's output."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_dagster() -> Iterator[None]:
    """Silence the log of every event; a command prints its own progress and summary."""
    loggers = [logging.getLogger(name) for name in ("dagster", "dagster.builtin", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
