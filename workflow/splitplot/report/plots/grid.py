"""The design as a grid: of every cell, how much came back complete, cut off, unreadable or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from splitplot.report.plots.svg import NARROW, SMALL, Sheet, fit
from splitplot.report.section import Figure, first, joined
from splitplot.report.wording import LOST, percent

MOST_ROWS, MOST_COLUMNS = 40, 30
FILLS = ((0, "tint"), (1, "hatch"), (2, "dots"), (3, "paper"))
"""Parts of a cell in the order they are drawn, and their fills."""


@dataclass(frozen=True)
class Line:
    """A trial: its name, its settings, and per condition the counts of outcomes (None: not planned)."""

    model: str
    sampling: str
    cells: tuple[Mapping[str, int] | None, ...]


def parts(counts: Mapping[str, int]) -> tuple[int, int, int, int]:
    """Answers of a cell: complete and readable, cut off, otherwise unreadable, lost.

    >>> parts({"ok": 8, "truncated": 1, "refused": 2, "missing": 3})
    (8, 1, 2, 3)
    """
    lost = sum(counts.get(outcome, 0) for outcome in LOST)
    ok, cut = counts.get("ok", 0), counts.get("truncated", 0)
    return ok, cut, sum(counts.values()) - ok - cut - lost, lost


def grid(lines: Sequence[Line], columns: Sequence[str]) -> Figure:
    """The figure of all trials by all conditions."""
    kept = [Line(one.model, one.sampling, one.cells[:MOST_COLUMNS]) for one in lines[:MOST_ROWS]]
    present = [parts(c) for one in lines for c in one.cells if c]
    legend = (
        ("tint", "complete and readable"),
        ("hatch", "cut off at the token limit"),
        ("dots", "refused, empty or unreadable"),
        ("hollow-box", "lost: no answer came"),
    )
    told = [
        f"{one.model} {one.sampling}, {column}: {_told(counts)}"
        for one in lines
        for column, counts in zip(columns, one.cells, strict=True)
        if counts
    ]
    return Figure(
        "grid",
        "The design: what came back of every cell, with the share that is complete and readable",
        joined(first(told, 12, "cells")),
        partial(_draw, lines=kept, columns=list(columns[:MOST_COLUMNS])),
        tuple(entry for place, entry in enumerate(legend) if any(p[place] for p in present)),
    )


def _told(counts: Mapping[str, int]) -> str:
    ok, cut, unreadable, lost = parts(counts)
    text = f"{ok:,} of {sum(counts.values()):,} complete"
    kinds = ((cut, "cut off"), (unreadable, "unreadable"), (lost, "lost"))
    return text + "".join(f", {n:,} {words}" for n, words in kinds if n)


def _draw(width: float, lines: Sequence[Line], columns: Sequence[str]) -> Sheet:
    narrow = width <= NARROW
    left = 0.0 if narrow else width * 0.3
    step = min((width - left) / len(columns), 190)
    slanted = step < 64
    top = 92 if slanted else 40
    height = 62 if narrow else 46
    sheet = Sheet(width, top + height * len(lines) + 4)
    for place, name in enumerate(columns):
        x = left + place * step
        if slanted:
            words = fit(name, top - 8, size=SMALL)[0]
            sheet.text(x + step / 2 + 4, top - 4, words, size=SMALL, angle=90)
        else:
            words_in = fit(name, step - 8, size=SMALL, lines=2)
            for number, words in enumerate(words_in):
                sheet.text(x, top - 10 - 16 * (len(words_in) - 1 - number), words, size=SMALL)
    y = float(top)
    for one in lines:
        if narrow:
            words = fit(f"{one.model}  {one.sampling}", width)[0]
            sheet.text(0, y + 13, words, role="ink")
        else:
            sheet.text(0, y + 17, fit(one.model, left - 14)[0], role="ink")
            sheet.text(0, y + 33, fit(one.sampling, left - 14, size=SMALL)[0], size=SMALL)
        for place, counts in enumerate(one.cells):
            box = (left + place * step, y + (16 if narrow else 0), step - (8 if step > 30 else 3))
            _cell(sheet, box, counts)
        y += height
    return sheet


def _cell(sheet: Sheet, box: tuple[float, float, float], counts: Mapping[str, int] | None) -> None:
    """One cell: its share as text where there is room, and its parts as a bar."""
    x, y, width = box
    if counts is None:
        sheet.text(x, y + 30, "not planned" if width > 70 else "–", size=SMALL)
        return
    total = sum(counts.values())
    shares = parts(counts)
    if width >= 36:
        sheet.text(x, y + 17, percent(shares[0], total), role="ink", bold=True)
    if width >= 104 and shares[3]:
        sheet.text(x + width, y + 17, f"{shares[3]:,} lost", size=SMALL, anchor="end", role="bad")
    at = x
    for place, fill in FILLS:
        long = width * shares[place] / total if total else 0
        if long:
            sheet.rect(at, y + 23, long, 14, fill, "soft", (2, 2) if fill == "paper" else None)
        at += long
