"""What a sensor remembers from one look to the next, as the text of its cursor."""

from typing import TypeVar

import msgspec

State = TypeVar("State", bound=msgspec.Struct)


def encode(state: msgspec.Struct) -> str:
    """The state as text, for a sensor's cursor."""
    return msgspec.json.encode(state).decode()


def decode(text: str | None, kind: type[State]) -> State | None:
    """The state of a cursor; none for a first look, or for a cursor of another make."""
    if text:
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.MsgspecError:
            pass
    return None
