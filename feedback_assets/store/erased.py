"""The list of erased persons: keyed hashes of what they are known by, beside the tables.

``<root>/erased/<hash of its content>.json``, a file for each time that something was added. A
file is never changed, so that machines that add at once lose nothing. Nothing in one can be read
back without the key, and with it only by whoever guesses the e-mail or id.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from feedback_assets.tables.columns import PointsAt
from feedback_assets.tables.text import (
    INVISIBLE,
    WHITE_SPACE,
    first_normal_email,
    normal_email,
)

DIRECTORY = "erased"
WORDS = "(erased)"
"""What stands for the words of an erased person: a comment that was there is still counted."""
_PSEUDONYM = re.compile(r"erased:[0-9a-f]{32}")
_ADDRESS = re.compile(r"[^\s<>()\[\]{},;:\"'|\\/=&?@]+@[^\s<>()\[\]{},;:\"'|\\/=&?@]+")
_AROUND = rf"(?:[.!*_~`]|{INVISIBLE})+"
_AROUND_AN_ADDRESS = re.compile(rf"\A{_AROUND}|{_AROUND}\Z")


class ErasureKeyMissing(RuntimeError):
    """There are erased persons, and the key to know them again is another one or none."""

    def __init__(self) -> None:
        super().__init__(
            "FEEDBACK_ERASURE_SECRET is not the one that the list of erased persons was made "
            "with, so nothing is written, lest they come back: set it as it was then (by default "
            "it is the file erasure_secret in the DAGSTER_HOME where forget was run)"
        )


@dataclass(frozen=True)
class Erased:
    """Who was erased: hash → the person's own hash; ``customer_keys``: the old key → the new."""

    key: bytes = field(repr=False)
    persons: Mapping[str, str] = field(default_factory=dict)
    customer_keys: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.persons)

    def person_of(self, kind: PointsAt, text: str) -> str | None:
        """The erased person whose e-mail, id, order, answer or customer key this is."""
        found = (self.persons.get(name) for name in self.hashes_of(kind, text))
        return next((person for person in found if person), None)

    def hash_of(self, kind: PointsAt, text: str) -> str:
        """What stands for it in the list: e-mails compare as ``normal_email``, ids trimmed."""
        return self._digest(f"{kind}:{same_text(kind, text)}")

    def hashes_of(self, kind: PointsAt, text: str) -> list[str]:
        """``hash_of``, and what stood for it in the list of the first version."""
        return [self._digest(f"{kind}:{form}") for form in forms(kind, text)]

    def pseudonym(self, kind: str, text: str) -> str:
        """What replaces a value that others are compared with: equal ones stay equal."""
        if is_pseudonym(text):
            return text
        same = same_text("email", text) if kind == "email" else text
        return f"erased:{self._digest(f'instead of {kind}:{same}')[:32]}"

    def scrubbed(self, text: str) -> str:
        """The text with each e-mail of an erased person in it replaced."""
        return _ADDRESS.sub(self._scrubbed_address, text) if "@" in text else text

    def _scrubbed_address(self, found: re.Match[str]) -> str:
        whole = found[0]
        for address in (whole, _AROUND_AN_ADDRESS.sub("", whole)):
            if address and self.person_of("email", address):
                return whole.replace(address, self.pseudonym("email", address))
        return whole

    def _digest(self, text: str) -> str:
        return hmac.digest(self.key, text.encode(errors="surrogatepass"), "sha256").hex()

    def with_more(self, added: "Addition") -> "Erased":
        """The list once this is on it."""
        return Erased(
            self.key,
            {**self.persons, **dict.fromkeys(added.hashes, added.person)},
            {**self.customer_keys, **added.customer_keys},
        )


@dataclass(frozen=True)
class Addition:
    """What one person is to be known by; ``person`` is the hash of the e-mail that was given."""

    person: str
    hashes: frozenset[str]
    customer_keys: Mapping[str, str] = field(default_factory=dict)


def is_pseudonym(text: str) -> bool:
    """Whether it stands in the place of something that was erased."""
    return _PSEUDONYM.fullmatch(text) is not None


def same_text(kind: PointsAt, text: str) -> str:
    """The form in which two texts of one kind compare; empty where there is nothing to compare."""
    return normal_email(text) or "" if kind == "email" else text.strip(WHITE_SPACE)


def forms(kind: PointsAt, text: str) -> list[str]:
    """``same_text`` where there is something to compare, and the first version's where it differs.

    The first version only trimmed and lower-cased e-mails. Who was erased then stays erased.
    """
    found = [same_text(kind, text)]
    if kind == "email":
        found.append(first_normal_email(text))
    return [form for form in dict.fromkeys(found) if form]


def load_erased(
    paths: Iterable[str], read: Callable[[str], bytes], secret: Callable[[], bytes] | None
) -> Erased | None:
    """The list in these files, ``None`` where there are none; raises ``ErasureKeyMissing``."""
    files = [_parsed(path, read) for path in sorted(paths)]
    if not files:
        return None
    if secret is None:
        raise ErasureKeyMissing
    key = secret()
    if any(file["key"] != _key_mark(key) for file in files):
        raise ErasureKeyMissing
    persons: dict[str, str] = {}
    customer_keys: dict[str, str] = {}
    for file in files:
        persons |= dict.fromkeys(file["hashes"], file["person"])
        customer_keys |= file["customer_keys"]
    return Erased(key, persons, customer_keys)


def written_addition(key: bytes, added: Addition) -> tuple[str, bytes]:
    """Name and content of the file that holds it; equal additions are one file."""
    content = json.dumps(
        {
            "key": _key_mark(key),
            "person": added.person,
            "hashes": sorted(added.hashes),
            "customer_keys": dict(sorted(added.customer_keys.items())),
        }
    ).encode()
    return f"{hashlib.sha256(content).hexdigest()[:32]}.json", content


_files: dict[str, dict[str, Any]] = {}
"""What was read: the name of a file is the hash of its content."""


def _parsed(path: str, read: Callable[[str], bytes]) -> dict[str, Any]:
    name = path.rsplit("/", 1)[-1]
    if name not in _files:
        _files[name] = json.loads(read(path))
    return _files[name]


def _key_mark(key: bytes) -> str:
    """By which another key is noticed."""
    return hmac.digest(key, b"the key of the list of erased persons", "sha256").hex()[:16]
