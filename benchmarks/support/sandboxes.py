"""The sandbox's five providers in a separate process."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.support.measuring import ROOT, module

# The clients' own limits.
_NO_LIMITS = {
    "WICKED_REPORTS_REQUESTS_PER_MINUTE": "100000",
    "FEEDBACKPULSE_REQUESTS_PER_MINUTE": "100000",
}


@contextmanager
def sandbox(customers: int, days: int, *more: object) -> Iterator[dict[str, str]]:
    """The sandbox command, with the providers' quotas; yields the settings for reading from it."""
    command = module(
        "feedback_assets.cli",
        *("sandbox", "--port", 0, "--customers", customers, "--days", days, *more),
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            yield _settings(server)
        finally:
            server.terminate()


@contextmanager
def sandbox_without_limits(customers: int, days: int, *more: object) -> Iterator[dict[str, str]]:
    """The same without quotas."""
    with sandbox(customers, days, "--quota-scale", 1000, *more) as settings:
        yield settings | _NO_LIMITS


def _settings(server: "subprocess.Popen[str]") -> dict[str, str]:
    assert server.stdout is not None
    found: dict[str, str] = {}
    for line in server.stdout:
        name, _, value = line.strip().partition("=")
        found[name] = value
        if "RETARGETING_REST_KEY" in found and "RETARGETING_CUSTOMER_ID" in found:
            break
    return found
