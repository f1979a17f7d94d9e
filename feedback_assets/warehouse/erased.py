"""The list of erased people: keyed hashes of their identifiers, stored beside the tables.

``<root>/erased/<hash of its content>.json``, one file for each addition. Files are never changed,
so concurrent additions from several machines lose nothing. Nothing in it can be reversed without
the key, and with the key only by guessing the e-mail or id.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from feedback_assets.schema.columns import PointsAt
from feedback_assets.schema.text import WHITE_SPACE, first_normal_email, normal_email
from feedback_assets.warehouse.addresses import (
    AT_SIGN,
    SPELLED_OUT,
    Found,
    addresses,
    doubtful,
    may_contain_address,
    whole_addresses,
)

DIRECTORY = "erased"
WORDS = "(erased)"
"""Replaces the words of an erased person: the comment still counts as a comment."""
_PSEUDONYM = re.compile(r"erased:[0-9a-f]{32}")
ID_FIELD = (
    r"(?i)(?:contact|customer|user|client|subscriber|member)[ _-]?(?:source[ _-]?)?(?:id|ref)"
)
"""The name of a field or URL parameter that holds a person's id. Other text is not searched for
ids: an id may be a number such as 7, which occurs everywhere."""
_ID = re.compile(
    rf"{ID_FIELD}(?P<quote>\\*[\"']?)\s*(?P<sign>[:=]|%3[aAdD])\s*(?P<open>\\*[\"']?)(?P<id>[\w.-]+)"
)
_MAY_NAME_AN_ID = re.compile(ID_FIELD)
_MENTION = f"(?:{AT_SIGN})|(?:{ID_FIELD})"
_PASSES = 8
_HEAD = 56


class ErasureKeyMissing(RuntimeError):
    """There are erased people, but the erasure key is missing or different."""

    def __init__(self) -> None:
        super().__init__(
            "FEEDBACK_ERASURE_SECRET does not match the list of erased people. Nothing was "
            "written, because erased data could return. Restore the original value; by default it "
            "is in the file erasure_secret in the DAGSTER_HOME where forget was run"
        )


@dataclass(frozen=True)
class Erased:
    """The erased people: hash → the person's own hash.

    ``customer_keys`` maps the hash of a customer key to the key that replaces it. ``own_keys`` are
    the keys of pseudonyms; if given, any other key on an erased person's row was made with a lost
    secret, and is replaced too. ``spelled`` are the e-mails that are also erased where they are
    spelled out.
    """

    key: bytes = field(repr=False)
    persons: Mapping[str, str] = field(default_factory=dict)
    customer_keys: Mapping[str, str] = field(default_factory=dict)
    own_keys: frozenset[str] | None = None
    spelled: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.persons)

    def person_of(self, kind: PointsAt, text: str) -> str | None:
        """The erased person with this e-mail, id, order, answer or customer key."""
        found = (self.persons.get(name) for name in self.hashes_of(kind, text))
        return next((person for person in found if person), None)

    def hash_of(self, kind: PointsAt, text: str) -> str:
        """Its hash on the list: e-mails are compared as ``normal_email``, ids trimmed."""
        return self._digest(f"{kind}:{same_text(kind, text)}")

    def hashes_of(self, kind: PointsAt, text: str) -> list[str]:
        """``hash_of``, and the hash that the first version stored."""
        return [self._digest(f"{kind}:{form}") for form in forms(kind, text)]

    @property
    def mention(self) -> str:
        """An RE2 pattern that matches every text that ``scrubbed`` may change."""
        return f"{_MENTION}|(?:{SPELLED_OUT})" if self.spelled else _MENTION

    def pseudonym(self, kind: str, text: str) -> str:
        """The replacement for a value used in comparisons: equal values stay equal."""
        if is_pseudonym(text):
            return text
        same = same_text("email", text) if kind == "email" else text
        return f"erased:{self._digest(f'instead of {kind}:{same}')[:32]}"

    def customer_key(self, key: str) -> str:
        """The replacement for the customer key of an erased person's row."""
        instead = self.customer_keys.get(self.hash_of("customer", key))
        if instead is not None or self.own_keys is None:
            return instead or key
        if key in self.own_keys or self._is_replacement(key):
            return key
        head = self._digest(f"instead of customer:{key}")[:_HEAD]
        return head + self._digest(f"customer key:{head}")[_HEAD:]

    def _is_replacement(self, key: str) -> bool:
        # The end is computed from the beginning, so that a replacement is recognised as one.
        return key[_HEAD:] == self._digest(f"customer key:{key[:_HEAD]}")[_HEAD:]

    def scrubbed(self, text: str) -> str:
        """The text without erased people's e-mails, and without their ids in fields named as ids.

        E-mails are found however they are written: see ``addresses``.
        """
        for _ in range(_PASSES):
            found = self._known(text)
            if not found:
                break
            for start, end, instead in reversed(found):
                text = f"{text[:start]}{instead}{text[end:]}"
        return text

    def person_in(self, text: str) -> str | None:
        """The erased person whose e-mail is the whole text, in any encoding."""
        persons = (self.person_of("email", found.address) for found in whole_addresses(text))
        return next(filter(None, persons), None)

    def doubtful(self, text: str) -> bool:
        """Whether it takes a human to decide if the text means an erased person's e-mail."""
        return any(self.person_of("email", found.address) for found in doubtful(text))

    def _known(self, text: str) -> list[tuple[int, int, str]]:
        """The spans to replace and their replacements, in order and without overlaps."""
        found = [
            (at.start, at.end, self.pseudonym("email", at.address)) for at in self._emails(text)
        ]
        if _MAY_NAME_AN_ID.search(text):
            found += [
                (*match.span("id"), self._id_replacement(match))
                for match in _ID.finditer(text)
                if self.person_of("contact", match["id"])
            ]
        kept: list[tuple[int, int, str]] = []
        # The longest of overlapping matches: o'brien@… before brien@….
        for start, end, instead in sorted(found, key=lambda at: at[0] - at[1]):
            if all(end <= other[0] or other[1] <= start for other in kept):
                kept.append((start, end, instead))
        return sorted(kept)

    def _emails(self, text: str) -> list[Found]:
        found = []
        if may_contain_address(text):
            found = [at for at in addresses(text) if self.person_of("email", at.address)]
        if self.spelled:
            found += [
                at for at in doubtful(text) if self.spelled & {self.hash_of("email", at.address)}
            ]
        return found

    def _id_replacement(self, match: re.Match[str]) -> str:
        instead = self.pseudonym("contact", match["id"])
        # A bare number in JSON becomes a string.
        bare = match["sign"] == ":" and match["quote"] and not match["open"]
        return f"{match['quote']}{instead}{match['quote']}" if bare else instead

    def _digest(self, text: str) -> str:
        return hmac.digest(self.key, text.encode(errors="surrogatepass"), "sha256").hex()

    def with_more(self, added: "Addition") -> "Erased":
        """The list with this addition."""
        return Erased(
            self.key,
            {**self.persons, **dict.fromkeys(added.hashes, added.person)},
            {**self.customer_keys, **added.customer_keys},
            self.own_keys,
            self.spelled | added.spelled,
        )


