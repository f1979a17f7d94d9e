"""What a run that a provider failed leaves on its event, for people and for the alerts."""

from typing import Any

from feedback_assets.http.errors import ProviderError


def failure_metadata(error: ProviderError) -> dict[str, Any]:
    """The error as metadata of a ``Failure``; the alert tells causes apart by it."""
    return {
        "provider": error.provider,
        "error": type(error).__name__,
        "endpoint": error.endpoint,
        "status": error.status or 0,
        "advice": error.advice,
        "transient": error.transient,
    }
