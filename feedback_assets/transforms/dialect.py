"""What DuckDB must be told so that the SQL files run on it: types, names and a few functions.

The files keep to SQL that Spark reads too. What the two spell differently is a function here;
another engine defines the same six and runs the same files.
"""

import pyarrow as pa

from feedback_assets.transforms.text import WHITE_SPACE

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

# Each with what it gives; ``customer_key`` takes the pads as arguments, since a function cannot
# see a query's parameters.
FUNCTIONS = (
    # Text without white space around it. Text that begins and ends with a visible ASCII character
    # is seen to have none: trimming by a list of characters takes 0.8 µs, and was half of the
    # time of unified.attribution.
    (
        f"trimmed(t) as case when {_BEGINS_VISIBLY} and t[-1] between '!' and '~' then t "
        f"else trim(t, '{WHITE_SPACE}') end"
    ),
    # Text as written, null where blank.
    f"present(t) as case when {_BEGINS_VISIBLY} or trim(t, '{WHITE_SPACE}') <> '' then t end",
    # An e-mail trimmed and in lower case, null where blank.
    "normal_email(t) as lower(trimmed(present(t)))",
    # Microseconds since 1970, so that limits are compared in whole numbers.
    "unix_micros(t) as epoch_us(t)",
    # Whole days from one date to another.
    "days_between(first_day, last_day) as last_day - first_day",
    # Hex HMAC-SHA256 of the UTF-8 of a text.
    (
        "customer_key(t, inner_pad, outer_pad) as "
        "sha256(outer_pad || unhex(sha256(inner_pad || encode(t))))"
    ),
)


def duckdb_type(kind: pa.DataType) -> str:
    """How DuckDB writes an Arrow type; ``TypeError`` for one that no table uses."""
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
    """A name as SQL writes it whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it whatever is in it."""
    return "'" + text.replace("'", "''") + "'"
