"""Creates and opens the Dagster instance in ``DAGSTER_HOME``."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import tenacity
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.compute_log_manager import ComputeLogManager
from sqlalchemy.exc import OperationalError

from feedback_assets.files.durable import make_private, write_durably
from feedback_assets.files.locking import locked
from feedback_assets.runtime.home_errors import home_errors
from feedback_assets.settings import PROJECT_ROOT, Settings

_KEPT_BY_DAGSTER = ("history", "schedules", "storage", "logs")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NOTHING_CAPTURED = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance in ``DAGSTER_HOME``, created if it does not exist yet.

    Raises ``Unusable`` if the directory or a database in it cannot be used.
    """
    home = settings.dagster_home
    # Dagster's databases cannot be created by two processes at once: the second one fails with
    # "table runs already exists".
    with home_errors(home), locked(home / ".opening.lock", "DAGSTER_HOME"):
        if settings.account.root is None:
            _set_up(home)
        os.environ["DAGSTER_HOME"] = str(home)
        return _opened(home)


@contextmanager
def existing_instance(settings: Settings) -> Iterator[dg.DagsterInstance | None]:
    """The instance; ``None`` if nothing was ever run, since this does not create one."""
    if any((settings.dagster_home / name).exists() for name in ("dagster.yaml", "history")):
        with open_instance(settings) as instance:
            yield instance
    else:
        yield None


# Dagster's own processes, such as the webserver, do not take the lock.
@tenacity.retry(
    retry=tenacity.retry_if_exception(
        lambda error: isinstance(error, OperationalError) and "already exists" in str(error)
    ),
    stop=tenacity.stop_after_attempt(5),
    wait=tenacity.wait_fixed(1),
    reraise=True,
)
def _opened(home: Path) -> dg.DagsterInstance:
    # Dagster starts four processes per step to capture its output. Steps of the commands print
    # nothing, and errors are in the events.
    return dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(str(home), overrides={"compute_logs": _NOTHING_CAPTURED})
    )


def compute_logs(home: Path) -> ComputeLogManager[Any]:
    """The manager of output captured from runs that Dagster's own processes started."""
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home))).compute_log_manager


def keep_private(home: Path) -> None:
    """Create Dagster's directories in ``home`` for this user only; restrict existing ones.

    Input and output of runs may be personal. Dagster creates files and directories with the modes
    of the umask; within private directories nobody else can reach them.
    """
    for name in _KEPT_BY_DAGSTER:
        directory = home / name
        make_private(directory)
        about = directory.stat()
        if about.st_uid == os.geteuid() and stat.S_IMODE(about.st_mode) & _OTHERS:
            directory.chmod(stat.S_IRWXU)


def _set_up(home: Path) -> None:
    keep_private(home)
    template = PROJECT_ROOT / "dagster_home" / "dagster.yaml"
    own = home / template.name
    if template.is_file() and not own.exists():
        write_durably(own, template.read_bytes(), home / f".{template.name}.new")
