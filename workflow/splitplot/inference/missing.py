"""Lost answers of a paired contrast: what they could have changed, and how many would have had to.

A lost answer (error, expired, over quota, never sent) could have been right or wrong. Bounds fill all of
them in for one arm and then for the other; the tipping point is the smallest number of them that had to go
against a claim for it to fall, over all ways of filling in the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import satterthwaite_df
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import (
    EQUAL,
    Floats,
    Interval,
    constant_bounds,
    t_quantile,
    z_quantile,
)
from splitplot.inference.mcnemar import mcnemar_exact, tango
from splitplot.inference.paired import PSEUDO_DIFFERENCES
from splitplot.inference.signflip import sign_flip_test

SCANNED = 2_000
"""Up to so many steps every number of them is tried; beyond, the first that tips is found by bisection."""

Method = Literal["Tango", "adjusted t", "CR2"]


@dataclass(frozen=True)
class Filling:
    """A contrast in which every lost answer is yet to be filled in, by item (or by cluster).

    best: sum of the item differences a − b of each unit with all lost answers for a, shape (n_units,).
    size: its items. steps: how many whole steps its sum can fall by if the answers go against a, one by
    one. step: the size of one, in score units. answer: the steps of each lost answer, shape (n_lost,).
    method: which interval of `paired_difference` the filled data get.
    """

    best: Floats
    size: Floats
    steps: Ints
    step: float
    answer: Ints
    method: Method

    @property
    def n_lost(self) -> int:
        """Lost answers in both arms."""
        return int(self.answer.size)


@dataclass(frozen=True)
class Tipping:
    """needed: the smallest number of lost answers against a that lets the claim fall, the others being
    for a; None where it holds however they went. of: lost answers in all.
    """

    needed: int | None
    of: int


def filling(
    best: ArrayLike,
    worst: ArrayLike,
    lost_item: ArrayLike,
    lost_weight: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    binary: bool = False,
) -> Filling:
    """best, worst: difference a − b per item with all lost answers for a, all against a, shape (n_items,).

    lost_item, lost_weight: per lost answer, its item and by how much the difference of the item falls if it
    goes against a. cluster: label per item, or None where every item stands alone. binary: 0/1 item scores
    in both arms however the answers are filled in.
    Raises ValueError for weights that are no multiples of a common step, for differences beyond −1…1, and
    where best and worst are not what the weights say.
    """
    top, bottom = np.asarray(best, dtype=np.float64), np.asarray(worst, dtype=np.float64)
    item, weight = np.asarray(lost_item, dtype=np.int64), np.asarray(lost_weight, dtype=np.float64)
    if np.abs(top).max() > 1 + EQUAL or np.abs(bottom).max() > 1 + EQUAL:
        raise ValueError("differences beyond −1…1: a lost answer has no known range")
    fall = np.bincount(item, weights=weight, minlength=top.size)
    if not np.allclose(top - bottom, fall, atol=1e-9):
        raise ValueError("the lost answers do not add up to the distance of best and worst")
    step = _common_step(weight)
    answer = np.round(weight / step).astype(np.int64)
    per_item = np.bincount(item, weights=answer, minlength=top.size)
    if cluster is None:
        method: Method = "Tango" if binary else "adjusted t"
        return Filling(top, np.ones(top.size), per_item.astype(np.int64), step, answer, method)
    code = np.unique(np.asarray(cluster), return_inverse=True)[1]
    return Filling(
        np.bincount(code, weights=top).astype(np.float64),
        np.bincount(code).astype(np.float64),
        np.bincount(code, weights=per_item).astype(np.int64),
        step,
        answer,
        "CR2",
    )


def tipping_point(filled: Filling, claim: float, level: float) -> Tipping:
    """The smallest number of lost answers against a that brings the lower limit down to `claim`, the
    others being for a. level: of the interval. A claim on the upper limit is one on b − a.

    Tried for a total of t = 0, 1, … steps: of all ways to spread t over the units the one with the
    widest interval counts, which for a given mean has the largest sum of squares. The square of a
    unit is convex in its steps, so no spread can beat the chords from none to all of its steps,
    taken in the order of their slopes. That is exact where a unit has one step, as 0/1 answers have but for
    items lost in both arms (whose parity is put right), and where whole units are filled; else it may
    name an answer too few, never one too many: "only if at least" stays true.
    """
    most = int(filled.steps.sum())

    def falls(total: int) -> bool:
        return _lowest_limit(filled, total, level) <= claim

    if most <= SCANNED:
        first = next((total for total in range(most + 1) if falls(total)), None)
    else:
        first = _bisected(falls, most)
    if first is None:
        return Tipping(None, filled.n_lost)
    reach = np.cumsum(np.sort(filled.answer)[::-1])  # the largest answers first: the fewest of them
    needed = 0 if first == 0 else int(np.searchsorted(reach, first)) + 1
    return Tipping(needed, filled.n_lost)


def _bisected(falls: Callable[[int], bool], most: int) -> int | None:
    if not falls(most):
        return None
    below, at = -1, most
    while at - below > 1:
        middle = (below + at) // 2
        below, at = (below, middle) if falls(middle) else (middle, at)
    return at


def covering_interval(low: Interval, high: Interval) -> Interval:
    """An interval that covers the difference itself, wherever between the bounds it lies, with the level
    of its ends (Imbens & Manski 2004): c standard errors beyond both, Φ(c + Δ/max SE) − Φ(−c) = level.

    low, high: the contrast with the lost answers all against and all for arm a (Horowitz & Manski 2000).
    c runs from the two-sided quantile, where the bounds meet, to the one-sided one. The standard errors
    are half the widths over the quantile that the intervals used.
    """
    from scipy.special import ndtr

    z = z_quantile(low.level)
    below, above = (low.estimate - low.low) / z, (high.high - high.estimate) / z
    gap, scale = max(0.0, high.estimate - low.estimate), max(below, above)
    least, most = z_quantile(2 * low.level - 1), z
    for _ in range(60):
        c = (least + most) / 2
        covered = ndtr(c + (gap / scale if scale > 0 else np.inf)) - ndtr(-c)
        least, most = (least, c) if covered >= low.level else (c, most)
    return Interval(
        (low.estimate + high.estimate) / 2,
        low.estimate - most * below,
        high.estimate + most * above,
        low.level,
        "Imbens-Manski over the bounds",
    )


def differential_loss(
    share_a: ArrayLike, share_b: ArrayLike, *, cluster: ArrayLike | None = None, seed: int = 0
) -> tuple[float, str]:
    """p-value of "both arms lose the same share of the answers to an item", and the name of the test.

    share_a, share_b: per item, the share of its answers that was lost, shape (n_items,). McNemar's exact
    test where every share is 0 or 1 and items stand alone, else the sign-flip test on the differences.
    """
    a, b = np.asarray(share_a, dtype=np.float64), np.asarray(share_b, dtype=np.float64)
    whole = bool(np.isin(np.concatenate([a, b]), (0.0, 1.0)).all())
    if cluster is None and whole:
        return mcnemar_exact(int((a > b).sum()), int((b > a).sum())), "McNemar exact on lost items"
    test = sign_flip_test(np.round(a - b, 12), cluster=cluster, seed=seed)
    return test.p_value, f"{test.method}, on the shares lost"


def _lowest_limit(filled: Filling, total: int, level: float) -> float:
    """The lower limit of the widest interval of the default method with `total` steps against a."""
    n = float(filled.size.sum())
    mean = (float(filled.best.sum()) - total * filled.step) / n
    if filled.method == "Tango":
        squares, balance = round(_most_squares(filled, total, 0.0)), round(n * mean)
        squares -= (squares - balance) % 2  # wins + losses and wins − losses: both odd or both even
        return tango((squares + balance) // 2, (squares - balance) // 2, round(n), level).low
    squares_about = _most_squares(filled, total, mean)
    if squares_about <= EQUAL:
        return constant_bounds(mean, filled.size.size, -1.0, 1.0, level).low
    if filled.method == "CR2":
        half = t_quantile(level, satterthwaite_df(filled.size)) * np.sqrt(squares_about) / n
        return float(mean - half)
    # With the two pseudo-differences of `paired.adjusted_t`, about the mean of all n + 2.
    centre = (mean * n + sum(PSEUDO_DIFFERENCES)) / (n + 2)
    about = squares_about + n * (mean - centre) ** 2
    about += sum((value - centre) ** 2 for value in PSEUDO_DIFFERENCES)
    half = t_quantile(level, n + 1) * np.sqrt(about / (n + 1) / (n + 2))
    return float(centre - half)


def _most_squares(filled: Filling, total: int, mean: float) -> float:
    """The largest Σ (sum − mean·size)²/(1 − size/n) over the units (the 1 − size/n for CR2 only)."""
    n = float(filled.size.sum())
    scale = 1 - filled.size / n if filled.method == "CR2" else np.ones_like(filled.size)
    none = (filled.best - mean * filled.size) ** 2 / scale
    some = filled.steps > 0
    steps = filled.steps[some]
    all_of_them = (filled.best[some] - steps * filled.step - mean * filled.size[some]) ** 2 / scale[
        some
    ]
    slope = (all_of_them - none[some]) / steps
    order = np.argsort(-slope, kind="stable")
    taken = np.clip(total - (np.cumsum(steps[order]) - steps[order]), 0, steps[order])
    return float(none.sum() + (slope[order] * taken).sum())


def _common_step(weight: Floats) -> float:
    """The largest step of which every weight is a whole multiple; weights are 1/k with small k."""
    counts = np.round(1 / weight).astype(np.int64)
    if not np.allclose(counts * weight, 1.0, atol=1e-9):
        raise ValueError("the weight of a lost answer is not one over a whole number")
    return 1.0 / float(np.lcm.reduce(counts))
