"""The Dagster instance in ``DAGSTER_HOME``: created on first use, and opened."""

import os
import stat
from pathlib import Path

import dagster as dg
import tenacity
from dagster._core.instance.ref import InstanceRef
from sqlalchemy.exc import OperationalError

from feedback_assets.files.durable import make_private, write_durably
from feedback_assets.files.locking import locked
from feedback_assets.runtime.event_log import hold_open, read_revisions_once
from feedback_assets.runtime.home_errors import home_errors
from feedback_assets.settings import PROJECT_ROOT, Settings

_KEPT_BY_DAGSTER = ("history", "schedules", "storage", "logs")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NOTHING_CAPTURED = {
    "module": "dagster.core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance in ``DAGSTER_HOME``, created if it does not exist yet.

    Raises ``Unusable`` if the directory or a database in it cannot be used.
    """
    home = settings.dagster_home
    with home_errors(home):
        # Dagster's databases cannot be created by two processes at once: the second one fails
        # with "table runs already exists".
        with locked(home / ".opening.lock", "DAGSTER_HOME"):
            _furnish(home)
            os.environ["DAGSTER_HOME"] = str(home)
            read_revisions_once()
            instance = _opened(home)
        # Dagster configures logging anew at the start of every run, which takes the lock of each
        # handler while it holds logging's own; a run in another thread holds its handler's while
        # it stores an event and asks for a logger. Seen: the two wait for each other for ever. The
        # handlers are those of dagster.yaml and the same for every run, so once is enough.
        handlers = instance.get_yaml_python_handlers()
        instance.get_yaml_python_handlers = lambda: handlers  # type: ignore[method-assign]
        hold_open(instance)
    return instance


# A process of Dagster's own, such as the webserver, does not take the lock.
@tenacity.retry(
    retry=tenacity.retry_if_exception(
        lambda error: isinstance(error, OperationalError) and "already exists" in str(error)
    ),
    stop=tenacity.stop_after_attempt(5),
    wait=tenacity.wait_fixed(1),
    reraise=True,
)
def _opened(home: Path) -> dg.DagsterInstance:
    # Capturing what a step prints means changing this process's own standard output, and two
    # threads that change it and back leave it changed: seen as a backfill that prints nothing.
    return dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(str(home), overrides={"compute_logs": _NOTHING_CAPTURED})
    )


def keep_private(home: Path) -> None:
    """Create Dagster's directories in ``home`` for this user only; tighten those that exist.

    What runs were given and said may be personal. Dagster makes files and directories with the
    modes of the umask, and nobody else can reach what lies in these.
    """
    for name in _KEPT_BY_DAGSTER:
        directory = home / name
        make_private(directory)
        about = directory.stat()
        if about.st_uid == os.geteuid() and stat.S_IMODE(about.st_mode) & _OTHERS:
            directory.chmod(stat.S_IRWXU)


def _furnish(home: Path) -> None:
    keep_private(home)
    template = PROJECT_ROOT / "dagster_home" / "dagster.yaml"
    own = home / template.name
    if template.is_file() and not own.exists():
        write_durably(own, template.read_bytes(), home / f".{template.name}.new")
