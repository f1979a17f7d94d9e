"""The orders by a tap of Singer's SDK, which prints them as JSON lines by design.

A target would write the Parquet in another process, which is not measured:
``URL FROM TO DIRECTORY``.
"""

import json
import sys
from pathlib import Path

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BaseAPIPaginator


class Next(BaseAPIPaginator):
    """The key in ``next``, until the last page."""

    def get_next(self, response):
        page = response.json()
        return page["next"] if page["page"] < page["totalPages"] else None


class Orders(RESTStream):
    name = "orders"
    path = "/orders"
    primary_keys = ("id",)
    records_jsonpath = "$.results[*]"
    schema = th.PropertiesList(
        th.Property("id", th.StringType),
        th.Property("sourceId", th.StringType),
        th.Property("sourceSystem", th.StringType),
        th.Property("date", th.DateTimeType),
        th.Property("attributions", th.ObjectType(additional_properties=True)),
        th.Property("contact", th.ObjectType(additional_properties=True)),
        th.Property("products", th.ArrayType(th.ObjectType(additional_properties=True))),
        th.Property("payments", th.ArrayType(th.ObjectType(additional_properties=True))),
        th.Property("amount", th.NumberType),
        th.Property("currency", th.StringType),
        th.Property("subscriptionId", th.StringType),
        th.Property("links", th.ObjectType(additional_properties=True)),
    ).to_dict()

    @property
    def url_base(self):
        return self.config["url"]

    @property
    def http_headers(self):
        return {"apikey": "benchmark-key"}

    def get_new_paginator(self):
        return Next(None)

    def get_url_params(self, context, next_page_token):
        params = {"from": self.config["first"], "to": self.config["last"], "limit": 1000}
        return params | ({"next": next_page_token} if next_page_token else {})


class Orderly(Tap):
    name = "tap-orders"
    config_jsonschema = th.PropertiesList(
        th.Property("url", th.StringType),
        th.Property("first", th.StringType),
        th.Property("last", th.StringType),
    ).to_dict()

    def discover_streams(self):
        return [Orders(self)]


def main(url: str, first: str, last: str, directory: str) -> None:
    place = Path(directory)
    place.mkdir(parents=True, exist_ok=True)
    config = place / "config.json"
    config.write_text(json.dumps({"url": url, "first": first, "last": last}))
    Orderly.cli(["--config", str(config)], standalone_mode=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
