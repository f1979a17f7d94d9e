"""How often the intervals, tests and order of channels are right, on answers drawn at random.

Each stands beside the simpler method that takes every answer for another customer. At full size the
tables go into docs/methods.md, between its two markers.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.support.measuring import ROOT, options, say
from benchmarks.support.simulated_answers import (
    MIXES,
    Customers,
    Demo,
    answers,
    compared,
    demo,
)
from benchmarks.support.simulated_money import (
    covers_mean,
    covers_median,
    populations,
    ranked,
)
from feedback_assets.scorecard.intervals import Z95, p_value
from feedback_assets.scorecard.ranking import LEVEL, benjamini_hochberg
from feedback_assets.scorecard.rows import FEW_TESTED

PAGE = ROOT / "docs" / "methods.md"
BEGIN = "<!-- benchmarks.scorecard_statistics writes from here -->"
END = "<!-- to here -->"
SIZES = (5, 10, 30, 100, 500)
ENOUGH = 30
"""Answers from which on the intervals must hold."""
_NEGLIGIBLE = 0.5
"""Points of true difference under which naming a channel is a false discovery."""

Draw = np.random.Generator
Numbers = np.ndarray
Lines = list[Sequence[str]]


def _one(_: Draw, base: Numbers) -> Numbers:
    return np.ones(base.shape, np.int64)


def _up_to_five(draw: Draw, base: Numbers) -> Numbers:
    return draw.integers(1, 6, base.shape)


def _promoters_more(draw: Draw, base: Numbers) -> Numbers:
    return np.where(base > 0, draw.integers(1, 6, base.shape), draw.integers(1, 3, base.shape))


def _whole(_: Draw, shape: tuple[int, int]) -> Numbers:
    return np.ones(shape)


def kinds(world: Demo) -> dict[str, Customers]:
    """How customers answer in the rows of the first table."""
    sizes = np.bincount(world.customer)
    linear = world.credit["linear"][:, : world.named]
    shares = linear[linear > 0]

    def of_demo(draw: Draw, base: Numbers) -> Numbers:
        return draw.choice(sizes, base.shape)

    def credited(draw: Draw, shape: tuple[int, int]) -> Numbers:
        return draw.choice(shares, shape)

    return {
        "whole, one each, 0": Customers(_one, _whole, 0),
        "whole, as in the demo, 0.7": Customers(of_demo, _whole, 0.7),
        "whole, 1 to 5, 0.7": Customers(_up_to_five, _whole, 0.7),
        "whole, promoters more often, 0.7": Customers(_promoters_more, _whole, 0.7, True),
        "shared, one each, 0": Customers(_one, credited, 0),
        "shared, 1 to 5, 0.7": Customers(_up_to_five, credited, 0.7),
    }


def coverage(draw: Draw, runs: int, world: Demo) -> tuple[Lines, dict[str, list[float]]]:
    """The first table, and what each method covers in every mix from ``ENOUGH`` answers on."""
    lines: Lines = []
    held: dict[str, list[float]] = {"by answer": [], "by customer": []}
    for label, customers in kinds(world).items():
        cells: dict[str, list[str]] = {"by answer": [], "by customer": []}
        for n in SIZES:
            found: dict[str, list[float]] = {"by answer": [], "by customer": []}
            for mix in MIXES:
                channel, truth = answers(draw, runs, n, customers, mix)
                for method, (centre, variance) in (
                    ("by answer", channel.by_answer()),
                    ("by customer", channel.by_customer()),
                ):
                    covers = abs(centre - truth) <= Z95 * np.sqrt(variance)
                    found[method].append(100 * float(covers.mean()))
            for method, mixes in found.items():
                cells[method].append(f"{np.mean(mixes):.1f} ({min(mixes):.1f})")
                if n >= ENOUGH:
                    held[method] += mixes
        lines += [
            (label, "by answer", *cells["by answer"]),
            ("", "**by customer**", *cells["by customer"]),
        ]
    return lines, held


def false_alarms(draw: Draw, runs: int, world: Demo) -> tuple[Lines, dict[str, float]]:
    """The second table, no channel differing, and the share of false alarms by method and model."""
    lines: Lines = []
    rates = {}
    for model in world.credit:
        found = compared(draw, runs, world.without_effects(), model)
        tested = found.effective >= FEW_TESTED
        for method, z in (("by answer", found.by_answer), ("by customer", found.by_customer)):
            alarms = abs(z[:, tested]) > Z95
            rates[f"{method} {model}"] = float(alarms.mean())
            named = _bonferroni(z[:, tested]) if method == "by answer" else _named(z[:, tested])
            lines.append(
                (
                    model,
                    "by answer, Bonferroni"
                    if method == "by answer"
                    else "**by customer, Benjamini–Hochberg**",
                    f"{100 * alarms.mean():.1f}",
                    f"{100 * named.any(axis=1).mean():.1f}",
                )
            )
    return lines, rates


def _bonferroni(z: Numbers) -> Numbers:
    return abs(z) > stats.norm.isf(LEVEL / z.shape[1] / 2)


def _named(z: Numbers) -> Numbers:
    return np.array([benjamini_hochberg([p_value(value) for value in run]) for run in z.tolist()])


def discoveries(draw: Draw, runs: int, world: Demo) -> tuple[Lines, float]:
    """The third table, and the largest share of false discoveries by the last method."""
    worlds = {
        "as in the demo": world,
        "half as large": world.with_effects(0.5),
        "every other channel average": world.with_half_the_channels_average(),
    }
    lines: Lines = []
    worst = 0.0
    for label, drawn in worlds.items():
        found = compared(draw, runs, drawn, "first_click")
        tested = found.effective >= FEW_TESTED
        answers_z, customers_z = found.by_answer[:, tested], found.by_customer[:, tested]
        for method, z in (
            ("by answer, Bonferroni", _bonferroni(answers_z) * answers_z),
            ("by customer, Bonferroni", _bonferroni(customers_z) * customers_z),
            ("**by customer, Benjamini–Hochberg**", _named(customers_z) * customers_z),
        ):
            false, power = _judged(z, found.truth[tested])
            lines.append((label, method, f"{100 * power:.0f}", f"{100 * false:.1f}"))
        worst = max(worst, false)
    return lines, worst


def _judged(z: Numbers, truth: Numbers) -> tuple[float, float]:
    """Mean share of those named that do not differ so, and of those that differ that are named."""
    differs = abs(truth) >= _NEGLIGIBLE
    right = (np.sign(z) == np.sign(truth)) & differs
    named = (z != 0).sum(axis=1)
    false = named - right.sum(axis=1)
    return float((false / np.maximum(named, 1)).mean()), float(right[:, differs].mean())


def money(draw: Draw, runs: int, world: Demo) -> Lines:
    """The fourth table: means by Student's t and by Hall's interval, and medians by ranks."""
    lines: Lines = []
    for label, (population, mean, median) in populations(world.totals).items():
        for n in (10, 30, 50, 300):
            student, hall = covers_mean(draw, runs, n, population, mean, shared=False)
            _, shared = covers_mean(draw, runs, n, population, mean, shared=True)
            ranks = covers_median(draw, runs, n, population, median)
            figures = (f"{100 * share:.1f}" for share in (student, hall, shared, ranks))
            lines.append((label if n == 10 else "", str(n), *figures))
    return lines


def order(draw: Draw, runs: int) -> Lines:
    """The fifth table: raw and pulled NPS against the true ones."""
    few = np.linspace(35, 168, 13).astype(np.int64)
    many = np.geomspace(4, 400, 40).astype(np.int64)
    lines: Lines = []
    for label, responses in (("13 of 35 to 168", few), ("40 of 4 to 400", many)):
        for tau in (12, 25):
            raw, pulled = ranked(draw, runs, responses, tau)
            (_, enough), _ = ranked(draw, runs, responses, tau, least=30)
            figures = (f"{value:.1f}" for value in (raw[0], pulled[0], raw[1], enough, pulled[1]))
            lines.append((label, str(tau), *figures))
    return lines


def section(caption: str, heads: Sequence[str], lines: Lines) -> str:
    """A caption and its table in Markdown."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join([f"**{caption}**", "", *(f"| {' | '.join(row)} |" for row in rows)])


