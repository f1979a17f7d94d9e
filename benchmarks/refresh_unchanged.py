"""A refresh of 30 unchanged days, compared with only reading those days.

Both re-read all five providers of the sandbox; the refresh also plans what to build.
"""

import sys
from datetime import UTC, date, datetime, timedelta

from benchmarks.support.measuring import (
    Usage,
    clean_environment,
    compare,
    cpu,
    module,
    options,
    run,
    say,
    scratch,
    wall,
)
from benchmarks.support.sandboxes import sandbox_without_limits


def refresh(first: date, last: date, *, build: bool) -> None:
    """Read the days and, if ``build``, plan and build what is stale."""
    from feedback_assets.automation.refresh_sensor import due
    from feedback_assets.backfill.definitions import loaded_tables
    from feedback_assets.backfill.request import prepare
    from feedback_assets.backfill.run import run_plan
    from feedback_assets.definitions import build_defs
    from feedback_assets.settings import load_settings
    from feedback_assets.tables import DERIVED_TABLES

    settings = load_settings()
    reading = " or ".join(f"group:{provider}" for provider in settings.providers)
    request = prepare(settings, build_defs(settings), first, last, reading)
    run_plan(request, lambda _run, _well: None)
    if build:
        derived = [table for table in DERIVED_TABLES if table in loaded_tables(settings)]
        plan = due(request.instance, settings, derived, last + timedelta(days=1))
        if plan.builds:
            raise SystemExit(f"{len(plan.builds)} builds are due though nothing changed")


def main() -> None:
    if sys.argv[1:2] == ["refresh"]:
        first, last, build = sys.argv[2:]
        refresh(date.fromisoformat(first), date.fromisoformat(last), build=build == "yes")
        return
    chosen = options(__doc__, size=3_000, small=50, times=5)
    held = 3 if chosen.small else 400
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=held - 1)
    reread = max(first, last - timedelta(days=29))
    with sandbox_without_limits(chosen.size, held) as settings, scratch() as directory:
        env = clean_environment(directory / "home", directory / "warehouse") | settings
        env |= {"FEEDBACK_START_DATE": str(first)}
        run(module("feedback_assets.cli", "backfill", "--from", first, "--to", last), env)
        compared = compare(
            lambda: _timed(reread, last, env, "yes"),
            lambda: _timed(reread, last, env, "no"),
            chosen,
        )
    ours, floor = compared.medians(cpu)
    say(
        "a refresh of 30 days with nothing changed, CPU against the reading alone",
        compared.ratio(cpu),
        "≤ 1.3",
        f"{held} days held, {ours:.2f} s against {floor:.2f} s, wall {compared.ratio(wall):.2f}",
    )


def _timed(first: date, last: date, env: dict[str, str], build: str) -> Usage:
    return run(module("benchmarks.refresh_unchanged", "refresh", first, last, build), env)


if __name__ == "__main__":
    main()
