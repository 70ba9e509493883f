"""The difference of two arms that answered different items: Newcombe, Welch, permutation of labels.

Pairs cancel how hard the items are; without them that difficulty is in the interval. For arms with common
items the estimators of `paired` are the better ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitplot.inference.clusters import cr2_mean
from splitplot.inference.intervals import (
    EQUAL,
    Floats,
    Interval,
    as_scores,
    is_binary,
    is_constant,
    t_mean,
    t_quantile,
    wilson,
)
from splitplot.inference.signflip import DRAWS, EXACT_UNITS, TOLERANCE, PermutationTest

CELLS = 4_000_000
"""Labels held in memory at a time."""


@dataclass(frozen=True)
class UnpairedResult:
    """A − B over different items. difference at 1 − α, equivalence at 1 − 2α; p_value two-sided, of 0."""

    difference: Interval
    equivalence: Interval
    p_value: float
    test: str
    n_a: int
    n_b: int


def unpaired_comparison(
    a: ArrayLike,
    b: ArrayLike,
    *,
    cluster_a: ArrayLike | None = None,
    cluster_b: ArrayLike | None = None,
    alpha: float = 0.05,
    seed: int = 0,
) -> UnpairedResult:
    """Compare arms with items of their own, in an order that does not depend on the file.

    a, b: score per item, shapes (m,) and (n,). 0/1 scores: Newcombe; others: Welch; clusters (given for
    both arms or for neither): Welch with the CR2 variance of either arm. The test permutes the labels of
    items (clusters). Raises ValueError where no interval exists, TooFewClusters below 2 in an arm.
    """
    levels = (1 - alpha, 1 - 2 * alpha)
    difference, equivalence = (
        unpaired_difference(a, b, cluster_a=cluster_a, cluster_b=cluster_b, level=level)
        for level in levels
    )
    test = label_permutation_test(a, b, cluster_a=cluster_a, cluster_b=cluster_b, seed=seed)
    sizes = np.asarray(a).size, np.asarray(b).size
    return UnpairedResult(difference, equivalence, test.p_value, test.method, *sizes)


def unpaired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    cluster_a: ArrayLike | None = None,
    cluster_b: ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    """Mean of a − mean of b for items like these; the interval by design as in `unpaired_comparison`."""
    first, second = as_scores(a, "a"), as_scores(b, "b")
    if (cluster_a is None) != (cluster_b is None):
        raise ValueError("clusters must be given for both arms or for neither")
    if cluster_a is not None and cluster_b is not None:
        arms = cr2_mean(first, cluster_a, level), cr2_mean(second, cluster_b, level)
        return _welch_of(*arms, level, "Welch on CR2, unpaired")
    if is_binary(first) and is_binary(second):
        return newcombe(int(first.sum()), first.size, int(second.sum()), second.size, level)
    return welch(first, second, level)


def newcombe(x_a: int, n_a: int, x_b: int, n_b: int, level: float = 0.95) -> Interval:
    """Difference of independent proportions by the hybrid score interval (Newcombe 1998, method 10):
    d − √((p_a − l_a)² + (u_b − p_b)²) … d + √((u_a − p_a)² + (p_b − l_b)²) with Wilson's limits l, u.

    Raises ValueError for impossible counts.
    """
    return _mover(wilson(x_a, n_a, level), wilson(x_b, n_b, level), level, "Newcombe, unpaired")


def welch(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """Difference of means with unequal variances and Satterthwaite's df (Welch 1947).

    Where an arm does not vary its variance says nothing: then the limits of the two means are combined
    as Newcombe's are (Zou & Donner 2008), with the exact bound for equal scores within 0…1.
    """
    first, second = as_scores(a, "a"), as_scores(b, "b")
    if min(first.size, second.size) < 2:
        raise ValueError("an unpaired comparison needs at least two items in both arms")
    return _welch_of(t_mean(first, level), t_mean(second, level), level, "Welch, unpaired")


def label_permutation_test(
    a: ArrayLike,
    b: ArrayLike,
    *,
    cluster_a: ArrayLike | None = None,
    cluster_b: ArrayLike | None = None,
    seed: int = 0,
) -> PermutationTest:
    """Permutation of arm labels over items (clusters) with Welch's statistic, two-sided.

    Studentised, it keeps its level also where the arms have equal means and unequal variances (Janssen
    1997; Chung & Romano 2013). 0/1 scores without clusters: exact from the hypergeometric law; else all
    labellings where they are at most 2^16, or 9,999 random ones and p = (b + 1)/(m + 1).
    """
    first, second = as_scores(a, "a"), as_scores(b, "b")
    units_a, units_b = _units(first, cluster_a), _units(second, cluster_b)
    count = units_a.shape[1]
    pooled = np.concatenate([units_a, units_b], axis=1)
    n = pooled.shape[1]
    if min(count, n - count) < 2:
        raise ValueError("a permutation of labels needs at least two units in both arms")
    if is_constant(pooled[0] / pooled[1]):
        return PermutationTest(1.0, 1, True, 1.0, "permutation of labels (all scores are equal)")
    if cluster_a is None and cluster_b is None and is_binary(first) and is_binary(second):
        return _hypergeometric_test(int(first.sum()), count, int(pooled[0].sum()), n)
    observed = float(_welch_squares(pooled, (np.arange(n) < count)[None, :])[0])
    hits, patterns = 0, 0
    exact = comb(n, count) <= 2**EXACT_UNITS
    for chosen in _labellings(n, count, exact, seed):
        hits += int((_welch_squares(pooled, chosen) >= observed * (1 - TOLERANCE)).sum())
        patterns += chosen.shape[0]
    if not exact:  # the observed labelling is one more
        hits, patterns = hits + 1, patterns + 1
    what = "items" if cluster_a is None else "whole clusters"
    how = f"all {patterns:,} labellings" if exact else f"{patterns - 1:,} random labellings"
    name = f"studentised permutation of labels of {what}, {how}"
    return PermutationTest(hits / patterns, patterns, exact, 1 / patterns, name)


def _mover(first: Interval, second: Interval, level: float, method: str) -> Interval:
    """The limits of a difference from those of both parts."""
    d = first.estimate - second.estimate
    below = np.hypot(first.estimate - first.low, second.high - second.estimate)
    above = np.hypot(first.high - first.estimate, second.estimate - second.low)
    se = float(np.hypot(first.se or 0.0, second.se or 0.0))
    return Interval(d, float(d - below), float(d + above), level, method, se)


def _welch_of(first: Interval, second: Interval, level: float, method: str) -> Interval:
    """From the t intervals of both means; from their limits where one of them has no t interval."""
    if first.df is None or second.df is None or not first.se or not second.se:
        return _mover(first, second, level, f"{method}, limits combined")
    v, w = first.se**2, second.se**2
    df = (v + w) ** 2 / (v**2 / first.df + w**2 / second.df)
    d, se = first.estimate - second.estimate, float(np.sqrt(v + w))
    half = t_quantile(level, df) * se
    return Interval(d, d - half, d + half, level, method, se, df)


def _units(scores: Floats, cluster: ArrayLike | None) -> Floats:
    """Sum and size of each unit that is labelled as a whole, shape (2, n_units)."""
    if cluster is None:
        return np.stack([scores, np.ones(scores.size)])
    _, index = np.unique(np.asarray(cluster), return_inverse=True)
    return np.stack([np.bincount(index, weights=scores), np.bincount(index)]).astype(np.float64)


def _welch_squares(units: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Squared Welch statistic per labelling, shape (patterns,); infinite where neither arm varies."""
    total, size = units
    columns = np.stack([total, size, total**2, total * size, size**2], axis=1)
    mask = chosen.astype(np.float64)
    inside = np.einsum("pn,nk->pk", mask, columns)
    outside = columns.sum(axis=0) - inside
    count = chosen.sum(axis=1)
    gap, variance = 0.0, 0.0
    for sign, sums, k in ((1, inside, count), (-1, outside, chosen.shape[1] - count)):
        t, m, tt, tm, mm = sums.T
        mean = t / m
        gap = gap + sign * mean
        squares = np.maximum(tt - 2 * mean * tm + mean**2 * mm, 0.0)
        variance = variance + k / (k - 1) * squares / m**2
    nothing = np.abs(gap) <= EQUAL * np.abs(total).max()
    flat = variance <= (TOLERANCE * np.abs(total).max()) ** 2
    statistic: Floats = np.where(flat, np.inf, gap**2 / np.where(flat, 1.0, variance))
    return np.where(nothing, 0.0, statistic)


