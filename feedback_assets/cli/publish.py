"""The command ``publish``: updates the targets, grants read access, prints dbt sources."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from feedback_assets.cli.common import DATA, Account, app, fail, out, settings_or_exit
from feedback_assets.runtime.quiet import quiet_dagster
from feedback_assets.settings import Settings

if TYPE_CHECKING:
    from feedback_assets.publish.targets import Target

_NOWHERE = (
    "No target is configured. Set FEEDBACK_PUBLISH_POSTGRES_URL or FEEDBACK_PUBLISH_ICEBERG_URI; "
    "see docs/publishing.md."
)


@app.command(rich_help_panel=DATA)
def publish(
    to: Annotated[str | None, typer.Option(help="Only this target: postgres or iceberg.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Send every partition, changed or not.")
    ] = False,
    grant_to: Annotated[
        str | None,
        typer.Option(help="Let this Postgres role read the marts; it is created if missing."),
    ] = None,
    dbt_sources: Annotated[
        bool, typer.Option("--dbt-sources", help="Print a sources.yml for dbt; publish nothing.")
    ] = False,
    account: Account = "",
) -> None:
    """Bring the tables in Postgres and Iceberg up to date."""
    settings = settings_or_exit(account)
    if dbt_sources:
        from feedback_assets.publish.dbt import sources_yml

        print(sources_yml(settings), end="")
        return
    targets = _targets(settings, to)
    if grant_to is not None:
        _grant(targets, grant_to)
        return
    with quiet_dagster():
        failed = [
            reason for target in targets if (reason := _publish(settings, target, everything))
        ]
    if failed:
        fail("\n".join(failed))


def _targets(settings: Settings, to: str | None) -> "tuple[Target, ...]":
    from feedback_assets.publish.targets import targets_of

    targets = targets_of(settings)
    if not targets:
        fail(_NOWHERE, code=2)
    chosen = tuple(target for target in targets if to in (None, target.name))
    if not chosen:
        names = ", ".join(target.name for target in targets)
        fail(f"--to {to} is not configured; configured: {names}", code=2)
    return chosen


def _publish(settings: Settings, target: "Target", everything: bool) -> str:
    """Publish and print what was sent; returns the reason if it failed."""
    from feedback_assets.assets.failures import TROUBLE
    from feedback_assets.assets.published_assets import publish_by_hand
    from feedback_assets.publish.outcome import lines
    from feedback_assets.publish.trouble import PublishTrouble

    try:
        done = publish_by_hand(settings, target, everything=everything)
    except (PublishTrouble, *TROUBLE) as error:
        return settings.worded(str(error))
    for line in lines(done):
        out.print(escape(line), soft_wrap=True)
    return ""


def _grant(targets: "tuple[Target, ...]", role: str) -> None:
    from feedback_assets.publish.postgres.publisher import Postgres
    from feedback_assets.publish.trouble import PublishTrouble

    postgres = [target for target in targets if isinstance(target, Postgres)]
    if not postgres:
        fail("--grant-to needs FEEDBACK_PUBLISH_POSTGRES_URL", code=2)
    for target in postgres:
        try:
            created = target.grant_to(role)
        except PublishTrouble as error:
            fail(str(error))
        made = " It was created without a login: grant it to your users." if created else ""
        out.print(
            escape(
                f"{role} can read the marts in schema {target.schema} at {target.address}.{made}"
            ),
            soft_wrap=True,
        )
