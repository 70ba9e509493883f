"""Amounts of answers that were cut off at the token limit: what is known of them, and what a verdict must
stand up to.

An answer that was cut off counts with what it took up to there, which is what was paid; whole it would
have taken more. So an arm may take less because it was cut off. The verdict must also hold without the
items of such answers, and with those answers gone on as far as the other arm's.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from splitplot.inference.checks import MAX_LOST, MIN_ITEMS, TRUNCATION_GAP
from splitplot.inference.evidence import Evidence
from splitplot.inference.grid import Bools, Grid
from splitplot.inference.intervals import Floats
from splitplot.inference.taken import Taken
from splitplot.inference.wording import percent, quoted

LEFT_OUT = "items with a cut-off answer left out"
GONE_ON = "cut-off answers gone on like the other arm's"
SUPPOSING = {
    LEFT_OUT: "over the items of which no answer was cut off",
    GONE_ON: "if they had gone on like those of the other arm that got as far",
}
"""The analyses that a verdict must stand up to, with what they suppose in words that end a sentence."""


def cut_items(grid: Grid, cells: Sequence[int]) -> Bools:
    """Per item of the grid: whether an answer of it was cut off in any of the cells."""
    found = np.zeros(len(grid.items), dtype=np.bool_)
    for cell in cells:
        here = grid.rows_of(cell)
        found[grid.rows.item[here][grid.rows.truncated[here]]] = True
    return found


def is_cut_off(e: Evidence) -> bool:
    """Whether so many answers of an arm were cut off that its amounts must be counted otherwise too."""
    return max(e.a.truncated, e.b.truncated) > TRUNCATION_GAP


def counted_otherwise(found: Taken, cut_a: Bools, cut_b: Bools) -> dict[str, Taken]:
    """What both arms took, by name: without the items of cut-off answers, where enough remain; and with
    those answers gone on, where anything is known of how far. cut_a, cut_b: per common item."""
    others: dict[str, Taken] = {}
    whole = ~(cut_a | cut_b)
    if whole.sum() >= MIN_ITEMS:
        others[LEFT_OUT] = found.only(whole)
    a, b = gone_on(found.a, cut_a, found.b[~cut_b]), gone_on(found.b, cut_b, found.a[~cut_a])
    if (a > found.a).any() or (b > found.b).any():
        others[GONE_ON] = replace(found, a=a, b=b)
    return {name: other for name, other in others.items() if other.possible}


def gone_on(amounts: Floats, cut: Bools, whole: Floats) -> Floats:
    """The amounts of an arm with those that were cut off at c replaced by the mean of the other arm's whole
    ones that reach c; as they are where none does.

    Where both arms take alike E(B | B ≥ c) is E(A | A ≥ c), so that the sum of the result is right however
    the limit was set (the tail of the pooled distribution, as Efron 1967 gives censored ones).
    amounts, cut: per common item, shape (n_items,). whole: of the other arm's items without a cut.
    """
    order = np.sort(whole)
    sums = np.concatenate([np.cumsum(order[::-1])[::-1], [0.0]])
    first = np.searchsorted(order, amounts, side="left")
    reached = order.size - first
    tail = sums[first] / np.maximum(reached, 1)
    result: Floats = np.where(cut & (reached > 0), np.maximum(amounts, tail), amounts)
    return result


def cut_off_bars(e: Evidence, n_whole: int) -> list[str]:
    """Why cut-off answers leave no verdict: hardly anything is left without them, or they are more than
    could be lost either. n_whole: common items without a cut-off answer.

    None where the arm that was cut off less takes less for certain: whole the other takes more still.
    """
    if e.difference is None or e.n_items < MIN_ITEMS or not is_cut_off(e):
        return []
    more, less_ahead = (
        (e.a, e.difference.high < 0)
        if e.a.truncated >= e.b.truncated
        else (e.b, e.difference.low > 0)
    )
    if n_whole >= MIN_ITEMS and more.truncated <= MAX_LOST:
        return []
    if less_ahead and abs(e.a.truncated - e.b.truncated) > TRUNCATION_GAP:
        return []
    return [
        f"{percent(more.truncated)} of the answers of {quoted(more.name)} were cut off, so what they would "
        "have taken is not known; raise max_tokens"
    ]
