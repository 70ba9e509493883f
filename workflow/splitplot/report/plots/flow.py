"""What became of the control's answers in another arm: bands from state to state, as wide as their counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from splitplot.report.endpoints import ANSWERABLE, change, in_order, moves, state
from splitplot.report.plots.svg import BOLD, NARROW, SIZE, SMALL, Sheet, fit, width_of
from splitplot.report.section import Figure, joined
from splitplot.report.wording import plural

TALL = 240.0
"""Pixels that all answers of one side take together."""
STEP, GAP = 19.0, 7.0
"""Least pixels from one state to the next, so that their labels do not meet; gap between two bars."""
BAR = 9.0
HEAD = 44.0
MOST_WIDE = 470.0
"""A side alone is not drawn wider than this."""
FILLS = {
    "same": ("band", "line"),
    "better": ("tint", "accent"),
    "worse": ("hatch", "ink"),
    "other": ("dots", "soft"),
}
"""What a change means → fill and edge of its band: told apart by lightness and pattern, not by colour."""
LEGEND = (
    ("same", "band", "unchanged"),
    ("better", "tint", "better: now right, or withheld where it was wrong or false"),
    ("worse", "hatch", "worse: no longer right, or wrong or false where it was withheld"),
    ("other", "dots", "changed, neither better nor worse"),
)
PLACES = (0.5, 0.44, 0.56, 0.38, 0.62, 0.32, 0.68, 0.26, 0.74, 0.2, 0.8, 0.14, 0.86)
"""Where along a band its count may stand, the best place first."""
THIN = 8.0
"""A band thinner than this carries its count only where it lies in no other band."""

Slot = tuple[float, float]


@dataclass(frozen=True)
class Band:
    """A band between two bars: its ends' upper edges, its thickness, its count and what it means."""

    before: str
    after: str
    left: float
    right: float
    thick: float
    count: int

    def middle(self, share: float) -> float:
        """Its middle, as a height in pixels, at this share of the way."""
        way = share * share * (3 - 2 * share)
        return self.left + (self.right - self.left) * way + self.thick / 2


def flow(flows: Sequence[Mapping[str, Any]], control: str, arm: str) -> Figure | None:
    """The figure of one arm's flows, answerable items beside unanswerable ones; None without answers."""
    drawn = [one for one in flows if moves(one)]
    if not drawn:
        return None
    drawn.sort(key=lambda one: not one.get("answerable"))
    kinds = {change(before, after) for one in drawn for before, after, _ in moves(one)}
    scale = " Each side is drawn to its own scale." if len(drawn) > 1 else ""
    return Figure(
        "answering-flow",
        f"What the answers with “{control}” became with “{arm}”.{scale}",
        joined(_told(one, control, arm) for one in drawn),
        partial(_draw, flows=drawn, control=control, arm=arm),
        tuple((sign, words) for kind, sign, words in LEGEND if kind in kinds),
    )


def title(one: Mapping[str, Any]) -> str:
    """“Answerable items: 120 answers”."""
    count = one.get("n_pairs")
    total = sum(n for _, _, n in moves(one)) if count is None else count
    return f"{ANSWERABLE[one.get('answerable')].capitalize()}: {plural(total, 'answer')}"


def _told(one: Mapping[str, Any], control: str, arm: str) -> str:
    steps = [
        f"{state(before)} stayed so {count:,}"
        if before == after
        else f"{state(before)} to {state(after)} {count:,}"
        for before, after, count in moves(one)
    ]
    return f"{title(one)}, “{control}” to “{arm}”: {', '.join(steps)}"


def _draw(width: float, flows: Sequence[Mapping[str, Any]], control: str, arm: str) -> Sheet:
    narrow = width <= NARROW
    beside = len(flows) > 1 and not narrow
    room = (width - 40) / 2 if beside else min(width, MOST_WIDE)
    sides = [_bands(one) for one in flows]
    heights = [HEAD + _depth(bands) + 10 for _, _, bands in sides]
    sheet = Sheet(width, max(heights) if beside else sum(heights) + 14 * (len(heights) - 1))
    x = y = 0.0
    for one, side, height in zip(flows, sides, heights, strict=True):
        _side(sheet, one, side, (x, y, room), (control, arm))
        x, y = (x + room + 40, y) if beside else (x, y + height + 14)
    return sheet


