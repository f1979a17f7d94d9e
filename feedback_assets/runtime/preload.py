"""Modules that a run needs, loaded once by the process from which others fork.

A missing module is skipped; processes then import it on demand or never.
"""

MODULES = (
    "feedback_assets.runtime.instance",
    "feedback_assets.runtime.event_log",
    "dagster._core.storage.legacy_storage",
    "dagster._core.execution.execute_in_process",
    # Arrow loads it if it is installed.
    "pandas",
)
