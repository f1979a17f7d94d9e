"""What this project needs from Dagster's internals; one sentence explains each failure."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance import utils as of_instance
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage import tags as of_dagster
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.event_log import SqliteEventLogStorage, schema

from feedback_assets import runtime
from feedback_assets.runtime import event_batches, preload, runs, tags
from feedback_assets.runtime.event_log import HeldOpenEventLogStorage
from feedback_assets.runtime.kept_values import read_value, write_value
from feedback_assets.runtime.run_launcher import CheckedRunLauncher

RUNTIME = Path(runtime.__file__).parent
PRIVATE = ("dagster._", "dagster_shared.", "dagster_celery.")

# What depends on each private name, worded for a developer who upgrades Dagster.
NEEDED = {
    ("dagster._core.storage.event_log", "SqliteEventLogStorage"): (
        "runtime/event_log.py keeps its databases open"
    ),
    ("dagster._core.events", "ASSET_EVENTS"): "runtime/event_log.py copies these to the index",
    (
        "dagster._core.events",
        "ASSET_CHECK_EVENTS",
    ): "runtime/event_log.py copies these to the index",
    ("dagster._core.events", "EVENT_TYPE_TO_PIPELINE_RUN_STATUS"): (
        "runtime/event_log.py copies these to the index"
    ),
    ("dagster._core.storage.event_log.schema", "SqlEventLogStorageTable"): (
        "runtime/event_log.py stores batches in it, and event_history.py removes from it"
    ),
    ("dagster._core.storage.event_log.schema", "AssetEventTagsTable"): (
        "runtime/event_history.py removes from it"
    ),
    ("dagster._core.storage.event_log.schema", "AssetCheckExecutionsTable"): (
        "runtime/event_history.py removes from it"
    ),
    ("dagster._serdes", "ConfigurableClassData"): (
        "runtime/event_log.py is configured in dagster.yaml"
    ),
    ("dagster._core.definitions.definitions_load_context", "DefinitionsLoadContext"): (
        "runtime/loading.py tells a code location from a run"
    ),
    ("dagster._core.definitions.definitions_load_context", "DefinitionsLoadType"): (
        "runtime/loading.py tells a code location from a run"
    ),
    ("dagster._core.instance.ref", "InstanceRef"): (
        "runtime/instance.py opens DAGSTER_HOME without capturing what steps print"
    ),
    ("dagster._core.storage.compute_log_manager", "ComputeLogManager"): (
        "runtime/instance.py passes it to privacy, which deletes captured output"
    ),
    ("dagster._core.errors", "DagsterUserCodeUnreachableError"): (
        "the launchers raise it to keep a run in the queue"
    ),
    ("dagster._core.errors", "DagsterLaunchFailedError"): (
        "runtime/run_launcher.py recognises a code server that shuts down by it"
    ),
    ("dagster._core.launcher", "LaunchRunContext"): "the launchers receive it",
    ("dagster._core.launcher.base", "CheckRunHealthResult"): (
        "the launchers return it to run monitoring"
    ),
    ("dagster._core.launcher.base", "WorkerStatus"): "the launchers return it to run monitoring",
    ("dagster._core.storage.tags", "GRPC_INFO_TAG"): (
        "runtime/run_launcher.py finds the code server of a run by it"
    ),
    ("dagster._grpc.client", "DagsterGrpcClient"): (
        "runtime/run_launcher.py queries a code server for a run with it"
    ),
    ("dagster._grpc.types", "CanCancelExecutionRequest"): (
        "runtime/run_launcher.py queries a code server for a run with it"
    ),
    ("dagster._grpc.types", "CanCancelExecutionResult"): (
        "runtime/run_launcher.py queries a code server for a run with it"
    ),
    ("dagster_shared.check", "CheckError"): (
        "runtime/selection.py explains that a selection works only in the UI"
    ),
    ("dagster_celery.launcher", "CeleryRunLauncher"): (
        "runtime/celery_launcher.py and celery_worker.py extend it"
    ),
    ("dagster_celery.tags", "DAGSTER_CELERY_TASK_ID_TAG"): (
        "runtime/celery_launcher.py finds the task of a run by it"
    ),
    ("dagster_celery.tasks", "create_execute_job_task"): (
        "runtime/celery_worker.py creates its task with it"
    ),
}


def private_imports() -> Iterator[tuple[str, str]]:
    for path in RUNTIME.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PRIVATE):
                yield from ((str(node.module), name.name) for name in node.names)


def test_every_private_import_has_a_contract_test() -> None:
    assert set(private_imports()) == set(NEEDED)


@pytest.mark.parametrize(("module", "name"), NEEDED)
def test_dagster_still_has_the_attribute(module: str, name: str) -> None:
    if module.startswith("dagster_celery."):
        pytest.importorskip("dagster_celery")
    there = find_spec(module) is not None and hasattr(importlib.import_module(module), name)
    assert there, f"Dagster no longer has {module}.{name}: {NEEDED[module, name]}."


def subclasses() -> list[tuple[type, type]]:
    found: list[tuple[type, type]] = [
        (HeldOpenEventLogStorage, SqliteEventLogStorage),
        (CheckedRunLauncher, dg.DefaultRunLauncher),
    ]
    if find_spec("dagster_celery") is not None:
        from dagster_celery.launcher import CeleryRunLauncher

        from feedback_assets.runtime.celery_launcher import CheckedCeleryRunLauncher

        found.append((CheckedCeleryRunLauncher, CeleryRunLauncher))
    return found


@pytest.mark.parametrize(("ours", "theirs"), subclasses())
def test_overridden_methods_keep_their_signatures(ours: type, theirs: type) -> None:
    for name, method in vars(ours).items():
        if name.startswith("_") or not callable(getattr(method, "__func__", method)):
            continue
        base = inspect.getattr_static(theirs, name, None)
        assert base is not None, (
            f"{theirs.__name__} no longer has {name}, which {ours.__name__} overrides: "
            "Dagster now does this elsewhere, without this project's additions."
        )
        given, wanted = (
            list(inspect.signature(getattr(one, "__func__", one)).parameters)
            for one in (method, base)
        )
        assert given == wanted, (
            f"{theirs.__name__}.{name} now takes {wanted}; {ours.__name__}.{name} takes {given}."
        )


def test_the_storage_opens_every_database_through_the_two_overridden_methods() -> None:
    source = inspect.getsource(SqliteEventLogStorage)
    calls = source.count("self._connect(")
    assert calls == 2, (
        f"SqliteEventLogStorage calls _connect {calls} times instead of in run_connection and "
        "index_connection only: runtime/event_log.py no longer handles every connection."
    )
    assert "self._initialized_dbs" in source, (
        "SqliteEventLogStorage no longer tracks its databases in _initialized_dbs: "
        "runtime/event_log.py recreates a removed database through it."
    )


@pytest.mark.parametrize(
    "name",
    [
        "_event_to_row",
        "_store_asset_event",
        "_store_asset_event_tags",
        "_store_asset_check_evaluation_planned",
        "store_asset_check_event",
        "index_transaction",
    ],
)
def test_the_storage_has_the_steps_of_storing_an_event(name: str) -> None:
    assert hasattr(SqliteEventLogStorage, name), (
        f"SqliteEventLogStorage no longer has {name}: store_event_batch of runtime/event_log.py "
        "stores a batch by the same steps as Dagster stores an event."
    )


def test_dagster_reads_the_size_of_a_batch_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(event_batches.VARIABLE, "7")
    assert of_instance._get_event_batch_size() == 7, (
        f"Dagster no longer reads {event_batches.VARIABLE}: every event is stored by itself."
    )


def test_the_tables_of_events_have_no_other_dependants() -> None:
    tables = set(schema.SqlEventLogStorageMetadata.tables)
    known = {
        *("event_logs", "asset_event_tags", "asset_check_executions", "asset_keys"),
        *("secondary_indexes", "dynamic_partitions", "concurrency_limits", "concurrency_slots"),
        "pending_steps",
    }
    assert tables == known, (
        f"Dagster's event log has other tables: {tables ^ known}; see whether "
        "runtime/event_history.py leaves rows in them that belong to removed events."
    )


def test_the_tags_match_those_dagster_reads() -> None:
    for ours, theirs in (
        (tags.PARTITION, of_dagster.PARTITION_NAME_TAG),
        (tags.FIRST_PARTITION, of_dagster.ASSET_PARTITION_RANGE_START_TAG),
        (tags.LAST_PARTITION, of_dagster.ASSET_PARTITION_RANGE_END_TAG),
        (tags.MAX_RETRIES, of_dagster.MAX_RETRIES_TAG),
        (tags.WILL_RETRY, of_dagster.WILL_RETRY_TAG),
    ):
        assert ours == theirs, f"Dagster's tag {ours} is now {theirs}: update runtime/tags.py."


def test_unfinished_runs_are_the_same_for_dagster_and_the_project() -> None:
    missing = set(NOT_FINISHED_STATUSES) - set(runs.UNFINISHED)
    assert not missing, (
        f"Dagster has more unfinished statuses: {missing}; runtime/runs.py treats them as ended."
    )


@pytest.mark.parametrize("module", [name for name in preload.MODULES if "dagster" in name])
def test_preloaded_modules_exist(module: str) -> None:
    assert find_spec(module) is not None, (
        f"Dagster no longer has {module}: each process of a backfill imports its successor, "
        "which takes half a second; update runtime/preload.py."
    )


def test_an_instance_can_be_opened_with_an_override(tmp_path: Path) -> None:
    nothing = {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
    reference = InstanceRef.from_dir(str(tmp_path), overrides={"compute_logs": nothing})
    with dg.DagsterInstance.from_ref(reference) as instance:
        found: Any = type(instance.compute_log_manager).__name__
    assert found == nothing["class"], (
        "InstanceRef.from_dir no longer takes overrides: the runs of a backfill have what they "
        "print captured, which starts four processes a step."
    )


def test_values_are_kept_beside_the_cursors_and_store_no_event(tmp_path: Path) -> None:
    for text in ("a", "b"):
        with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path))) as instance:
            assert read_value(instance, "other") is None
            write_value(instance, "key", text)
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path))) as instance:
        kept = read_value(instance, "key")
        runs = instance.get_runs_count()
    assert (kept, runs) == ("b", 0), (
        "DagsterInstance.daemon_cursor_storage no longer keeps values: alerts would take every "
        "detractor as known; runtime/kept_values.py has to keep them elsewhere."
    )


def test_configuring_only_event_storage_keeps_the_other_dagster_storages(tmp_path: Path) -> None:
    template = Path(__file__).parents[2] / "dagster_home" / "dagster.yaml"
    (tmp_path / template.name).write_text(template.read_text())
    storage: Any = InstanceRef.from_dir(str(tmp_path)).storage_data
    assert storage.class_name == "CompositeStorage", (
        "event_log_storage in dagster.yaml is no longer taken beside Dagster's other storages: "
        "name runs and schedules there too, as the dagster.yaml of the root does."
    )
