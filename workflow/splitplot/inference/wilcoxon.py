"""Wilcoxon's signed-rank test with Pratt's treatment of ties at 0: a sensitivity analysis of paired scores.

It asks whether the differences are symmetric about 0, not whether their mean is 0: it stands beside the
default test, never in its place. 0/1 scores are refused: their exact test is McNemar's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitplot.inference.intervals import Floats, as_scores, is_binary

EXACT_ITEMS = 200
"""Up to this many items the permutation distribution is computed in full; beyond it the normal one is within
.001 of it where p < .1, and within .015 anywhere (thirds, many ties)."""

DIGITS = 12
"""Significant digits of the scores that count: what float subtraction leaves below is no difference."""


@dataclass(frozen=True)
class SignedRankTest:
    """p_value: two-sided. rank_sum: of the positive differences, zeros ranked but not summed (Pratt).

    zeros: items without a difference. exact: from the whole permutation distribution given the ranks.
    """

    p_value: float
    rank_sum: float
    n_items: int
    zeros: int
    exact: bool
    method: str


def signed_rank_test(a: ArrayLike, b: ArrayLike) -> SignedRankTest:
    """Wilcoxon signed-rank test of a against b, zeros ranked with the rest and dropped after (Pratt 1959).

    a, b: score per item, shape (n_items,), same items in the same order. Exact up to `EXACT_ITEMS` items,
    given ties and zeros (each non-zero rank is + or − with probability ½); above, the normal
    approximation with the variance for ties and zeros (Cureton 1967), no continuity correction.
    p = 1 where no item differs. Raises ValueError for 0/1 scores in both arms: use `mcnemar`.
    """
    first, second = as_scores(a, "a"), as_scores(b, "b")
    if first.shape != second.shape:
        raise ValueError("a and b must be scores of the same items")
    if is_binary(first) and is_binary(second):
        raise ValueError(
            "0/1 scores: the signed-rank test is not for them; use McNemar's exact test"
        )
    steps = difference_steps(first, second)
    n, zeros = steps.size, int((steps == 0).sum())
    if zeros == n:
        return SignedRankTest(1.0, 0.0, n, zeros, True, "Wilcoxon signed-rank (no item differs)")
    twice = _twice_ranks(np.abs(steps))
    moving = steps != 0
    positive = int(twice[steps > 0].sum())
    exact = n <= EXACT_ITEMS
    if exact:
        p_value = _exact_p(twice[moving], positive)
        method = "Wilcoxon signed-rank, Pratt, exact with ties"
    else:
        p_value = _normal_p(twice[moving], positive)
        method = "Wilcoxon signed-rank, Pratt, normal with ties"
    return SignedRankTest(p_value, positive / 2, n, zeros, exact, method)


def difference_steps(a: Floats, b: Floats) -> NDArray[np.int64]:
    """a − b as whole numbers of steps of 1e-12 of the largest score's power of ten, shape (n_items,).

    Equal differences get equal numbers, and equal scores 0: of thirds and sevenths float subtraction
    makes several different values. The step goes by the scores, not by the difference, which may
    itself be nothing but rounding: 0.1 + 0.2 − 0.3 = 5.6e-17.
    """
    return np.rint((a - b) / difference_step(a, b)).astype(np.int64)


def difference_step(a: Floats, b: Floats) -> float:
    """The step of `difference_steps`, in units of the scores."""
    largest = max(float(np.abs(a).max()), float(np.abs(b).max()))
    exponent = int(np.floor(np.log10(largest))) if largest > 0 else 0
    return float(10.0 ** (exponent + 1 - DIGITS))


def signed_rank_distribution(twice_ranks: NDArray[np.int64]) -> Floats:
    """P(sum = s) for s = 0…Σ, each of the ranks being in the sum or not with probability ½.

    twice_ranks: ranks times two, so that mean ranks of ties are whole, shape (n,).
    """
    law = np.zeros(int(twice_ranks.sum()) + 1)
    law[0] = 1.0
    reached = 0
    for rank in np.sort(twice_ranks):
        step = int(rank)
        shifted = law[: reached + 1].copy()
        law[: reached + 1] *= 0.5
        law[step : step + reached + 1] += 0.5 * shifted
        reached += step
    return law


def _twice_ranks(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Twice the rank of each value, ties at their mean rank."""
    _, index, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks: NDArray[np.int64] = (2 * last - count + 1)[index].astype(np.int64)
    return ranks


def _exact_p(twice_ranks: NDArray[np.int64], positive: int) -> float:
    # All ranks even (no ties): half of the sums cannot occur, and the table is half as long.
    divisor = 1 if (twice_ranks % 2).any() else 2
    law = signed_rank_distribution(twice_ranks // divisor)
    least = min(positive, int(twice_ranks.sum()) - positive) // divisor
    return min(1.0, 2 * float(law[: least + 1].sum()))


def _normal_p(twice_ranks: NDArray[np.int64], positive: int) -> float:
    """With variance Σ r²/4 over the ranks that are left: n(n+1)(2n+1)/24 less the terms of zeros and ties."""
    from scipy.special import ndtr

    ranks = twice_ranks.astype(np.float64) / 2
    deviation = float(np.sqrt((ranks**2).sum()) / 2)
    z = (positive / 2 - float(ranks.sum()) / 2) / deviation
    return min(1.0, 2 * float(ndtr(-abs(z))))
