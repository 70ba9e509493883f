"""Which sources of variance a study shows, the share of each, and an interval by resampling items.

Balanced designs go by expected mean squares, others by restricted maximum likelihood. No draw refits
anything: the former adds up per-item squares, the latter takes one Newton step from the fit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from splitplot.inference.components.crossed import ITEM, RUN, CrossedScores, Term
from splitplot.inference.components.ems import components_of, item_sums, terms
from splitplot.inference.components.factors import factor_system
from splitplot.inference.components.reml import RemlFit, reml
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats
from splitplot.inference.resampling.intervals import MIN_UNITS
from splitplot.inference.resampling.weights import bootstrap_weights, chunks, on_grid

DRAWS = 2_000
"""Standard error of a 2.5 % tail: 0.35 points of probability."""

FEW_LEVELS = 5
"""A factor with fewer levels is described by them: a variance of two to four numbers is no estimate."""

ROUNDING = 1e-9
COMBINATIONS = "combinations"
"""How the interactions of the item with two factors or more are called together."""

EMS, REML = "expected mean squares", "item-factorised REML"


@dataclass(frozen=True)
class Source:
    """One term. variance: as estimated, below 0 where `detectable` is False; share: of the total, with
    0 for those. low, high: interval of the share, None where there is none. descriptive: made of factors
    with few levels only.
    """

    term: Term
    variance: float
    share: float
    low: float | None
    high: float | None
    detectable: bool
    descriptive: bool


@dataclass(frozen=True)
class Effect:
    """How much scores move with a factor (with several: as one would with the levels of the others), a
    variance: the sum of all components made of factors that hold it. low, high: of resampling items,
    the limits of an interval only from MIN_UNITS on. detectable: low is above 0.
    """

    variance: float
    low: float
    high: float
    detectable: bool


@dataclass(frozen=True)
class Decomposition:
    """method: EMS or REML. agree: both optimisers found the same maximum. run_known: run-to-run noise
    stands by itself; without replications it holds the highest interaction with the item.
    log_likelihoods: of both optimisers, None with EMS. effects: of every factor and pair of factors,
    none with a single unit.
    units: items or clusters that were drawn from.
    """

    method: str
    balanced: bool
    sources: tuple[Source, ...]
    total: float
    run_known: bool
    agree: bool = True
    log_likelihoods: tuple[float, float] | None = None
    effects: Mapping[Term, Effect] = field(default_factory=dict)
    units: int = 0

    def of(self, *term: str) -> Source | None:
        """The source of that term, None where the design does not tell it apart."""
        return next((source for source in self.sources if source.term == term), None)


Draw = Callable[[Floats], Floats]
"""Weights of items, shape (n_draws, n_items) → components, shape (n_draws, n_terms)."""


def decompose(
    scores: CrossedScores,
    *,
    cluster: Ints | None = None,
    level: float = 0.95,
    seed: int = 0,
    draws: int = DRAWS,
) -> Decomposition:
    """Variance components of the design, as shares of their sum, with intervals by resampling items.

    cluster: code per item, 0 … G − 1, whole clusters are then resampled; None: every item by itself.
    seed: from content. Raises ValueError for fewer than two items or scores that do not vary.
    """
    if scores.n_items < 2:
        raise ValueError("variance components need at least two items")
    units = scores.n_items if cluster is None else int(cluster.max()) + 1
    fit: RemlFit | None = None
    if scores.balanced:
        names, estimate, draw = _of_squares(scores, units)
    else:
        varies = not scores.replicated or float(scores.squares.sum()) > 0
        fit = reml(scores if varies else replace(scores, count=np.minimum(scores.count, 1)))
        names, estimate, draw = _of_fit(scores, fit)
        if not varies:
            # No answer changed between replications: the noise left is the highest interaction's.
            names = (*names[:-1], (ITEM, *scores.factors))
    groups = _groups(names, len(scores.factors))
    total = float(np.maximum(estimate, 0.0).sum())
    if total <= 0:
        raise ValueError("the scores do not vary: there is no variance to share")
    few = [n < FEW_LEVELS for n in scores.n_levels]
    intervals: dict[int, tuple[float, float]] = {}
    tails = [(1 - level) / 2, (1 + level) / 2]
    drawn = resampled(draw, units, cluster, seed, draws) if units > 1 else None
    if drawn is not None and units >= MIN_UNITS:
        made = _shares(drawn)
        pooled = np.stack([made[:, index].sum(axis=1) for index in groups.values()], axis=1)
        limits = np.quantile(pooled, tails, axis=0)
        intervals = {i: (float(limits[0, i]), float(limits[1, i])) for i in range(len(groups))}
    sources = []
    for position, (term, index) in enumerate(groups.items()):
        variance = _pooled(estimate[index])
        descriptive = _of_factors(term) and any(few[scores.factors.index(name)] for name in term)
        bounds = None if descriptive else intervals.get(position)
        low, high = bounds or (None, None)
        # An estimate within rounding of 0 is the boundary too.
        detectable = variance > ROUNDING * total
        share = max(0.0, variance) / total
        sources.append(Source(term, variance, share, low, high, detectable, descriptive))
    if (RUN,) not in names:
        sources.append(Source((RUN,), 0.0, 0.0, None, None, False, False))
    return Decomposition(
        EMS if fit is None else REML,
        scores.balanced,
        tuple(sources),
        total,
        scores.replicated,
        True if fit is None else fit.agree,
        None if fit is None else fit.log_likelihoods,
        {}
        if drawn is None
        else _effects(names, scores.factors, estimate, drawn, tails, ROUNDING * total),
        units,
    )


def resampled(
    draw: Draw, units: int, cluster: Ints | None, seed: int, draws: int = DRAWS
) -> Floats:
    """Components per draw of items (or of whole clusters) with replacement, shape (draws, n_terms)."""
    found = []
    for start, size in chunks(draws):
        for _, weight in bootstrap_weights(units, start, size, seed):
            found.append(draw(weight if cluster is None else weight[:, cluster]))
    return np.concatenate(found)


def _effects(
    names: tuple[Term, ...],
    factors: tuple[str, ...],
    estimate: Floats,
    drawn: Floats,
    tails: list[float],
    least: float,
) -> dict[Term, Effect]:
    """Of every factor and pair of factors. Components below 0 count as such in the draws: cut off at 0,
    noise alone would be above it in all of them."""
    found = {}
    for term in [*combinations(factors, 1), *combinations(factors, 2)]:
        parts = [i for i, name in enumerate(names) if _of_factors(name) and set(term) <= set(name)]
        if not parts:
            continue
        variance = float(np.maximum(estimate[parts], 0.0).sum())
        low, high = np.quantile(drawn[:, parts].sum(axis=1), tails).tolist()
        found[term] = Effect(variance, low, high, variance > least and low > least)
    return found


def _groups(names: tuple[Term, ...], n_factors: int) -> dict[Term, list[int]]:
    """Terms that are shown → positions. With three factors and more, all interactions of the item with
    two factors or more are one: nobody reads six of them."""
    groups: dict[Term, list[int]] = {}
    for index, term in enumerate(names):
        many = n_factors > 2 and term[0] == ITEM and len(term) > 2
        groups.setdefault((ITEM, COMBINATIONS) if many else term, []).append(index)
    return groups


def _pooled(variance: Floats) -> float:
    """The sum of what is not below 0; where all are, the sum of all."""
    positive = np.maximum(variance, 0.0)
    return float(positive.sum() if positive.any() else variance.sum())


def _shares(components: Floats) -> Floats:
    positive = np.maximum(components, 0.0)
    total = positive.sum(axis=1, keepdims=True)
    shares: Floats = positive / np.where(total > 0, total, 1.0)
    return shares


def _of_factors(term: Term) -> bool:
    return term[0] not in (ITEM, RUN)


def _of_squares(scores: CrossedScores, units: int) -> tuple[tuple[Term, ...], Floats, Draw]:
    sums = item_sums(scores)

    def draw(weight: Floats) -> Floats:
        return components_of(sums, weight, resampled=units)

    return terms(sums), components_of(sums, np.ones((1, scores.n_items)))[0], draw


def _of_fit(scores: CrossedScores, fit: RemlFit) -> tuple[tuple[Term, ...], Floats, Draw]:
    """Terms, estimates and the one-step draw of a REML fit (k-step bootstrap: Davidson & MacKinnon 1999).

    θ* = θ̂ + J⁻¹ Σ w_i s_i, with s_i the gradient of item i and J the average information; a component at
    its boundary moves by the step that knows no boundary, as a negative mean square does.
    """
    system = factor_system(scores.level)
    names = [tuple(scores.factors[j] for j in chosen) for chosen in system.terms]
    names += [(ITEM, *(scores.factors[j] for j in chosen)) for chosen in fit.random]
    names.append((RUN,))
    of_factors = system.components(fit.fixed[None, :], fit.covariance)[0]
    gradient, influence = fit.likelihood.item_scores(fit.point, scores.squares)
    parts = on_grid(np.concatenate([gradient, influence], axis=1), 4.0 * scores.n_items)
    n_random, free = fit.variance.size, ~np.array(fit.at_boundary)
    inverse = np.linalg.pinv(fit.point.information, hermitian=True)
    inner = np.zeros_like(inverse)
    inner[np.ix_(free, free)] = np.linalg.pinv(
        fit.point.information[np.ix_(free, free)], hermitian=True
    )
    step = np.where(free[:, None], inner, inverse)

    def draw(weight: Floats) -> Floats:
        moved = weight @ parts
        variance = fit.variance + moved[:, :n_random] @ step.T
        mean = fit.fixed + moved[:, n_random:] @ fit.covariance
        return np.concatenate([system.components(mean, fit.covariance, 2.0), variance], axis=1)

    return tuple(names), np.concatenate([of_factors, fit.variance]), draw
