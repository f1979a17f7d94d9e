"""The commands of whoever operates it: ``check``, ``limits`` and ``alert-test``."""

import typer
from rich.text import Text

from feedback_assets.cli.common import app, err, fail, settings_or_exit
from feedback_assets.settings import SettingsError


@app.command()
def check() -> None:
    """Say for each provider whether it is configured, reachable and authorised; and what next."""
    from feedback_assets.operations.check_providers import check_providers, next_step

    settings = settings_or_exit()
    verdicts = check_providers(settings)
    for verdict in verdicts:
        mark = "✗" if verdict.failed else "✓" if verdict.configured else "–"
        print(f"{mark} {verdict.provider}: {verdict.text}")
    # Beside the answer, which is one line a provider for whoever reads it by a program.
    err.print(Text(f"Next: {next_step(verdicts, settings)}"), soft_wrap=True)
    if any(verdict.failed for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def limits() -> None:
    """Set how many runs of each provider Dagster lets go on at the same time."""
    from feedback_assets.operations.home import open_instance
    from feedback_assets.operations.limits import right_limits, set_limits

    settings = settings_or_exit()
    with open_instance(settings) as instance:
        for limit in set_limits(instance, right_limits(settings.providers)):
            was = "not set" if limit.before is None else str(limit.before)
            done = "as it was" if limit.before == limit.runs else f"was {was}"
            print(f"{limit.pool}: {limit.runs} ({limit.why}; {done})")


@app.command(name="alert-test")
def alert_test() -> None:
    """Send a test message to each URL of FEEDBACK_ALERT_URLS, and say which took it."""
    from feedback_assets.operations.alert_delivery import NOT_SET, TEST, deliver, targets

    try:
        chosen = targets(settings_or_exit())
    except SettingsError as error:
        fail(str(error), code=2)
    if not chosen:
        fail(NOT_SET, code=2)
    reasons = {target.name: deliver(target, TEST) for target in chosen}
    for name, reason in reasons.items():
        print(f"✗ {name}: {reason}" if reason else f"✓ {name}: took it")
    if any(reasons.values()):
        raise typer.Exit(1)
