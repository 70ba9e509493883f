"""What inference.json says of the lost answers of one contrast: bounds, tipping point, differential loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.evidence import ITEMS
from splitplot.inference.grid import Bools, Grid, Ints
from splitplot.inference.intervals import Floats, Interval, is_binary, is_bounded
from splitplot.inference.missing import (
    Tipping,
    covering_interval,
    differential_loss,
    filling,
    tipping_point,
)
from splitplot.inference.sensitivity import Alternatives
from splitplot.inference.verdict import decide
from splitplot.inference.wording import counted, quoted
from splitplot.inference.words import (
    BETTER,
    BETTER_SIZE_OPEN,
    DIFFERENCE,
    EQUIVALENT,
    NON_INFERIOR,
    NOT_BETTER,
    WORSE,
    WORSE_SIZE_OPEN,
)


@dataclass(frozen=True)
class Filled:
    """One arm with its lost answers filled in, per item of the grid, shape (n_items,).

    low, high: its score with all of them wrong, all of them right; NaN where the item is not compared.
    item, weight: per lost answer, its item and by how much it moves the score.
    """

    low: Floats
    high: Floats
    item: Ints
    weight: Floats


@dataclass(frozen=True)
class _Claim:
    """A limit of an interval that a verdict needs: the lower one, of first − second, above `least`."""

    for_a: bool
    least: float
    level: float


def lost_answers(
    other: Alternatives,
    label_a: str,
    label_b: str,
    *,
    missing: str,
    margin: float,
    difference: Interval | None,
    equivalence: Interval | None,
    aim: str = DIFFERENCE,
) -> dict[str, Any] | None:
    """The `lost` entry of a contrast; None where no answer of either arm was lost.

    other: the contrast as pairs of cells of a grid. missing: its rule for unusable answers, strict or
    observed. difference, equivalence: its intervals with lost answers left out, whose word has to hold.
    """
    grid = other.grid
    cells_a, cells_b = ([pair[side] for pair in other.pairs] for side in (0, 1))
    n_a, n_b = (sum(int(grid.lost(cell).sum()) for cell in cells) for cells in (cells_a, cells_b))
    if n_a + n_b == 0:
        return None
    share_a, share_b = _shares(grid, cells_a), _shares(grid, cells_b)
    asked = ~(np.isnan(share_a) | np.isnan(share_b))
    cluster = grid.labels(asked, (share_a - share_b)[asked])
    p_value: float | None
    test: str | None
    try:
        p_value, test = differential_loss(
            share_a[asked], share_b[asked], cluster=cluster, seed=other.seed
        )
    except (TooFewClusters, ValueError):  # one cluster, or no item that both arms were asked
        p_value, test = None, None
    rows = np.concatenate(
        [np.arange(len(grid.rows.cell))[grid.rows_of(c)] for c in cells_a + cells_b]
    )
    bounded = is_bounded(grid.rows.strict[rows][~np.isnan(grid.rows.strict[rows])])
    return {
        "n_a": n_a,
        "n_b": n_b,
        "items": int((np.nan_to_num(share_a) + np.nan_to_num(share_b) > 0).sum()),
        "bounds": _bounds(other, label_a) if bounded else None,
        "tipping": _tipping(
            other, label_a, label_b, missing, margin, difference, equivalence, aim, (n_a, n_b)
        )
        if bounded
        else None,
        "differential_p": p_value,
        "differential_test": test,
    }


def _bounds(other: Alternatives, label: str) -> dict[str, Any] | None:
    """Both ends with the interval at each (Horowitz & Manski), and one interval over what lies between."""
    found = [rival.difference for rival in other.bounds(label)]
    if len(found) < 2:
        return None
    low, high = found
    covering = covering_interval(low, high)
    return {"low": low.to_json(), "high": high.to_json(), "covering": covering.to_json()}


def _tipping(
    other: Alternatives,
    label_a: str,
    label_b: str,
    missing: str,
    margin: float,
    difference: Interval | None,
    equivalence: Interval | None,
    aim: str,
    lost: tuple[int, int],
) -> dict[str, Any] | None:
    """The tipping point in words; None where nothing is claimed, or for a claim about these items."""
    if other.scope != ITEMS or difference is None or equivalence is None:
        return None
    word = decide(difference, equivalence, margin, aim)
    claims = _claims(word, margin, difference.level, equivalence.level)
    if not claims:
        return None
    arms = [filled_arm(other, side, missing) for side in (0, 1)]
    points = [(claim.for_a, _point(other, arms, claim)) for claim in claims]
    needed = min((point.needed for _, point in points if point.needed is not None), default=None)
    of = points[0][1].of
    return {
        "verdict": word,
        "needed": needed,
        "of": of,
        "sentence": _sentence(points, of, label_a, label_b, lost),
    }


def _claims(word: str, margin: float, level: float, inner: float) -> list[_Claim]:
    """What has to stay true for the word to be said, or a stronger one."""
    return {
        BETTER: [_Claim(True, margin, level)],
        BETTER_SIZE_OPEN: [_Claim(True, 0.0, level)],
        WORSE: [_Claim(False, margin, level)],
        WORSE_SIZE_OPEN: [_Claim(False, 0.0, level)],
        EQUIVALENT: [_Claim(True, -margin, inner), _Claim(False, -margin, inner)],
        NOT_BETTER: [_Claim(False, -margin, level)],
        NON_INFERIOR: [_Claim(True, -margin, level)],
    }.get(word, [])


def _point(other: Alternatives, arms: list[Filled], claim: _Claim) -> Tipping:
    first, second = arms if claim.for_a else arms[::-1]
    common = ~(np.isnan(first.high) | np.isnan(second.high))
    place = np.cumsum(common) - 1
    item = np.concatenate([first.item, second.item])
    weight = np.concatenate([first.weight, second.weight])
    kept = common[item]
    most, least = (first.high - second.low)[common], (first.low - second.high)[common]
    ends = np.concatenate([arm[common] for one in arms for arm in (one.low, one.high)])
    filled = filling(
        most,
        least,
        place[item[kept]],
        weight[kept],
        cluster=other.grid.labels(common, most, least),
        # Halves and thirds of an item could be filled in to other scores than 0 and 1.
        binary=is_binary(ends) and bool((weight[kept] == 1.0).all()),
    )
    return tipping_point(filled, claim.least, claim.level)


def filled_arm(other: Alternatives, side: int, missing: str) -> Filled:
    """One side of a contrast with its lost answers filled in: as `arms.build_arms`, item by item.

    Unlike there, an item of which a cell has lost answers alone is compared too. A score is a mean over
    the answers to an item in a cell, then over the cells, so a lost one weighs one over both numbers.
    """
    grid = other.grid
    n = len(grid.items)
    counts = [[_counted(grid, cell, missing) for cell in pair] for pair in other.pairs]
    both = [(np.bincount(_items(grid, pair[0])[a], minlength=n) > 0)
            & (np.bincount(_items(grid, pair[1])[b], minlength=n) > 0)
            for pair, (a, b) in zip(other.pairs, counts, strict=True)]  # fmt: skip
    cells = np.sum(both, axis=0)
    low, high = np.zeros(n), np.zeros(n)
    item, weight = [], []
    for pair, used, compared in zip(other.pairs, counts, both, strict=True):
        here = used[side]
        place = _items(grid, pair[side])[here]
        lost = grid.lost(pair[side])[here]
        score = _scores(grid, pair[side], missing)[here]
        answers = np.bincount(place, minlength=n) * cells
        share = np.where(compared, 1 / np.maximum(answers, 1), 0.0)
        low += np.bincount(place, weights=np.where(lost, 0.0, score), minlength=n) * share
        high += np.bincount(place, weights=np.where(lost, 1.0, score), minlength=n) * share
        item.append(place[lost & compared[place]])
        weight.append(share[item[-1]])
    absent = cells == 0
    return Filled(
        np.where(absent, np.nan, low),
        np.where(absent, np.nan, high),
        np.concatenate(item),
        np.concatenate(weight),
    )


def _items(grid: Grid, cell: int) -> Ints:
    return grid.rows.item[grid.rows_of(cell)]


def _scores(grid: Grid, cell: int, missing: str) -> Floats:
    rows = grid.rows.observed if missing == "observed" else grid.rows.strict
    return rows[grid.rows_of(cell)]


def _counted(grid: Grid, cell: int, missing: str) -> Bools:
    """Rows of the cell that count once lost answers are filled in."""
    counted_rows: Bools = grid.lost(cell) | ~np.isnan(_scores(grid, cell, missing))
    return counted_rows


def _shares(grid: Grid, cells: list[int]) -> Floats:
    """Per item, the share of its answers in the cells that was lost; NaN where it was never asked."""
    n = len(grid.items)
    asked, lost = np.zeros(n), np.zeros(n)
    for cell in cells:
        asked += np.bincount(_items(grid, cell), minlength=n)
        lost += np.bincount(_items(grid, cell), weights=grid.lost(cell), minlength=n)
    return np.where(asked == 0, np.nan, lost / np.maximum(asked, 1))


def _sentence(
    points: list[tuple[bool, Tipping]], of: int, a: str, b: str, lost: tuple[int, int]
) -> str:
    """One sentence: the verdict flips only if at least so many of so many lost answers went one way."""
    every = counted(of, "lost answer")
    if all(point.needed is None for _, point in points):
        if of == 1:
            return "The verdict would stand whether the 1 lost answer had been right or wrong."
        return f"The verdict would stand however the {every} had turned out."
    for for_a, point in points:
        if point.needed == 0:
            side = quoted(a if for_a else b)
            return (
                f"The verdict rests on leaving out the {every}: even with all of them counted for "
                f"{side} it may flip."
            )
    said = [_condition(for_a, point, a, b, lost) for for_a, point in points if point.needed]
    return f"The verdict flips only if {', or '.join(said)}."


def _condition(for_a: bool, point: Tipping, a: str, b: str, lost: tuple[int, int]) -> str:
    """What would have had to happen for the claim that favours one arm to fall."""
    share = (
        f"all {point.of}"
        if point.needed == point.of
        else f"at least {point.needed} of the {point.of}"
    )
    if point.of == 1:
        share = "the one"
    noun = "lost answer" if point.of == 1 else "lost answers"
    was = "was" if point.of == 1 else "were"
    if 0 in lost:
        only_b = lost[0] == 0
        right = only_b == for_a  # against a: answers of b right, answers of a wrong
        return (
            f"{share} {noun} of {quoted(b if only_b else a)} {was} {'right' if right else 'wrong'}"
        )
    hurt, helped = (a, b) if for_a else (b, a)
    return f"{share} {noun} had gone against {quoted(hurt)} (its own wrong, those of {quoted(helped)} right)"
