"""Checks that the publishing targets can be used, and how far they are behind."""

from feedback_assets.diagnosis.providers import Verdict
from feedback_assets.publish.targets import Target, targets_of
from feedback_assets.publish.trouble import PublishTrouble
from feedback_assets.settings import Settings
from feedback_assets.warehouse.remote import StoreTrouble
from feedback_assets.warehouse.warehouse import Warehouse


def check_publishing(settings: Settings) -> list[Verdict]:
    """A verdict for each configured target."""
    warehouse = Warehouse(settings.warehouse)
    return [_check(target, warehouse) for target in targets_of(settings)]


def _check(target: Target, warehouse: Warehouse) -> Verdict:
    name = f"published/{target.name}"
    try:
        behind = target.behind(warehouse)
    except PublishTrouble as error:
        fix = () if error.transient else (target.setting,)
        return Verdict(name, configured=True, failed=True, text=str(error), fix=fix)
    except StoreTrouble as error:
        # The warehouse has its own verdict.
        return Verdict(name, configured=True, failed=True, text=str(error))
    return Verdict(
        name, configured=True, failed=False, text=f"{target.address} can be used; {behind}"
    )
