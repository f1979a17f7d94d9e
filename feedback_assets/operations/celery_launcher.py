"""The former path of the Celery run launcher, which an older ``dagster.yaml`` names."""

from feedback_assets.runtime.celery_launcher import CheckedCeleryRunLauncher

__all__ = ["CheckedCeleryRunLauncher"]
