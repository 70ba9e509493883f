"""When a ratio of tokens, dollars or seconds would mean nothing, and what must be said beside one."""

from collections.abc import Sequence

import numpy as np

from splitplot.amounts import LATENCY, SCOPES, USD, Amount
from splitplot.inference.asked import Asked
from splitplot.inference.checks import LOST_NOTED, MAX_LOST, MIN_ITEMS
from splitplot.inference.clusters import TooFewClusters, cr2_mean
from splitplot.inference.data import StudyData
from splitplot.inference.evidence import FIXED, ITEMS
from splitplot.inference.intervals import Floats, is_bounded, t_mean
from splitplot.inference.sensitivity import Alternatives
from splitplot.inference.taken import Taken, column_of
from splitplot.inference.wording import listed, percent, quoted

BATCH = "batch"
SPOKEN_SCOPES = (FIXED, ITEMS)

UNEVEN_ITEMS = 200
UNEVEN = 2.0
WIDE = 0.5
"""Below so many items, where one arm's amounts vary (sd over mean) so many times as much as the other's,
and by half their mean or more, the interval favours the arm that varies more."""


def barred(
    data: StudyData, other: Alternatives, asked: Asked, amount: Amount, found: Taken
) -> list[str]:
    """Why a ratio of this amount would mean nothing, a clause each, with what to do."""
    if not other.pairs:
        return []
    found_bars: list[str] = []
    if asked.scope not in SPOKEN_SCOPES:
        found_bars.append(
            f"a ratio of {amount.noun} has no interval for {asked.scope} like these; declare one of: "
            f"{', '.join(SCOPES)}"
        )
    for side, label in enumerate((asked.label_a, asked.label_b)):
        found_bars += _arm_barred(data, other, amount, side, label)
    if amount.name == LATENCY:
        routes = [_routes(data, other, side) for side in (0, 1)]
        if BATCH in routes[0] + routes[1]:
            found_bars.append(
                "the seconds of answers by batch are those of a queue; send them with route realtime"
            )
        elif all(routes) and routes[0] != routes[1]:
            found_bars.append(
                f"the arms were asked by different routes ({listed(routes[0])} against "
                f"{listed(routes[1])}), whose seconds cannot be compared; send both by the same one"
            )
    if found.right_a is not None and found.right_b is not None:
        for right, label in ((found.right_a, asked.label_a), (found.right_b, asked.label_b)):
            found_bars += _denominator_barred(right, found, label, data.level)
    return found_bars


def _arm_barred(
    data: StudyData, other: Alternatives, amount: Amount, side: int, label: str
) -> list[str]:
    """What is wrong with an arm's amounts: most are not known, or all are 0."""
    came = _answers(data, other, side, amount)
    if not came.size:
        return []
    unknown = float(np.isnan(came).mean())
    noun = "dollars" if column_of(amount) == USD else amount.noun
    if unknown > MAX_LOST:
        why = "give its price in config/models.yaml" if noun == "dollars" else "use another metric"
        return [
            f"the {noun} of {percent(unknown)} of the answers of {quoted(label)} are not known; {why}"
        ]
    known = came[~np.isnan(came)]
    if (known < 0).any():
        return [f"some {noun} of {quoted(label)} are below 0, which no answer can take"]
    if not known.sum() > 0:
        free = ", as its answers are free; use tokens_out" if noun == "dollars" else ""
        return [f"the {noun} of {quoted(label)} are 0, and there is no ratio to 0{free}"]
    return []


def _denominator_barred(right: Floats, found: Taken, label: str, level: float) -> list[str]:
    """Whether what is divided by may be 0 as far as the data tell: then no ratio is bounded (Fieller)."""
    if right.size < 2:
        return []
    if not is_bounded(right):
        return ["right answers are counted by scores within 0 to 1, and these lie outside"]
    none = (
        f"{quoted(label)} was so rarely right that its share may be 0, and no cost per right answer"
    )
    if not right.sum() > 0:
        return [f"{quoted(label)} was never right, so it has no cost per right answer; use usd"]
    try:
        share = (
            t_mean(right, level) if found.cluster is None else cr2_mean(right, found.cluster, level)
        )
    except (TooFewClusters, ValueError):
        return []
    return [f"{none} is bounded then; use usd, or add items"] if share.low <= 0 else []


def noted(
    data: StudyData, other: Alternatives, asked: Asked, amount: Amount, found: Taken
) -> list[tuple[str, str]]:
    """What must be said beside a ratio of this amount."""
    remarks: list[tuple[str, str]] = []
    if amount.name == LATENCY:
        remarks.append(
            (
                "latency",
                "Seconds are those of the hour at which each answer was made, be it for another study: a "
                "provider's load, limits on the rate and other requests under way are in them.",
            )
        )
    if column_of(amount) == USD:
        routes = [_routes(data, other, side) for side in (0, 1)]
        if all(routes) and routes[0] != routes[1]:
            remarks.append(
                (
                    "routes_differ",
                    f"{quoted(asked.label_a)} went by {listed(routes[0])}, {quoted(asked.label_b)} by "
                    f"{listed(routes[1])}: dollars are those paid, and batches are cheaper whatever is "
                    "compared.",
                )
            )
    for side, label in enumerate((asked.label_a, asked.label_b)):
        came = _answers(data, other, side, amount)
        unknown = float(np.isnan(came).mean()) if came.size else 0.0
        if LOST_NOTED < unknown <= MAX_LOST:
            remarks.append(
                (
                    "amounts_unknown",
                    f"What {percent(unknown)} of the answers of {quoted(label)} took is not known; they "
                    "are left out.",
                )
            )
    return remarks + _uneven(asked, found)


def _uneven(asked: Asked, found: Taken) -> list[tuple[str, str]]:
    """That one arm's amounts vary so much more than the other's that the interval leans to it."""
    n = int(found.item.size)
    if asked.scope != ITEMS or not found.possible or not MIN_ITEMS <= n < UNEVEN_ITEMS:
        return []
    first, second = (float(v.std(ddof=1) / v.mean()) for v in (found.a, found.b))
    wide, narrow = max(first, second), min(first, second)
    if wide < WIDE or wide < UNEVEN * narrow:
        return []
    label = quoted(asked.label_a if first > second else asked.label_b)
    return [
        (
            "uneven_amounts",
            f"From item to item the amounts of {label} vary by {percent(wide)} of their mean, those of the "
            f"other arm by {percent(narrow)}. With {n} items the interval then says too often, and wrongly, "
            f"that {label} takes less: 4 to 13 times in 100 as measured, where 2 or 3 are meant. Add items.",
        )
    ]


def _answers(data: StudyData, other: Alternatives, side: int, amount: Amount) -> Floats:
    """The amounts of an arm's answers that came, NaN where unknown."""
    values = data.numbers(column_of(amount), other.grid)
    cells = dict.fromkeys(pair[side] for pair in other.pairs)
    return np.concatenate(
        [
            np.zeros(0),
            *(values[other.grid.rows_of(cell)][~other.grid.lost(cell)] for cell in cells),
        ]
    )


def _routes(data: StudyData, other: Alternatives, side: int) -> list[str]:
    """The routes of an arm's answers that came, sorted."""
    grid = other.grid
    codes = data.routes(grid)
    cells: Sequence[int] = list(dict.fromkeys(pair[side] for pair in other.pairs))
    found = [codes[grid.rows_of(cell)][~grid.lost(cell)] for cell in cells]
    return sorted({name for one in found for name in one if name})
