"""The orders by dlt's ``rest_api`` source, nesting off, as Parquet: ``URL FROM TO DIRECTORY``."""

import os
import sys


def main(url: str, first: str, last: str, directory: str) -> None:
    # As its documentation recommends for speed: no progress, no telemetry, no row limit per file.
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "DATA_WRITER__DISABLE_COMPRESSION": "true",
    }
    import dlt
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {
                "base_url": f"{url}/",
                "headers": {"apikey": "benchmark-key"},
                "paginator": {"type": "cursor", "cursor_path": "next", "cursor_param": "next"},
            },
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "orders",
                        "params": {"from": first, "to": last, "limit": 1000},
                        "data_selector": "results",
                    },
                }
            ],
        },
        max_table_nesting=0,
    )
    pipeline = dlt.pipeline(
        "orders",
        pipelines_dir=f"{directory}/pipelines",
        destination=dlt.destinations.filesystem(f"file://{directory}/tables"),
        dataset_name="wicked_reports",
    )
    info = pipeline.run(source, loader_file_format="parquet", write_disposition="replace")
    info.raise_on_failed_jobs()
    print(pipeline.last_trace.last_normalize_info.row_counts)


if __name__ == "__main__":
    main(*sys.argv[1:])
