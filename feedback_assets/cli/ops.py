"""Commands for operators: ``check``, ``limits``, ``rekey`` and ``alert-test``."""

import typer

from feedback_assets.cli.common import (
    OPERATIONS,
    START,
    Account,
    app,
    command,
    fail,
    settings_or_exit,
)
from feedback_assets.settings import SettingsError


@app.command(rich_help_panel=START)
def check(account: Account = "") -> None:
    """Check settings, providers, ad spend, warehouse and databases."""
    from feedback_assets.diagnosis.ad_spend import check_ad_spend
    from feedback_assets.diagnosis.places import check_places
    from feedback_assets.diagnosis.providers import check_providers, next_step
    from feedback_assets.diagnosis.publishing import check_publishing

    settings = settings_or_exit(account)
    verdicts = [
        *check_providers(settings),
        *check_ad_spend(settings),
        *check_places(settings),
        *check_publishing(settings),
    ]
    for verdict in verdicts:
        mark = "✗" if verdict.failed else "✓" if verdict.configured else "–"
        print(f"{mark} {verdict.provider}: {verdict.text}")
    step = next_step(verdicts, settings)
    print(f"Next: {step.text}")
    # On its own line, so that it can be pasted into a shell.
    print(command(*step.arguments, account=account))
    if any(verdict.failed for verdict in verdicts):
        raise typer.Exit(1)


@app.command(rich_help_panel=OPERATIONS)
def limits(account: Account = "") -> None:
    """Set how many runs of each provider Dagster starts at a time."""
    from feedback_assets.automation.pools import right_limits, set_limits
    from feedback_assets.runtime.instance import open_instance

    settings = settings_or_exit(account)
    with open_instance(settings) as instance:
        for limit in set_limits(instance, right_limits(settings.providers, settings.names)):
            was = "not set" if limit.before is None else str(limit.before)
            done = "unchanged" if limit.before == limit.runs else f"was {was}"
            print(f"{limit.pool}: {limit.runs} ({limit.why}; {done})")


@app.command(rich_help_panel=OPERATIONS)
def rekey(account: Account = "") -> None:
    """Accept a changed FEEDBACK_CUSTOMER_SECRET."""
    from feedback_assets.privacy import rekey as operation

    settings = settings_or_exit(account)
    done = operation.rekey(settings)
    if not done.changed:
        print("The warehouse already uses this customer secret.")
        return
    print("The warehouse now uses the new customer secret.")
    if done.first is not None and done.last is not None:
        days = ("--from", str(done.first), "--to", str(done.last))
        print("Next: rebuild the tables that contain keys made with the former secret:")
        print(
            command(
                "backfill", *days, "--select", operation.selection(settings.names), account=account
            )
        )


@app.command(name="alert-test", rich_help_panel=OPERATIONS)
def alert_test(account: Account = "") -> None:
    """Send a test alert to each URL of FEEDBACK_ALERT_URLS."""
    from feedback_assets.alerts.delivery import NOT_SET, TEST, deliver, targets

    try:
        chosen = targets(settings_or_exit(account))
    except SettingsError as error:
        fail(str(error), code=2)
    if not chosen:
        fail(NOT_SET, code=2)
    reasons = {target.name: deliver(target, TEST) for target in chosen}
    for name, reason in reasons.items():
        print(f"✗ {name}: {reason}" if reason else f"✓ {name}: delivered")
    if any(reasons.values()):
        raise typer.Exit(1)
