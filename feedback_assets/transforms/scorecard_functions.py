"""The functions of ``marts.channel_scorecard``: ages, shares of money, and intervals."""

from itertools import pairwise

from feedback_assets.transforms.function import Function

_ADJUSTED_NPS = "case when w > 0 then x / (w + 3e0 * ww / w) end"
_ADJUSTED_VARIANCE = """case when w > 0 then (
    xx - 2e0 * adjusted_nps(w, x, ww) * wx
    + adjusted_nps(w, x, ww) * adjusted_nps(w, x, ww) * ww
    + (ww / w) * (ww / w) * (1.5e0 + 3e0 * adjusted_nps(w, x, ww) * adjusted_nps(w, x, ww))
) / ((w + 3e0 * ww / w) * (w + 3e0 * ww / w)) end"""
_QUANTILE = """ranked(x, 1e0 + floor((n - 1) * p)) + ((n - 1) * p - floor((n - 1) * p)) * (
    ranked(x, least(n, 2e0 + floor((n - 1) * p))) - ranked(x, 1e0 + floor((n - 1) * p))
)"""
_STUDENT = """case when n > 1
    then 1.96e0 + 2.37e0 / (n - 1) + 2.82e0 / ((n - 1) * cast(n - 1 as double)) end"""
_TURNED = "(1e0 + skew / sqrt(n) * (z - skew / (6e0 * sqrt(n))))"
_HALL = f"""case
    when abs(skew) < 1e-6 then z
    when {_TURNED} < 0 then 3e0 * sqrt(n) / skew * (-cube_root(-{_TURNED}) - 1e0)
    else 3e0 * sqrt(n) / skew * (cube_root({_TURNED}) - 1e0)
end"""
_OF_SLOT = "case slot when 1 then a when 2 then b else c end"
_ONE = "cast(1000000000000000 as decimal(16, 0))"
_HALF_UP = "cast(abs(n) + 500000000000000 as decimal(38, 0))"
_AGES = (0, 7, 14, 21, 30, 37, 44, 60, 90, 104, 120, 180, 365, 379, 395)
_AGE_BUCKET = " ".join(f"when age < {end} then {start}" for start, end in pairwise((*_AGES, 730)))


def _cube_root(x: str) -> str:
    """The cube root of a number of 0 or more, from sums and products after a first guess.

    The guess is rounded to six digits, on which the C library and Java agree; each of Newton's
    steps doubles the digits, and every machine rounds it the same way.
    """
    guess = f"floor(power({x}, 1e0 / 3e0) * 1e6 + 0.5e0) / 1e6"
    root = f"({guess})"
    for _ in range(2):
        root = f"((2e0 * {root} + {x} / ({root} * {root})) / 3e0)"
    return f"case when {guess} > 0 then {root} else 0e0 end"