@dataclass(frozen=True)
class Addition:
    """The identifiers of one person; ``person`` is the hash of the e-mail that was given.

    ``customer_keys`` maps the hash of a key to the key that replaces it: the key itself would
    reveal to anyone with the secret that the person was here.
    """

    person: str
    hashes: frozenset[str]
    customer_keys: Mapping[str, str] = field(default_factory=dict)
    spelled: frozenset[str] = frozenset()


class LookupRecorder(Mapping[str, str]):
    """An empty list that records the hashes that were looked up in it.

    If none of these hashes belongs to an erased person, the searched file contains nothing of one;
    only after a match does the search take the slower path.
    """

    def __init__(self) -> None:
        self.hashes: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.hashes.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def is_pseudonym(text: str) -> bool:
    """Whether the text replaces an erased value."""
    return _PSEUDONYM.fullmatch(text) is not None


def same_text(kind: PointsAt, text: str) -> str:
    """The form in which texts of one kind are compared; empty if there is nothing to compare."""
    return normal_email(text) or "" if kind == "email" else text.strip(WHITE_SPACE)


def forms(kind: PointsAt, text: str) -> list[str]:
    """``same_text`` if there is something to compare, and the first version's form if it differs.

    The first version only trimmed and lower-cased e-mails. Persons erased then stay erased.
    """
    found = [same_text(kind, text)]
    if kind == "email":
        found.append(first_normal_email(text))
    return [form for form in dict.fromkeys(found) if form]