def _labellings(n: int, count: int, exact: bool, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Blocks of which units are in the first arm, shape (≤ rows, n)."""
    rows = max(1, min(4096, CELLS // n))
    if exact:
        every = combinations(range(n), count)
        while block := list(islice(every, rows)):
            chosen = np.zeros((len(block), n), dtype=np.bool_)
            chosen[np.arange(len(block))[:, None], np.array(block)] = True
            yield chosen
        return
    random = np.random.default_rng(seed)
    for start in range(0, DRAWS, rows):
        keys = random.random((min(rows, DRAWS - start), n))
        yield keys <= np.partition(keys, count - 1, axis=1)[:, count - 1 : count]


def _hypergeometric_test(x_a: int, n_a: int, x: int, n: int) -> PermutationTest:
    """All labellings of 0/1 scores: the number of ones in the first arm is hypergeometric."""
    from scipy.special import gammaln

    support = np.arange(max(0, x - (n - n_a)), min(x, n_a) + 1)
    log = -gammaln(support + 1) - gammaln(x - support + 1)
    log = log - gammaln(n_a - support + 1) - gammaln(n - n_a - x + support + 1)
    mass = np.exp(log - log.max())
    p, q = support / n_a, (x - support) / (n - n_a)
    variance = p * (1 - p) / (n_a - 1) + q * (1 - q) / (n - n_a - 1)
    gap = np.abs(p - q)
    flat = variance <= EQUAL
    t2 = np.where(flat, np.where(gap <= EQUAL, 0.0, np.inf), gap**2 / np.where(flat, 1.0, variance))
    hit = t2 >= t2[support == x_a] * (1 - TOLERANCE)
    p_value = min(1.0, float(mass[hit].sum() / mass.sum()))
    name = "studentised permutation of labels of items, all labellings (hypergeometric)"
    patterns = min(comb(n, n_a), 2**62)
    return PermutationTest(p_value, patterns, True, 1 / patterns, name)