SCORECARD_FUNCTIONS = (
    # The bucket of a day's age, named by its lowest age; null for a day in no window. The days of a
    # bucket are added up together in ``marts.channel_scorecard``: each window, the window before it
    # and each base that ends on an earlier day are unions of buckets.
    Function(
        "age_bucket",
        ("age",),
        duckdb=f"case when age < 0 then null {_AGE_BUCKET} end",
        spark=f"case when age < 0 then null {_AGE_BUCKET} end",
    ),
    # ``units`` of a number up to 9,000, which fit 64 bits; a sum of these that is as small; a sum
    # of any size as a number. Sums of 64 bits have 64 bits in Spark, which therefore counts
    # in decimals.
    Function(
        "small_units",
        ("x",),
        duckdb="cast(floor(x * 1e15 + 0.5e0) as bigint)",
        spark="cast(floor(x * 1e15 + 0.5e0) as decimal(38, 0))",
    ),
    Function("small_sum", ("n",), duckdb="cast(sum(n) as bigint)", spark="sum(n)"),
    Function(
        "of_small_units",
        ("n",),
        duckdb="cast(n as double) / 1e15",
        spark="cast(n as double) / 1e15",
    ),
    # Of the three values in a row of a track, that of one slot (parts.models).
    Function("of_slot", ("slot", "a", "b", "c"), duckdb=_OF_SLOT, spark=_OF_SLOT),
    # A whole number in ``units``.
    Function(
        "whole_units",
        ("n",),
        duckdb="cast(n as hugeint) * 1000000000000000",
        spark=f"cast(cast(n as decimal(20, 0)) * {_ONE} as decimal(38, 0))",
    ),
    # A share of an amount, in units of 10^-19, and such a number as money again: added up as whole
    # numbers and rounded once, half away from zero. ``share`` is in ``units``.
    Function(
        "money_share",
        ("amount", "share"),
        duckdb="cast(cast(amount as decimal(23, 4)) * 10000 as hugeint) * cast(share as hugeint)",
        spark="cast(cast(amount * 10000 as decimal(19, 0)) * share as decimal(38, 0))",
    ),
    Function(
        "of_money_shares",
        ("n",),
        duckdb="""case when n < 0 then -1 else 1 end * cast(
            (abs(n) + 500000000000000) // 1000000000000000 as decimal(34, 0)
        ) * cast(0.0001 as decimal(4, 4))""",
        spark=f"""case when n < 0 then -1 else 1 end * cast(
            ({_HALF_UP} - {_HALF_UP} % cast(1000000000000000 as decimal(16, 0)))
                / cast(1000000000000000 as decimal(16, 0)) as decimal(34, 0)
        ) * cast(0.0001 as decimal(4, 4))""",
    ),
    # The same as a float, not rounded to four places.
    Function(
        "money_of_shares",
        ("n",),
        duckdb="""(
            cast(n // 1000000000000000 as double) + cast(n % 1000000000000000 as double) / 1e15
        ) / 1e4""",
        spark=f"""(
            cast(cast((n - n % {_ONE}) / {_ONE} as decimal(38, 0)) as double)
            + cast(n % {_ONE} as double) / 1e15
        ) / 1e4""",
    ),
    # Money as the nearest float. DuckDB rounds twice where the amount has more than 15 digits.
    Function(
        "as_double",
        ("x",),
        duckdb="""case when x between -900000000000 and 900000000000 then cast(x as double)
            else cast(cast(x as varchar) as double) end""",
        spark="cast(x as double)",
    ),
    # NPS / 100, and its variance, where a customer may have given several answers, with three
    # customers added (¾ promoter, 1½ passives and ¾ detractor). From customers' weights W and
    # scores X (weight times 1, 0, −1): w = ΣW, x = ΣX, ww = ΣW², wx = ΣWX, xx = ΣX².
    Function("adjusted_nps", ("w", "x", "ww"), duckdb=_ADJUSTED_NPS, spark=_ADJUSTED_NPS),
    Function(
        "adjusted_variance",
        ("w", "x", "ww", "wx", "xx"),
        duckdb=_ADJUSTED_VARIANCE,
        spark=_ADJUSTED_VARIANCE,
    ),
    Function("cube_root", ("x",), duckdb=_cube_root("x"), spark=_cube_root("x")),
    # The values in order, and one of them by its rank, counted from 1; null for a rank under 1.
    Function(
        "in_order",
        ("x",),
        duckdb="list_sort(list(x) filter (where x is not null))",
        spark="sort_array(collect_list(x))",
    ),
    Function(
        "ranked",
        ("x", "rank"),
        duckdb="case when rank >= 1 then list_extract(x, cast(rank as bigint)) end",
        spark="case when rank >= 1 then try_element_at(x, cast(rank as int)) end",
    ),
    # By linear interpolation between the ranks (NumPy's default) of ``n`` values in order.
    Function(
        "quantile_of",
        ("x", "n", "p"),
        duckdb=_QUANTILE,
        spark=_QUANTILE,
    ),
    # The ascending rank of the lower end of a median's 95 % interval; under 1 for too few values.
    Function(
        "median_rank",
        ("n",),
        duckdb="floor((n + 1) / 2e0 - 0.98e0 * sqrt(n))",
        spark="floor((n + 1) / 2e0 - 0.98e0 * sqrt(n))",
    ),
    # The 97.5 % quantile of Student's t of n values, and Hall's transformation of it for values
    # that are skewed: the ends of a mean's 95 % interval in standard errors.
    Function("student", ("n",), duckdb=_STUDENT, spark=_STUDENT),
    Function("hall", ("z", "skew", "n"), duckdb=_HALL, spark=_HALL),
)
