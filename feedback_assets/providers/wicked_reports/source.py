"""Wicked Reports: its settings, and how its contacts, clicks and orders are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feedback_assets.providers.provider import Argument, Provider, Source
from feedback_assets.providers.wicked_reports import tables

if TYPE_CHECKING:
    from feedback_assets.providers.wicked_reports.client import WickedReports


def _client(**arguments: Any) -> WickedReports:
    from feedback_assets.providers.wicked_reports.client import WickedReports

    return WickedReports(**arguments)


PROVIDER = Provider(
    name=tables.PROVIDER,
    title="Wicked Reports",
    client=_client,
    arguments=(
        Argument("api_key", "secret", "header `apikey`", needed=True),
        Argument("url", "url", default="https://api.wickedreports.com"),
        Argument("timezone", "zone", "zone of time stamps that carry none", default="UTC"),
        Argument("requests_per_minute", "rate", default=120),
    ),
    found="Ask Wicked Reports to enable the outbound API; then enable the contacts or the "
    'orders API on the page "Authorizations" of its dashboard, and copy the text under '
    '"Your API key".',
    sources=(
        Source(
            (tables.CONTACTS,),
            lambda client, first, last: client.contacts(first, last),
            null_text=True,
            # A contact lies on the day it was made, and may be changed years later.
            restated=True,
        ),
        Source(
            (tables.CLICKS,),
            lambda client, first, last: client.clicks(first, last),
            null_text=True,
        ),
        Source(
            (tables.ORDERS,),
            lambda client, first, last: client.orders(first, last),
            null_text=True,
        ),
    ),
)
