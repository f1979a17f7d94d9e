"""What a column is: its Arrow type, its name in the provider's JSON, and who may see it."""

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
# Four decimals hold every currency's minor unit and a unit price; binary floats would not add up.
MONEY = pa.decimal128(18, 4)
QUANTITY = MONEY
# Of many records: a sum of amounts that each fit their column must fit its own.
MONEY_SUM = pa.decimal128(38, 4)


class Personal(StrEnum):
    """Why a column is personal data, and so what ``forget`` does with it."""

    EMAIL = "e-mail"
    NAME = "name"
    CONTACT_ID = "contact id"
    ADDRESS = "e-mail or phone number"
    LINK = "personal link"
    FREE_TEXT = "free text"


AMOUNT_LIMIT = 10**12
"""Amounts and quantities of a provider lie below this, either sign; ``MONEY`` holds 100 of them."""

PointsAt = Literal["email", "contact", "order", "answer", "customer"]
"""Of what a value is the name: an e-mail, somebody's id, an order, an answer, a customer key."""
_BY_KIND: dict[Personal, PointsAt] = {
    Personal.EMAIL: "email",
    Personal.ADDRESS: "email",
    Personal.CONTACT_ID: "contact",
}


@dataclass(frozen=True)
class Column:
    """One column, or one field of a struct.

    ``json`` is the field's name in the provider's JSON where it differs from ``name``;
    ``fallback`` the dotted path of the field that fills it where it is null;
    ``source`` the columns (``group.table.column``) it is computed from, for lineage;
    ``low`` and ``high`` the bounds of a value that counts, both included;
    ``names`` says by what a row can be told to be somebody's, where ``personal`` does not say it;
    ``channel``: it holds a channel's name, in which invisible characters mean nothing;
    ``prefix`` what an answer's id lacks to be a ``feedback_id``; ``unless`` the path of the column
    beside which this one names nothing.
    ``epoch``: the provider writes the time stamp as a number, seconds or milliseconds since 1970.
    ``fields`` the fields of a struct, or of the structs in a list where ``repeated``.
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
        """By what a value of it tells whose the row is; ``None`` where it does not."""
        return self.names or (_BY_KIND.get(self.personal) if self.personal else None)

    @property
    def drops_invisible(self) -> bool:
        """Whether characters that are displayed as nothing are removed from it."""
        return self.channel or self.personal in (Personal.EMAIL, Personal.ADDRESS)

    @property
    def recurs(self) -> bool:
        """Whether few words or small numbers stand for its values.

        Time stamps, amounts, and what names a person or an order are nearly all different.
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
    """Dotted path and column of every value that is in no list.

    ``in_lists``: of those in lists too, by the path that Parquet has for them.
    """
    for column in columns:
        path = f"{prefix}{column.name}"
        if column.shape == "value":
            yield path, column
        elif column.shape == "struct":
            yield from leaves(column.fields, f"{path}.", in_lists=in_lists)
        elif in_lists:
            yield from leaves(column.fields, f"{path}.list.element.", in_lists=True)
