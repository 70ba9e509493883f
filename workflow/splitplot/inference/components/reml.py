"""Variance components by restricted maximum likelihood, for grids with holes or unequal replications.

Two optimisers from two starts have to reach the same log-likelihood: an optimiser that says it has
converged has been seen 149 below the optimum.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from splitplot.inference.components.crossed import CrossedScores, same_level, subsets
from splitplot.inference.components.likelihood import Likelihood, Point
from splitplot.inference.intervals import Floats

AGREE = 1e-3
"""Two fits whose log-likelihoods differ by more have not both found the maximum."""

RUN_FLOOR = 1e-7
"""Smallest run variance tried, as a share of the total: at 0 the likelihood has no value."""

STEPS, HALVINGS = 60, 30
GAIN = 1e-10
"""Newton steps end when the next one promises less log-likelihood than this."""

SETTLED = 1e-6
"""The second optimiser, which only has to agree, ends with steps of less log-likelihood than this."""

BOUNDARY = 1e-9
"""A variance below this share of the total is at its boundary."""

Optimiser = Callable[[Likelihood, Floats, float], Point]


@dataclass(frozen=True)
class RemlFit:
    """A restricted maximum-likelihood fit.

    random: sets of factor positions whose interaction with the item has a variance, () the item itself.
    variance: of these and, last, of the run; at_boundary: which of them are 0. fixed, covariance:
    effects of the cells and their covariance. log_likelihoods: of both optimisers. agree: within `AGREE`.
    """

    random: tuple[tuple[int, ...], ...]
    variance: Floats
    at_boundary: tuple[bool, ...]
    fixed: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihoods: tuple[float, float]
    agree: bool
    point: Point
    likelihood: Likelihood


def reml(
    scores: CrossedScores,
    random: tuple[tuple[int, ...], ...] | None = None,
    design: Floats | None = None,
    optimisers: tuple[Optimiser, Optimiser] | None = None,
) -> RemlFit:
    """Fit item, item × factor … and run, with fixed effects of the cells.

    random: sets of factors; default all that the design tells apart (`separable`).
    design: fixed effects of the cells, shape (n_cells, n_fixed); default one mean per cell.
    Raises ValueError for scores without variance, cells without answers, or effects that cannot be told
    apart (Patterson & Thompson 1971; Searle, Casella & McCulloch 1992, ch. 6).
    """
    chosen = separable(scores) if random is None else random
    likelihood = Likelihood(scores, chosen, design)
    total = _total_variance(scores)
    if total <= 0:
        raise ValueError("all answers of a cell have the same score: there is no variance to share")
    n = likelihood.n_random
    starts = (np.full(n, total / n), np.r_[np.full(n - 1, 0.1 * total / n), 0.9 * total])
    first, second = (
        optimise(likelihood, start, total)
        for optimise, start in zip(optimisers or (newton, quasi_newton), starts, strict=True)
    )
    if abs(first.log_likelihood - second.log_likelihood) > AGREE and optimisers is None:
        # Newton steps from the other's end: two that part here are two maxima, not a slow optimiser.
        second = newton(likelihood, second.variance, total)
    best = max(first, second, key=lambda point: point.log_likelihood)
    at_floor = bool(best.variance[-1] <= 2 * RUN_FLOOR * total)
    return RemlFit(
        chosen,
        best.variance,
        (*(bool(v <= BOUNDARY * total) for v in best.variance[:-1]), at_floor),
        best.fixed,
        best.covariance,
        best.log_likelihood,
        (first.log_likelihood, second.log_likelihood),
        abs(first.log_likelihood - second.log_likelihood) <= AGREE,
        best,
        likelihood,
    )


def separable(scores: CrossedScores) -> tuple[tuple[int, ...], ...]:
    """The sets of factors whose variances by item the design tells apart from each other and from the run.

    Cells that cross only partly make some of them the same thing: a set is kept if its matrix of equal
    levels is no combination of those before it. Without replications the run is one of these.
    """
    found: list[tuple[int, ...]] = []
    basis = [] if scores.replicated else [np.eye(scores.n_cells).ravel()]
    for chosen in subsets(len(scores.factors)):
        candidate = [*basis, same_level(scores.level, chosen).ravel()]
        if np.linalg.matrix_rank(np.stack(candidate)) == len(candidate):
            found.append(chosen)
            basis = candidate
    return tuple(found)


def newton(likelihood: Likelihood, start: Floats, total: float) -> Point:
    """Average-information steps on the variances that are free, halved until the likelihood rises.

    A variance that a step would make negative is set to 0, and leaves 0 only if its gradient is positive.
    """
    floor = np.zeros(start.size)
    floor[-1] = RUN_FLOOR * total
    point = likelihood.at(np.maximum(start, floor))
    for _ in range(STEPS):
        free = (point.variance > floor) | (point.score > 0)
        if not free.any():
            break
        step = np.zeros(start.size)
        step[free] = _solve(point.information[np.ix_(free, free)], point.score[free])
        if float(step @ point.score) < GAIN:
            break
        better = _ascend(likelihood, point, step, floor)
        if better is None:
            break
        point = better
    return point


def quasi_newton(likelihood: Likelihood, start: Floats, total: float) -> Point:
    """L-BFGS-B within bounds, on variances in units of their standard errors at the start."""
    from scipy.optimize import minimize

    first = likelihood.at(start)
    unit: Floats = 1 / np.sqrt(np.maximum(np.diag(first.information), 1e-300))
    seen: dict[bytes, Point] = {}

    def negative(x: Floats) -> tuple[float, Floats]:
        point = likelihood.at(x * unit)
        seen[x.tobytes()] = point
        return -point.log_likelihood, -point.score * unit

    lowest = np.zeros(start.size)
    lowest[-1] = RUN_FLOOR * total / unit[-1]
    found = minimize(
        negative,
        start / unit,
        jac=True,
        method="L-BFGS-B",
        bounds=[(low, None) for low in lowest],
        options={
            "ftol": SETTLED / max(1.0, abs(first.log_likelihood)),
            "gtol": 1e-3,
            "maxiter": 500,
        },
    )
    return seen.get(found.x.tobytes()) or likelihood.at(found.x * unit)


def _ascend(likelihood: Likelihood, point: Point, step: Floats, floor: Floats) -> Point | None:
    size = 1.0
    for _ in range(HALVINGS):
        candidate = likelihood.at(np.maximum(point.variance + size * step, floor))
        if candidate.log_likelihood > point.log_likelihood:
            return candidate
        size /= 2
    return None


def _solve(information: Floats, score: Floats) -> Floats:
    """A step uphill: the average information is positive definite but for rounding."""
    steepest: Floats = score / np.diag(information)
    try:
        solved = np.asarray(np.linalg.solve(information, score), dtype=np.float64)
    except np.linalg.LinAlgError:
        return steepest
    return solved if float(solved @ score) > 0 else steepest


def _total_variance(scores: CrossedScores) -> float:
    """Variance of a single answer around its cell's mean, pooled over cells."""
    filled = scores.count > 0
    weight = np.maximum(scores.count.sum(axis=0), 1)
    centre = (scores.count * scores.mean).sum(axis=0) / weight
    between = float((scores.count * np.where(filled, scores.mean - centre, 0.0) ** 2).sum())
    return (between + float(scores.squares.sum())) / max(scores.n_rows, 1)
