"""The rules about text under the name by which SQL's side knows them; they are ``tables.text``'s."""

from feedback_assets.tables.text import WHITE_SPACE, normal_email, present

__all__ = ["WHITE_SPACE", "normal_email", "present"]
