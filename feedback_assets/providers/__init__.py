"""The providers of this repository, one package each, by a line here.

A package holds ``client.py``, which knows HTTP, paging and errors and no table; ``tables.py``;
``source.py``, which declares the `Provider`; and ``feedback.sql`` where there are answers.
``registry`` adds the providers of other packages. None of them knows Dagster.
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
