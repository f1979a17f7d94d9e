"""The former path of the Celery app, which an older ``worker.conf`` names."""

from feedback_assets.runtime.celery_worker import app, execute_job

__all__ = ["app", "execute_job"]
