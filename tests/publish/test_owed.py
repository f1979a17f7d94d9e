"""The queue of erasures that targets still owe."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from feedback_assets.publish.outcome import Behind, Outcome
from feedback_assets.publish.owed import owe, owed
from feedback_assets.publish.targets import publish_to
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.warehouse import Warehouse


@dataclass
class Target:
    """A target that is always reached; ``meanwhile`` happens during its first publication."""

    name: str
    meanwhile: Callable[[], None] = lambda: None
    setting: str = "FEEDBACK_PUBLISH_POSTGRES_URL"
    address: str = "db"
    tables: tuple[Table, ...] = ()
    erased: list[bool] = field(default_factory=list)

    def publish(
        self, warehouse: Warehouse, *, everything: bool = False, erase: bool = False
    ) -> Outcome:
        self.erased.append(erase)
        if len(self.erased) == 1:
            self.meanwhile()
        return Outcome(self.name, self.address, {}, 0.0)

    def behind(self, warehouse: Warehouse) -> Behind:
        return Behind()


def test_an_erasure_that_is_queued_during_another_is_made_by_the_next_publication(
    tmp_path: Path,
) -> None:
    warehouse = Warehouse(str(tmp_path))
    target = Target("postgres", lambda: owe(warehouse, "postgres"))
    owe(warehouse, "postgres")
    owe(warehouse, "iceberg")
    for _ in range(3):
        publish_to(target, warehouse)
    assert target.erased == [True, True, False]
    assert len(owed(warehouse, "iceberg")) == 1


def test_an_erasure_that_is_queued_while_another_is_removed_is_completed(tmp_path: Path) -> None:
    class Racing(Warehouse):
        """Another process queues an erasure just before the first is removed."""

        def remove(self, path: str) -> None:
            owe(warehouse, "postgres")
            super().remove(path)

    warehouse, target = Warehouse(str(tmp_path)), Target("postgres")
    owe(warehouse, "postgres")
    publish_to(target, Racing(str(tmp_path)))
    publish_to(target, warehouse)
    publish_to(target, warehouse)
    assert target.erased == [True, True, False]


def test_an_erasure_that_version_0_2_0_queued_is_made(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    queue = tmp_path / "_publishing"
    queue.mkdir()
    (queue / "erasure-owed-by-postgres.txt").write_text("0123456789abcdef")
    target = Target("postgres")
    publish_to(target, warehouse)
    assert target.erased == [True]
    assert not owed(warehouse, "postgres")
