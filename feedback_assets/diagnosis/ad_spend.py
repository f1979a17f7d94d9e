"""Whether the files of ``FEEDBACK_AD_SPEND`` can be read, and up to which day they go."""

from feedback_assets.ad_spend.days import read_spend
from feedback_assets.ad_spend.trouble import SETTING, SpendTrouble
from feedback_assets.diagnosis.providers import Verdict
from feedback_assets.settings import Settings
from feedback_assets.tables.ad_spend import DAILY
from feedback_assets.warehouse.remote import StoreTrouble
from feedback_assets.wording import counted

_NAME = DAILY.group


def check_ad_spend(settings: Settings) -> list[Verdict]:
    """A verdict on the spend files, with rows and newest day; none where the setting is unset."""
    return [] if settings.ad_spend is None else [_check(settings.ad_spend)]


def _check(place: str) -> Verdict:
    try:
        spend = read_spend(place)
    except (SpendTrouble, StoreTrouble) as error:
        passing = isinstance(error, StoreTrouble) and error.transient
        return _failed(str(error), fix=not passing)
    if spend.refusals:
        return _failed(" ".join(spend.refusals), fix=True)
    rows = sum(map(len, spend.days.values()))
    newest = max(spend.days, default=None)
    text = f"{counted(len(spend.files), 'file')}, {counted(rows, 'row')}"
    text += f", newest day {newest}" if newest else ""
    if spend.bad:
        text += (
            f"; {counted(len(spend.bad), 'row')} cannot be read. The first: {spend.bad[0].reason}"
        )
    return Verdict(_NAME, configured=True, failed=False, text=text)


def _failed(text: str, *, fix: bool) -> Verdict:
    return Verdict(_NAME, configured=True, failed=True, text=text, fix=(SETTING,) if fix else ())
