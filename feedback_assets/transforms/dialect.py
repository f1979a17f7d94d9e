"""The differences between the engines for the SQL files: types, names and a few functions.

The files use SQL that Spark also reads. Where DuckDB and Spark differ, a function is defined here;
sqlglot translates the rest from DuckDB to Spark.
"""

from decimal import Decimal
from functools import reduce
from math import factorial

import pyarrow as pa

from feedback_assets.schema.table import Table
from feedback_assets.schema.text import INVISIBLE, RESERVED, WHITE_SPACE
from feedback_assets.transforms.function import Function
from feedback_assets.transforms.scorecard_functions import SCORECARD_FUNCTIONS


def _escaped(text: str) -> str:
    """The text as a Spark literal, including invisible characters."""
    return "".join(
        f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"
        for letter in text
    )


_TYPES = {
    pa.string(): "varchar",
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}


_BEGINS_VISIBLY = "(t >= '!' and t < '~')"
_IS_ASCII = "strlen(t) = length(t)"
# What a folded text must match to be an e-mail.
_EMAIL = "([^@]+@[^@]+|erased:[0-9a-f]{32})"
_PLAIN_EMAIL = "[!-;=?A-~]+@[!-;=?A-~]+"
_NO_NAMES = ("", *RESERVED)
_PAID = "('approved', 'manual', 'partially refunded')"
_DOUBLED = "cast(2 * cast(abs(total) * 10000 as decimal(38, 0)) + n as decimal(38, 0))"


def _two_to_the(x: str) -> str:
    """2^x from sums and products, which every machine rounds the same way.

    The last bit of a power depends on the C library or Java: of 300,000 powers, DuckDB and Spark
    differed in 29,000. Within 3e-16 of the exact value.
    """
    logarithm = Decimal("0.69314718055994530941723212145818")
    terms = [f"{float(logarithm**n / factorial(n))!r}" for n in range(19)]
    terms = [term if "e" in term else f"{term}e0" for term in terms]
    fraction = reduce(lambda sum_, term: f"({sum_}) * ({x} - floor({x})) + {term}", terms[::-1])
    # An integer power of two is exact everywhere.
    return f"power(2e0, floor({x})) * ({fraction})"


