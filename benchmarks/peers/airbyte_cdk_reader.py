"""The orders by a declarative source of Airbyte's CDK, which prints them as JSON by design.

A destination would write the Parquet in another process, which is not measured:
``URL FROM TO DIRECTORY``.
"""

import json
import sys
from pathlib import Path

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (
    ConcurrentDeclarativeSource,
)


def manifest(url: str, first: str, last: str) -> dict[str, object]:
    """The source in the CDK's low-code language."""
    stream = {
        "type": "DeclarativeStream",
        "name": "orders",
        "primary_key": ["id"],
        "schema_loader": {
            "type": "InlineSchemaLoader",
            "schema": {"type": "object", "properties": {}, "additionalProperties": True},
        },
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {
                "type": "HttpRequester",
                "url_base": url,
                "path": "/orders",
                "http_method": "GET",
                "request_headers": {"apikey": "benchmark-key"},
                "request_parameters": {"from": first, "to": last, "limit": "1000"},
            },
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["results"]},
            },
            "paginator": {
                "type": "DefaultPaginator",
                "page_token_option": {
                    "type": "RequestOption",
                    "inject_into": "request_parameter",
                    "field_name": "next",
                },
                "pagination_strategy": {
                    "type": "CursorPagination",
                    "cursor_value": "{{ response.next }}",
                    "stop_condition": "{{ response.page >= response.totalPages }}",
                },
            },
        },
    }
    return {
        "version": "7.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["orders"]},
        "streams": [stream],
        "spec": {"connection_specification": {"type": "object", "properties": {}}},
    }


def main(url: str, first: str, last: str, directory: str) -> None:
    place = Path(directory)
    place.mkdir(parents=True, exist_ok=True)
    catalog = {
        "streams": [
            {
                "stream": {
                    "name": "orders",
                    "json_schema": {"type": "object", "properties": {}},
                    "supported_sync_modes": ["full_refresh"],
                },
                "sync_mode": "full_refresh",
                "destination_sync_mode": "overwrite",
            }
        ]
    }
    (place / "config.json").write_text("{}")
    (place / "catalog.json").write_text(json.dumps(catalog))
    arguments = ["read", "--config", f"{place}/config.json", "--catalog", f"{place}/catalog.json"]
    source = ConcurrentDeclarativeSource(
        config={}, catalog=None, state=None, source_config=manifest(url, first, last)
    )
    AirbyteEntrypoint.parse_args(arguments)
    launch(source, arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