def put(text: str, page: Path) -> None:
    """Replace what stands between the markers of the page."""
    held = page.read_text(encoding="utf-8")
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not between.search(held):
        raise SystemExit(f"{page} lacks {BEGIN} … {END}")
    page.write_text(between.sub(lambda _: f"{BEGIN}\n\n{text}\n\n{END}", held), encoding="utf-8")


def main() -> None:
    chosen = options(__doc__, size=10_000, small=20)
    draw, world = np.random.default_rng(17), demo()
    covered, held = coverage(draw, chosen.size, world)
    alarms, rates = false_alarms(draw, chosen.size, world)
    found, worst = discoveries(draw, chosen.size, world)
    runs = f"{chosen.size:,} runs"
    sections = (
        section(
            f"Coverage of NPS intervals, %: mean of four mixes of scores (the worst); {runs} each",
            ("credit, answers a customer, ICC", "method", *(f"{n} answers" for n in SIZES)),
            covered,
        ),
        section(
            f"False alarms where no channel differs, %; {runs} of the demo's answers",
            ("model", "method", "a channel, alone", "any channel named"),
            alarms,
        ),
        section(
            f"Discoveries by first click, %; {runs} of the demo's answers",
            ("channels' differences", "method", "true ones named", "false of those named"),
            found,
        ),
        section(
            f"Coverage of money intervals, %; {runs} each",
            (
                "customers' totals",
                "customers",
                "mean, Student's t",
                "mean, **Hall**",
                "Hall, shared credit",
                "median, **ranks**",
            ),
            money(draw, chosen.size, world),
        ),
        section(
            f"Order of channels, points; {chosen.size // 2:,} runs each",
            (
                "channels and answers",
                "τ",
                "error, raw",
                "error, **pulled**",
                "lost, raw",
                "lost, raw from 30 answers",
                "lost, **pulled**",
            ),
            order(draw, chosen.size // 2),
        ),
    )
    text = "\n\n".join(sections)
    print(text)
    if not chosen.small:
        put(text, PAGE)
    say(
        f"coverage of the NPS interval by customer from {ENOUGH} answers on, worst, of 95 %",
        min(held["by customer"]) / 95,
        "≥ 0.963 (91.5 %)",
        f"by answer {min(held['by answer']):.1f} %, by customer {min(held['by customer']):.1f} %",
    )
    say(
        "false alarms a channel by first click, by customer against by answer",
        max(rates["by customer first_click"], 1e-4) / max(rates["by answer first_click"], 1e-4),
        "≤ 6 % by every model",
        ", ".join(f"{label} {100 * rate:.1f} %" for label, rate in rates.items()),
    )
    say(
        "false discoveries, against 5 %",
        max(worst / LEVEL, 1e-4),
        "≤ 1",
        f"{100 * worst:.1f} % at most",
    )


if __name__ == "__main__":
    main()
