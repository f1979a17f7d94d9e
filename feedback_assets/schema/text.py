"""Text rules that SQL and Python must share exactly: what is blank, what is an e-mail.

All comparisons of e-mails use ``normal_email``; the SQL function of the same name is in
``transforms.dialect``.
"""

import re
import unicodedata

# Every character that Unicode, and so ``str.strip``, counts as white space: forms and spreadsheets
# leave no-break spaces around an e-mail that a plain trim would keep.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

# Unicode's Default_Ignorable_Code_Point as a character class, which RE2, Java and Python parse
# identically: invisible characters, such as the zero-width space.
INVISIBLE = (
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# What the marts write where there is no channel, or all of them. Anyone can write it in a link too.
RESERVED = ("(all)", "(unattributed)", "(unmatched)")
_INVISIBLE = re.compile(INVISIBLE)
_IN_BRACKETS = re.compile(r"<([^<>]*)>\Z")
_EMAIL = re.compile(r"[^@]+@[^@]+|erased:[0-9a-f]{32}")


def without_invisible(text: str) -> str:
    """The text without invisible characters."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def present(text: str | None) -> str | None:
    """The text unchanged, or ``None`` if it is blank."""
    return text if text is not None and text.strip(WHITE_SPACE) else None


def normal_email(text: str | None) -> str | None:
    """The form in which e-mails are compared; ``None`` for text that is not an e-mail.

    Without invisible characters, in NFC, trimmed, in lower case, and only the address of ``Name
    <address>``. An e-mail has one ``@`` between two non-empty parts; the pseudonym of an erased
    person counts as one.
    """
    if text is None:
        return None
    address = folded(text).strip(WHITE_SPACE)
    if in_brackets := _IN_BRACKETS.search(address):
        address = in_brackets[1].strip(WHITE_SPACE)
    return address if _EMAIL.fullmatch(address) else None


def first_normal_email(text: str) -> str:
    """The first version's form for comparing e-mails, in which earlier erasures are listed."""
    return _lowered(text.strip(WHITE_SPACE))


def channel_name(text: str | None) -> str | None:
    """The canonical name of a source, medium or campaign in the marts.

    ``None`` if blank, or if it is one of ``RESERVED``.
    """
    name = "" if text is None else folded(text).strip(WHITE_SPACE)
    return name if name and name not in RESERVED else None


def folded(text: str) -> str:
    """Text as names and e-mails are compared: no invisible characters, NFC, lower case."""
    if text.isascii():
        return text.lower()
    composed = unicodedata.normalize("NFC", without_invisible(text))
    # Some letters compose with an accent only in lower case, such as h with a macron below.
    return unicodedata.normalize("NFC", _lowered(composed))


def _lowered(text: str) -> str:
    """Lower case letter by letter, as in SQL.

    ``str.lower`` of a whole word turns ``İ`` into two letters and depends on the neighbours of a
    Greek sigma.
    """
    return text.lower() if text.isascii() else "".join(letter.lower()[0] for letter in text)
