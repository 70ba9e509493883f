"""Geometry of the figures: values become percentages of the width, so that a figure fits any screen.

The figures are SVG with horizontal positions in percent and text at the page's own size: nothing is
scaled, so labels stay readable on a phone, and colours are the page's variables, so dark mode and
print follow. That, and a start without a plotting library, is why they are drawn by templates.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from splitplot.report.wording import POINTS, Unit, bounds, level, mean, number, points


@dataclass(frozen=True)
class Axis:
    """A horizontal axis in shown units (points, percent); `ticks` are (position in %, label)."""

    low: float
    high: float
    ticks: tuple[tuple[str, str], ...]

    def at(self, value: float) -> str:
        """The position of `value` as an SVG percentage, clipped to the axis."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0.0), 1.0):.2f}%"

    def span(self, low: float, high: float) -> tuple[str, str]:
        """Left edge and width of a band as SVG percentages."""
        left, right = float(self.at(low)[:-1]), float(self.at(high)[:-1])
        return f"{left:.2f}%", f"{right - left:.2f}%"


def nice_axis(values: Iterable[float], *, signed: bool = False, most_ticks: int = 7) -> Axis:
    """An axis over `values` (shown units) with ticks at 1, 2 or 5 times a power of ten."""
    known = list(values)
    low, high = min(known), max(known)
    # Values that are (all but) one need an axis too: tick labels have at most some six figures.
    pad = (high - low) * 0.06 if high - low > 1e-6 * max(1.0, abs(low), abs(high)) else 1.0
    low, high = low - pad, high + pad
    step = tick_step(high - low, most_ticks)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    axis = Axis(low, high, ())
    ticks = tuple(
        (axis.at(k * step), number(k * step, digits, signed=signed)) for k in range(first, last + 1)
    )
    return Axis(low, high, ticks)


def tick_step(width: float, most_ticks: int) -> float:
    """The smallest step of 1, 2 or 5 × 10^k that needs at most `most_ticks` ticks over `width`.

    >>> tick_step(100, 7), tick_step(0.9, 7)
    (20.0, 0.2)
    """
    power = 10.0 ** math.floor(math.log10(width / most_ticks))
    return next(m * power for m in (1, 2, 5, 10, 20) if width / (m * power) <= most_ticks)


def forest(contrasts: list[dict[str, Any]], unit: Unit) -> dict[str, Any] | None:
    """Rows, bands and axis of the forest plot; None where no contrast has an estimate."""
    drawn = [c for c in contrasts if _estimate(c.get("difference")) is not None]
    if not drawn:
        return None
    values = [0.0]
    for c in contrasts:
        values += _ends(c.get("difference") or {}, unit)
        values += [s * unit.factor * (c.get("margin") or 0.0) for s in (-1, 1)]
        values += [s * unit.factor * (_half_width(c) or 0.0) for s in (-1, 1)]
    axis = nice_axis(values, signed=True, most_ticks=6)
    return {
        "axis": axis,
        "zero": axis.at(0.0),
        "rows": [_forest_row(c, axis, unit) for c in contrasts],
        "any_noise": any(_half_width(c) for c in contrasts),
        "any_margin": any(c.get("margin") for c in contrasts),
        "any_equivalence": any(_estimate(c.get("equivalence")) is not None for c in drawn),
        "left": _shared(drawn, "b"),
        "right": _shared(drawn, "a"),
        "noun": unit.noun,
        "level": level(drawn[0]["difference"]),
    }


