"""The forest plot: differences with their intervals, the margin and run-to-run noise around 0."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.plots import rows
from splitplot.report.section import Figure, first, joined
from splitplot.report.wording import POINTS, RAW, Unit, bounds, level, points


def forest(
    contrasts: Sequence[Mapping[str, Any]], unit: Unit, name: str = "forest"
) -> Figure | None:
    """The figure of contrasts in one unit; None where no contrast has an estimate.

    A contrast without an estimate keeps its row, empty: nothing disappears from the figure.
    """
    drawn = [c for c in contrasts if (c.get("difference") or {}).get("estimate") is not None]
    if not drawn:
        return None
    kept = [_row(c, unit) for c in contrasts[: rows.MOST_ROWS]]
    confidence = level(drawn[0]["difference"])
    score = unit in (POINTS, RAW)
    return Figure(
        name,
        f"{_measure(unit)}, with {confidence} intervals",
        joined(first([_told(c, unit) for c in contrasts], 8, "contrasts")),
        partial(rows.draw, rows=kept, sides=(_side(drawn, "b", score), _side(drawn, "a", score))),
        _legend(kept, confidence),
    )


def _row(contrast: Mapping[str, Any], unit: Unit) -> rows.Row:
    interval = contrast.get("difference")
    known = (interval or {}).get("estimate") is not None
    width, margin = (contrast.get("noise") or {}).get("half_width"), contrast.get("margin")
    style = {
        "inner": rows.span(contrast.get("equivalence"), unit),
        "outer": rows.span(contrast.get("simultaneous"), unit),
    }
    return rows.Row(
        contrast.get("name") or "",
        contrast.get("verdict") or "NO VERDICT",
        points((interval or {})["estimate"], unit) if known else "",
        bounds((interval or {}).get("low"), (interval or {}).get("high"), unit)
        if known
        else "no estimate",
        rows.mark(interval, unit, **style),
        margin * unit.factor if margin else None,
        width * unit.factor if width else None,
    )


def _told(contrast: Mapping[str, Any], unit: Unit) -> str:
    """One contrast in words, with the numbers that the figure shows."""
    interval = contrast.get("difference") or {}
    value = interval.get("estimate")
    text = f"{contrast.get('name') or ''}: "
    ends = bounds(interval.get("low"), interval.get("high"), unit)
    text += f"{points(value, unit)}, interval {ends}" if value is not None else "no estimate"
    if margin := contrast.get("margin"):
        text += f"; margin ±{points(margin, unit, signed=False)}"
    if noise := (contrast.get("noise") or {}).get("half_width"):
        text += f"; run-to-run noise ±{points(noise, unit, signed=False)}"
    return f"{text}; verdict: {contrast.get('verdict') or 'NO VERDICT'}"


def _measure(unit: Unit) -> str:
    """What the axis measures: “Differences in score, in points”, “Differences in tokens”."""
    if unit == POINTS:
        return "Differences in score, in points"
    return f"Differences in score, {unit.noun}" if unit == RAW else f"Differences in {unit.noun}"


def _side(contrasts: Sequence[Mapping[str, Any]], arm: str, score: bool) -> str:
    """The arm on one side of all contrasts, or a general word where they differ.

    A higher score is better; what more tokens or dollars are is for the reader to say.
    """
    names = {str(c.get(arm)) for c in contrasts}
    general = "first named" if arm == "a" else "second named"
    return f"{names.pop() if len(names) == 1 else general} {'better' if score else 'higher'}"


def _legend(kept: Sequence[rows.Row], confidence: str) -> tuple[tuple[str, str], ...]:
    marks = [one for row in kept for one in row.marks]
    thick = any(one.inner for one in marks)
    found = [
        (
            "inner" if thick else "interval",
            f"difference, {confidence} interval{' (thick: 90%)' if thick else ''}",
        )
    ]
    if any(one.outer for one in marks):
        found.append(("outer", "thin: holds for all comparisons of its family at once"))
    if any(row.margin for row in kept):
        found.append(("band", "within the margin: too small to matter"))
    if any(row.noise for row in kept):
        found.append(("hatch", "run-to-run noise"))
    return tuple(found)
