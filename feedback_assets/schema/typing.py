"""How a provider writes JSON, as far as its fields do not say it themselves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Typing:
    """How a table's provider writes JSON: its zone, and whether it writes null as ``"null"``."""

    zone: str = "UTC"
    null_text: bool = False
