"""Keeping Dagster's own log records out of what a command prints."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_dagster() -> Iterator[None]:
    """Dagster logs every event; a command's progress and summary say what matters."""
    loggers = [logging.getLogger(name) for name in ("dagster", "dagster.builtin", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
