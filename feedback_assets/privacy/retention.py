"""Erases people without any activity for longer than FEEDBACK_PERSONAL_DATA_DAYS.

The job and its monthly schedule exist if that setting is set; the schedule is off until switched
on.
"""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from feedback_assets.automation.schedules import monthly_schedule
from feedback_assets.backfill.definitions import table_definitions
from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.privacy.forget import Erasure, writable
from feedback_assets.privacy.forgotten import Forgotten, lines
from feedback_assets.privacy.old_data import find_old
from feedback_assets.runtime.tags import account_tags
from feedback_assets.settings import Settings
from feedback_assets.warehouse.customer_secret import OtherSecret
from feedback_assets.warehouse.erased import Erased, ErasureKeyMissing

JOB = "erase_old_personal_data"
SCHEDULE = f"{JOB}_monthly"
_HOURS_AFTER_DAILY = 6


class OldDataConfig(dg.Config):
    """Whether to erase, or only to say what would be erased."""

    dry_run: bool = Field(default=False, description="Report what would be erased, change nothing")


def retention_definitions(settings: Settings) -> dg.Definitions:
    """The job and its schedule; empty if no age is set."""
    days = settings.feedback_personal_data_days
    if days is None:
        return dg.Definitions()

    names = settings.names

    @dg.op(name=names.called("erase_people_not_heard_of"))
    def erase(context: dg.OpExecutionContext, config: OldDataConfig) -> None:
        try:
            done = erase_old(settings, days, dry_run=config.dry_run, own_run=context.run_id)
        except (ErasureKeyMissing, OtherSecret, CoordinationUnavailable) as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None
        metadata = _metadata(done, dry_run=config.dry_run)
        if not (config.dry_run or done.verified):
            raise dg.Failure(
                description="Not everything could be erased. Run the job again.",
                metadata=metadata,
                allow_retries=False,
            )
        context.add_output_metadata(metadata)

    @dg.job(
        name=names.called(JOB),
        tags=account_tags(names),
        description=f"Erases everyone without an order, click or answer in the last {days} days, "
        "as `feedback-assets forget` does.",
    )
    def job() -> None:
        erase()

    schedule = monthly_schedule(job, settings, hours_after_daily=_HOURS_AFTER_DAILY)
    return dg.Definitions(jobs=[job], schedules=[schedule])


def erase_old(
    settings: Settings,
    days: int,
    *,
    now: datetime | None = None,
    dry_run: bool = False,
    own_run: str = "",
) -> Forgotten:
    """Erase everyone without any activity in the last ``days`` days, in one pass."""
    warehouse = writable(settings)
    erased = warehouse.erased() or Erased(settings.erasure_secret())
    old = find_old(warehouse, erased, now or datetime.now(UTC), days)
    if not old:
        return Forgotten(())
    work = Erasure(settings, table_definitions(settings), warehouse, own_run=own_run)
    return work.run(old, erased, dry_run=dry_run)


def _metadata(done: Forgotten, *, dry_run: bool) -> dict[str, Any]:
    output = lines(done, dry_run=dry_run) if done.persons else []
    return {
        "dry_run": dry_run,
        "people": len(done.persons),
        "rows": sum(done.rows.values()),
        "partitions": sum(done.partitions.values()),
        "quarantined": sum(done.quarantined.values()),
        "report": dg.MetadataValue.md(
            "\n".join(f"- {line.strip()}" for line in output) or "Nothing."
        ),
    }
