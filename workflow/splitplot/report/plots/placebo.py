"""Placebo runs on the user's own data: p-values where nothing is there must be spread evenly."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.plots.axis import Axis, nice_axis
from splitplot.report.plots.panel import Panel
from splitplot.report.plots.svg import BOLD, NARROW, Sheet, fit
from splitplot.report.section import Figure, joined
from splitplot.report.wording import percent

MOST_PANELS = 6
PS = Axis(0.0, 1.0, ((0.0, "0"), (0.5, "0.5"), (1.0, "1")))


def placebo(kinds: Sequence[Mapping[str, Any]], alpha: float) -> Figure | None:
    """Histograms of the first kinds of placebo runs; None where none has p-values."""
    kept = [k for k in kinds if sum(filter(None, k.get("p_values") or []))][:MOST_PANELS]
    if not kept:
        return None
    return Figure(
        "placebo",
        "p-values of placebo runs on these data, where nothing was there to find",
        joined(
            f"{_label(k)}: {k.get('false_alarms') or 0:,} false alarms in {k.get('runs') or 0:,} runs "
            f"({percent(k['share'], 1.0, 1) if k.get('share') is not None else 'share unknown'})"
            for k in kept
        ),
        partial(_draw, kinds=kept, alpha=alpha),
        (
            ("tint", "runs by p-value"),
            ("hatch", f"false alarms: p below {alpha:g}"),
            ("diagonal", "evenly spread, as it should be"),
        ),
    )


def _label(kind: Mapping[str, Any]) -> str:
    return ", ".join(str(kind[key]) for key in ("kind", "name") if kind.get(key))


def _draw(width: float, kinds: Sequence[Mapping[str, Any]], alpha: float) -> Sheet:
    columns = 1 if width <= NARROW else min(3, len(kinds))
    step = min(width / columns, 380.0)
    high, down = 110.0, 200.0
    sheet = Sheet(width, down * -(-len(kinds) // columns))
    for place, kind in enumerate(kinds):
        counts = kind["p_values"]
        x, y = (place % columns) * step + 40, (place // columns) * down + 46
        even = sum(counts) / len(counts)
        up = nice_axis([0.0, max(*counts, even) * 1.05], most_ticks=4)
        panel = Panel(x, y, x + step - 62, y + high, PS, Axis(0.0, up.high, up.ticks))
        sheet.text(x - 40, y - 31, fit(_label(kind), (step - 14) / BOLD)[0], role="ink", bold=True)
        panel.frame(sheet, "p-value", "runs")
        for bin_, count in enumerate(counts):
            a, top = panel.at(bin_ / len(counts), count)
            b, bottom = panel.at((bin_ + 1) / len(counts), 0)
            alarm = (bin_ + 1) / len(counts) <= alpha + 1e-9
            if count:
                sheet.rect(a, top, b - a, bottom - top, "hatch" if alarm else "tint", "accent")
        panel.line(sheet, [(0, even), (1, even)], "ink", 1, (4, 3))
    return sheet
