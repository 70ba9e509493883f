"""Variance components where several raters grade every answer: rater is a factor crossed with answers.

    score = μ + every factor and interaction + item + item × every factor + run
            + the same terms once more, each with the rater

`run` is nested in item × cell, and every run is graded by all J raters: two strata of error,

    E MS(run) = σ²_{run × rater} + J σ²_run,    E MS(run × rater) = σ²_{run × rater}

so that the run is tested against run × rater, and what raters disagree about in single answers is no run
noise. Above them the expected mean squares of `ems` hold, with the rater as one more factor (Searle,
Casella & McCulloch 1992, ch. 4; Brennan 2001, ch. 3).
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from splitplot.inference.components.crossed import ITEM, RUN, Term, subsets
from splitplot.inference.components.ems import projected_squares, strata
from splitplot.inference.components.shares import (
    COMBINATIONS,
    DRAWS,
    FEW_LEVELS,
    ROUNDING,
    Source,
    resampled,
)
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats
from splitplot.inference.resampling.intervals import MIN_UNITS

RATER, ANSWER = "rater", "answer"


@dataclass(frozen=True)
class RaterSums:
    """What each item adds to the mean squares.

    square: ‖projection of the item's cell × rater means on T‖² per set T of `subsets`, the rater being
    the last factor. mean: those means, shape (n_items, n_cells·J). run, rest: sums of squares between
    runs (over raters), and of run × rater, shape (n_items,).
    """

    factors: tuple[str, ...]
    n_levels: tuple[int, ...]
    replications: int
    square: Floats
    mean: Floats
    run: Floats
    rest: Floats

    @property
    def n_raters(self) -> int:
        """J."""
        return self.n_levels[-1]


def rater_sums(scores: Floats, factors: tuple[str, ...], n_levels: tuple[int, ...]) -> RaterSums:
    """Per-item sums of a balanced design.

    scores: shape (n_items, n_cells, replications, n_raters), the cells being all combinations of the
    factors' levels in the order of nested loops. Raises ValueError for NaN, fewer than two items or
    raters, or a factor with one level.
    """
    n_items, n_cells, replications, n_raters = scores.shape
    if not np.isfinite(scores).all():
        raise ValueError("NaN or infinity; keep the answers that all raters graded")
    if n_items < 2:
        raise ValueError("variance components need at least two items")
    if n_raters < 2 or min(n_levels, default=2) < 2 or prod(n_levels) != n_cells:
        raise ValueError("need at least two raters, and a complete crossing of two levels or more")
    by_rater, by_run = scores.mean(axis=2), scores.mean(axis=3)
    cell = by_rater.mean(axis=2)
    run = n_raters * ((by_run - cell[..., None]) ** 2).sum(axis=(1, 2))
    rest = scores - by_run[..., None] - by_rater[:, :, None, :] + cell[..., None, None]
    mean = by_rater.reshape(n_items, n_cells * n_raters)
    levels = (*n_levels, n_raters)
    square = projected_squares(mean, levels)
    within = (rest**2).sum(axis=(1, 2, 3))
    return RaterSums((*factors, RATER), levels, replications, square, mean, run, within)


def rater_terms(sums: RaterSums) -> tuple[Term, ...]:
    """The terms in the order of `rater_components`. With one replication the highest interaction of the
    item without the rater is called `run` (with one cell: the item), and that with it `answer × rater`."""
    sets = [tuple(sums.factors[j] for j in s) for s in subsets(len(sums.factors))]
    with_item: list[Term] = [(ITEM, *s) for s in sets]
    if sums.replications > 1:
        return (*sets[1:], *with_item, (RUN,), (ANSWER, RATER))
    cell = sums.factors[:-1]
    renamed: dict[Term, Term] = {(ITEM, *sums.factors): (ANSWER, RATER)}
    if cell:
        renamed[(ITEM, *cell)] = (RUN,)
    return (*sets[1:], *(renamed.get(term, term) for term in with_item))


def rater_components(sums: RaterSums, weight: Floats, units: int | None = None) -> Floats:
    """Components per draw, shape (n_draws, n_terms), not clipped.

    weight: how often each item is in the draw, shape (n_draws, n_items). units: number of items or
    clusters drawn with replacement, None for the items as they are; what a draw adds to the mean squares
    is taken out as in `ems.components_of`.
    """
    n_items, replications = weight.sum(axis=1, keepdims=True), sums.replications
    sets = subsets(len(sums.factors))
    factor_part, item_part, _ = strata(sums, weight, units)
    if replications == 1:
        return np.concatenate([factor_part[:, 1:], item_part], axis=1)
    n_cells = sums.mean.shape[1] // sums.n_raters
    within = n_items[:, 0] * n_cells * (replications - 1)
    rest = (weight @ sums.rest) / (within * (sums.n_raters - 1))
    run = ((weight @ sums.run) / within - rest) / sums.n_raters
    cell = sets.index(tuple(range(len(sums.factors) - 1)))
    item_part[:, cell] -= run / replications
    item_part[:, -1] -= rest / replications
    return np.concatenate([factor_part[:, 1:], item_part, run[:, None], rest[:, None]], axis=1)


def decompose_raters(
    sums: RaterSums,
    *,
    cluster: Ints | None = None,
    level: float = 0.95,
    seed: int = 0,
    draws: int = DRAWS,
) -> tuple[Source, ...]:
    """Every source that is shown, with its share and an interval by resampling items.

    cluster: code per item, 0 … G − 1; None: every item by itself. Sources of factors and raters alone
    with few levels are descriptive and have no interval. Raises ValueError for scores that do not vary.
    """
    n_items = sums.mean.shape[0]
    units = n_items if cluster is None else int(cluster.max()) + 1
    names = rater_terms(sums)
    estimate = rater_components(sums, np.ones((1, n_items)))[0]
    total = float(np.maximum(estimate, 0.0).sum())
    if total <= 0:
        raise ValueError("the scores do not vary: there is no variance to share")
    groups = _groups(names, sums.factors[:-1])
    ends = None
    if units >= MIN_UNITS:
        drawn = np.maximum(
            resampled(
                lambda weight: rater_components(sums, weight, units), units, cluster, seed, draws
            ),
            0.0,
        )
        shares = drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 1e-300)
        pooled = np.stack([shares[:, index].sum(axis=1) for index in groups.values()], axis=1)
        ends = np.quantile(pooled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    few = {name for name, n in zip(sums.factors, sums.n_levels, strict=True) if n < FEW_LEVELS}
    found = []
    for place, (term, index) in enumerate(groups.items()):
        positive = float(np.maximum(estimate[index], 0.0).sum())
        variance = positive if positive > 0 else float(estimate[index].sum())
        of_levels = term[0] not in (ITEM, RUN, ANSWER)
        parts = [part for i in index for part in names[i]]
        descriptive = of_levels and any(part in few for part in parts)
        low, high = (None, None) if ends is None or descriptive else ends[:, place].tolist()
        found.append(
            Source(
                term,
                variance,
                max(0.0, variance) / total,
                low,
                high,
                variance > ROUNDING * total,
                descriptive,
            )
        )
    return tuple(found)


def _groups(names: tuple[Term, ...], factors: tuple[str, ...]) -> dict[Term, list[int]]:
    """Sources that are shown → positions. What raters disagree about beyond the item is one source, all
    interactions of the item with an arm and the rater, and of the run with the rater: `answer × rater`."""
    groups: dict[Term, list[int]] = {}
    for index, name in enumerate(names):
        groups.setdefault(_group(name, factors), []).append(index)
    return groups


def _group(name: Term, factors: tuple[str, ...]) -> Term:
    arms = tuple(part for part in name if part in factors)
    if name[0] == ITEM and RATER in name:
        return (ANSWER, RATER) if arms else name
    if name[0] == ITEM:
        return (ITEM, COMBINATIONS) if len(factors) > 2 and len(arms) > 1 else name
    return (COMBINATIONS, RATER) if RATER in name and len(arms) > 1 else name
