"""The hash of a partition's content: the same rows in the same order always hash the same."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

# By width in bytes; NumPy has no numbers of 16 and 32 bytes.
_VALUES = {1: "i1", 2: "i2", 4: "i4", 8: "i8", 16: "V16", 32: "V32"}


def content_hash(rows: pa.Table) -> str:
    """SHA-256 over the schema's names and types and the values, in hex.

    Chunks, slice offsets, values under a null and Parquet's encoding do not count, so that two
    engines and two machines agree.

    Most partitions are small, so values are taken from Arrow's buffers with NumPy: Arrow's own
    functions take longer to call than to run, two thirds of the time of 100 rows with nulls.
    """
    digest = hashlib.sha256(f"{rows.num_rows}".encode())
    for name, column in zip(rows.schema.names, rows.itercolumns(), strict=True):
        digest.update(_header(name, column.type))
        for chunk in _chunks(column):
            _add(digest, chunk)
    return digest.hexdigest()


@lru_cache(maxsize=4096)
def _header(name: str, kind: pa.DataType) -> bytes:
    return f"\0{name}\0{_type_name(kind)}".encode()


def _type_name(kind: pa.DataType) -> str:
    """The type without list item names, which Parquet does not preserve."""
    if pa.types.is_list(kind):
        return f"list<item: {_type_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        fields = ", ".join(f"{field.name}: {_type_name(field.type)}" for field in kind)
        return f"struct<{fields}>"
    return str(kind)


def _chunks(column: pa.ChunkedArray) -> Iterable[pa.Array]:
    # combine_chunks copies even a single chunk.
    if column.num_chunks == 1:
        return [column.chunk(0)]
    combined = column.combine_chunks()
    return combined.chunks if isinstance(combined, pa.ChunkedArray) else [combined]


def _add(digest: Any, array: pa.Array) -> None:
    """Add a byte per row, 0 for a null, then the values that are not null."""
    count, nulls, kind = len(array), array.null_count, array.type
    if not count:
        return
    valid = None
    if nulls in (0, count):
        digest.update((b"\0" if nulls else b"\1") * count)
    else:
        valid = _bits(array.buffers()[0], array.offset, count)
        digest.update(valid)
    if pa.types.is_struct(kind):
        # flatten propagates the parent's nulls, so values under them are ignored.
        for field in array.flatten():
            _add(digest, field)
    elif pa.types.is_list(kind):
        _add_lengths(digest, array, valid)
        # flatten leaves out what is under a null.
        _add(digest, array.flatten())
    elif nulls == count:
        return
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        _add_texts(digest, array, valid)
    elif pa.types.is_boolean(kind):
        digest.update(_present(_bits(array.buffers()[1], array.offset, count), valid))
    else:
        width = kind.bit_width // 8
        values = np.frombuffer(
            array.buffers()[1], _VALUES[width], count=count, offset=array.offset * width
        )
        digest.update(_present(values, valid))


def _add_lengths(digest: Any, lists: pa.Array, valid: np.ndarray | None) -> None:
    """Add the lengths as 32-bit numbers, 0 for a null."""
    if lists.null_count == len(lists):
        digest.update(bytes(4 * len(lists)))
        return
    lengths = np.diff(_places(lists))
    digest.update(lengths if valid is None else lengths * valid.astype(np.int32))


def _add_texts(digest: Any, texts: pa.Array, valid: np.ndarray | None) -> None:
    """Add the lengths as 64-bit numbers, then the concatenated texts."""
    places = _places(texts)
    lengths = _present(np.diff(places), valid)
    if valid is not None and lengths.sum(dtype=np.int64) != places[-1] - places[0]:
        # There are letters under a null.
        _add_texts(digest, texts.drop_null(), None)
        return
    digest.update(lengths.astype(np.int64))
    letters = texts.buffers()[2]
    if letters is not None:
        digest.update(memoryview(letters)[places[0] : places[-1]])


def _places(array: pa.Array) -> np.ndarray:
    """Where each text or list begins, and the end of the last."""
    kind = np.dtype(np.int64 if pa.types.is_large_string(array.type) else np.int32)
    offset = array.offset * kind.itemsize
    return np.frombuffer(array.buffers()[1], kind, count=len(array) + 1, offset=offset)


def _present(values: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    return values if valid is None else values[valid.view(np.bool_)]


def _bits(buffer: pa.Buffer, offset: int, count: int) -> np.ndarray:
    """The bits of a bitmap, a byte each."""
    first, skipped = divmod(offset, 8)
    packed = np.frombuffer(buffer, np.uint8, count=(skipped + count + 7) // 8, offset=first)
    return np.unpackbits(packed, bitorder="little")[skipped : skipped + count]
