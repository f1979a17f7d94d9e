"""Validates addresses and credentials as users write them, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from feedback_assets.http.errors import CredentialsMissing, PermanentError
from feedback_assets.http.masking import register


def checked_url(provider: str, url: str, variable: str) -> str:
    """The address without a trailing slash; `PermanentError` if it is unusable."""
    parts = None
    try:
        parts = urlsplit((url or "").strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not parts or not usable or parts.username or parts.password or parts.query or parts.fragment:
        raise PermanentError(
            f"{variable} is not a valid URL",
            provider=provider,
            advice=f"set {variable} to http(s)://host[:port][/path], without user name or query",
        )
    return parts.geturl().rstrip("/")


def checked_credentials(
    provider: str, required: Mapping[str, str | None], optional: Mapping[str, str | None]
) -> dict[str, str]:
    """The credentials by variable, trimmed and registered for masking; blank ones are left out.

    Raises `CredentialsMissing` naming every required one that is blank, and `PermanentError` naming
    one with characters that are not allowed in a header.
    """
    given = {**required, **optional}
    values = {name: value.strip() for name, value in given.items() if value and value.strip()}
    register(*values.values())
    missing = tuple(name for name in required if name not in values)
    if missing:
        raise CredentialsMissing(provider, missing)
    for name, value in values.items():
        if not (value.isascii() and value.isprintable()):
            raise PermanentError(
                f"{name} contains characters that are not valid in a key",
                provider=provider,
                advice=f"copy {name} again, without line breaks or typographic characters",
            )
    return values
