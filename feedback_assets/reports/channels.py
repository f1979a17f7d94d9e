"""The NPS of channels, and which differ from all other answers beyond chance."""

from feedback_assets.reports.names import bounded
from feedback_assets.reports.queries import Ask, Row, counts
from feedback_assets.reports.report import SMALLER, Bounds, Channel
from feedback_assets.reports.statistics import Counts, nps_difference


def read_channels(ask: Ask, bounds: Bounds) -> tuple[Channel, ...]:
    """The channels of each window, model and level of detail."""
    rows = ask("channels", most=bounds.channels)
    groups: dict[tuple[int, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["window_days"], row["model"], row["level"]), []).append(row)
    channels = []
    for (window, model, level), found in groups.items():
        whole = Counts(
            *(
                sum(row[name] for row in found)
                for name in ("responses", "promoters", "passives", "detractors")
            )
        )
        compared = [
            row
            for row in found
            if not row["is_uncredited"]
            and _name(row, level) != SMALLER
            and row["responses"] >= bounds.few_answers
        ]
        for row in found:
            verdict = _verdict(row, level, whole, bounds, len(compared))
            name = _name(row, level)
            channels.append(
                Channel(window, model, level, name, row["channels"], counts(row), verdict)
            )
    return tuple(channels)


def _name(row: Row, level: str) -> str:
    if row["is_uncredited"]:
        return bounded(str(row["source"] or row["medium"]))
    parts = {
        "source": [row["source"]],
        "medium": [row["medium"]],
        "campaign": [row["source"], row["medium"], row["campaign"]],
    }[level]
    return SMALLER if parts[0] is None else bounded(" / ".join(parts))


def _verdict(row: Row, level: str, whole: Counts, bounds: Bounds, comparisons: int) -> str:
    if row["is_uncredited"]:
        return "uncredited"
    if _name(row, level) == SMALLER:
        return "smaller"
    if row["responses"] < bounds.few_answers:
        return "few"
    own = counts(row)
    difference = nps_difference(own, whole.without(own))
    if difference is None or not difference.beyond_chance(comparisons):
        return "alike"
    return "above" if difference.points > 0 else "below"
