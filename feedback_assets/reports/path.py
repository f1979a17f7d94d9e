"""Where the page lies; apart from the page, so that asking for it imports no template."""

from feedback_assets.store.layout import Warehouse


def page_path(warehouse: Warehouse) -> str:
    """The page's file beside the tables, as the asset's key says."""
    return f"{warehouse.base}/reports/nps.html"
