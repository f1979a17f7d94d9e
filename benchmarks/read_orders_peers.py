"""Orders from a local server, read by this project and by alternatives."""

from pathlib import Path

from benchmarks.read_orders import backfill
from benchmarks.support.measuring import (
    ROOT,
    Usage,
    clean_environment,
    compare,
    cpu,
    options,
    run,
    say,
    scratch,
    wall,
)
from benchmarks.support.order_server import Served, serving

PEERS = ("dlt", "airbyte_cdk", "singer_sdk")
_HERE = ROOT / "benchmarks" / "peers"


def read(peer: str, served: Served, directory: Path) -> Usage:
    """A peer's standard way to read the orders, in its own environment."""
    python = _HERE / f".venv-{peer}" / "bin" / "python"
    place = directory / peer
    return run(
        [
            python,
            _HERE / f"{peer}_reader.py",
            served.url,
            str(served.first),
            str(served.last),
            place,
        ],
        clean_environment(directory / "home", directory / "warehouse"),
    )


def parquet_bytes(directory: Path) -> int:
    """Size of the orders' Parquet that a peer wrote."""
    return sum(path.stat().st_size for path in directory.rglob("orders/*.parquet"))


def main() -> None:
    chosen = options(__doc__, size=1_000_000, small=3_000)
    there = [peer for peer in PEERS if (_HERE / f".venv-{peer}" / "bin" / "python").exists()]
    for peer in sorted(set(PEERS) - set(there)):
        print(f"{peer} is not installed: make bench installs the peers")
    with serving(chosen.size) as served, scratch() as directory:
        for peer in there:
            compared = compare(
                lambda peer=peer: read(peer, served, directory),
                lambda: backfill(served, directory),
                chosen,
                warm=False,
            )
            theirs, ours = compared.medians(wall)
            say(
                f"read orders, {peer}'s wall against ours",
                compared.ratio(wall),
                "≥ 5",
                f"{chosen.size:,} orders, {theirs:.1f} s against {ours:.1f} s, "
                f"CPU {compared.ratio(cpu):.2f}",
            )
        if "dlt" in there:
            mine = sum(p.stat().st_size for p in (directory / "warehouse").rglob("*.parquet"))
            theirs = parquet_bytes(directory / "dlt")
            say("Parquet against dlt's", mine / theirs, "≤ 1", f"{mine:,} against {theirs:,} bytes")


if __name__ == "__main__":
    main()
