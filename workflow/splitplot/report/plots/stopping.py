"""Evidence by look: how it grew, and where it was enough to stop."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import log
from typing import Any

from splitplot.report.plots.axis import log_axis, nice_axis
from splitplot.report.plots.panel import Panel
from splitplot.report.plots.svg import NARROW, SMALL, Sheet, fit
from splitplot.report.section import Figure, first, joined
from splitplot.report.wording import plural

STYLES = (("dot", None), ("square", (5, 2)), ("diamond", (2, 2)), ("up", (6, 2, 1, 2)))
Curve = tuple[str, Sequence[tuple[int, float]]]
"""A contrast with its (items, natural log of the evidence) by look."""
LARGEST = log(1e6)
"""Evidence beyond a million to one is drawn at that."""


def stopping(looks: Sequence[Mapping[str, Any]], alpha: float) -> Figure | None:
    """The figure of all contrasts; None where no look has evidence."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for look in looks:
        for entry in look.get("evidence") or []:
            if entry.get("log_e") is not None and look.get("items") is not None:
                points = curves.setdefault(str(entry.get("contrast") or ""), [])
                points.append((look["items"], entry["log_e"]))
    if not curves:
        return None
    told = [
        f"{name}: "
        + ", ".join(f"{_times(value)} after {plural(items, 'item')}" for items, value in points)
        for name, points in curves.items()
    ]
    return Figure(
        "stopping",
        "Evidence against “no gap” by look",
        joined([*first(told, 4, "contrasts"), f"enough at {_times(-log(alpha))}"]),
        partial(_draw, curves=list(curves.items())[: len(STYLES)], alpha=alpha),
        (
            (
                "diagonal",
                f"enough: {_times(-log(alpha))}, reached by chance in at most {alpha:.0%} of studies",
            ),
        ),
    )


def _times(log_e: float) -> str:
    value = 2.718281828459045 ** min(max(log_e, -LARGEST), LARGEST)
    return f"{value:,.0f} to 1" if value >= 10 else f"{value:.2g} to 1"


def _draw(width: float, curves: Sequence[Curve], alpha: float) -> Sheet:
    narrow = width <= NARROW
    values = [
        2.718281828459045 ** min(max(v, -LARGEST), LARGEST)
        for _, points in curves
        for _, v in points
    ]
    up = log_axis([*values, 1 / alpha, 1.0], "{}", 5)
    items = [n for _, points in curves for n, _ in points]
    across = nice_axis([0, *items], most_ticks=4 if narrow else 7)
    legend = 18 * len(curves)
    sheet = Sheet(width, 300 + legend)
    panel = Panel(62, 34, width - 14, 250, across, up)
    panel.frame(sheet, "items answered", "evidence, to 1")
    panel.line(sheet, [(across.low, 1 / alpha), (across.high, 1 / alpha)], "ink", 1.2, (4, 3))
    for place, (name, points) in enumerate(curves):
        shape, dash = STYLES[place]
        scaled = [(n, 2.718281828459045 ** min(max(v, -LARGEST), LARGEST)) for n, v in points]
        panel.line(sheet, scaled, "accent", 1.6, dash)
        for point in scaled:
            sheet.mark(*panel.at(*point), shape, 9)
        y = 304 + 18 * place
        sheet.line([0, 24], [y - 4, y - 4], "accent", 1.6, dash)
        sheet.mark(12, y - 4, shape, 9)
        sheet.text(32, y, fit(name, width - 40, size=SMALL)[0], size=SMALL, role="ink")
    return sheet
