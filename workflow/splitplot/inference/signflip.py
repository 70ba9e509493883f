"""Sign-flip permutation: the test of a mean difference of 0, and its inversion as an interval.

If A and B are exchangeable, each item's difference (each cluster's, where items come in clusters) could
as well have had the other sign. The p-value is the share of sign patterns that are at least as extreme.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitplot.inference.clusters import ClusterSums, cluster_sums
from splitplot.inference.intervals import (
    EQUAL,
    Floats,
    Interval,
    as_scores,
    constant_bounds,
    is_constant,
)

DRAWS = 9_999
"""Random patterns where enumeration is too long: the p-value is then (b + 1)/10,000."""

EXACT_UNITS = 16
"""Up to this many units that can flip, all 2^n patterns are enumerated."""

TOLERANCE = 1e-9
"""Relative slack in "at least as extreme": float sums of the same numbers differ in their last bits."""

CHUNK = 512
"""Patterns held in memory at a time."""


@dataclass(frozen=True)
class PermutationTest:
    """A two-sided p-value. patterns: how many were looked at, the observed one included.

    exact: whether these are all patterns. floor: the smallest p-value this test could have given.
    """

    p_value: float
    patterns: int
    exact: bool
    floor: float
    method: str


def sign_flip_test(
    differences: ArrayLike, *, cluster: ArrayLike | None = None, seed: int = 0
) -> PermutationTest:
    """Studentised sign-flip test that the mean difference is 0 (Janssen 1999; Hemerik et al. 2020).

    differences: A − B per item, shape (n_items,), in an order that does not depend on the file
        (by item id), so that the same seed gives the same p-value.
    cluster: label per item; the items of a cluster then flip together, studentised by CR2.
    For single items the studentised statistic is a rising function of |mean|, which is what is compared.
    """
    scores = as_scores(differences)
    if cluster is None:
        return _test_items(scores, seed)
    return _test_clusters(cluster_sums(scores, cluster), seed)


def sign_flip_interval(differences: ArrayLike, *, level: float = 0.95, seed: int = 0) -> Interval:
    """The shifts that the sign-flip test does not reject at 1 − level, for a mean over single items.

    No search is needed: a pattern is at least as extreme as what was observed, at a shift below the
    mean, exactly when the shift is not below the smaller of the means of the flipped and of the kept
    differences (above the mean: the larger); the limits are order statistics of these subset means
    (Hartigan 1969, Tritchler 1984), exact for the patterns used. Assumes symmetric differences.
    """
    scores = as_scores(differences)
    if scores.size < 2:
        raise ValueError("a sign-flip interval needs at least two items")
    mean = float(scores.mean())
    if is_constant(scores):
        return constant_difference(scores, scores.size, level)
    lower, upper, patterns = [], [], 1
    for kept in _patterns(scores.size, seed):
        small, large = _subset_means(scores, kept)
        lower.append(small)
        upper.append(large)
        patterns += kept.shape[0]
    # The limit is the first value at which 1 + the count reaches a share above 1 − level.
    rank = int(np.floor((1 - level) * patterns + TOLERANCE))
    if rank < 1:
        raise ValueError(f"{scores.size} items cannot give a sign-flip interval at {level}")
    low = float(np.sort(np.concatenate(lower))[rank - 1])
    high = float(np.sort(-np.concatenate(upper))[rank - 1])
    se = float(scores.std(ddof=1) / np.sqrt(scores.size))
    return Interval(mean, min(low, mean), max(-high, mean), level, "sign-flip inversion", se)


def constant_difference(scores: Floats, units: int, level: float) -> Interval:
    """Interval of a mean difference when all `units` items (or clusters) have the same one.

    Raises ValueError for differences beyond −1…1, whose scale is unknown.
    """
    if np.abs(scores).max() > 1:
        raise ValueError("all differences are equal and have no known range: no interval exists")
    return constant_bounds(float(scores.mean()), units, -1.0, 1.0, level)


def _test_items(scores: Floats, seed: int) -> PermutationTest:
    moving = scores[np.abs(scores) > EQUAL]
    if moving.size == 0:
        return PermutationTest(1.0, 1, True, 1.0, "sign-flip (no item differs)")
    observed = abs(float(moving.sum()))
    slack = TOLERANCE * float(np.abs(moving).sum())
    count, patterns = 0, 1
    for sums in _signed_sums(moving, seed):
        count += int((np.abs(sums) >= observed - slack).sum())
        patterns += sums.size
    return _result(count, patterns, moving.size, "studentised sign-flip of items")


def _test_clusters(sums: ClusterSums, seed: int) -> PermutationTest:
    moving = np.abs(sums.total) > EQUAL
    if not moving.any():
        return PermutationTest(1.0, 1, True, 1.0, "cluster sign-flip (no cluster differs)")
    n = sums.n_items
    spread = 1 - sums.size / n
    total = sums.total[moving]
    cross = (sums.total * sums.size / spread)[moving]
    squares = float((sums.total**2 / spread).sum())
    sizes = float((sums.size**2 / spread).sum())

    def statistic(signs: Floats) -> Floats:
        """t² of the flipped clusters; infinite where the flipped residuals vanish."""
        mean = _row_sums(signs, total) / n
        variance = (squares - 2 * mean * _row_sums(signs, cross) + mean**2 * sizes) / n**2
        nothing = variance <= TOLERANCE**2 * squares
        t2: Floats = np.where(nothing, np.inf, mean**2 / np.where(nothing, 1.0, variance))
        return np.where(np.abs(mean) * n <= TOLERANCE * np.abs(total).sum(), 0.0, t2)

    observed = float(statistic(np.ones((1, total.size)))[0])
    count, patterns = 0, 1
    for signs in _patterns(total.size, seed):
        count += int((statistic(_as_signs(signs)) >= observed * (1 - TOLERANCE)).sum())
        patterns += signs.shape[0]
    return _result(count, patterns, total.size, "studentised sign-flip of whole clusters")


def _result(count: int, patterns: int, units: int, name: str) -> PermutationTest:
    """p = (count + 1)/patterns; the observed pattern, left out of the draws, is the one added."""
    exact = units <= EXACT_UNITS
    how = f"all {2**units:,} patterns" if exact else f"{patterns - 1:,} random patterns"
    return PermutationTest((count + 1) / patterns, patterns, exact, 1 / patterns, f"{name}, {how}")


def _patterns(units: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Blocks of keep (True) or flip (False) patterns, shape (≤ CHUNK, units), without the observed one.

    A pattern and its opposite give the same two-sided statistic, so enumeration keeps the first unit
    as it is: 2^(n−1) patterns stand for all 2^n.
    """
    if units <= EXACT_UNITS:
        shifts = np.arange(units - 1, dtype=np.int64)
        for start in range(1, 2 ** (units - 1), CHUNK):
            codes = np.arange(start, min(start + CHUNK, 2 ** (units - 1)), dtype=np.int64)
            flipped = (codes[:, None] >> shifts) & 1
            first = np.ones((codes.size, 1), dtype=np.bool_)
            yield np.concatenate([first, flipped == 0], axis=1)
        return
    for packed in _packed(units, seed):
        yield np.unpackbits(packed, axis=1, count=units).astype(np.bool_)