# ``customer_key`` takes the pads as arguments, since a function cannot read a query's parameters.
FUNCTIONS = (
    # Text without surrounding white space. If the first and last characters are visible ASCII there
    # is none: trimming a list of characters takes DuckDB 0.8 µs, and was half of the time of
    # unified.attribution.
    Function(
        "trimmed",
        ("t",),
        duckdb=f"""case when {_BEGINS_VISIBLY} and t[-1] between '!' and '~' then t
            else trim(t, '{WHITE_SPACE}') end""",
        spark=f"trim(both '{_escaped(WHITE_SPACE)}' from t)",
    ),
    # Text unchanged, null if blank.
    Function(
        "present",
        ("t",),
        duckdb=f"""case when {_BEGINS_VISIBLY} or trim(t, '{WHITE_SPACE}') <> '' then t end""",
        spark="case when trimmed(t) <> '' then t end",
    ),
    # NFC of a non-null text. DuckDB's function stops at a zero character.
    Function(
        "composed",
        ("t",),
        duckdb="""array_to_string(
            list_transform(string_split(t, chr(0)), lambda part: nfc_normalize(part)), chr(0)
        )""",
        spark="java_method('com.ibm.icu.text.Normalizer', 'compose', t, false)",
    ),
    # Text as names and e-mails are compared: without invisible characters, in NFC and lower case.
    # Letters are lowered one by one, as DuckDB does: Spark's lower looks at the whole word and can
    # turn one letter into two. A lower-case letter may compose with an accent that upper case does
    # not (h and a macron below), hence NFC again. Spark has no NFC function, so ICU's is called;
    # its second argument excludes compatibility composition.
    Function(
        "folded",
        ("t",),
        duckdb=f"""case when {_IS_ASCII} then lower(t) else composed(
            lower(composed(regexp_replace(t, '{INVISIBLE}', '', 'g')))
        ) end""",
        spark=f"""case
            when t is null then null
            when t rlike '^\\\\p{{ASCII}}*\\\\z' then lower(t)
            else composed(array_join(
                transform(
                    split(composed(regexp_replace(t, '{_escaped(INVISIBLE)}', '')), ''),
                    letter -> substring(lower(letter), 1, 1)
                ),
                ''
            ))
        end""",
    ),
    # The normal form of an e-mail, as in ``schema.text.normal_email``; null if it is not one. For a
    # common e-mail, DuckDB sees with one test that only the case has to change.
    Function(
        "normal_email",
        ("t",),
        duckdb=f"""case when regexp_full_match(t, '{_PLAIN_EMAIL}') then lower(t) else nullif(
            regexp_extract(
                trim(
                    regexp_replace(
                        trim(folded(t), '{WHITE_SPACE}'), '(?s)^.*<([^<>]*)>$', '\\1'
                    ),
                    '{WHITE_SPACE}'
                ),
                '^{_EMAIL}$'
            ),
            ''
        ) end""",
        spark=f"""nullif(
            regexp_extract(
                trimmed(
                    regexp_replace(trimmed(folded(t)), '(?s)^.*<([^<>]*)>\\\\z', '$1')
                ),
                '^{_EMAIL}\\\\z',
                0
            ),
            ''
        )""",
    ),
    # A folded and trimmed name; null if it is blank or means something else in the marts.
    Function(
        "unreserved",
        ("t",),
        duckdb=f"case when t not in {_NO_NAMES} then t end",
        spark=f"case when t not in {_NO_NAMES} then t end",
    ),
    # The canonical name of a source, medium or campaign, as in ``schema.text.channel_name``; null
    # if blank or reserved.
    Function(
        "channel_name",
        ("t",),
        duckdb=f"""case
            when {_BEGINS_VISIBLY} and t[-1] between '!' and '~' and {_IS_ASCII}
                then unreserved(lower(t))
            else unreserved(trim(folded(t), '{WHITE_SPACE}'))
        end""",
        spark="unreserved(trimmed(folded(t)))",
    ),
    # A currency code: trimmed and in upper case, null if blank. (Spark turns ß into two letters; no
    # currency code has it.)
    Function(
        "currency_code",
        ("t",),
        duckdb="nullif(upper(trimmed(t)), '')",
        spark="nullif(upper(trimmed(t)), '')",
    ),
    # A payment's contribution to the paid and the refunded amount: "paid_amount (payments
    # APPROVED, MANUAL, Partially Refunded), refunded_amount (REFUNDED, absolute) … Payment statuses
    # compare trimmed and without case".
    Function(
        "paid_by",
        ("status", "amount"),
        duckdb=f"case when lower(trimmed(status)) in {_PAID} then amount else 0 end",
        spark=f"case when lower(trimmed(status)) in {_PAID} then amount else 0 end",
    ),
    Function(
        "refunded_by",
        ("status", "amount"),
        duckdb="case when lower(trimmed(status)) = 'refunded' then abs(amount) else 0 end",
        spark="case when lower(trimmed(status)) = 'refunded' then abs(amount) else 0 end",
    ),
    # An amount in the column's type, null if it has too many digits.
    Function(
        "money",
        ("x",),
        duckdb="try_cast(x as decimal(18, 4))",
        spark="try_cast(x as decimal(18, 4))",
    ),
    # A sum of money divided by n, to four places, rounded half away from zero. With integers: a
    # binary float quotient would lose cents of large sums. Spark's ``div`` has 64 bits.
    Function(
        "money_each",
        ("total", "n"),
        duckdb="""case when total < 0 then -1 else 1 end * cast(
            (2 * cast(abs(total) * 10000 as hugeint) + n) // (2 * n) as decimal(34, 0)
        ) * cast(0.0001 as decimal(4, 4))""",
        spark=f"""case when total < 0 then -1 else 1 end * cast(
            ({_DOUBLED} - {_DOUBLED} % cast(2 * n as decimal(20, 0)))
                / cast(2 * n as decimal(20, 0)) as decimal(34, 0)
        ) * cast(0.0001 as decimal(4, 4))""",
    ),
    # Microseconds since 1970, so that bounds are compared as integers.
    Function("unix_micros", ("t",), duckdb="epoch_us(t)", spark=None),
    # Whole days from one date to another.
    Function(
        "days_between",
        ("first_day", "last_day"),
        duckdb="last_day - first_day",
        spark="datediff(last_day, first_day)",
    ),
    # An instant as 2021-05-20T14:25:27Z; a fraction of a second is included if there is one.
    Function(
        "utc_text",
        ("t",),
        duckdb="""case
            when epoch_us(t) % 1000000 = 0 then strftime(t, '%Y-%m-%dT%H:%M:%SZ')
            else strftime(t, '%Y-%m-%dT%H:%M:%S.%fZ')
        end""",
        spark="""case
            when unix_micros(t) % 1000000 = 0 then date_format(t, "yyyy-MM-dd'T'HH:mm:ss'Z'")
            else date_format(t, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
        end""",
    ),
    # Two to the power of a number.
    Function("two_to_the", ("x",), duckdb=_two_to_the("x"), spark=_two_to_the("x")),
    # A share in units of 10^-15, and the reverse: integers add up the same in any order, on any
    # engine. Values that fit 64 bits are divided in 64 bits, which takes DuckDB a fifth of the
    # time.
    Function(
        "units",
        ("x",),
        duckdb="""case when x between -9000 and 9000
            then cast(
                cast(floor(x) as bigint) * 1000000000000000
                + cast(floor((x - floor(x)) * 1e15 + 0.5e0) as bigint) as hugeint
            )
            else cast(floor(x) as hugeint) * 1000000000000000
                + cast(floor((x - floor(x)) * 1e15 + 0.5e0) as hugeint)
        end""",
        spark="""cast(floor(x) as decimal(38, 0)) * cast(1000000000000000 as decimal(16, 0))
            + cast(floor((x - floor(x)) * 1e15 + 0.5e0) as decimal(38, 0))""",
    ),
    Function(
        "of_units",
        ("n",),
        duckdb="""case when n between -9000000000000000000 and 9000000000000000000
            then cast(cast(n as bigint) // 1000000000000000 as double)
                + cast(cast(n as bigint) % 1000000000000000 as double) / 1e15
            else cast(n // 1000000000000000 as double)
                + cast(n % 1000000000000000 as double) / 1e15
        end""",
        spark="""cast(n div cast(1000000000000000 as decimal(16, 0)) as double)
            + cast(n % cast(1000000000000000 as decimal(16, 0)) as double) / 1e15""",
    ),
    *SCORECARD_FUNCTIONS,
    # Sum of the numbers in a list, 0 if empty.
    Function(
        "added",
        ("x",),
        duckdb="coalesce(list_sum(x), 0)",
        spark="""coalesce(
            aggregate(
                x,
                cast(0 as decimal(38, 4)),
                (total, v) -> cast(total + coalesce(v, 0) as decimal(38, 4))
            ),
            0
        )""",
    ),
    # Mean and sample standard deviation of the values in order: a float sum in another order
    # differs in its last bit.
    Function(
        "mean_of",
        ("x",),
        duckdb="avg(x order by x)",
        spark="""case when count(x) > 0
            then aggregate(sort_array(collect_list(x)), 0e0, (total, v) -> total + v) / count(x)
        end""",
    ),
    Function(
        "deviation_of",
        ("x",),
        duckdb="stddev_samp(x order by x)",
        spark="""aggregate(
            sort_array(collect_list(x)),
            named_struct('n', 0e0, 'mean', 0e0, 'squares', 0e0),
            (so_far, v) -> named_struct(
                'n', so_far.n + 1e0,
                'mean', so_far.mean + (v - so_far.mean) / (so_far.n + 1e0),
                'squares', so_far.squares + (v - so_far.mean)
                    * (v - (so_far.mean + (v - so_far.mean) / (so_far.n + 1e0)))
            ),
            so_far -> case when so_far.n > 1e0 then sqrt(so_far.squares / (so_far.n - 1e0)) end
        )""",
    ),
    # Hex HMAC-SHA256 of a text in UTF-8.
    Function(
        "customer_key",
        ("t", "inner_pad", "outer_pad"),
        duckdb="sha256(outer_pad || unhex(sha256(inner_pad || encode(t))))",
        spark="""sha2(
            concat(outer_pad, unhex(sha2(concat(inner_pad, encode(t, 'UTF-8')), 256))), 256
        )""",
    ),
)


def duckdb_type(kind: pa.DataType) -> str:
    """The DuckDB name of an Arrow type; ``TypeError`` for a type that no table uses."""
    if kind in _TYPES:
        return _TYPES[kind]
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    if pa.types.is_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        fields = (f"{quoted(field.name)} {duckdb_type(field.type)}" for field in kind)
        return f"struct({', '.join(fields)})"
    raise TypeError(f"no DuckDB type for {kind}")


def quoted(name: str) -> str:
    """A name quoted for SQL, whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def view_of(table: Table) -> str:
    """The name of a table's view in SQL, quoted."""
    return f"{quoted(table.group)}.{quoted(table.name)}"


def literal(text: str) -> str:
    """A text as an SQL literal, whatever it contains."""
    return "'" + text.replace("'", "''") + "'"
