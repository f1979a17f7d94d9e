"""The configured targets, and one publication to a target."""

from contextlib import suppress
from typing import Protocol

from feedback_assets.publish.iceberg.catalog import Place
from feedback_assets.publish.iceberg.publisher import Iceberg
from feedback_assets.publish.names import ASSET_GROUP, schema_name
from feedback_assets.publish.outcome import Behind, Outcome
from feedback_assets.publish.owed import owed, record_target, settle
from feedback_assets.publish.postgres.publisher import Postgres
from feedback_assets.schema.definition import Definition, code_of, declared
from feedback_assets.schema.table import ALL_DAYS, Table
from feedback_assets.settings import Settings
from feedback_assets.tables.named import named_tables
from feedback_assets.warehouse.warehouse import Warehouse

_UNSHAPED = frozenset({"source", "example", "depends", "order_by", "totals", "parts"})


class Target(Protocol):
    """A place that tables are published to."""

    @property
    def name(self) -> str:
        """``postgres`` or ``iceberg``: the second part of its asset key."""

    @property
    def setting(self) -> str:
        """The setting with its address."""

    @property
    def address(self) -> str:
        """Where it is, without credentials."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that it receives."""

    def publish(
        self, warehouse: Warehouse, *, everything: bool = False, erase: bool = False
    ) -> Outcome:
        """Make it equal to the warehouse; raises ``PublishTrouble``."""

    def behind(self, warehouse: Warehouse) -> Behind:
        """How far it is behind; raises ``PublishTrouble``."""


def targets_of(settings: Settings) -> tuple[Target, ...]:
    """The configured targets."""
    tables = named_tables(settings.feedback_publish_tables)
    schema = schema_name(settings.names)
    found: list[Target] = []
    if settings.feedback_publish_postgres_url is not None:
        url = settings.feedback_publish_postgres_url.get_secret_value()
        found.append(Postgres(url, schema, tables))
    if settings.feedback_publish_iceberg_uri is not None:
        credential = settings.feedback_publish_iceberg_credential
        place = Place(
            settings.feedback_publish_iceberg_uri,
            settings.feedback_publish_iceberg_warehouse,
            credential.get_secret_value() if credential else None,
            settings.iceberg_properties,
        )
        found.append(Iceberg(place, schema, tables))
    return tuple(found)


def published_tables(settings: Settings) -> tuple[Table, ...]:
    """Each target as a table without columns that depends on every table it receives."""
    return tuple(_declared(target) for target in targets_of(settings))


def _declared(target: Target) -> Table:
    return Table(
        ASSET_GROUP,
        target.name,
        f"The published tables at {target.address}, equal to those of the warehouse.",
        columns=(),
        key=(),
        partitioned=False,
        depends={table.full_name: ALL_DAYS for table in target.tables},
    )


def published_definition(settings: Settings, name: str) -> Definition:
    """A target's address and tables: a change of either requires a publication."""
    target = next(target for target in targets_of(settings) if target.name == name)
    shapes = [declared(table, without=_UNSHAPED) for table in target.tables]
    return Definition(code_of(target.name, target.address, shapes))


def publish_to(target: Target, warehouse: Warehouse, *, everything: bool = False) -> Outcome:
    """Publish, and complete the queued erasures; raises ``PublishTrouble``."""
    erasures = owed(warehouse, target.name)
    # Before the first row is sent: a publication may be killed after its commit. A machine that may
    # only read the warehouse publishes, too.
    with suppress(OSError):
        record_target(warehouse, target.name)
    done = target.publish(warehouse, everything=everything, erase=bool(erasures))
    settle(warehouse, erasures)
    return done
