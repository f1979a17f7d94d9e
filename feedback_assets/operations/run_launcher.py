"""The former path of the run launcher, which an older ``dagster.yaml`` names."""

from feedback_assets.runtime.run_launcher import CheckedRunLauncher

__all__ = ["CheckedRunLauncher"]
