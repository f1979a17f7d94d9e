"""The Celery app of a worker machine, for ``celery --app``; deploy/cluster starts it.

It reads broker, backend and settings from the run launcher in ``DAGSTER_HOME/dagster.yaml``, so
that launcher and workers cannot differ.
"""

import os

from dagster._core.instance.ref import InstanceRef
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tasks import create_execute_job_task

from feedback_assets.runtime.leaving_workers import announce


def _launcher() -> CeleryRunLauncher:
    home = os.environ.get("DAGSTER_HOME", "")
    # Configuration only: no connection to Postgres may be open when processes fork.
    launcher = InstanceRef.from_dir(home).run_launcher if home else None
    if not isinstance(launcher, CeleryRunLauncher):
        raise TypeError(
            f"DAGSTER_HOME={home or '(unset)'} has no dagster.yaml with the run launcher of "
            "several machines: copy deploy/cluster/dagster.yaml there"
        )
    return launcher


app = _launcher().celery
announce(app)
execute_job = create_execute_job_task(app)
