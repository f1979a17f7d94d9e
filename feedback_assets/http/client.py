"""The base of every provider's client: its counters, its repr, and closing it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from feedback_assets.http.session import HttpClient


class Client(ABC):
    """A provider's client over one `HttpClient`; usable as a context manager that closes it."""

    PROVIDER: ClassVar[str]

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._http.base_url})"

    @property
    def requests(self) -> int:
        """Attempts sent so far, including retries."""
        return self._http.requests

    @property
    def bytes(self) -> int:
        """Decoded bytes of bodies received so far."""
        return self._http.bytes

    @property
    def generated(self) -> bool:
        """Whether a sandbox responded, so that the data is generated."""
        return self._http.generated

    @abstractmethod
    def ping(self) -> None:
        """Send the cheapest read that needs authorisation; raises `ProviderError`."""

    def close(self) -> None:
        """Close connections and end every wait, including those of other threads."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
