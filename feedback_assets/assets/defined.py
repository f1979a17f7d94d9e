"""The current definition of each table and page, used for ``code_version`` and partitions."""

from collections.abc import Iterable

from feedback_assets.ad_spend.definition import spend_definition
from feedback_assets.ingest.definition import provider_definition
from feedback_assets.publish.names import ASSET_GROUP
from feedback_assets.publish.targets import published_definition
from feedback_assets.reports.definition import page_definition
from feedback_assets.schema.definition import Definition
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import FILE_TABLES, PROVIDER_TABLES, REPORT_PAGES
from feedback_assets.transforms.definition import derived_definition
from feedback_assets.transforms.inputs import Spans
from feedback_assets.transforms.pseudonym import fingerprint


def spans(settings: Settings) -> Spans:
    """The settings that define how far back a day of a derived table reads."""
    return Spans(settings.feedback_match_days, settings.feedback_touch_days)


def definition_of(table: Table, settings: Settings) -> Definition:
    """The table's current definition; does not create a secret if there is none."""
    if table in REPORT_PAGES:
        return page_definition()
    if table.group == ASSET_GROUP:
        return published_definition(settings, table.name)
    if table in FILE_TABLES:
        return spend_definition()
    if table in PROVIDER_TABLES:
        zone = f"{table.group}_timezone"
        read = {zone.upper(): str(getattr(settings, zone))} if hasattr(settings, zone) else {}
        return provider_definition(table, read)
    secret = settings.customer_secret_if_any()
    known = None if secret is None else fingerprint(secret)
    return derived_definition(table, spans(settings), known)


def definitions_of(tables: Iterable[Table], settings: Settings) -> dict[str, str]:
    """The definition text of a partition built now, by ``group.table``."""
    return {table.full_name: definition_of(table, settings).text for table in tables}


def code_version(table: Table, settings: Settings) -> str:
    """The definition that Dagster shows; it does not depend on the customer secret."""
    return definition_of(table, settings).without_secrets.text
