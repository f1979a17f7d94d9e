"""The error for spend files that cannot be read at all."""

SETTING = "FEEDBACK_AD_SPEND"


class SpendTrouble(Exception):
    """The files cannot be read: which file and line, why, and what to do. Nothing was replaced."""
