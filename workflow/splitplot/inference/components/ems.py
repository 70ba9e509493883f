"""Variance components of a balanced crossed design from expected mean squares, in closed form.

score = μ + every factor and interaction + item + item × every factor and interaction + run, all effects
random and independent, `run` nested in item × cell (Searle, Casella & McCulloch 1992, ch. 4; Brennan 2001,
ch. 3). With n_j the levels of factor j, K replications and T a set of factors:

    E MS(item × T) = σ²_run + K Σ_{U ⊇ T} σ²_{item × U} Π_{j ∉ U} n_j
    E MS(T) − E MS(item × T) = K I Σ_{U ⊇ T} σ²_U Π_{j ∉ U} n_j

which alternating sums over the sets that contain T solve for σ²_{item × T} and σ²_T.
"""

from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np

from splitplot.inference.components.crossed import ITEM, RUN, CrossedScores, Term, subsets
from splitplot.inference.intervals import Floats


@dataclass(frozen=True)
class Components:
    """Estimated variance per term, in squared units of the score; not clipped: below 0 is possible.

    variance: shape (n_terms,), or (n_draws, n_terms) for resampled items.
    """

    terms: tuple[Term, ...]
    variance: Floats

    def of(self, *term: str) -> float:
        """The estimate of one term. Raises KeyError for a term that the design cannot tell apart."""
        if term not in self.terms:
            raise KeyError(term)
        return float(self.variance[..., self.terms.index(term)])


class Crossed(Protocol):
    """Sums per item of a crossed design, be it with raters or without."""

    @property
    def square(self) -> Floats: ...
    @property
    def mean(self) -> Floats: ...
    @property
    def n_levels(self) -> tuple[int, ...]: ...
    @property
    def replications(self) -> int: ...
    @property
    def factors(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class ItemSums:
    """What each item adds to the mean squares: resampling items adds these up with weights.

    square: ‖projection of the item's cell means on T‖² per set T of `subsets`, shape (n_items, 2^F).
    mean: cell means, shape (n_items, n_cells). within: sum of squares over replications, (n_items,).
    """

    square: Floats
    mean: Floats
    within: Floats
    n_levels: tuple[int, ...]
    replications: int
    factors: tuple[str, ...]


def ems(scores: CrossedScores) -> Components:
    """Components of a balanced design. Raises ValueError for another design, or fewer than 2 items."""
    sums = item_sums(scores)
    return Components(terms(sums), components_of(sums, np.ones((1, scores.n_items)))[0])


def item_sums(scores: CrossedScores) -> ItemSums:
    """Per-item sums of a balanced design.

    Raises ValueError for another design, fewer than 2 items, or a factor with one level.
    """
    if not scores.balanced:
        raise ValueError("expected mean squares need a complete crossing with equal replications")
    if scores.n_items < 2:
        raise ValueError("variance components need at least two items")
    if min(scores.n_levels, default=2) < 2:
        raise ValueError("a factor with one level has no variance; leave it out")
    return ItemSums(
        projected_squares(scores.mean, scores.n_levels),
        scores.mean,
        scores.squares,
        scores.n_levels,
        int(scores.count[0, 0]),
        scores.factors,
    )


def terms(sums: ItemSums) -> tuple[Term, ...]:
    """The terms in the order of `components_of`. With one replication the highest interaction with the
    item and the run cannot be told apart: they are one term, `run`."""
    sets = [tuple(sums.factors[j] for j in s) for s in subsets(len(sums.factors))]
    with_item = sets if sums.replications > 1 else sets[:-1]
    return (*sets[1:], *((ITEM, *s) for s in with_item), (RUN,))


def components_of(sums: ItemSums, weight: Floats, resampled: int | None = None) -> Floats:
    """Components per draw, shape (n_draws, n_terms).

    weight: how often each item is in the draw, shape (n_draws, n_items).
    resampled: number of units (items or clusters) drawn with replacement, None for the items as they
        are. A draw's mean squares between items are (G − 1)/G of those of the sample, on average, and its
        means carry the noise of the sample and, once more, of the draw (Brennan 2001, ch. 6): both are
        taken out, so that the draws scatter around the estimates.
    """
    n_items, replications = weight.sum(axis=1, keepdims=True), sums.replications
    factor_part, item_part, with_item = strata(sums, weight, resampled)
    if replications == 1:
        return np.concatenate([factor_part[:, 1:], item_part[:, :-1], with_item[:, -1:]], axis=1)
    run = (weight @ sums.within)[:, None] / (n_items * sums.mean.shape[1] * (replications - 1))
    item_part[:, -1:] -= run / replications
    return np.concatenate([factor_part[:, 1:], item_part, run], axis=1)


def strata(sums: Crossed, weight: Floats, resampled: int | None) -> tuple[Floats, Floats, Floats]:
    """What mean squares give per draw, each of shape (n_draws, 2^F): the components of the factors'
    sets, those of their interactions with the items, and the mean squares of the latter.

    weight, resampled: as in `components_of`.
    """
    n_items, replications = weight.sum(axis=1, keepdims=True), sums.replications
    inflation = 1.0 if resampled is None else resampled / (resampled - 1)
    sets, levels = subsets(len(sums.factors)), sums.n_levels
    df = np.array([prod(levels[j] - 1 for j in s) for s in sets], dtype=np.float64)
    others = np.array([prod(n for j, n in enumerate(levels) if j not in s) for s in sets])
    mean: Floats = weight @ sums.mean / n_items
    of_mean = projected_squares(mean, levels)
    with_item: Floats = replications * inflation * (weight @ sums.square - n_items * of_mean)
    with_item /= (n_items - 1) * df
    noise = with_item if resampled is None else 2 * with_item
    item_part = alternating(with_item, sets) / (replications * others)
    factor_part = alternating(replications * n_items * of_mean / df - noise, sets)
    return factor_part / (replications * n_items * others), item_part, with_item


def alternating(mean_square: Floats, sets: list[tuple[int, ...]]) -> Floats:
    """Σ_{U ⊇ T} (−1)^{|U| − |T|} MS(U) for each T: Möbius inversion over the sets that contain T."""
    sign = np.array(
        [[(-1.0) ** (len(u) - len(t)) if set(t) <= set(u) else 0.0 for t in sets] for u in sets]
    )
    inverted: Floats = np.einsum("bu,ut->bt", mean_square, sign)
    return inverted


def projected_squares(mean: Floats, n_levels: tuple[int, ...]) -> Floats:
    """‖projection on the effect of T‖² for each set T of factors. mean: shape (n, n_cells)."""
    table = mean.reshape(-1, *n_levels)
    found = []
    for chosen in subsets(len(n_levels)):
        effect, repeats = table, 1
        for axis, n in enumerate(n_levels, start=1):
            average = effect.mean(axis=axis, keepdims=True)
            effect, repeats = (
                (effect - average, repeats) if axis - 1 in chosen else (average, repeats * n)
            )
        found.append(repeats * (effect**2).reshape(table.shape[0], -1).sum(axis=1))
    return np.stack(found, axis=1)
