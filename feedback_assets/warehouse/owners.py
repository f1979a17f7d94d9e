"""Finds the rows of erased people, and the identifiers in them that are not on the list yet."""

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.columns import TEXT, PointsAt, leaves
from feedback_assets.schema.table import EXTRA, Table
from feedback_assets.schema.text import WHITE_SPACE, normal_email
from feedback_assets.warehouse.erased import Addition, Erased, is_pseudonym, same_text

# A row identified by one of these adds its other ids and its order to the person's identifiers.
_LEARNED: tuple[PointsAt, ...] = ("contact", "order")
# What shops write instead of a guest's id: zeros, signs, or a word.
_PLACEHOLDER = re.compile(
    r"(?i)[\W_0]+|-1|null|none|nil|nan|n/?a|undefined|unknown|guest|anonymous"
)
_MOST_BESIDE = 20
"""An id beside more contact ids than this is shared; the limit of ``forget`` without --at-most."""

PLAIN = r"[\w.+-][\w.+'-]*@[\w.-]+"
"""Exactly one e-mail with nothing around it: a column of e-mails is compared as a whole, so that
``o'brien@example.com`` does not match ``brien@example.com``."""
_PLAIN = re.compile(PLAIN)

Name = tuple[PointsAt, str]
"""An identifier: its kind and ``same_text``."""


def is_plain(text: str) -> bool:
    """Whether a value of a column of e-mails is exactly one address."""
    return _PLAIN.fullmatch(text.strip(WHITE_SPACE)) is not None


def is_placeholder(text: str) -> bool:
    """Whether an id is what is written where there is none, such as 0."""
    return _PLACEHOLDER.fullmatch(text.strip(WHITE_SPACE)) is not None


def find_owners(table: Table, rows: pa.Table, erased: Erased) -> dict[int, str]:
    """Position → person, for the rows that belong to an erased person."""
    owners: dict[int, str] = {}
    for path, column in leaves(table.columns):
        kind = column.points_at
        if kind is None:
            continue
        texts = column_at(rows, path).cast(TEXT)
        if column.unless:
            # Whether the other number is of an order is known to ``forget`` only.
            beside = pc.utf8_trim_whitespace(column_at(rows, column.unless).cast(TEXT))
            empty = pc.fill_null(pc.equal(beside, ""), fill_value=True)
            texts = pc.if_else(empty, texts, None)
        found = {
            text: person
            for text in pc.unique(texts).to_pylist()
            if text and (person := owner_by(kind, f"{column.prefix}{text}", erased))
        }
        if found:
            places = pc.indices_nonzero(pc.is_in(texts, pa.array(list(found), TEXT)))
            for place, text in zip(places.to_pylist(), texts.take(places).to_pylist(), strict=True):
                owners.setdefault(place, found[text])
    return owners


def owner_by(kind: PointsAt, text: str, erased: Erased) -> str | None:
    """The erased person that one value of a row or record identifies."""
    # Earlier versions listed placeholders.
    if kind in _LEARNED and is_placeholder(text):
        return None
    person = erased.person_of(kind, text)
    if person is None and kind == "email" and not is_plain(text):
        return erased.person_in(text)
    return person


def identify(
    table: Table, rows: pa.Table, erased: Erased
) -> tuple[dict[int, str], tuple[Addition, ...], Erased]:
    """``find_owners``, the identifiers newly found in their rows, and the list with these.

    Shared ids and placeholders are not added: they would lead to other people for good.
    """
    owners = find_owners(table, rows, erased)
    learned: dict[str, set[str]] = defaultdict(set)
    refused: set[Name] = set()
    listed = frozenset(owners)
    # A person identified by e-mail in these rows is from now on also identified by the ids there.
    while owners and EXTRA in table.columns:
        found = _new_names(table, rows, owners, erased)
        new = found.keys() - refused
        refused |= _shared(table, rows, new, listed, erased)
        added: dict[str, set[str]] = defaultdict(set)
        for kind, text in new - refused:
            added[found[kind, text]].add(erased.hash_of(kind, text))
        if not added:
            break
        for person in sorted(added):
            learned[person] |= added[person]
            erased = erased.with_more(Addition(person, frozenset(added[person])))
        owners = find_owners(table, rows, erased)
    additions = (Addition(person, frozenset(hashes)) for person, hashes in learned.items())
    return owners, tuple(additions), erased


def _new_names(
    table: Table, rows: pa.Table, owners: Mapping[int, str], erased: Erased
) -> dict[Name, str]:
    """The ids and orders in people's rows that are not on the list yet, with their person."""
    found: dict[Name, str] = {}
    for record, person in zip(rows.take(list(owners)).to_pylist(), owners.values(), strict=True):
        for kind, text in _names_of(record, table, _LEARNED):
            new = not is_pseudonym(text) and not is_placeholder(text)
            if new and erased.hash_of(kind, text) not in erased.persons:
                found[kind, text] = person
    return found


def _shared(
    table: Table,
    rows: pa.Table,
    names: Iterable[Name],
    listed: Container[int],
    erased: Erased,
) -> set[Name]:
    """Those of ``names`` that other people may have too.

    A contact id beside an e-mail that is not on the list; an order number beside one in a row
    outside ``listed``; either beside many contact ids.
    """
    wanted = set(names)
    shared: set[Name] = set()
    beside: dict[Name, set[str]] = defaultdict(set)
    places = _places_of(table, rows, wanted)
    identifying = {path.split(".")[0] for path, column in leaves(table.columns) if column.points_at}
    records = rows.select(sorted(identifying)).take(pa.array(places, pa.int64())).to_pylist()
    for place, record in zip(places, records, strict=True):
        here = set(_names_of(record, table, _LEARNED))
        stranger = any(
            normal_email(text) and not is_pseudonym(text) and not owner_by(kind, text, erased)
            for kind, text in _names_of(record, table, ("email",))
        )
        ids = {text for kind, text in here if kind == "contact"}
        for name in here & wanted:
            beside[name] |= ids
            if stranger and (name[0] == "contact" or place not in listed):
                shared.add(name)
    return shared | {name for name, ids in beside.items() if len(ids) > _MOST_BESIDE}


def _places_of(table: Table, rows: pa.Table, names: set[Name]) -> list[int]:
    """Positions of the rows with one of these identifiers."""
    places: set[int] = set()
    for path, column in leaves(table.columns):
        kind = column.points_at
        if kind not in _LEARNED or not names:
            continue
        texts = column_at(rows, path).cast(TEXT)
        found = [
            text
            for text in pc.unique(texts).to_pylist()
            if text and (kind, same_text(kind, text)) in names
        ]
        places.update(pc.indices_nonzero(pc.is_in(texts, pa.array(found, TEXT))).to_pylist())
    return sorted(places)


def _names_of(record: Any, table: Table, kinds: Container[PointsAt | None]) -> list[Name]:
    """A row's identifiers of these kinds; e-mails as they are written."""
    found: list[Name] = []
    for path, column in leaves(table.columns):
        kind, value = column.points_at, value_at(record, path)
        if kind is None or kind not in kinds or value is None:
            continue
        if column.unless and value_at(record, column.unless):
            continue
        text = str(value) if kind == "email" else same_text(kind, str(value))
        if text:
            found.append((kind, text))
    return found


def column_at(rows: pa.Table, path: str) -> pa.ChunkedArray:
    """The column or struct field with this dotted path."""
    first, *rest = path.split(".")
    column = rows.column(first)
    return pc.struct_field(column, rest) if rest else column


def value_at(record: Any, path: str) -> Any:
    """The value with this dotted path; ``None`` if there is none."""
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record
