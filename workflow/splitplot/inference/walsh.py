"""Order statistics of the n(n + 1)/2 Walsh averages, without making them.

Few distinct values, as scores in whole steps are: all sums of two of them, each counted as often as it
occurs. Else bisection, O(n log n) a step.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FEW = 200_000
"""So many sums between the bounds are made and sorted; more are halved again."""


def walsh_order_statistics(values: NDArray[np.int64], ranks: Sequence[int]) -> list[int]:
    """For each rank k (from 1) the k-th smallest sum v_i + v_j over i ≤ j, twice the Walsh average.

    values: whole numbers, shape (n,), |v| < 2^61. Whole numbers make every count exact: bisection between
    the smallest and the largest sum ends after at most 62 steps. Raises ValueError for a rank out of range.
    """
    ordered = np.sort(values.astype(np.int64))
    n = ordered.size
    if n == 0 or not all(1 <= rank <= n * (n + 1) // 2 for rank in ranks):
        raise ValueError(f"ranks of {n} values must be within 1…n(n + 1)/2")
    levels, times = np.unique(ordered, return_counts=True)
    if levels.size * (levels.size + 1) // 2 <= FEW:
        return _of_levels(levels, times, ranks)
    found: dict[int, int] = {}
    for rank in ranks:
        if rank not in found:
            found[rank] = _one(ordered, rank)
    return [found[rank] for rank in ranks]


def _of_levels(
    levels: NDArray[np.int64], times: NDArray[np.int64], ranks: Sequence[int]
) -> list[int]:
    """The same from the distinct values and how often each is there: a sum of two levels p < q occurs
    times_p·times_q times, that of a level with itself times_p(times_p + 1)/2 times."""
    first, second = np.triu_indices(levels.size)
    often = times[first] * times[second]
    same = first == second
    often[same] = times * (times + 1) // 2
    sums = levels[first] + levels[second]
    order = np.argsort(sums, kind="stable")
    reached = np.cumsum(often[order])
    return [int(sums[order[np.searchsorted(reached, rank)]]) for rank in ranks]


def _one(ordered: NDArray[np.int64], rank: int) -> int:
    """Keeps: sums up to `low` are fewer than rank, sums up to `high` are not."""
    low, high = 2 * int(ordered[0]) - 1, 2 * int(ordered[-1])
    below, within = 0, ordered.size * (ordered.size + 1) // 2
    while high - low > 1 and within - below > FEW:
        middle = (low + high) // 2
        count = _count(ordered, middle)
        if count >= rank:
            high, within = middle, count
        else:
            low, below = middle, count
    if high - low == 1:
        return high
    sums = _sums(ordered, low, high)
    return int(np.partition(sums, rank - below - 1)[rank - below - 1])


def _count(ordered: NDArray[np.int64], limit: int) -> int:
    """How many of the sums are at most the limit."""
    return int(np.maximum(_ends(ordered, limit) - np.arange(ordered.size), 0).sum())


def _ends(ordered: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Per i the number of j, of all n, with v_i + v_j ≤ limit."""
    # Searched in rising order: neighbours in the search are neighbours in memory.
    return np.searchsorted(ordered, (limit - ordered)[::-1], "right")[::-1]


def _sums(ordered: NDArray[np.int64], low: int, high: int) -> NDArray[np.int64]:
    """All sums above low and up to high."""
    place = np.arange(ordered.size)
    start = np.maximum(_ends(ordered, low), place)
    count = np.maximum(_ends(ordered, high) - start, 0)
    first = np.repeat(place, count)
    offset = np.arange(first.size) - np.repeat(np.cumsum(count) - count, count)
    sums: NDArray[np.int64] = ordered[first] + ordered[start[first] + offset]
    return sums
