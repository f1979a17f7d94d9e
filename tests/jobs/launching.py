"""Launching a job in a test, inspecting its result, and filling the warehouse without Dagster."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from feedback_assets.diagnosis.providers import connect
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.ingest.window import asked, read_window
from feedback_assets.tables import find_table
from feedback_assets.transforms.engine import Parameters, build_days
from tests.conftest import Project


@dataclass(frozen=True)
class Launched:
    """The result of a job run: metadata of its output or failure, and every event."""

    success: bool
    metadata: dict[str, Any]
    failure: str
    events: tuple[str, ...]
    retried: bool


def op_of(project: Project, job: str) -> str:
    """The job's only op; Dagster requires a name different from the job's."""
    (name,) = (node.name for node in project.defs.get_job_def(job).graph.nodes)
    return name


def launch(project: Project, job: str, config: dict[str, Any] | None = None) -> Launched:
    """Run a job of the project on an instance of its own."""
    run_config = {"ops": {op_of(project, job): {"config": config}}} if config is not None else {}
    with dg.DagsterInstance.ephemeral() as instance:
        result = project.defs.get_job_def(job).execute_in_process(
            run_config=run_config, instance=instance, raise_on_error=False
        )
        entries = tuple(str(record.event_log_entry) for record in _records(instance, result))
    events = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    metadata = dict(events[0].step_output_data.metadata) if events else {}
    failure = ""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data.user_failure_data
            assert data is not None, event.step_failure_data.error
            failure, metadata = data.description or "", dict(data.metadata)
            # A client's exception is not chained, so none of its text is visible.
            assert event.step_failure_data.error is not None
            assert event.step_failure_data.error.context is None
    return Launched(
        success=result.success,
        metadata={name: getattr(value, "value", value) for name, value in metadata.items()},
        failure=failure,
        events=entries,
        retried=any(event.is_step_up_for_retry for event in result.all_events),
    )


def _records(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> Iterable[Any]:
    return instance.get_records_for_run(result.run_id).records


def fill(project: Project, first: date, last: date, *names: str) -> None:
    """Read and build tables, in order, from the providers over HTTP."""
    settings = project.settings
    for name in names:
        table = find_table(name)
        source = next((source for source in SOURCES if table in source.tables), None)
        if source is None:
            parameters = Parameters(customer_secret=b"secret")
            for day, rows in build_days(table, first, last, project.warehouse, parameters):
                project.warehouse.replace_day(table, day, rows)
            continue
        with connect(source.provider, settings) as client:
            read_window(
                lambda client=client, source=source: source.read(client, *asked(first, last)),
                {table: source.typing(settings.zone(source.provider))},
                first,
                last,
                project.warehouse,
            )
