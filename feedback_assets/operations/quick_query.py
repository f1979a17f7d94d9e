"""The usual query without what it need not load: an answer in a third of the time, or none at all.

``run_query`` needs settings, declarations and PyArrow: 0.4 s of CPU beside DuckDB's 0.14 s. What
they come to is the same from one query to the next, so the first one writes it down, and the next
reads that as long as settings and code are the same. Whatever is not plain (a table with days, a
value of an unusual type, an error) has no quick answer and is asked for in full.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from feedback_assets.operations.query_text import NAMES_ITS_TABLES_ELSEWHERE
from feedback_assets.store.litter import private_directory, scratch_path
from feedback_assets.store.memory import machine_memory

if TYPE_CHECKING:
    from feedback_assets.settings import Settings
    from feedback_assets.store.layout import Warehouse

# The whole catalogue is there only in full.
_LOOKS_AROUND = re.compile(
    r"information_schema|duckdb_|pg_|sqlite_|quarantine|\b(show|describe|summarize|pragma)\b",
    re.IGNORECASE,
)
_BEGINS_PLAINLY = re.compile(r"\s*(select|with|from)\b", re.IGNORECASE)
# What Python is given for these is the same from DuckDB as through Arrow.
_PLAIN = re.compile(r"VARCHAR|BOOLEAN|DOUBLE|(TINY|SMALL|BIG)INT|INTEGER|DECIMAL\(\d+,\s*\d+\)")
_BATCH_ROWS = 2_048
_MOST_ROWS, _MOST_LETTERS = 50_000, 16_000_000
_PACKAGE = Path(__file__).resolve().parents[1]
_PARTS = ("", "tables", "transforms", "operations", "store")
"""Directories of the package whose code decides what is written down."""


@dataclass(frozen=True)
class Answer:
    """Names of the columns, which of them hold numbers, and the rows."""

    names: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: tuple[tuple[Any, ...], ...]


def quick_answer(sql: str) -> Answer | None:
    """The answer that ``run_query`` would give; None where only that can say."""
    if not _BEGINS_PLAINLY.match(sql):
        return None
    if NAMES_ITS_TABLES_ELSEWHERE.search(sql) or _LOOKS_AROUND.search(sql):
        return None
    known = _recall()
    if known is None:
        return None
    named = [(path, view) for name, path, view in known["views"] if name in sql.lower()]
    if not all(Path(path).is_file() for path, _ in named):
        return None
    # What is wrong, the other way says.
    with contextlib.suppress(Exception):
        return _ask(sql, known, [view for _, view in named])
    return None


def _ask(sql: str, known: Mapping[str, Any], views: list[str]) -> Answer | None:
    (statement,) = duckdb.extract_statements(sql)
    if statement.type != duckdb.StatementType.SELECT:
        return None
    config = {"temp_directory": str(scratch_path()), "memory_limit": known["memory_limit"]}
    with duckdb.connect(":memory:", config=config) as connection:
        macros = [macro for name, macro in known["macros"].items() if name in sql.lower()]
        connection.execute(
            ";".join(["set TimeZone = 'UTC'", *macros, *known["schemas"], *views, *known["locks"]])
        )
        bound = connection.sql(sql)
        kinds = [str(kind) for kind in bound.types]
        if not all(_PLAIN.fullmatch(kind) for kind in kinds):
            return None
        rows: list[tuple[Any, ...]] = []
        letters = 0
        answer = connection.execute(sql)
        while batch := answer.fetchmany(_BATCH_ROWS):
            rows += batch
            letters += sum(len(value) for row in batch for value in row if isinstance(value, str))
            # The other way counts bytes, and refuses what would fill the memory.
            if len(rows) > _MOST_ROWS or letters > _MOST_LETTERS:
                return None
        numbers = tuple(kind not in ("VARCHAR", "BOOLEAN") for kind in kinds)
        return Answer(tuple(bound.columns), numbers, tuple(rows))


def remember(
    settings: "Settings", warehouse: "Warehouse", environ: Mapping[str, str] = os.environ
) -> None:
    """Write down what the next query needs, for this user on this machine; no secret is in it.

    ``environ`` is what the process was given, before ``.env`` was read into it: what the next one
    sees before it has read that.
    """
    # A query has its answer whether or not the next one will be quick.
    with contextlib.suppress(OSError):
        _remember(settings, warehouse, environ)


def _remember(settings: "Settings", warehouse: "Warehouse", environ: Mapping[str, str]) -> None:
    from feedback_assets.operations.query import locks, memory_limit
    from feedback_assets.settings import dotenv_file
    from feedback_assets.tables import STORED_TABLES
    from feedback_assets.transforms.dialect import FUNCTIONS, quoted
    from feedback_assets.transforms.sources import view_of_file

    dotenv = dotenv_file()
    # Whose values may come from any other variable.
    if not warehouse.is_local or (dotenv.is_file() and b"$" in dotenv.read_bytes()):
        return
    names = settings.checked_variables()
    known = {
        "names": names,
        "dotenv": str(dotenv),
        "given": _given(names, dotenv, environ),
        "memory_limit": memory_limit(),
        "macros": {function.name: function.macro for function in FUNCTIONS},
        "schemas": [
            f"create schema if not exists {quoted(group)}"
            for group in dict.fromkeys(table.group for table in STORED_TABLES)
        ],
        "views": [
            (table.name, path, view_of_file(table, path))
            for table in STORED_TABLES
            if not table.partitioned
            for path in [warehouse.path(table)]
        ],
        "locks": locks(warehouse),
    }
    path = _memo()
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(known))
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)


def _recall() -> dict[str, Any] | None:
    try:
        known: dict[str, Any] = json.loads(_memo().read_text())
        same = known["given"] == _given(known["names"], Path(known["dotenv"]), os.environ)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known if same else None


def _memo() -> Path:
    name = hashlib.sha256(str(_PACKAGE).encode()).hexdigest()[:24]
    return private_directory() / f"query-{name}.json"


def _given(names: Iterable[str], dotenv: Path, environ: Mapping[str, str]) -> str:
    """A hash of all that decides what is written down."""
    code = [
        entry.stat()
        for part in _PARTS
        for entry in os.scandir(_PACKAGE / part)
        if entry.name.endswith(".py")
    ]
    there = dotenv.stat() if dotenv.exists() else None
    given = [
        [(name, environ.get(name)) for name in names],
        [str(dotenv), there and (there.st_mtime_ns, there.st_size, there.st_ino)],
        [len(code), sum(file.st_size for file in code), max(file.st_mtime_ns for file in code)],
        # A warehouse may be written as ~/tables.
        [str(Path.cwd()), os.path.expanduser("~"), machine_memory()],  # noqa: PTH111
    ]
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()
