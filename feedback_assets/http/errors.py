"""Typed errors for everything that can go wrong at a provider; no network access here.

An error is either permanent (a retry cannot help: something has to be changed) or transient (a
later retry may help). Its text is one line with provider, endpoint, status, the provider's own
message and what to do, with every registered secret masked.

No error of this package carries the exception it stems from: the text of a `requests` exception
contains the URL, and Retargeting's URL contains the key. Errors are raised outside `except` blocks,
so `__cause__` and `__context__` stay empty.
"""

from __future__ import annotations

from typing import Any

from feedback_assets.http.masking import mask

MESSAGE_LIMIT = 300
"""Maximum length of a provider's message: some respond to an error with a whole web page."""


def one_line(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """The text masked, without line breaks or control characters, truncated to `limit`."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in mask(text)).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


class ProviderError(Exception):
    """A request that failed.

    Fields: `provider` (such as `thanx`), `endpoint` (method and path, never the query), `status`
    (the HTTP status if it explains the error: None without a response, or for a good status with a
    bad body), `message` (the provider's own message, masked), `advice` (what to do), `transient`.
    """

    transient: bool = False

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        endpoint: str = "",
        status: int | None = None,
        advice: str = "",
    ) -> None:
        self.provider = provider
        self.endpoint = one_line(endpoint)
        self.status = status
        self.message = one_line(message)
        self.advice = one_line(advice, limit=600)
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        where = " ".join(part for part in (self.provider, self.endpoint) if part)
        status = f" answered {self.status}" if self.status is not None else ""
        what = self.message.rstrip(".!") or "no message"
        todo = f"; {self.advice.rstrip('.')}" if self.advice else ""
        return f"{where}{status}: {what}{todo}."

    def __str__(self) -> str:
        return self._sentence()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), dict(self.__dict__))


def _restore(cls: type[ProviderError], state: dict[str, Any]) -> ProviderError:
    error = cls.__new__(cls)
    error.__dict__.update(state)
    error.args = (error._sentence(),)
    return error


class PermanentError(ProviderError):
    """A retry cannot help: a setting, the account or this code has to change."""

    transient = False


class TransientError(ProviderError):
    """A later retry may help; raised once the client's own attempts are used up."""

    transient = True


class InvalidRequest(PermanentError, ValueError):
    """Arguments that the provider's documentation rules out; nothing was sent."""


class CredentialsMissing(PermanentError):
    """Required settings are not set; `missing` names every one of them."""

    def __init__(self, provider: str, missing: tuple[str, ...]) -> None:
        self.missing = missing
        names = ", ".join(missing)
        super().__init__(
            f"not configured: {names} not set",
            provider=provider,
            advice=f"set {names} in the environment or in .env",
        )


class EnvelopeNotRecognised(PermanentError):
    """A response whose shape the provider does not document: never treated as zero rows."""

    def __init__(
        self, expected: str, found: str, *, provider: str, endpoint: str, status: int | None = None
    ) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f"unexpected response body: expected {expected}, found {found}",
            provider=provider,
            endpoint=endpoint,
            status=status,
            advice="check the URL setting; if it is right, the provider has changed its API",
        )


class RowsMissing(TransientError):
    """Fewer rows came than the provider last announced; lists change, so a second read may help.

    `announced` and `came` count rows (distinct ids and rows without one), or pages if the provider
    announces only pages; None if it announced nothing and the list cannot be trusted.
    """

    def __init__(
        self,
        *,
        provider: str,
        endpoint: str,
        announced: int | None,
        came: int,
        unit: str = "rows",
        reason: str = "",
    ) -> None:
        self.announced = announced
        self.came = came
        self.unit = unit
        said = (
            f"{announced} {unit} announced, {came} received"
            if announced is not None
            else (f"{came} {unit} received and nothing shows that the list is complete")
        )
        super().__init__(
            f"{said}{f' ({reason})' if reason else ''}",
            provider=provider,
            endpoint=endpoint,
            advice="read the same window again, because lists change while they are "
            "read; if it keeps failing, narrow the window or contact the provider",
        )
