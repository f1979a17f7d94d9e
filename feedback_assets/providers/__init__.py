"""The providers of this repository, one package each, listed here.

A package has ``client.py``, which handles HTTP, paging and errors but no tables; ``tables.py``;
``source.py``, which declares the `Provider`; and ``feedback.sql`` if it has answers. ``registry``
adds the providers of other packages. None of them depends on Dagster.
"""

from feedback_assets.providers.feedbackpulse import source as feedbackpulse
from feedback_assets.providers.fullwhere import source as fullwhere
from feedback_assets.providers.provider import Provider
from feedback_assets.providers.retargeting import source as retargeting
from feedback_assets.providers.thanx import source as thanx
from feedback_assets.providers.wicked_reports import source as wicked_reports

BUILT_IN: tuple[Provider, ...] = (
    wicked_reports.PROVIDER,
    thanx.PROVIDER,
    fullwhere.PROVIDER,
    feedbackpulse.PROVIDER,
    retargeting.PROVIDER,
)
