"""A column's declaration: its Arrow type, its name in the provider's JSON, its personal data."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import pyarrow as pa

TEXT = pa.string()
BOOL = pa.bool_()
INT8 = pa.int8()
INT32 = pa.int32()
INT64 = pa.int64()
FLOAT = pa.float64()
DATE = pa.date32()
STAMP = pa.timestamp("us", tz="UTC")
# Four decimals cover every currency's minor unit and unit prices; binary floats would not add up.
MONEY = pa.decimal128(18, 4)
QUANTITY = MONEY
# For sums over many records: if each amount fits its column, the sum must fit its own.
MONEY_SUM = pa.decimal128(38, 4)


class Personal(StrEnum):
    """Why a column is personal data, which determines what ``forget`` does with it."""

    EMAIL = "e-mail"
    NAME = "name"
    CONTACT_ID = "contact id"
    ADDRESS = "e-mail or phone number"
    LINK = "personal link"
    FREE_TEXT = "free text"


AMOUNT_LIMIT = 10**12
"""A provider's amounts and quantities are below this in absolute value; ``MONEY`` fits 100 of
them."""

PointsAt = Literal["email", "contact", "order", "answer", "customer"]
"""What a value identifies: an e-mail, a person's id, an order, an answer, a customer key."""
_BY_KIND: dict[Personal, PointsAt] = {
    Personal.EMAIL: "email",
    Personal.ADDRESS: "email",
    Personal.CONTACT_ID: "contact",
}


@dataclass(frozen=True)
class Column:
    """One column, or one field of a struct.

    ``json`` is the field's name in the provider's JSON if it differs from ``name``;
    ``fallback`` the dotted path of the field that fills it if it is null;
    ``source`` the columns (``group.table.column``) it is computed from, for lineage;
    ``low`` and ``high`` the inclusive bounds of a value that counts;
    ``names`` says what the value identifies, if ``personal`` does not;
    ``channel``: it contains a channel's name, in which invisible characters mean nothing;
    ``prefix`` completes an answer's id to a ``feedback_id``; ``unless`` is the path of the column
    whose order counts instead, if there is one.
    ``epoch``: the provider writes the timestamp as a number, seconds or milliseconds since 1970.
    ``fields`` the fields of a struct, or of the structs in a list if ``repeated``.
    """

    name: str
    type: pa.DataType
    description: str
    json: str = ""
    fallback: str = ""
    source: tuple[str, ...] = ()
    unit: str = ""
    personal: Personal | None = None
    low: float | None = None
    high: float | None = None
    nullable: bool = True
    names: PointsAt | None = None
    channel: bool = False
    prefix: str = ""
    unless: str = ""
    epoch: Literal["s", "ms"] | None = None
    fields: tuple["Column", ...] = ()
    shape: Literal["value", "struct", "list"] = "value"

    @property
    def json_name(self) -> str:
        return self.json or self.name

    @property
    def points_at(self) -> PointsAt | None:
        """What its values identify a row's person by; ``None`` if they do not."""
        return self.names or (_BY_KIND.get(self.personal) if self.personal else None)

    @property
    def drops_invisible(self) -> bool:
        """Whether invisible characters are removed from it."""
        return self.channel or self.personal in (Personal.EMAIL, Personal.ADDRESS)

    @property
    def recurs(self) -> bool:
        """Whether its values are few words or small numbers that repeat.

        Timestamps, amounts, and values that identify a person or an order are nearly all
        different.
        """
        if self.personal is not None or self.names is not None:
            return False
        return bool(self.type == TEXT or pa.types.is_integer(self.type))

    @property
    def arrow_field(self) -> pa.Field:
        return pa.field(
            self.name, self.type, nullable=self.nullable, metadata={"comment": self.description}
        )


def struct(
    name: str, description: str, *fields: Column, json: str = "", source: tuple[str, ...] = ()
) -> Column:
    """A column of objects: an Arrow struct with ``fields``."""
    kind = pa.struct([(field.name, field.type) for field in fields])
    return Column(name, kind, description, json=json, fields=fields, shape="struct", source=source)


def list_of(name: str, description: str, *fields: Column, json: str = "") -> Column:
    """A column of arrays of objects: an Arrow list of structs with ``fields``."""
    kind = pa.list_(pa.struct([(field.name, field.type) for field in fields]))
    return Column(name, kind, description, json=json, fields=fields, shape="list")


def personal_paths(columns: tuple[Column, ...], prefix: str = "") -> dict[str, Personal]:
    """Dotted path → kind, of every personal column and struct field, outermost first."""
    found: dict[str, Personal] = {}
    for column in columns:
        path = f"{prefix}{column.name}"
        if column.personal is not None:
            found[path] = column.personal
        found |= personal_paths(column.fields, f"{path}.")
    return found


def leaves(
    columns: tuple[Column, ...], prefix: str = "", *, in_lists: bool = False
) -> Iterator[tuple[str, Column]]:
    """Dotted path and column of every value outside lists.

    ``in_lists``: includes those in lists, with Parquet's paths.
    """
    for column in columns:
        path = f"{prefix}{column.name}"
        if column.shape == "value":
            yield path, column
        elif column.shape == "struct":
            yield from leaves(column.fields, f"{path}.", in_lists=in_lists)
        elif in_lists:
            yield from leaves(column.fields, f"{path}.list.element.", in_lists=True)
