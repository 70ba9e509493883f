"""Reliability: of the answers given with some confidence, how many were right."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import sqrt
from typing import Any

from splitplot.report.plots.axis import Axis
from splitplot.report.plots.panel import Panel
from splitplot.report.plots.rows import LINE
from splitplot.report.plots.svg import BOLD, NARROW, Sheet, fit
from splitplot.report.section import Figure, joined
from splitplot.report.wording import percent

MOST_PANELS = 6
SHARES = Axis(0.0, 100.0, tuple((float(v), f"{v}%") for v in (0, 50, 100)))
Cell = tuple[str, Sequence[Mapping[str, Any]]]
"""The label of a cell, and its bins."""


def calibration(cells: Sequence[Cell]) -> Figure | None:
    """Reliability diagrams of the first cells; None where no cell has bins with answers."""
    kept = [(label, [b for b in bins if b.get("n")]) for label, bins in cells]
    kept = [(label, bins) for label, bins in kept if bins]
    if not kept:
        return None
    return Figure(
        "calibration",
        "Stated confidence against the share that was right",
        joined(f"{label}: {_told(bins)}" for label, bins in kept[:MOST_PANELS]),
        partial(_draw, cells=kept[:MOST_PANELS]),
        (
            ("dot", "answers of one confidence bin; the larger, the more answers"),
            ("diagonal", "as right as they claim to be; below: too confident"),
        ),
    )


def _told(bins: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"confidence {percent(b['confidence'], 1.0)}: {percent(b['accuracy'], 1.0)} right of {b['n']:,}"
        for b in bins
    )


def _draw(width: float, cells: Sequence[Cell]) -> Sheet:
    narrow = width <= NARROW
    columns = min(2 if narrow else 3, len(cells))
    step = min(width / columns, 300.0)
    side = step - 70
    top = 64 if narrow else 48
    down = side + top + 46
    sheet = Sheet(width, down * -(-len(cells) // columns))
    for place, (label, bins) in enumerate(cells):
        x, y = (place % columns) * step + 44, (place // columns) * down + top
        panel = Panel(x, y, x + side, y + side, SHARES, SHARES)
        title = fit(label, (step - 14) / BOLD, lines=2 if narrow else 1)
        for number, words in enumerate(title):
            height = y - 31 - LINE * (len(title) - 1 - number)
            sheet.text(x - 44, height, words, role="ink", bold=True)
        panel.frame(sheet, "stated confidence", "share right")
        panel.line(sheet, [(0, 0), (100, 100)], "soft", 1, (4, 3))
        panel.line(sheet, [(100 * b["confidence"], 100 * b["accuracy"]) for b in bins], "ink", 1.2)
        most = max(b["n"] for b in bins)
        for b in bins:
            at = panel.at(100 * b["confidence"], 100 * b["accuracy"])
            sheet.mark(*at, size=6 + 10 * sqrt(b["n"] / most))
    return sheet
