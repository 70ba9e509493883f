"""Ranks: for every arm the ranks that the data leave open, and how often it came first."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.plots.axis import Axis
from splitplot.report.plots.rows import MOST_ROWS, ticks
from splitplot.report.plots.svg import NARROW, SMALL, Sheet, fit
from splitplot.report.section import Figure, first, joined
from splitplot.report.wording import Unit, mean, percent


def ranking(rows: Sequence[Mapping[str, Any]], unit: Unit, name: str, factor: str) -> Figure | None:
    """The figure of one ranking, in its order; None where fewer than two arms have ranks."""
    kept = [r for r in rows if r.get("rank_low") is not None and r.get("rank_high") is not None]
    if len(kept) < 2:
        return None
    told = [
        f"{r.get('name')}: rank {_ranks(r)}, mean {mean(r.get('mean'), unit)}{_best(r)}"
        for r in kept
    ]
    return Figure(
        name,
        f"Ranks of each {factor} that the data do not rule out",
        joined(first(told, 12, "more")),
        partial(_draw, rows=kept[:MOST_ROWS], unit=unit, most=len(rows)),
        (
            ("rank", "ranks that remain possible, all comparisons counted"),
            ("dot", "order of the means"),
        ),
    )


def _ranks(row: Mapping[str, Any]) -> str:
    low, high = row["rank_low"], row["rank_high"]
    return f"{low}" if low == high else f"{low} to {high}"


def _best(row: Mapping[str, Any]) -> str:
    share = row.get("p_best")
    return "" if share is None else f", first in {percent(share, 1.0)} of redraws"


def _draw(width: float, rows: Sequence[Mapping[str, Any]], unit: Unit, most: int) -> Sheet:
    narrow = width <= NARROW
    left, right = (16.0, width - 16.0) if narrow else (width * 0.36, width - 150.0)
    every = max(1, -(-most // (8 if narrow else 16)))
    ends = tuple((float(k), str(k)) for k in range(1, most + 1) if k == 1 or k % every == 0)
    axis = Axis(0.6, most + 0.4, ends)
    step = 66 if narrow else 42
    sheet = Sheet(width, 6 + step * len(rows) + 46)
    y = 6.0
    for place, row in enumerate(rows, start=1):
        middle = y + (49 if narrow else step / 2)
        label = fit(str(row.get("name") or ""), width - 120 if narrow else left - 24)[0]
        base = y + 15 if narrow else middle - 4
        sheet.text(0, base, label, role="ink")
        sheet.text(0, base + 17, f"mean {mean(row.get('mean'), unit)}", size=SMALL)
        sheet.text(width, base, f"rank {_ranks(row)}", role="ink", bold=True, anchor="end")
        if row.get("p_best") is not None:
            words = f"first in {percent(row['p_best'], 1.0)}"
            sheet.text(width, base + 17, words, size=SMALL, anchor="end")
        a, b = (axis.at(row[key], left, right - left) for key in ("rank_low", "rank_high"))
        sheet.line([left, right], [middle, middle], "line", 1)
        sheet.rect(a - 9, middle - 8, b - a + 18, 16, "tint", "accent")
        sheet.mark(axis.at(place, left, right - left), middle, size=9)
        y += step
    ticks(sheet, axis, left, right, y)
    sheet.text((left + right) / 2, y + 38, "rank (1: highest mean)", size=SMALL, anchor="middle")
    return sheet
