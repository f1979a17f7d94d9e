"""Dagster definitions of the jobs that an operator starts by hand; each calls one plain function.

None is on a schedule. The functions are in ``survey_links``, ``submissions``, ``contact`` and
``check_providers``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field

from feedback_assets.assets.failures import failure_metadata
from feedback_assets.assets.resources import (
    WAREHOUSE,
    ProviderResource,
    provider_of,
    warehouse_of,
)
from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.diagnosis import providers as checking
from feedback_assets.http.client import Client
from feedback_assets.http.errors import ProviderError
from feedback_assets.jobs.contact import (
    Customer,
    UnknownContact,
    look_up,
    markdown,
    sections,
    with_masked_texts,
)
from feedback_assets.jobs.submissions import Created, Submission, create_submission
from feedback_assets.jobs.survey_links import (
    Busy,
    Due,
    Outcome,
    find_due,
    generate_links,
)
from feedback_assets.providers.feedbackpulse.client import FeedbackPulse
from feedback_assets.providers.fullwhere.client import Fullwhere
from feedback_assets.providers.fullwhere.survey_links import GENERATED
from feedback_assets.providers.wicked_reports.client import WickedReports
from feedback_assets.runtime.tags import account_tags
from feedback_assets.settings import Settings
from feedback_assets.wording import counted

C = TypeVar("C", bound=Client)
T = TypeVar("T")

# Dagster restarts a run whose process died, but its earlier requests may have succeeded.
_NEVER_AGAIN = {"dagster/max_retries": "0"}
_MOST_LISTED = 20


class SurveyTrackersConfig(dg.Config):
    """Which orders to ask Fullwhere for, and whether to ask at all."""

    day: str = Field(description="UTC day of the orders, YYYY-MM-DD")
    dry_run: bool = Field(
        default=True, description="Report how many links would be requested; send no requests"
    )
    limit: int | None = Field(
        default=None, description="Maximum number of orders to request links for"
    )


class SubmissionConfig(dg.Config):
    """One submission; at least a rating, a score, a text or survey answers."""

    campaign_id: int = Field(description="Campaign to submit to")
    star_rating: int | None = Field(default=None, description="1 to 5 stars")
    nps_score: int | None = Field(default=None, description="0 to 10")
    text_feedback: str | None = Field(default=None, description="Free text")
    customer_name: str | None = Field(default=None, description="Who submits")
    customer_email: str | None = Field(default=None, description="E-mail of the customer")
    survey_responses: dict[str, Any] | None = Field(
        default=None, description="Answers to the campaign's own fields"
    )


class ContactConfig(dg.Config):
    """Whom to look up."""

    key: str = Field(description="E-mail, id in Wicked Reports, or id in the source system")


def operation_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """``check_providers``, and the jobs of the loaded providers."""
    of_provider = {
        Fullwhere.PROVIDER: _generate_survey_trackers,
        FeedbackPulse.PROVIDER: _create_submission,
        WickedReports.PROVIDER: _refresh_contact,
    }
    made = [
        make(settings) for provider, make in of_provider.items() if provider in settings.providers
    ]
    return [*made, _check_providers(settings)]


def _generate_survey_trackers(settings: Settings) -> dg.JobDefinition:
    names = settings.names

    @dg.op(
        name=names.called("ask_for_survey_links"),
        pool=names.called(Fullwhere.PROVIDER),
        required_resource_keys={names.called(Fullwhere.PROVIDER), names.called(WAREHOUSE)},
    )
    def generate(context: dg.OpExecutionContext, config: SurveyTrackersConfig) -> None:
        fullwhere = provider_of(context, names, Fullwhere.PROVIDER)
        day = _day(config.day)
        if config.limit is not None and config.limit < 1:
            raise _refusal(f"limit is {config.limit}: use 1 or more, or leave it out")
        held = warehouse_of(context, names)
        if config.dry_run:
            due = find_due(held, day)
            context.add_output_metadata({"dry_run": True, **_due_metadata(due, config.limit)})
            return
        outcome = _without_retry(
            lambda: generate_links(
                lambda: _connected(fullwhere, Fullwhere),
                held,
                day,
                limit=config.limit,
                zone=fullwhere.zone,
            )
        )
        metadata = {"dry_run": False, **_outcome_metadata(outcome, config.limit)}
        if outcome.written is not None:
            context.log_event(
                dg.AssetMaterialization(
                    asset_key=list(names.key(GENERATED)),
                    partition=day.isoformat(),
                    metadata={
                        "dagster/partition_row_count": outcome.written.rows,
                        "content_hash": outcome.written.content_hash,
                        "path": held.path(GENERATED, day),
                    },
                )
            )
        if outcome.error is not None:
            kept = (
                f"Fullwhere answered for {counted(outcome.asked, 'order')} before the error. "
                "The links received so far are stored."
            )
            raise _failure(outcome.error, kept, metadata)
        context.add_output_metadata(metadata)

    @dg.job(
        name=names.called("generate_survey_trackers"),
        tags=account_tags(names),
        description="Requests survey links from Fullwhere for a day's orders without a tracker "
        "and stores them in survey_links.generated. A dry run by default.",
    )
    def job() -> None:
        generate()

    return job


def _due_metadata(due: Due, limit: int | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "day": due.day.isoformat(),
        "orders": due.orders,
        "with_tracker": due.with_tracker,
        "asked_before": due.asked_before,
        "erased": due.erased,
        "without_source_id": due.without_source_id,
        "to_ask": len(due.due) if limit is None else min(limit, len(due.due)),
    }
    if not due.days_held:
        metadata["warning"] = f"unified.orders has no data for {due.day}: backfill that day first"
    elif not due.tracker_days_held:
        metadata["warning"] = (
            f"fullwhere.survey_trackers has no data from {due.day} on: every order appears "
            "to have no tracker until it is backfilled"
        )
    return metadata


def _outcome_metadata(outcome: Outcome, limit: int | None) -> dict[str, Any]:
    first = list(outcome.refused.items())[:_MOST_LISTED]
    metadata = {
        **_due_metadata(outcome.due, limit),
        "asked": outcome.asked,
        "trackers": outcome.trackers,
        "links": outcome.links,
        "unreadable": outcome.unreadable,
        "refused": len(outcome.refused),
    }
    if first:
        metadata["refused_orders"] = dg.MetadataValue.json(dict(first))
    return metadata


def _create_submission(settings: Settings) -> dg.JobDefinition:
    names = settings.names

    @dg.op(
        name=names.called("send_submission"),
        required_resource_keys={names.called(FeedbackPulse.PROVIDER)},
    )
    def create(context: dg.OpExecutionContext, config: SubmissionConfig) -> None:
        feedbackpulse = provider_of(context, names, FeedbackPulse.PROVIDER)
        submission = Submission(**dict(config))

        def send() -> Created:
            with _connected(feedbackpulse, FeedbackPulse) as client:
                return create_submission(client, submission)

        created = _without_retry(send)
        context.add_output_metadata(
            {
                "submission_id": "none" if created.submission_id is None else created.submission_id,
                "status": created.status or "none",
                "created_at": created.created_at or "none",
            }
        )

    @dg.job(
        name=names.called("create_submission"),
        description="Adds one submission to FeedbackPulse. Never retried: a failed run "
        "reports whether the submission may have been processed.",
        tags=_NEVER_AGAIN | account_tags(names),
    )
    def job() -> None:
        create()

    return job


def _refresh_contact(settings: Settings) -> dg.JobDefinition:
    names = settings.names

    @dg.op(
        name=names.called("read_contact"),
        required_resource_keys={names.called(WickedReports.PROVIDER), names.called(WAREHOUSE)},
    )
    def refresh(context: dg.OpExecutionContext, config: ContactConfig) -> None:
        wicked_reports = provider_of(context, names, WickedReports.PROVIDER)
        warehouse = warehouse_of(context, names)

        def find() -> Customer:
            with _connected(wicked_reports, WickedReports) as client:
                return look_up(client, warehouse, config.key, zone=wicked_reports.zone)

        customer = _without_retry(find)
        context.add_output_metadata(
            {
                "customer": dg.MetadataValue.md(markdown(sections(with_masked_texts(customer)))),
                "orders": len(customer.orders),
                "clicks": len(customer.clicks),
                "feedback": len(customer.feedback),
            }
        )

    @dg.job(
        name=names.called("refresh_contact"),
        tags=account_tags(names),
        description="Shows one customer, live from Wicked Reports, with their stored feedback, as "
        "a page in the run's metadata.",
    )
    def job() -> None:
        refresh()

    return job


def _check_providers(settings: Settings) -> dg.JobDefinition:
    names = settings.names

    @dg.op(name=names.called("ask_providers"))
    def check(context: dg.OpExecutionContext) -> None:
        verdicts = checking.check_providers(settings)
        records = [
            dg.TableRecord(
                {
                    "provider": verdict.provider,
                    "configured": verdict.configured,
                    "failed": verdict.failed,
                    "verdict": verdict.text,
                }
            )
            for verdict in verdicts
        ]
        metadata = {"providers": dg.MetadataValue.table(records)}
        failed = [verdict for verdict in verdicts if verdict.failed]
        if failed:
            raise dg.Failure(
                description=" ".join(
                    # A client's error begins with the provider's name.
                    f"{verdict.provider}: {verdict.text.removeprefix(f'{verdict.provider} ')}"
                    for verdict in failed
                ),
                metadata=metadata,
                allow_retries=False,
            )
        context.add_output_metadata(metadata)

    @dg.job(
        name=names.called("check_providers"),
        tags=account_tags(names),
        description="Checks whether each provider is configured, reachable and authorised.",
    )
    def job() -> None:
        check()

    return job


@contextmanager
def _connected(resource: ProviderResource, kind: type[C]) -> Iterator[C]:
    """The resource's client, checked to be of that class; closed at the end."""
    with resource.connected() as client:
        if not isinstance(client, kind):
            raise TypeError(f"the client of {resource.provider} is not a {kind.__name__}")
        yield client


def _without_retry(call: Callable[[], T]) -> T:
    """The result of ``call``; a provider's rejection becomes a failure without retries."""
    failure: dg.Failure
    try:
        return call()
    except ProviderError as error:
        failure = _failure(error)
    except (Busy, UnknownContact, CoordinationUnavailable) as error:
        failure = _refusal(str(error))
    # Raised outside the ``except`` block so that no client exception is chained.
    raise failure


def _failure(
    error: ProviderError, more: str = "", metadata: dict[str, Any] | None = None
) -> dg.Failure:
    return dg.Failure(
        description=f"{error} {more}".strip(),
        metadata=failure_metadata(error) | (metadata or {}),
        allow_retries=False,
    )


def _refusal(text: str) -> dg.Failure:
    return dg.Failure(description=text, allow_retries=False)


def _day(text: str) -> date:
    day: date | None = None
    with suppress(ValueError):
        day = date.fromisoformat(text)
    if day is None:
        raise _refusal(f"day is {text!r}: use a UTC day, YYYY-MM-DD")
    return day