def _bands(one: Mapping[str, Any]) -> tuple[dict[str, Slot], dict[str, Slot], list[Band]]:
    """Bars of the control and of the arm (state → top, height), and the bands between them."""
    steps = moves(one)
    total = sum(count for _, _, count in steps)
    scale = TALL / total
    before, after = (
        _stack({name: sum(s[2] for s in steps if s[end] == name) for name in
                in_order(str(s[end]) for s in steps)}, scale)
        for end in (0, 1)
    )  # fmt: skip
    left, right = ({name: top for name, (top, _) in bars.items()} for bars in (before, after))
    found = []
    for start, end, count in steps:
        thick = count * scale
        found.append(Band(start, end, left[start], right[end], thick, count))
        left[start] += thick
        right[end] += thick
    return before, after, found


def _stack(counts: Mapping[str, int], scale: float) -> dict[str, Slot]:
    found = {}
    y = 0.0
    for name, count in counts.items():
        height = count * scale
        pad = max(0.0, (STEP - GAP - height) / 2)
        found[name] = (y + pad, height)
        y += max(height + GAP, STEP)
    return found


def _depth(bands: Sequence[Band]) -> float:
    """Pixels from the first bar to the end of the last, and of the label beside it."""
    return max(max(one.left, one.right) + max(one.thick, STEP - GAP) for one in bands)


def _side(
    sheet: Sheet,
    one: Mapping[str, Any],
    side: tuple[dict[str, Slot], dict[str, Slot], list[Band]],
    box: tuple[float, float, float],
    names: tuple[str, str],
) -> None:
    """One side: its title, the names of the arms, bars with their counts, bands between them."""
    x, y, room = box
    before, after, bands = side
    labels = [
        {name: _label(name, bands, at, left=left) for name in bars}
        for at, left, bars in ((0, True, before), (1, False, after))
    ]
    widths = [max(width_of(text, SMALL) for text in found.values()) + 8 for found in labels]
    left, right = x + widths[0] + BAR, x + room - widths[1] - BAR
    sheet.text(x, y + 14, title(one), role="ink", size=SIZE, bold=True)
    for at, anchor, name in ((x, "start", names[0]), (x + room, "end", names[1])):
        words = fit(name, room / 2 - 8, size=SMALL)[0]
        sheet.text(at, y + 33, words, size=SMALL, anchor=anchor)
    top = y + HEAD
    for band in sorted(bands, key=lambda b: (b.before != b.after, -b.count)):
        fill, edge = FILLS[change(band.before, band.after)]
        ends = (left, top + band.left), (right, top + band.right)
        sheet.ribbon(*ends, max(band.thick, 1.0), fill, edge)
    for bars, found, bar, at, anchor in (
        (before, labels[0], left - BAR, left - BAR - 6, "end"),
        (after, labels[1], right, right + BAR + 6, "start"),
    ):
        for name, (start, height) in bars.items():
            sheet.rect(bar, top + start, BAR, max(height, 1.0), "ink")
            middle = top + start + height / 2 + 4
            sheet.text(at, middle, found[name], role="ink", size=SMALL, anchor=anchor)
    for text, share, height in counts(bands, right - left):
        where = left + share * (right - left)
        sheet.text(where, top + height + 4, text, role="label", size=SMALL, anchor="middle")


def _label(name: str, bands: Sequence[Band], at: int, *, left: bool) -> str:
    """A state and its count; the count stands next to the bar."""
    total = sum(b.count for b in bands if (b.before, b.after)[at] == name)
    return f"{state(name)} {total:,}" if left else f"{total:,} {state(name)}"


def counts(bands: Sequence[Band], length: float) -> list[tuple[str, float, float]]:
    """(count, share of the way, height) of the bands whose count has room; changes come first.

    A count stands where no other one does, and there where its band is farthest from the others. The counts
    that find no room are in the table and in the description.
    """
    placed: list[tuple[float, float, float]] = []
    found = []
    for band in sorted(bands, key=lambda b: (b.before == b.after, -b.count)):
        half = width_of(f"{band.count:,}", SMALL) * BOLD / 2 + 3
        others = [one for one in bands if one is not band]
        best, free = None, 0.0 if band.thick < THIN else -length
        for share in PLACES:
            here, middle = share * length, band.middle(share)
            if any(abs(here - x) < half + w and abs(middle - y) < 14 for x, y, w in placed):
                continue
            room = min((abs(middle - o.middle(share)) - o.thick / 2 for o in others), default=THIN)
            if min(room, THIN) > free:
                best, free = share, min(room, THIN)
        if best is not None:
            placed.append((best * length, band.middle(best), half))
            found.append((f"{band.count:,}", best, band.middle(best)))
    return found