def _packed(units: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Blocks of random patterns, a bit a unit, shape (≤ CHUNK, ⌈units/8⌉)."""
    random = np.random.default_rng(seed)
    width = -(-units // 8)
    for start in range(0, DRAWS, CHUNK):
        rows = min(CHUNK, DRAWS - start)
        yield np.frombuffer(random.bytes(rows * width), dtype=np.uint8).reshape(rows, width)


def _signed_sums(values: Floats, seed: int) -> Iterator[Floats]:
    """Sums of the values under each pattern of `_patterns`, block by block.

    A byte of a random pattern stands for eight units: their 256 sums are made once, and a pattern is
    one of them per byte, an eighth of the additions and of the memory.
    """
    if values.size <= EXACT_UNITS:
        for kept in _patterns(values.size, seed):
            yield _row_sums(_as_signs(kept), values)
        return
    width = -(-values.size // 8)
    eights = np.zeros(width * 8)
    eights[: values.size] = values
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float64)
    partial = np.einsum("wk,bk->wb", eights.reshape(width, 8), bits).ravel()
    place = np.arange(width) * 256
    total = float(values.sum())
    for packed in _packed(values.size, seed):
        kept_sums: Floats = partial[packed + place].sum(axis=1)
        yield 2 * kept_sums - total


def _subset_means(scores: Floats, kept: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The smaller and the larger of the means of kept and of flipped differences, per pattern.

    Where one of the two is empty the pattern is the observed one or its opposite, which is at least
    as extreme at every shift: −∞ and ∞.
    """
    n, total = scores.size, float(scores.sum())
    size = kept.sum(axis=1)
    inside = _row_sums(kept.astype(np.float64), scores)
    whole = (size == 0) | (size == n)
    mean_kept = inside / np.where(whole, 1, size)
    mean_flipped = (total - inside) / np.where(whole, 1, n - size)
    small = np.where(whole, -np.inf, np.minimum(mean_kept, mean_flipped))
    large = np.where(whole, np.inf, np.maximum(mean_kept, mean_flipped))
    return small, large


def _as_signs(kept: NDArray[np.bool_]) -> Floats:
    """1 where a unit is kept, −1 where it is flipped."""
    return kept.astype(np.float64) * 2 - 1


def _row_sums(patterns: Floats, values: Floats) -> Floats:
    """patterns @ values without BLAS, whose last bits depend on the number of threads."""
    sums: Floats = np.einsum("ij,j->i", patterns, values)
    return sums
