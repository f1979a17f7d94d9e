"""Fixtures of the alerts: a mail server."""

from collections.abc import Iterator

import pytest

from tests.alerts.mailbox import Mailbox, running_mailbox


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    """A mailbox, and the alert URL that delivers to it."""
    with running_mailbox() as found:
        yield found
