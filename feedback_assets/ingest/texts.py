"""Normalises text: to Unicode's NFC, and names and e-mails without invisible characters.

``e`` with a combining accent is one letter, and a zero-width space in an e-mail does not make it a
different address.
"""

import re
import unicodedata

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.text import INVISIBLE

_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')


def normal_texts(texts: pa.Array, *, drop_invisible: bool) -> pa.Array:
    """The texts in NFC; with ``drop_invisible``, without invisible characters."""
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return texts
    if drop_invisible:
        texts = pc.replace_substring_regex(texts, INVISIBLE, "")
    return pc.utf8_normalize(texts, form="NFC")


def normal_json(text: str) -> str:
    """The same JSON with every text in NFC, including field names."""
    return text if text.isascii() else _TEXT.sub(_normal, text)


def _normal(found: re.Match[str]) -> str:
    # Decoded first: an accent after an escape would compose with the escape's last letter.
    text = msgspec.json.decode(found[0])
    return msgspec.json.encode(unicodedata.normalize("NFC", text)).decode()
