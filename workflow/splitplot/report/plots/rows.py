"""Rows of estimates with their intervals on one axis: what forest, dot and sensitivity plots share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from splitplot.report.plots.axis import Axis, nice_axis
from splitplot.report.plots.svg import BOLD, NARROW, SMALL, Sheet, fit, width_of
from splitplot.report.wording import Unit

MOST_ROWS = 40
"""Rows of a figure; the table beside it goes on."""
LINE = 17
"""Pixels from one line of text to the next."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """An estimate and its interval in shown units, and how they are drawn."""

    estimate: float
    low: float | None = None
    high: float | None = None
    shape: str = "dot"
    hollow: bool = False
    inner: Span | None = None
    outer: Span | None = None

    def values(self) -> list[float]:
        """Every number that the axis must hold."""
        ends = [v for v in (self.low, self.high) if v is not None]
        return [self.estimate, *ends, *(self.inner or ()), *(self.outer or ())]


@dataclass(frozen=True)
class Row:
    """One row: a label with a note under it, a value with details under it, marks and bands.

    margin, noise: half-widths of bands around 0. A row without marks keeps its place; `head` begins a
    group. span: a range drawn as a pale bar behind the marks.
    """

    label: str
    note: str = ""
    value: str = ""
    detail: str = ""
    marks: tuple[Mark, ...] = ()
    margin: float | None = None
    noise: float | None = None
    span: Span | None = None
    head: bool = False


def mark(interval: Mapping[str, Any] | None, unit: Unit, **style: Any) -> tuple[Mark, ...]:
    """The mark of an interval of inference.json, none where it has no estimate."""
    value = (interval or {}).get("estimate")
    if interval is None or value is None:
        return ()
    ends = span(interval, unit)
    low, high = ends if ends else (None, None)
    return (Mark(value * unit.factor, low, high, **style),)


def span(interval: Mapping[str, Any] | None, unit: Unit) -> Span | None:
    """Both ends of an interval in shown units; None where one is absent."""
    low, high = (interval or {}).get("low"), (interval or {}).get("high")
    return (low * unit.factor, high * unit.factor) if low is not None and high is not None else None


def draw(
    width: float,
    rows: Sequence[Row],
    *,
    zero: bool = True,
    sides: tuple[str, str] | None = None,
    suffix: str = "",
    within: Span | None = None,
    title: str = "",
) -> Sheet:
    """The rows above their axis.

    zero: the axis holds 0, and a dashed line marks it. sides: words over the left and the right half.
    title: what the axis measures.
    """
    narrow = width <= NARROW
    left, right, value_room = _columns(width, rows)
    signed = zero
    values = [v for row in rows for v in _values(row)] + ([0.0] if zero else [])
    axis = nice_axis(
        values, signed=signed, most_ticks=5 if narrow else 7, suffix=suffix, within=within
    )
    room = width - value_room if narrow else left - 16
    labels = [
        fit(row.label, width / BOLD if row.head else room, lines=1 if row.head else 2)
        for row in rows
    ]
    heights = [_height(row, label, narrow) for row, label in zip(rows, labels, strict=True)]
    if rows[0].head:
        heights[0] -= 12
    top = 24 if sides else 6
    bottom = top + sum(heights)
    sheet = Sheet(width, bottom + (46 if title else 28))
    if sides:
        half = (right - left) / 2 - 8
        sheet.text(left, 14, fit(f"◂ {sides[0]}", half, size=SMALL)[0], size=SMALL)
        sheet.text(right, 14, _right_side(sides[1], half), size=SMALL, anchor="end")
    y = float(top)
    places: list[float] = []
    for row, height in zip(rows, heights, strict=True):
        middle = y + height - 20 if narrow else y + height / 2
        if not row.head:
            places.append(middle)
        _bands(sheet, row, axis, (left, right), (y, height), middle, narrow)
        y += height
    ticks(sheet, axis, left, right, bottom)
    strips = [(m - 17, m + 17) for m in places] if narrow else [(float(top), float(bottom))]
    for strip in strips:
        _grid(sheet, axis, (left, right), strip, zero=zero)
    y = float(top)
    middles = iter(places)
    for row, label, height in zip(rows, labels, heights, strict=True):
        middle = y if row.head else next(middles)
        _words(sheet, row, label, room, (y, height), middle)
        for place, one in enumerate(row.marks):
            shift = (place - (len(row.marks) - 1) / 2) * 13
            _mark(sheet, one, axis, left, right, middle + shift)
        y += height
    if title:
        sheet.text((left + right) / 2, bottom + 40, title, size=SMALL, anchor="middle")
    return sheet


def _grid(sheet: Sheet, axis: Axis, ends: Span, strip: Span, *, zero: bool) -> None:
    """The line at 0, or pale ones at the ticks; on a phone only where no text stands."""
    left, right = ends
    for value in (0.0,) if zero else tuple(value for value, _ in axis.ticks):
        x = axis.at(value, left, right - left)
        if zero:
            sheet.line([x, x], strip, "ink", 1, (3, 3))
        else:
            sheet.line([x, x], strip, "line", 1)


def ticks(sheet: Sheet, axis: Axis, left: float, right: float, y: float) -> None:
    """A horizontal axis at `y` with its labels under it."""
    sheet.line([left, right], [y, y], "soft", 1)
    for value, label in axis.ticks:
        x = axis.at(value, left, right - left)
        sheet.line([x, x], [y, y + 5], "soft", 1)
        sheet.text(min(max(x, 12), sheet.width - 12), y + 19, label, size=SMALL, anchor="middle")


def _columns(width: float, rows: Sequence[Row]) -> tuple[float, float, float]:
    """Where the drawing begins and ends, and the room for values at the right."""
    room = max(
        (max(width_of(r.value) * BOLD, width_of(r.detail, SMALL)) for r in rows), default=0.0
    )
    if width <= NARROW:
        return 8.0, width - 8.0, min(max(room + 8, 90.0), width / 2)
    return width * 0.34, width - min(max(room + 24, 116.0), width * 0.3), 0.0


def _values(row: Row) -> list[float]:
    found = [v for one in row.marks for v in one.values()]
    for half in (row.margin, row.noise):
        found += [-half, half] if half else []
    return found + list(row.span or ())


def _height(row: Row, label: list[str], narrow: bool) -> float:
    lines = len(label) + bool(row.note)
    if row.head:
        return LINE * lines + 22
    if narrow:
        return LINE * max(lines, 1 + bool(row.detail)) + 14 + 24 + 6 * (len(row.marks) > 1)
    return max(LINE * lines + 14, 38, 46 if row.noise or row.margin else 0)


def _bands(
    sheet: Sheet, row: Row, axis: Axis, ends: Span, box: Span, middle: float, narrow: bool
) -> None:
    """The margin as a grey band, run-to-run noise hatched, a range as a pale bar."""
    left, right = ends
    length = right - left
    if row.margin:
        a, b = (axis.at(s * row.margin, left, length) for s in (-1, 1))
        top = middle - 18 if narrow else box[0]
        sheet.rect(a, top, b - a, 36 if narrow else box[1], "band")
    if row.span:
        a, b = (axis.at(v, left, length) for v in row.span)
        sheet.rect(a, middle - 12, max(b - a, 1), 24, "dots", "soft")
    if row.noise:
        a, b = (axis.at(s * row.noise, left, length) for s in (-1, 1))
        sheet.rect(a, middle - 12, b - a, 24, "hatch", "soft")


def _words(sheet: Sheet, row: Row, label: list[str], room: float, box: Span, middle: float) -> None:
    """Label and note at the left, value and detail at the right; on a phone above the marks."""
    width = sheet.width
    narrow = width <= NARROW
    lines = len(label) + bool(row.note)
    y = box[0] + 15 if narrow else middle - (lines - 1) * LINE / 2 + 4.5
    if row.head:
        y = box[0] + box[1] - 6 - (lines - 1) * LINE
    for place, line in enumerate(label):
        sheet.text(0, y + place * LINE, line, role="ink", bold=row.head)
    if row.note:
        sheet.text(0, y + len(label) * LINE, fit(row.note, room, size=SMALL)[0], size=SMALL)
    two = bool(row.detail)
    y = box[0] + 15 if narrow else middle - two * LINE / 2 + 4.5
    sheet.text(width, y, row.value, role="ink", anchor="end", bold=True)
    sheet.text(width, y + LINE, row.detail, size=SMALL, anchor="end")


def _mark(sheet: Sheet, one: Mark, axis: Axis, left: float, right: float, y: float) -> None:
    length = right - left
    if one.outer:
        a, b = (axis.at(v, left, length) for v in one.outer)
        sheet.whisker(a, b, y, "soft", 1, 3)
    if one.low is not None and one.high is not None:
        ends = (axis.at(one.low, left, length), axis.at(one.high, left, length))
        sheet.whisker(*ends, y, "soft" if one.hollow else "ink", 1.3 if one.hollow else 2, 5)
    if one.inner:
        a, b = (axis.at(v, left, length) for v in one.inner)
        sheet.line([a, b], [y, y], "ink", 5)
    fill, edge = ("paper", "ink") if one.hollow else ("accent", "paper")
    size = 9 if one.hollow else 12
    sheet.mark(axis.at(one.estimate, left, length), y, one.shape, size, fill, edge)


def _right_side(words: str, room: float) -> str:
    return f"{fit(words, room - 16, size=SMALL)[0]} ▸"
