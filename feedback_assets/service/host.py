"""Reports which parts of this project's ``dagster.yaml`` another project's instance lacks."""

import logging
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from feedback_assets.runtime.loading import instance_settings, is_first_load
from feedback_assets.settings import Settings

_log = logging.getLogger("dagster.feedback_assets")


def say_what_is_lacking(settings: Settings) -> None:
    """Log what the project's instance lacks, once per process, when a code location loads."""
    if is_first_load():
        _say(os.environ.get("DAGSTER_HOME", ""), str(settings.dagster_home))


@cache
def _say(home: str, default: str) -> None:
    for line in lacking(Path(home) if home else None, default):
        _log.warning("feedback_assets: %s", line)


def lacking(home: Path | None, default: str) -> Iterator[str]:
    """A line for each thing that the instance in ``home`` lacks; ``None`` if it is not set.

    ``default``: the directory of the accounts' state if ``DAGSTER_HOME`` is not set.
    """
    if home is None:
        yield (
            "DAGSTER_HOME is not set, so Dagster forgets every run when it stops, and commands do "
            f"not see the UI's runs. The accounts keep their secrets and quotas in {default}. Set "
            "DAGSTER_HOME to a permanent directory"
        )
        return
    found = instance_settings(home)
    if not found.get("run_retries", {}).get("enabled"):
        yield (
            f"{home}/dagster.yaml has no run_retries, so a run whose process is killed is not "
            "retried; the next daily schedule reads its days"
        )
    pools = found.get("concurrency", {}).get("pools", {})
    if pools.get("default_limit") is None:
        yield (
            f"{home}/dagster.yaml sets no pool limits, so more runs of a provider may start than "
            "its quota can serve; they wait in their own processes. To set the limits: "
            "feedback-assets limits --account <key_prefix>"
        )
