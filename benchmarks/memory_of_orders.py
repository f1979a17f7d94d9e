"""Peak memory of reading ten times as many orders."""

from benchmarks.read_orders import backfill
from benchmarks.support.measuring import Usage, compare, options, peak, say, scratch
from benchmarks.support.order_server import serving


def main() -> None:
    chosen = options(__doc__, size=2_000_000, small=20_000)
    with (
        serving(chosen.size) as many,
        serving(chosen.size // 10) as few,
        scratch() as directory,
    ):

        def read(served: object) -> Usage:
            return backfill(served, directory)  # type: ignore[arg-type]

        compared = compare(lambda: read(many), lambda: read(few), chosen)
    large, small = compared.medians(peak)
    detail = f"{chosen.size:,} orders {large / 1e6:.0f} MB, a tenth {small / 1e6:.0f} MB"
    say("peak memory of ten times the orders", compared.ratio(peak), "≤ 1.3", detail)
    say("peak memory against 400 MB", large / 400e6, "≤ 1", detail)


if __name__ == "__main__":
    main()
