"""What to do, as sentences for the terminal and the Dagster UI."""

from dataclasses import dataclass

from feedback_assets.scorecard.decisions import LEVEL, MODEL, WINDOW
from feedback_assets.scorecard.rows import ALL, view
from feedback_assets.scorecard.words import KNOWN_ALREADY, caveats, sentence
from feedback_assets.summary.reading import Scorecard


@dataclass(frozen=True)
class Sentences:
    """At most five findings, and the caveats that apply to any of them, each once."""

    findings: tuple[str, ...]
    caveats: tuple[str, ...]


def sentences_of(scorecard: Scorecard) -> Sentences:
    """The findings in order; that a channel reaches known people follows its own finding."""
    others = view(scorecard.rows, WINDOW, MODEL, LEVEL, ALL)
    said: list[str] = []
    general: dict[str, None] = {}
    for finding in scorecard.decisions.findings:
        own = caveats(finding)
        known = [KNOWN_ALREADY] if KNOWN_ALREADY in own else []
        said.append(" ".join([sentence(finding, others), *known]))
        general |= dict.fromkeys(text for text in own if text != KNOWN_ALREADY)
    return Sentences(tuple(said), tuple(general))
