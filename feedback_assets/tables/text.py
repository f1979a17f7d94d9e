"""Rules about text that SQL and Python must share to the letter: what is blank, what an e-mail is.

Whoever compares an e-mail given by a person with those in the tables calls ``normal_email``.
"""

import re

# Every character that Unicode, and so ``str.strip``, takes for white space: forms and
# spreadsheets leave no-break spaces around an e-mail that a plain trim would keep.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

# Unicode's Default_Ignorable_Code_Point as a character class, which RE2, Java and Python read
# alike: characters that are displayed as nothing, such as the zero-width space.
INVISIBLE = (
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_INVISIBLE = re.compile(INVISIBLE)


def without_invisible(text: str) -> str:
    """The text without characters that are displayed as nothing."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def present(text: str | None) -> str | None:
    """The text as written, or ``None`` where it is blank."""
    return text if text is not None and text.strip(WHITE_SPACE) else None


def normal_email(text: str | None) -> str | None:
    """The e-mail trimmed and in lower case, as the unified tables hold it; ``None`` if blank.

    Letters are lowered one by one, as SQL does: ``str.lower`` of a whole word makes two letters
    of ``İ`` and looks at a Greek sigma's neighbours.
    """
    trimmed = present(text)
    if trimmed is None:
        return None
    return "".join(letter.lower()[0] for letter in trimmed.strip(WHITE_SPACE))
