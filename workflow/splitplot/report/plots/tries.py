"""pass@k and pass^k: how often one of k tries is right, and how often all of them are."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.plots.axis import Axis, nice_axis
from splitplot.report.plots.panel import Panel
from splitplot.report.plots.svg import BOLD, NARROW, Sheet, fit
from splitplot.report.section import Figure, joined
from splitplot.report.wording import POINTS, mean

MOST_PANELS = 6
Cell = tuple[str, Sequence[Mapping[str, Any]]]
"""The label of a cell, and its entries by k."""
CURVES = (("pass_at_k", "dot", "accent"), ("pass_hat_k", "square", "paper"))


def tries(cells: Sequence[Cell]) -> Figure | None:
    """Both curves for the first cells; None where no cell has more than one k."""
    kept = [(label, sorted(rows, key=lambda r: r["k"])) for label, rows in cells if len(rows) > 1]
    if not kept:
        return None
    return Figure(
        "tries",
        "One of k tries right, and all k right",
        joined(
            f"{label}: "
            + "; ".join(
                f"k = {r['k']}: one right {mean(r.get('pass_at_k'), POINTS)}, "
                f"all right {mean(r.get('pass_hat_k'), POINTS)}"
                for r in rows
            )
            for label, rows in kept[:MOST_PANELS]
        ),
        partial(_draw, cells=kept[:MOST_PANELS]),
        (("dot", "pass@k: at least one of k right"), ("square", "pass^k: all k right")),
    )


def _draw(width: float, cells: Sequence[Cell]) -> Sheet:
    columns = 1 if width <= NARROW else min(3, len(cells))
    step = min(width / columns, 300.0)
    high = 150.0
    down = high + 92
    sheet = Sheet(width, down * -(-len(cells) // columns))
    most = max(row["k"] for _, rows in cells for row in rows)
    every = max(1, -(-most // 6))
    across = Axis(
        0.7,
        most + 0.3,
        tuple((float(k), str(k)) for k in range(1, most + 1) if (k - 1) % every == 0),
    )
    values = [
        100 * row[key][end]
        for _, rows in cells
        for row in rows
        for key, _, _ in CURVES
        for end in ("estimate", "low", "high")
        if (row.get(key) or {}).get(end) is not None
    ]
    up = nice_axis(values or [0.0, 100.0], most_ticks=4, suffix="%", within=(0.0, 100.0))
    for place, (label, rows) in enumerate(cells):
        x, y = (place % columns) * step + 44, (place // columns) * down + 46
        panel = Panel(x, y, x + step - 70, y + high, across, up)
        sheet.text(x - 44, y - 31, fit(label, (step - 14) / BOLD)[0], role="ink", bold=True)
        panel.frame(sheet, "k tries", "share of items")
        for key, shape, fill in CURVES:
            known = [
                (r["k"], r[key]) for r in rows if (r.get(key) or {}).get("estimate") is not None
            ]
            panel.line(sheet, [(k, 100 * v["estimate"]) for k, v in known], "soft", 1.2)
            for k, v in known:
                if v.get("low") is not None and v.get("high") is not None:
                    panel.upright(sheet, k, 100 * v["low"], 100 * v["high"])
                edge = "ink" if fill == "paper" else "paper"
                sheet.mark(*panel.at(k, 100 * v["estimate"]), shape, 9, fill, edge)
    return sheet
