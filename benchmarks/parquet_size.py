"""Size of the orders' Parquet, compared with JSON and with a single file by a minimal script."""

from pathlib import Path

from benchmarks.bad_records import pages_of
from benchmarks.read_orders import backfill, bare
from benchmarks.support.measuring import options, say, scratch
from benchmarks.support.order_server import serving


def size_of(directory: Path) -> int:
    """Bytes of the Parquet files below a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*.parquet"))


def main() -> None:
    chosen = options(__doc__, size=200_000, small=3_000)
    with serving(chosen.size) as served, scratch() as directory:
        backfill(served, directory)
        bare(served, directory)
        ours = size_of(directory / "warehouse")
        one_file = (directory / "bare.parquet").stat().st_size
        json = sum(map(len, pages_of(served)))
    detail = f"{chosen.size:,} orders, {ours:,} bytes in 28 days"
    say("Parquet against the JSON served", ours / json, "≤ 0.12", f"{detail}, JSON {json:,}")
    say("Parquet against one file of a bare script", ours / one_file, "≤ 1", detail)


if __name__ == "__main__":
    main()
