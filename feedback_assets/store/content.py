"""The hash of a partition's content: equal rows in equal order hash equal, whoever wrote them."""

import hashlib
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def content_hash(rows: pa.Table) -> str:
    """SHA-256 over the schema's names and types and the values, in hex.

    Neither chunks, offsets of slices, what lies under a null nor Parquet's encoding count, so
    that two engines and two machines agree.
    """
    digest = hashlib.sha256()
    digest.update(f"{rows.num_rows}".encode())
    for column in rows.schema:
        digest.update(f"\0{column.name}\0{column.type}".encode())
        for chunk in _one(rows.column(column.name)):
            _add(digest, chunk)
    return digest.hexdigest()


def _one(column: pa.ChunkedArray) -> list[pa.Array]:
    combined = column.combine_chunks()
    return combined.chunks if isinstance(combined, pa.ChunkedArray) else [combined]


def _add(digest: Any, array: pa.Array) -> None:
    valid = pc.is_valid(array)
    digest.update(valid.cast(pa.uint8()).buffers()[1] or b"")
    kind = array.type
    if pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            # struct_field carries the parent's nulls down, so what lies under them is not seen.
            _add(digest, pc.struct_field(array, index))
    elif pa.types.is_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0)
        _add_fixed(digest, lengths)
        _add(digest, array.drop_null().flatten())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        present = array.drop_null()
        _add_fixed(digest, pc.binary_length(present).cast(pa.int64()))
        digest.update("".join(present.to_pylist()).encode())
    else:
        _add_fixed(digest, array.drop_null())


def _add_fixed(digest: Any, array: pa.Array) -> None:
    if len(array) == 0:
        return
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    # A fresh copy starts at offset 0 and ends at its length.
    whole = pa.concat_arrays([array, array.slice(0, 0)])
    width = array.type.bit_width // 8
    buffer = whole.buffers()[1]
    start = whole.offset * width
    digest.update(memoryview(buffer)[start : start + len(whole) * width])
