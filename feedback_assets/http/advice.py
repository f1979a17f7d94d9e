"""Advice on errors: the settings behind a client, and the text that says what to do."""

from __future__ import annotations

from dataclasses import dataclass

LATER = "try again later; if the problem persists, contact the provider"


@dataclass(frozen=True)
class Advice:
    """The variables behind a client, and what is known about the provider's own messages.

    `url`, `credentials`, `rate`: names of variables. `hints`: (part of a message in lower case,
    matching advice). `passing`: parts of messages, in lower case, that mean a retry may help
    although no status code indicates it.
    """

    url: str
    credentials: tuple[str, ...]
    rate: str = ""
    hints: tuple[tuple[str, str], ...] = ()
    passing: tuple[str, ...] = ()

    def on(self, status: int | None, message: str, address: str) -> str:
        """What to do about this response of `address`."""
        said = message.lower()
        hint = next((advice for part, advice in self.hints if part in said), "")
        names = " and ".join(self.credentials)
        lower_rate = f"lower {self.rate}, or " if self.rate else ""
        dates = "check the requested dates, ids and filters"
        by_status = {
            400: dates,
            422: dates,
            401: f"check {names}, and that the provider has enabled API access for the account",
            403: f"contact the provider about the missing permission of the account behind {names}",
            404: f"check {self.url} (now {address}) and the requested id",
            429: f"{lower_rate}find out what else uses this account's quota",
        }
        if hint or status in by_status:
            return hint or by_status[status or 0]
        if status is not None and status >= 500:
            return LATER
        return f"check {self.url} and {names}, or contact the provider"
