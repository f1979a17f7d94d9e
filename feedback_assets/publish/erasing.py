"""Erases at the targets what was erased in the warehouse."""

from dataclasses import dataclass

from feedback_assets.publish.owed import mark_of, owe, owed, recorded_targets, settle
from feedback_assets.publish.targets import publish_to, targets_of
from feedback_assets.publish.trouble import PublishTrouble
from feedback_assets.settings import Settings
from feedback_assets.warehouse.warehouse import Warehouse

_NOT_CONFIGURED = (
    "it was published to, but its settings are missing here. Set them, or if it no longer exists, "
    "delete {}."
)


@dataclass(frozen=True)
class ErasedAt:
    """A target, and the reason if it could not be reached; empty if the erasure succeeded."""

    target: str
    trouble: str = ""

    def __str__(self) -> str:
        if not self.trouble:
            return f"published/{self.target}: brought up to date"
        return (
            f"published/{self.target}: may still contain their data: {self.trouble} The erasure is "
            "queued, and the next publication (feedback-assets publish) completes it."
        )


def owe_everywhere(settings: Settings, warehouse: Warehouse) -> None:
    """Queue the erasure for every target that is configured or was published to.

    Done before the first file is rewritten.
    """
    configured = [target.name for target in targets_of(settings)]
    for name in {*configured, *recorded_targets(warehouse)}:
        owe(warehouse, name)


def erase_everywhere(settings: Settings, warehouse: Warehouse) -> list[ErasedAt]:
    """Publish the rewritten tables to every target that has been published to before."""
    targets = targets_of(settings)
    left = set(recorded_targets(warehouse)) - {target.name for target in targets}
    done = [
        ErasedAt(name, _NOT_CONFIGURED.format(mark_of(warehouse, name))) for name in sorted(left)
    ]
    for target in targets:
        erasures = owed(warehouse, target.name)
        try:
            if target.behind(warehouse).held:
                publish_to(target, warehouse)
            else:
                settle(warehouse, erasures)
            done.append(ErasedAt(target.name))
        except PublishTrouble as error:
            done.append(ErasedAt(target.name, str(error)))
    return done
