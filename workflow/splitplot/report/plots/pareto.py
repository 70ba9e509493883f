"""Cost against score: which cells no other beats at both."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from splitplot.report.plots.axis import log_axis, nice_axis
from splitplot.report.plots.panel import Panel
from splitplot.report.plots.svg import NARROW, SMALL, Sheet, fit, width_of
from splitplot.report.section import Figure, first, joined
from splitplot.report.wording import Unit, number, percent

MOST_LABELS = 12


@dataclass(frozen=True)
class Point:
    """A cell: what an answer costs (dollars or tokens, above 0), its mean in shown units."""

    label: str
    cost: float
    score: float
    low: float | None = None
    high: float | None = None
    cost_low: float | None = None
    cost_high: float | None = None
    on_front: bool = False
    member: float | None = None


def pareto(points: Sequence[Point], unit: Unit, what: str) -> Figure | None:
    """The figure; None below two points with a price. what: “dollars per answer” or the like."""
    kept = [p for p in points if p.cost > 0]
    if len(kept) < 2:
        return None
    money = "dollar" in what
    told = [
        f"{p.label}: {'$' if money else ''}{p.cost:.3g} and {number(p.score)}{unit.suffix}"
        + (", not beaten at both" if p.on_front else "")
        + (f" (in {percent(p.member, 1.0)} of redraws)" if p.member is not None else "")
        for p in kept
    ]
    return Figure(
        "pareto",
        f"Score against cost: {what}",
        joined(first(told, 12, "cells")),
        partial(_draw, points=kept, unit=unit, what=what),
        (
            ("dot", "no cell is both cheaper and better"),
            ("hollow", "another one is both cheaper and better"),
            ("step", "the best that each price buys"),
        ),
    )


def _draw(width: float, points: Sequence[Point], unit: Unit, what: str) -> Sheet:
    narrow = width <= NARROW
    costs = [v for p in points for v in (p.cost, p.cost_low, p.cost_high) if v]
    scores = [v for p in points for v in (p.score, p.low, p.high) if v is not None]
    label = "${}" if "dollar" in what else "{}"
    across = log_axis(costs, label, 3 if narrow else 6)
    up = nice_axis(scores, most_ticks=6, suffix=unit.suffix)
    front = sorted((p for p in points if p.on_front), key=lambda p: p.cost)
    # On a phone names would cover each other: there they are numbers, and a list below.
    listed = points[:MOST_LABELS] if narrow else []
    bottom = 300.0 if narrow else 340.0
    sheet = Sheet(width, bottom + 50 + 18 * len(listed))
    panel = Panel(48, 34, width - 12, bottom, across, up)
    panel.frame(sheet, f"{what}, logarithmic", "mean score")
    steps: list[tuple[float, float]] = []
    for p in front:
        steps += [(p.cost, steps[-1][1])] if steps else []
        steps.append((p.cost, p.score))
    if steps:
        panel.line(sheet, [*steps, (across.high, steps[-1][1])], "accent", 1.2, (4, 2))
    taken: list[tuple[float, float, float, float]] = []
    for p in points:
        if p.low is not None and p.high is not None:
            panel.upright(sheet, p.cost, p.low, p.high, "soft")
        if p.cost_low and p.cost_high:
            panel.line(sheet, [(p.cost_low, p.score), (p.cost_high, p.score)], "soft", 1.2)
    for place, p in enumerate(points, start=1):
        x, y = panel.at(p.cost, p.score)
        fill, edge = ("accent", "paper") if p.on_front else ("paper", "ink")
        sheet.mark(x, y, "dot", 12 if p.on_front else 9, fill, edge)
        if place <= MOST_LABELS:
            _name(sheet, panel, (x, y), str(place) if narrow else p.label, taken)
    for place, p in enumerate(listed, start=1):
        words = fit(f"{place}  {p.label}", width)[0]
        sheet.text(0, bottom + 40 + 18 * place, words, size=SMALL, role="ink")
    return sheet


def _name(
    sheet: Sheet,
    panel: Panel,
    at: tuple[float, float],
    label: str,
    taken: list[tuple[float, float, float, float]],
) -> None:
    """A label beside its point, where it covers no other label; else none."""
    words = fit(label, 240, size=SMALL)[0]
    long = width_of(words, SMALL)
    x, y = at
    for dx, dy in ((9, -7), (9, 16), (-9 - long, -7), (-9 - long, 16), (9, -23), (9, 32)):
        box = (x + dx, y + dy - 12, x + dx + long, y + dy + 3)
        inside = panel.left < box[0] and box[2] < panel.right + 8 and box[3] < panel.bottom
        clear = all(box[2] < t[0] or t[2] < box[0] or box[3] < t[1] or t[3] < box[1] for t in taken)
        if inside and clear:
            taken.append(box)
            sheet.text(box[0], box[3] - 3, words, size=SMALL, role="label")
            return
