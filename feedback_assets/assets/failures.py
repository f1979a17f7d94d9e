"""What a run that failed leaves on its event: one line for people, and metadata for the alerts."""

from collections.abc import Callable, Collection
from datetime import date
from typing import Any, TypeVar

import dagster as dg

from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.files.unusable import Unusable
from feedback_assets.http.errors import ProviderError
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.customer_secret import OtherSecret
from feedback_assets.warehouse.erased import ErasureKeyMissing
from feedback_assets.warehouse.remote import StoreTrouble

TROUBLE = (StoreTrouble, CoordinationUnavailable, Unusable, OtherSecret, ErasureKeyMissing)
"""Errors of the place where tables are kept, whose message is one line that says what to do."""

Span = tuple[date, date]
_T = TypeVar("_T")


def in_one_line(build: Callable[[], _T], table: Table, span: Span | None) -> _T:
    """What ``build`` gives; ``TROUBLE`` becomes the ``Failure`` of the table and its days."""
    failure: dg.Failure
    try:
        return build()
    except TROUBLE as error:
        failure = trouble_failure(error, [table], span)
    # Outside the block, so that the error and its traceback are not chained to the line.
    raise failure


def trouble_failure(error: Exception, tables: Collection[Table], span: Span | None) -> dg.Failure:
    """One of ``TROUBLE`` as a ``Failure``, retried only where that may help.

    A full disk is as full in half a minute, and a Postgres was waited for; an object store may be
    up again.
    """
    return dg.Failure(
        description=f"{named(tables, span)}: {error}",
        allow_retries=isinstance(error, StoreTrouble) and error.transient,
    )


def named(tables: Collection[Table], span: Span | None) -> str:
    """Tables and days as a message begins with them: ``a.b, 2024-03-01 to 2024-03-09``."""
    names = ", ".join(table.full_name for table in tables)
    if span is None:
        return names
    first, last = span
    return f"{names}, {first}" if first == last else f"{names}, {first} to {last}"


def failure_metadata(error: ProviderError) -> dict[str, Any]:
    """The error as metadata of a ``Failure``; the alert tells causes apart by it."""
    return {
        "provider": error.provider,
        "error": type(error).__name__,
        "endpoint": error.endpoint,
        "status": error.status or 0,
        "advice": error.advice,
        "transient": error.transient,
    }
