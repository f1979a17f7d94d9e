"""The baseline: the same orders by ``requests`` and ``pyarrow.json`` into one Parquet file.

No checks, retries, keys or days: a ten-minute script that trusts the provider.
``python -m benchmarks.support.bare_reader URL FROM TO FILE``
"""

import io
import sys

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq
import requests

TEXT = pa.string()
TOUCH = pa.struct(
    [(name, TEXT) for name in ("date", "source", "medium", "campaign", "content", "term")]
)
LINK = pa.struct([("href", TEXT)])
ORDER = pa.struct(
    [
        ("id", TEXT),
        ("sourceId", TEXT),
        ("sourceSystem", TEXT),
        ("date", pa.timestamp("us", tz="UTC")),
        (
            "attributions",
            pa.struct(
                [(name, TOUCH) for name in ("firstClick", "firstOptin", "reOptin", "lastClick")]
            ),
        ),
        (
            "contact",
            pa.struct([(name, TEXT) for name in ("id", "sourceId", "sourceSystem", "email")]),
        ),
        (
            "products",
            pa.list_(
                pa.struct(
                    [("id", TEXT), ("name", TEXT), ("qty", pa.float64()), ("PPU", pa.float64())]
                )
            ),
        ),
        (
            "payments",
            pa.list_(pa.struct([("date", TEXT), ("status", TEXT), ("amount", pa.float64())])),
        ),
        ("amount", pa.float64()),
        ("currency", TEXT),
        ("subscriptionId", TEXT),
        ("links", pa.struct([("contact", LINK), ("clicks", LINK)])),
    ]
)
PAGE = pa.schema(
    [
        ("status", TEXT),
        ("results", pa.list_(ORDER)),
        ("page", pa.int64()),
        ("totalPages", pa.int64()),
        ("total", pa.int64()),
        ("next", TEXT),
    ]
)


def main(url: str, first: str, last: str, path: str) -> None:
    params = {"from": first, "to": last, "limit": "1000"}
    session = requests.Session()
    session.headers["apikey"] = "benchmark-key"
    with pq.ParquetWriter(path, pa.schema(list(ORDER)), compression="zstd") as writer:
        while True:
            body = session.get(f"{url}/orders", params=params).content
            page = pj.read_json(
                io.BytesIO(body),
                read_options=pj.ReadOptions(use_threads=False, block_size=len(body) + 1),
                parse_options=pj.ParseOptions(explicit_schema=PAGE),
            )
            writer.write_table(
                pa.table(
                    page.column("results").combine_chunks().flatten().flatten(),
                    schema=pa.schema(list(ORDER)),
                )
            )
            if page.column("page")[0].as_py() >= page.column("totalPages")[0].as_py():
                return
            params["next"] = page.column("next")[0].as_py()


if __name__ == "__main__":
    main(*sys.argv[1:])