def _forest_row(contrast: dict[str, Any], axis: Axis, unit: Unit) -> dict[str, Any]:
    """One contrast: its marks and bands, the text beside it and the description for a reader.

    A contrast without an estimate keeps its row, empty: nothing disappears from the figure.
    """
    interval, margin, noise = (
        contrast.get("difference"),
        contrast.get("margin"),
        _half_width(contrast),
    )
    f, value = unit.factor, _estimate(interval)
    ends = bounds((interval or {}).get("low"), (interval or {}).get("high"), unit)
    said = f"{points(value, unit)}, interval {ends}" if value is not None else "no estimate"
    if margin:
        said += f"; margin ±{points(margin, unit, signed=False)}"
    if noise:
        said += f"; run-to-run noise ±{points(noise, unit, signed=False)}"
    return {
        "name": contrast.get("name", ""),
        "verdict": contrast.get("verdict") or "NO VERDICT",
        "value": points(value, unit) if value is not None else "",
        "ends": ends if value is not None else "no estimate",
        "description": f"{said}; verdict: {contrast.get('verdict') or 'NO VERDICT'}",
        "marks": _marks(interval, axis, unit),
        "inner": _marks(contrast.get("equivalence"), axis, unit),
        "margin": axis.span(-margin * f, margin * f) if margin else None,
        "noise": axis.span(-noise * f, noise * f) if noise else None,
    }


def dots(conditions: list[dict[str, Any]], unit: Unit) -> dict[str, Any] | None:
    """Rows and axis of the dot plot of strict and observed means; None where there is no mean."""
    drawn = [c for c in conditions if _estimate(c.get("strict")) is not None]
    if not drawn:
        return None
    if unit is POINTS:
        axis = nice_axis([0.0, 100.0], most_ticks=6)
        axis = Axis(
            -2.0,
            102.0,
            tuple((Axis(-2.0, 102.0, ()).at(v), f"{v:g}") for v in (0, 25, 50, 75, 100)),
        )
    else:
        axis = nice_axis([e for c in drawn for e in _ends(c["strict"], unit)])
    rows = []
    for c in drawn:
        differs = _estimate(c.get("observed")) not in (None, _estimate(c["strict"]))
        said = f"{c['label']}: strict {mean(c['strict'], unit)}"
        rows.append(
            {
                "name": c["label"],
                "value": f"{number(c['strict']['estimate'] * unit.factor)}{unit.suffix}",
                "ends": bounds(c["strict"].get("low"), c["strict"].get("high"), unit),
                "description": said
                + (f"; observed {mean(c['observed'], unit)}" if differs else ""),
                "marks": _marks(c["strict"], axis, unit),
                "observed": _marks(c["observed"], axis, unit) if differs else None,
            }
        )
    return {"axis": axis, "rows": rows, "any_observed": any(r["observed"] for r in rows)}


SHADES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Steps of the heat map, finer towards the full end, where a study's cells lie and differ."""


def shade(part: int, whole: int) -> int:
    """Shade of a heat map cell, 0 (none) to 10 (all); 10 only when really all.

    >>> shade(0, 5), shade(97, 100), shade(5, 5), shade(1, 100), shade(999, 1000)
    (0, 8, 10, 1, 9)
    """
    if not whole or not part:
        return 0
    return 10 if part == whole else 1 + sum(part / whole >= step for step in SHADES)


def _marks(interval: dict[str, Any] | None, axis: Axis, unit: Unit) -> dict[str, str] | None:
    """Positions of estimate and ends of an interval; ends are left out where there are none."""
    value = _estimate(interval)
    if interval is None or value is None:
        return None
    marks = {"estimate": axis.at(value * unit.factor)}
    if interval.get("low") is not None and interval.get("high") is not None:
        marks["low"] = axis.at(interval["low"] * unit.factor)
        marks["high"] = axis.at(interval["high"] * unit.factor)
    return marks


def _ends(interval: dict[str, Any], unit: Unit) -> list[float]:
    known = (interval.get(key) for key in ("estimate", "low", "high"))
    return [v * unit.factor for v in known if v is not None]


def _estimate(interval: dict[str, Any] | None) -> float | None:
    return (interval or {}).get("estimate")


def _half_width(contrast: dict[str, Any]) -> float | None:
    value: float | None = (contrast.get("noise") or {}).get("half_width")
    return value


def _shared(contrasts: list[dict[str, Any]], side: str) -> str:
    """The arm on one side of all contrasts, or a general word where they differ."""
    names = {str(c.get(side)) for c in contrasts}
    general = "first named" if side == "a" else "second named"
    return f"{names.pop() if len(names) == 1 else general} better"
