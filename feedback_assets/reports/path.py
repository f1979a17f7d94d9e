"""Where the page lies; apart from the page, so that asking for it imports no template."""

import os
from pathlib import Path
from urllib.parse import quote, urlencode

from feedback_assets.warehouse.warehouse import Warehouse

_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")


def page_path(warehouse: Warehouse) -> str:
    """The page's file beside the tables, as the asset's key says."""
    return f"{warehouse.base}/reports/nps.html"


def page_url(warehouse: Warehouse) -> str | None:
    """The address that opens the page in a browser.

    ``file://`` for a local warehouse, the object's page in the console of AWS or Google for a
    bucket of theirs, and None for any other store, whose addresses nobody here knows.
    """
    path = page_path(warehouse)
    if warehouse.is_local:
        return Path(path).as_uri()
    scheme, _, place = path.partition("://")
    bucket, _, key = place.partition("/")
    if scheme == "s3" and not any(os.environ.get(name) for name in _ENDPOINTS):
        query = urlencode({"prefix": key})
        return f"https://s3.console.aws.amazon.com/s3/object/{quote(bucket)}?{query}"
    if scheme in ("gs", "gcs"):
        return f"https://storage.cloud.google.com/{quote(bucket)}/{quote(key)}"
    return None
