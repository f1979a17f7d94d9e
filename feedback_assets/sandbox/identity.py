"""Ids, e-mails and names of contacts and orders, and the mapping back from them.

Every identifier encodes its position, so a look-up needs no index.
"""

import re
import unicodedata

from feedback_assets.sandbox.vocabulary import FIRST_NAMES, LAST_NAMES, MAIL_HOSTS
from feedback_assets.sandbox.world import World

_CONTACT, _CONTACT_SOURCE, _ORDER, _ORDER_SOURCE = 1_000_000, 20_000, 5_000_000, 100_000
_NUMBER = re.compile(r"(\d+)@")


def _handle(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain.lower() if letter.isalnum()) or "user"


_HANDLES = tuple(_handle(name) for name in FIRST_NAMES)


def contact_id(position: int) -> str:
    return f"AB-{_CONTACT + position}"


def contact_source_id(position: int) -> str:
    return f"C{_CONTACT_SOURCE + position}"


def order_id(position: int) -> str:
    return f"WR-{_ORDER + position}"


def order_source_id(position: int) -> str:
    """The shop's order number, which the feedback providers use too."""
    return str(_ORDER_SOURCE + position)


def names(world: World, position: int) -> tuple[str, str]:
    """First and last name of a contact."""
    drawn = int(world.contacts.name[position])
    return FIRST_NAMES[drawn % len(FIRST_NAMES)], LAST_NAMES[drawn // len(FIRST_NAMES)]


def email(world: World, position: int) -> str | None:
    """The contact's e-mail; one in a hundred has none, and one in thirty writes it in capitals."""
    drawn = int(world.contacts.name[position])
    style = int(world.contacts.mail[position])
    if style < 3:
        return None
    plus = "+shop" if style % 20 == 10 else "."
    address = f"{_HANDLES[drawn % len(FIRST_NAMES)]}{plus}{position}@{MAIL_HOSTS[style % 5]}"
    return address.title() if style < 13 else address


def find_contact(world: World, key: str) -> int | None:
    """The position of the contact with this id, source id or e-mail (case-insensitive)."""
    number = _NUMBER.search(key)
    if number:
        position = int(number[1])
        known = position < world.customers and email(world, position)
        return position if known and known.lower() == key.strip().lower() else None
    for prefix, offset in (("AB-", _CONTACT), ("C", _CONTACT_SOURCE)):
        digits = key.removeprefix(prefix)
        if key.startswith(prefix) and digits.isascii() and digits.isdigit():
            position = int(digits) - offset
            return position if 0 <= position < world.customers else None
    return None


def find_order(world: World, key: str) -> int | None:
    """The position of the order with this id or source id."""
    offset = _ORDER if key.startswith("WR-") else _ORDER_SOURCE
    digits = key.removeprefix("WR-")
    if not (digits.isascii() and digits.isdigit()):
        return None
    position = int(digits) - offset
    return position if 0 <= position < len(world.orders.time) else None
