"""Which arms are worth their cost: the front of cost and score, and how sure it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.grid import Bools
from splitplot.inference.intervals import Floats
from splitplot.inference.resampling.bootstrap import DRAWS, bootstrap_means, bootstrap_ratios
from splitplot.inference.resampling.intervals import MIN_UNITS


@dataclass(frozen=True)
class Front:
    """Of m arms, shape (m,) each, in the given order.

    mean: score. cost: per answer. on_front: no other arm is at least as good and as cheap, and better in one.
    probability: share of resamplings in which it is on the front. score_interval, cost_interval:
    percentiles of the resamplings, shape (m, 2). These three are None where `why_not`.
    """

    mean: Floats
    cost: Floats
    on_front: Bools
    probability: Floats | None
    score_interval: Floats | None
    cost_interval: Floats | None
    why_not: str | None


def front(
    scores: ArrayLike,
    cost: ArrayLike,
    answers: ArrayLike,
    cluster: ArrayLike | None = None,
    *,
    level: float = 0.95,
    seed: int,
    draws: int = DRAWS,
    workers: int | None = None,
) -> Front:
    """The Pareto front of arms that answered the same items, with membership by a joint bootstrap.

    scores: per item and arm, shape (n_items, m), finite. cost, answers: summed cost of an item's
        answers in an arm, and how many they are, same shape; cost per answer is a ratio of sums.
    Scores and costs are drawn with the same weights: what makes an item hard makes it dear.
    Raises ValueError for other shapes, NaN, or an arm without a costed answer.
    """
    table = np.asarray(scores, dtype=np.float64)
    spent, count = np.asarray(cost, dtype=np.float64), np.asarray(answers, dtype=np.float64)
    if table.ndim != 2 or spent.shape != table.shape or count.shape != table.shape:
        raise ValueError("need scores, costs and answers of items × arms")
    if not all(np.isfinite(values).all() for values in (table, spent, count)):
        raise ValueError("NaN or infinity; decide what a missing answer or cost means first")
    if (count.sum(axis=0) <= 0).any():
        raise ValueError("an arm has no answer with a known cost")
    mean, each = table.mean(axis=0), spent.sum(axis=0) / count.sum(axis=0)
    seen = members(each[None, :], mean[None, :])[0]
    units = table.shape[0] if cluster is None else np.unique(np.asarray(cluster)).size
    if units < MIN_UNITS:
        why = f"{units} items or clusters to draw from; below {MIN_UNITS} resampling covers too little"
        return Front(mean, each, seen, None, None, None, why)
    try:
        score_draws = bootstrap_means(table, cluster, draws, seed=seed, workers=workers)
        cost_draws = bootstrap_ratios(spent, count, cluster, draws, seed=seed, workers=workers)
    except TooFewClusters as problem:
        return Front(mean, each, seen, None, None, None, str(problem))
    # A draw that has no costed answer of some arm tells nothing about the front.
    usable = np.isfinite(cost_draws).all(axis=1)
    score_draws, cost_draws = score_draws[usable], cost_draws[usable]
    if not usable.any():
        return Front(mean, each, seen, None, None, None, "no resampling has a cost of every arm")
    share = members(cost_draws, score_draws).mean(axis=0)
    ends = [(1 - level) / 2, (1 + level) / 2]
    return Front(
        mean,
        each,
        seen,
        share,
        np.quantile(score_draws, ends, axis=0).T,
        np.quantile(cost_draws, ends, axis=0).T,
        None,
    )


def members(cost: Floats, score: Floats) -> Bools:
    """Who is on the front, row by row: shape (n_rows, m). Equals stand on it together."""
    beaten = np.zeros(cost.shape, dtype=np.bool_)
    for k in range(cost.shape[1]):
        c, s = cost[:, [k]], score[:, [k]]
        beaten |= (c <= cost) & (s >= score) & ((c < cost) | (s > score))
    return ~beaten
