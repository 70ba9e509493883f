"""Where the variation comes from: the share of each component as a bar with its interval."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.plots.axis import Axis
from splitplot.report.plots.rows import LINE, ticks
from splitplot.report.plots.svg import NARROW, SIZE, SMALL, Sheet, fit
from splitplot.report.section import Figure, joined
from splitplot.report.wording import Unit, number, percent

PARTS = Axis(0.0, 100.0, tuple((float(v), f"{v}%") for v in (0, 25, 50, 75, 100)))


def components(rows: Sequence[Mapping[str, Any]], unit: Unit) -> Figure | None:
    """The figure of inference.json's component rows; None where none has a share."""
    kept = [row for row in rows if row.get("share") is not None]
    if not kept:
        return None
    descriptive = any(row.get("descriptive") for row in kept)
    legend = [
        ("tint", "share of the variation of single scores"),
        ("interval-bare", "95% interval"),
    ]
    if descriptive:
        legend.append(("hatch", "few levels: describes these, says nothing of others"))
    return Figure(
        "components",
        "Where the variation of single scores comes from",
        joined(f"{_label(row)}: {_value(row)}{_ends(row, unit)}" for row in kept),
        partial(_draw, rows=kept, unit=unit),
        tuple(legend),
    )


def _value(row: Mapping[str, Any]) -> str:
    return percent(row["share"], 1.0, 1) if row.get("detectable", True) else "not detectable"


def _ends(row: Mapping[str, Any], unit: Unit) -> str:
    low, high = row.get("low"), row.get("high")
    if low is None or high is None:
        note = _levels(row, unit)
        return f", {note}" if note else ""
    return f", interval {100 * low:.1f} to {100 * high:.1f}%"


def _label(row: Mapping[str, Any]) -> str:
    return str(row.get("label") or row.get("name") or "")


def _levels(row: Mapping[str, Any], unit: Unit) -> str:
    """The range of the means of its levels, which says more than a variance of few levels does."""
    low, high = row.get("range") or (None, None)
    if low is None or high is None:
        return ""
    ends = (f"{number(end * unit.factor)}{unit.suffix}" for end in (low, high))
    return f"its means: {' to '.join(ends)}"


def _draw(width: float, rows: Sequence[Mapping[str, Any]], unit: Unit) -> Sheet:
    narrow = width <= NARROW
    left, right = (6.0, width - 16.0) if narrow else (width * 0.36, width - 120.0)
    room = width - 116 if narrow else left - 16
    told = [[*fit(_label(row), room, lines=2), _levels(row, unit)] for row in rows]
    told = [[line for line in lines if line] for lines in told]
    steps = [LINE * len(lines) + (34 if narrow else 16) for lines in told]
    sheet = Sheet(width, 6 + sum(steps) + 28)
    y = 6.0
    for row, lines, step in zip(rows, told, steps, strict=True):
        middle = y + (step - 16 if narrow else step / 2)
        base = y + 15 if narrow else middle - (len(lines) - 1) * LINE / 2 + 4.5
        for place, line in enumerate(lines):
            note = place == len(lines) - 1 and line == _levels(row, unit)
            size, role = (SMALL, "soft") if note else (SIZE, "ink")
            sheet.text(0, base + place * LINE, line, role=role, size=size)
        bold = bool(row.get("detectable", True))
        at = y + 15 if narrow else middle + 4.5
        sheet.text(width, at, _value(row), role="ink", anchor="end", bold=bold)
        end = PARTS.at(100 * row["share"], left, right - left)
        sheet.line([left, left], [middle - 12, middle + 12], "soft", 1)
        if row.get("detectable", True) and end > left:
            fill = "hatch" if row.get("descriptive") else "tint"
            sheet.rect(left, middle - 8, max(end - left, 1), 16, fill, "accent")
        if row.get("low") is not None and row.get("high") is not None:
            ends = [PARTS.at(100 * row[key], left, right - left) for key in ("low", "high")]
            sheet.whisker(ends[0], ends[1], middle, "ink", 2, 5)
        y += step
    ticks(sheet, PARTS, left, right, y)
    return sheet
