"""Names on the page: providers accept campaign names of any length, and with e-mails in them."""

from feedback_assets.schema.free_text import masked_name
from feedback_assets.wording import LONGEST_NAME, shortened

_BOUND = 300
"""Characters of a name stored in the page, for titles and downloads."""


def bounded(name: str) -> str:
    """The name as stored in the page."""
    return shortened(masked_name(name), _BOUND)


def short(name: str) -> str:
    """The name as displayed on the page."""
    return shortened(masked_name(name), LONGEST_NAME)
