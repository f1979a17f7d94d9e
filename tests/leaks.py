"""Search for secrets in everything that runs leave behind: files of every kind, and texts."""

import base64
import gzip
import html
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pyarrow.parquet as pq

from feedback_assets.transforms.pseudonym import hmac_pads


def forms(secret: str) -> set[bytes]:
    """The encodings of a secret: plain, quoted, escaped, base64, HMAC's pad."""
    raw = secret.encode()
    texts = {
        secret, quote(secret), quote(secret, safe=""), quote_plus(secret),
        quote(secret, safe="").lower(), html.escape(secret), json.dumps(secret)[1:-1],
        repr(secret)[1:-1], raw.hex(),
    }  # fmt: skip
    found = {text.encode() for text in texts} | set(hmac_pads(raw))
    for before in (b"", b"x", b"xy"):
        # Only complete base64 groups of four characters that depend on the secret alone.
        encoded = base64.b64encode(before + raw)
        whole = encoded[4 if before else 0 : (len(before) + len(raw)) // 3 * 4]
        found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def files_of(*roots: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file, plus the values of databases and Parquet as text."""
    for root in roots:
        for path in sorted(root.rglob("*")):
            # The only place where the generated secret belongs.
            if not path.is_file() or path.name == "customer_secret":
                continue
            content = path.read_bytes()
            yield str(path.relative_to(root)), content
            if content.startswith(b"SQLite format 3"):
                yield f"{path.name} (rows)", _rows(path)
            elif content.startswith(b"PAR1"):
                rows = repr(pq.ParquetFile(path).read().to_pylist())
                yield f"{path.name} (rows)", rows.encode()
            elif content.startswith(b"\x1f\x8b"):
                yield f"{path.name} (unpacked)", gzip.decompress(content)


def _rows(path: Path) -> bytes:
    # A long text spans several pages of the file, and a page boundary could split a secret.
    with sqlite3.connect(path) as connection:
        names = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        rows = [connection.execute(f'select * from "{name}"').fetchall() for (name,) in names]
    return "\n".join(str(value) for table in rows for row in table for value in row).encode()


def leaks(secrets: Iterable[str], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where each secret is found, with the surrounding text."""
    wanted = {(secret, form) for secret in secrets for form in forms(secret)}
    return [
        f"{name}: {secret!r} in {content[max(0, at - 80) : at + 80]!r}"
        for name, content in places
        for secret, form in wanted
        if (at := content.find(form)) >= 0
    ]
