"""The lists that are read, of all providers, and which of them fills a table."""

from feedback_assets.providers.provider import WINDOW_DAYS, Source
from feedback_assets.providers.registry import REGISTRY
from feedback_assets.schema.table import Table

SOURCES: tuple[Source, ...] = tuple(source for provider in REGISTRY for source in provider.sources)


def source_of(table: Table) -> Source:
    """The list that fills a provider's table."""
    return next(source for source in SOURCES if table in source.tables)


__all__ = ["SOURCES", "WINDOW_DAYS", "Source", "source_of"]
