"""What a run loads when it first needs it, to be loaded once by the process that others fork from.

One that is not there is left out, and is then loaded by each process or never.
"""

MODULES = (
    "feedback_assets.runtime.instance",
    "feedback_assets.runtime.event_log",
    "dagster._core.storage.legacy_storage",
    "dagster._core.execution.execute_in_process",
    # Arrow loads it where it is installed.
    "pandas",
)
