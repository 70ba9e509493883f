"""Who is first, and how sure that is: rank sets from simultaneous intervals, and P(best) as a picture.

A rank set holds every rank that the data allow an arm; all sets hold at once with the stated confidence.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import cluster_sums, satterthwaite_df
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import EQUAL, Floats, Interval, is_bounded, t_mean
from splitplot.inference.paired import T_ITEMS, paired_difference
from splitplot.inference.resampling.bootstrap import DRAWS, bootstrap_means, unit_sums
from splitplot.inference.resampling.intervals import MIN_UNITS
from splitplot.inference.resampling.simultaneous import DRAWS as MAX_T_DRAWS
from splitplot.inference.resampling.simultaneous import (
    critical_value,
    exact_gram,
    pointwise_level,
)


@dataclass(frozen=True)
class Ranking:
    """Of m arms, in the given order.

    mean: shape (m,). rank_low, rank_high: first and last rank that the arm may have (1 is best).
    p_best: share of resamplings in which it has the highest mean, ties shared; None where `why_no_p_best`.
    differences: of every pair (i, j), i < j, arm i − arm j; None where no interval exists.
    level: of all rank sets together; level_each: of every difference alone.
    """

    mean: tuple[float, ...]
    rank_low: tuple[int, ...]
    rank_high: tuple[int, ...]
    p_best: tuple[float, ...] | None
    why_no_p_best: str | None
    differences: dict[tuple[int, int], Interval | None]
    level: float
    level_each: float
    method: str

    @property
    def order(self) -> list[int]:
        """Arms from the highest mean down; equal means in the given order."""
        return sorted(range(len(self.mean)), key=lambda i: -self.mean[i])


def rank_arms(
    scores: ArrayLike,
    cluster: ArrayLike | None = None,
    *,
    level: float = 0.95,
    seed: int,
    draws: int = DRAWS,
    max_t_draws: int = MAX_T_DRAWS,
    workers: int | None = None,
) -> Ranking:
    """Means, rank sets and P(best) of arms that answered the same items.

    scores: per item and arm, shape (n_items, m), m ≥ 2, finite, items in an order that does not depend
        on the file. cluster: label per item. draws: of the bootstrap behind P(best); max_t_draws: of
        the simulation behind the critical value.
    Rank sets (Mogstad, Romano, Shaikh & Wilhelm 2024, single step): from 1 + the number of arms that are
    better to m − the number that are worse, where an arm is better or worse if the simultaneous
    interval of the difference leaves out 0. That interval is the default one of the design (Tango,
    adjusted t, CR2) at the level that the max-T critical value of all pairs means for a single one.
    Raises ValueError for fewer than 2 items or arms or for NaN, TooFewClusters below 2 clusters.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError("need finite scores of at least 2 items and 2 arms")
    m = table.shape[1]
    each = level_of_pairs(table, cluster, level, seed, max_t_draws)
    differences = {
        (i, j): pair_interval(table[:, i], table[:, j], cluster, each)
        for i, j in combinations(range(m), 2)
    }
    above, below = [0] * m, [0] * m
    for (i, j), interval in differences.items():
        if interval is None:
            continue
        if interval.low > 0:
            below[i], above[j] = below[i] + 1, above[j] + 1
        elif interval.high < 0:
            below[j], above[i] = below[j] + 1, above[i] + 1
    units = table.shape[0] if cluster is None else np.unique(np.asarray(cluster)).size
    p_best, why = None, None
    if units < MIN_UNITS:
        why = f"{units} items or clusters to draw from; below {MIN_UNITS} resampling covers too little"
    else:
        p_best = probability_best(
            bootstrap_means(table, cluster, draws, seed=seed, workers=workers)
        )
    return Ranking(
        tuple(float(x) for x in table.mean(axis=0)),
        tuple(1 + count for count in above),
        tuple(m - count for count in below),
        p_best,
        why,
        differences,
        level,
        each,
        f"rank sets from simultaneous intervals of {len(differences)} differences (max-T)",
    )


def probability_best(means: ArrayLike) -> tuple[float, ...]:
    """Share of draws in which each column is highest, shape (draws, m) → m; k that tie get 1/k each.

    A picture of the data, no confidence: with equal arms it is spread about 1/m, and not evenly.
    """
    table = np.asarray(means, dtype=np.float64)
    highest = table >= table.max(axis=1, keepdims=True) - EQUAL
    share = (highest / highest.sum(axis=1, keepdims=True)).mean(axis=0)
    return tuple(float(x) for x in share)


def level_of_pairs(
    table: Floats, cluster: ArrayLike | None, level: float, seed: int, draws: int
) -> float:
    """The level of a single difference at the max-T critical value of all pairs of arms.

    From the covariance of the arms' means, not from columns of differences: m arms stand for all pairs.
    Pairs that never differ take no part; Bonferroni where that is all of them.
    """
    sums = unit_sums(table, cluster)
    gram = exact_gram(sums.influence)
    pairs: Ints = np.array(list(combinations(range(table.shape[1]), 2)))
    first, second = pairs[:, 0], pairs[:, 1]
    variance = gram[first, first] + gram[second, second] - 2 * gram[first, second]
    moving = np.flatnonzero(variance > EQUAL * np.diagonal(gram).max())
    if not moving.size:
        return 1 - (1 - level) / first.size
    i, j = first[moving], second[moving]
    shared = gram[np.ix_(i, i)] - gram[np.ix_(i, j)] - gram[np.ix_(j, i)] + gram[np.ix_(j, j)]
    size = np.sqrt(variance[moving])
    correlated = np.clip(shared / np.outer(size, size), -1.0, 1.0)
    np.fill_diagonal(correlated, 1.0)
    df = float(table.shape[0] + (1 if is_bounded(table) else -1))
    if cluster is not None:
        df = satterthwaite_df(cluster_sums(table[:, 0], cluster).size)
    return pointwise_level(critical_value(correlated, df, level, draws, seed), df)


def pair_interval(a: Floats, b: Floats, cluster: ArrayLike | None, level: float) -> Interval | None:
    """The default interval of the design; t for a few items on a scale without ends, where inverting the
    sign-flip test would need more patterns than there are at such a level."""
    try:
        bounded = is_bounded(a) and is_bounded(b)
        if cluster is None and not bounded and a.size < T_ITEMS and np.ptp(a - b) > EQUAL:
            return t_mean(a - b, level)
        return paired_difference(a, b, cluster=cluster, level=level)
    except ValueError:
        return None


def rank_text(low: int, high: int) -> str:
    """A rank set in words.

    >>> rank_text(1, 1), rank_text(1, 3)
    ('rank 1', 'rank 1 to 3')
    """
    return f"rank {low}" if low == high else f"rank {low} to {high}"
