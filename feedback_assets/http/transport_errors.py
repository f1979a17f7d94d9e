"""What kept an answer from coming, told from the libraries' exceptions in words without a URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from feedback_assets.http.masking import mask


@dataclass(frozen=True)
class Trouble:
    """What kept an answer from coming, as words that hold no URL."""

    kind: str
    message: str

    @classmethod
    def of(cls, error: Exception, *, answered: bool) -> Trouble:
        chain = _chain(error)
        text = " ".join(str(part) for part in chain)
        names = " ".join(type(part).__name__ for part in chain)
        unreachable = any(isinstance(p, (NewConnectionError, ConnectTimeoutError)) for p in chain)
        if unreachable:
            return cls("unreachable", f"no connection: {_innermost(chain)}")
        if "EOF occurred" in text or "UNEXPECTED_EOF" in text:
            return cls("reset", "the connection was cut")
        if "SSL" in names:
            return cls("tls", f"no secure connection: {_innermost(chain)}")
        if "Timeout" in names:
            return cls("timeout", "the answer stalled")
        return cls._of_other_error(error, chain, answered=answered)

    @classmethod
    def _of_other_error(
        cls, error: Exception, chain: list[BaseException], *, answered: bool
    ) -> Trouble:
        if answered:
            return cls("reset", "the body was cut short or could not be unpacked")
        # An address or a header that cannot be sent is a ValueError in all of the libraries.
        if isinstance(error, ValueError):
            return cls("request", "the request could not be built from the settings")
        return cls("reset", f"the connection was lost: {_innermost(chain)}")


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting and len(chain) < 20:
        part = waiting.pop(0)
        if isinstance(part, BaseException) and part not in chain:
            chain.append(part)
            waiting += [*part.args, getattr(part, "reason", None), part.__cause__, part.__context__]
    return chain


def _innermost(chain: list[BaseException]) -> str:
    """The operating system's or TLS's own word for it, which names no URL."""
    for part in reversed(chain):
        verify = getattr(part, "verify_message", "")
        if verify:
            return mask(str(verify))
        if isinstance(part, OSError) and isinstance(part.strerror, str) and part.strerror:
            return mask(part.strerror)
    return type(chain[-1]).__name__
