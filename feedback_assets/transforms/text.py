"""The rules about text as SQL and Python share them: those of ``tables.text``."""

from feedback_assets.tables.text import WHITE_SPACE, normal_email, present

__all__ = ["WHITE_SPACE", "normal_email", "present"]
