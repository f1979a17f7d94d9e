"""The state that a sensor keeps between ticks, as the text of its cursor."""

from typing import TypeVar

import msgspec

State = TypeVar("State", bound=msgspec.Struct)


def encode(state: msgspec.Struct) -> str:
    """Encode the state as a sensor's cursor."""
    return msgspec.json.encode(state).decode()


def decode(text: str | None, kind: type[State]) -> State | None:
    """Decode the state of a cursor; None on the first tick or for a cursor of another format."""
    if text:
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.MsgspecError:
            pass
    return None