def load_erased(
    paths: Iterable[str], read: Callable[[str], bytes], secret: Callable[[], bytes] | None
) -> Erased | None:
    """The list in these files, ``None`` without files; raises ``ErasureKeyMissing``."""
    files = {path: _parsed(path, read) for path in sorted(paths)}
    if not files:
        return None
    if secret is None:
        raise ErasureKeyMissing
    key = secret()
    if any(file["key"] != _key_mark(key) for file in files.values()):
        raise ErasureKeyMissing
    return _merged(key, tuple(path.rsplit("/", 1)[-1] for path in files))


@lru_cache(maxsize=2)
def _merged(key: bytes, names: tuple[str, ...]) -> Erased:
    """Merge all files into one list; cached because every write needs it and it rarely changes."""
    empty = Erased(key)
    persons: dict[str, str] = {}
    customer_keys: dict[str, str] = {}
    spelled: set[str] = set()
    for name in names:
        file = _files[name]
        persons |= file.get("persons") or dict.fromkeys(file["hashes"], file["person"])
        customer_keys |= file.get("keys", {})
        spelled.update(file.get("spelled", ()))
        # The first version stored the keys themselves.
        for was, now in file["customer_keys"].items():
            customer_keys[empty.hash_of("customer", was)] = now
    return Erased(key, persons, customer_keys, spelled=frozenset(spelled))


def written_additions(key: bytes, added: Iterable[Addition]) -> tuple[str, bytes]:
    """Name and content of the file for these additions; equal additions give one file."""
    additions = list(added)
    persons = {name: one.person for one in additions for name in sorted(one.hashes)}
    keys: dict[str, str] = {}
    for one in additions:
        keys |= one.customer_keys
    # ``person``, ``hashes`` and ``customer_keys`` are the fields that the first version reads.
    file: dict[str, Any] = {
        "key": _key_mark(key),
        "person": additions[0].person,
        "hashes": sorted(persons),
        "customer_keys": {},
        "keys": dict(sorted(keys.items())),
    }
    if len(additions) > 1:
        file["persons"] = dict(sorted(persons.items()))
    if any(one.spelled for one in additions):
        file["spelled"] = sorted({name for one in additions for name in one.spelled})
    content = json.dumps(file).encode()
    return f"{hashlib.sha256(content).hexdigest()[:32]}.json", content


_files: dict[str, dict[str, Any]] = {}
"""Parsed files by name, which is the hash of the content."""


def _parsed(path: str, read: Callable[[str], bytes]) -> dict[str, Any]:
    name = path.rsplit("/", 1)[-1]
    if name not in _files:
        _files[name] = json.loads(read(path))
    return _files[name]


def _key_mark(key: bytes) -> str:
    """Identifies the key, so that a different one is noticed."""
    # Stored in every list: with another text, no existing list would match its key.
    return hmac.digest(key, b"the key of the list of erased persons", "sha256").hex()[:16]
