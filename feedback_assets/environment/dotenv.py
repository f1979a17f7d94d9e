"""Reads ``.env``: its encoding, its variables, and the line of each."""

import io
import os
from pathlib import Path

import dotenv
from dotenv.parser import Binding, parse_stream

from feedback_assets.files.unusable import Unusable


def load_dotenv(path: Path) -> dict[str, str]:
    """Add variables from the file that the environment lacks; returns those added.

    Raises ``Unusable``.
    """
    before = set(os.environ)
    text = _text(path)
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise Unusable(
                f"{path}, line {_line(binding)} is not NAME=value; check its quotes and its name"
            )
    dotenv.load_dotenv(stream=io.StringIO(text), override=False)
    return {name: os.environ[name] for name in os.environ.keys() - before}


def line_of(path: Path, variable: str) -> int | None:
    """The line that sets the variable; the last one, which counts, if there are several."""
    bindings = parse_stream(io.StringIO(_text(path)))
    lines = [_line(binding) for binding in bindings if binding.key == variable]
    return lines[-1] if lines else None


def _line(binding: Binding) -> int:
    # A binding includes the blank lines before it.
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Unusable(
            f"{path} cannot be read ({error.strerror}): make it a readable file, or remove it"
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None
    # UTF-16 without a byte order mark is valid UTF-8 if every second byte is zero.
    if text is None or "\0" in text:
        kind = "UTF-16" if _is_utf_16(content) else "an older encoding such as Latin-1"
        raise Unusable(
            f"{path} is not UTF-8 (it looks like {kind}): save it again as UTF-8 in your editor"
        )
    return text


def _is_utf_16(content: bytes) -> bool:
    return content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content
