"""The failure event of a run: a one-line message, and metadata for the alerts."""

from collections.abc import Callable, Collection
from datetime import date
from typing import Any, TypeVar

import dagster as dg

from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.files.unusable import Unusable
from feedback_assets.http.errors import ProviderError
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.warehouse.customer_secret import OtherSecret
from feedback_assets.warehouse.erased import ErasureKeyMissing
from feedback_assets.warehouse.remote import StoreTrouble

TROUBLE = (StoreTrouble, CoordinationUnavailable, Unusable, OtherSecret, ErasureKeyMissing)
"""Storage errors whose message is one line with the remedy."""

Span = tuple[date, date]
_T = TypeVar("_T")


def in_one_line(build: Callable[[], _T], table: Table, span: Span | None, settings: Settings) -> _T:
    """The result of ``build``; an error in ``TROUBLE`` becomes a ``Failure`` of the table."""
    failure: dg.Failure
    try:
        return build()
    except TROUBLE as error:
        failure = trouble_failure(error, [table], span)
    # Raised outside the ``except`` block so that the original traceback is not chained.
    raise of_account(failure, settings)


def trouble_failure(error: Exception, tables: Collection[Table], span: Span | None) -> dg.Failure:
    """Convert an error in ``TROUBLE`` to a ``Failure``, retried only if a retry may help.

    A full disk does not recover in half a minute, and Postgres has already been retried; an object
    store may recover.
    """
    return dg.Failure(
        description=f"{named(tables, span)}: {error}",
        allow_retries=isinstance(error, StoreTrouble) and error.transient,
    )


def of_account(failure: dg.Failure, settings: Settings) -> dg.Failure:
    """The failure with the account's prefix and variable names."""
    prefix = settings.names.prefix
    if not prefix:
        return failure
    return dg.Failure(
        description=f"{prefix}: {settings.worded(failure.description or '')}",
        metadata=failure.metadata,
        allow_retries=failure.allow_retries,
    )


def named(tables: Collection[Table], span: Span | None) -> str:
    """Tables and days as a message prefix: ``a.b, 2024-03-01 to 2024-03-09``."""
    names = ", ".join(table.full_name for table in tables)
    if span is None:
        return names
    first, last = span
    return f"{names}, {first}" if first == last else f"{names}, {first} to {last}"


def failure_metadata(error: ProviderError) -> dict[str, Any]:
    """The error as ``Failure`` metadata, by which alerts distinguish causes."""
    return {
        "provider": error.provider,
        "error": type(error).__name__,
        "endpoint": error.endpoint,
        "status": error.status or 0,
        "advice": error.advice,
        "transient": error.transient,
    }
