"""Logistic model with a random intercept per item, by adaptive Gauss–Hermite quadrature.

    logit P(right) = β_cell + σ z_item,  z ~ N(0, 1)

A sensitivity analysis on the log-odds scale, said in points by averaging predictions over the items.
Replications enter as counts. With few answers per item the Laplace approximation (one node) is far too
low in σ; fifteen nodes are exact to four digits or more (Pinheiro & Bates 1995; Liu & Pierce 1994).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.intervals import Floats, Interval, z_quantile

NODES = 15
MARGINAL_NODES = 61
"""For averages over the items: no mode to adapt to, so more of them."""

STARTS = (1.0, 0.3)
"""σ of the two starts, whose likelihoods are compared."""

AGREE = 1e-3
STEPS, HALVINGS, MODE_STEPS = 60, 30, 50
GAIN = 1e-10
DETECTABLE = 1e-3
"""σ below this is at its boundary: items do not differ in a way that these answers show."""


@dataclass(frozen=True)
class LogisticFit:
    """beta: log-odds of a right answer per cell at an item of medium difficulty, shape (n_cells,).
    sigma: standard deviation of the items, in log-odds. covariance: of (β, σ). agree: both starts
    reached the same likelihood. at_boundary: σ is too small to be detected.
    """

    beta: Floats
    sigma: float
    covariance: Floats
    log_likelihood: float
    agree: bool
    at_boundary: bool


@dataclass(frozen=True)
class _Point:
    beta: Floats
    sigma: float
    log_likelihood: float
    score: Floats
    information: Floats
    complete: Floats


@dataclass(frozen=True)
class _Counts:
    """Right and given answers of items that are alike, shape (n_kinds, n_cells); how many items each."""

    right: Floats
    given: Floats
    items: Floats


def agq(right: ArrayLike, given: ArrayLike, nodes: int = NODES) -> LogisticFit:
    """Maximum likelihood by Newton steps with Louis' (1982) observed information, from two starts.

    right, given: right answers and answers per item and cell, shape (n_items, n_cells). Items without
    answers do not matter. Raises ValueError for impossible counts, and for a cell with no or only right
    answers: its log-odds have no finite estimate.
    """
    counts = _alike(right, given)
    share = (counts.items @ counts.right) / (counts.items @ counts.given)
    if ((share <= 0) | (share >= 1)).any():
        raise ValueError("a cell with no right answer, or only right ones, has no finite log-odds")
    start = np.log(share / (1 - share))
    first, second = (_climb(counts, start, sigma, nodes) for sigma in STARTS)
    best = max(first, second, key=lambda point: point.log_likelihood)
    boundary = best.sigma < DETECTABLE
    size = best.beta.size
    covariance = np.zeros((size + 1, size + 1))
    if boundary:
        covariance[:size, :size] = np.linalg.inv(best.complete[:size, :size])
    else:
        covariance[:, :] = np.linalg.inv(best.information)
    return LogisticFit(
        best.beta,
        best.sigma,
        covariance,
        best.log_likelihood,
        abs(first.log_likelihood - second.log_likelihood) <= AGREE,
        boundary,
    )


def log_likelihood(
    right: ArrayLike, given: ArrayLike, beta: ArrayLike, sigma: float, nodes: int = NODES
) -> float:
    """Σ_i log ∫ Π_c P(right | z)^right P(wrong | z)^wrong φ(z) dz, without binomial coefficients.

    nodes: 1 is the Laplace approximation.
    """
    counts = _alike(right, given)
    return _evaluate(counts, np.asarray(beta, np.float64), float(sigma), nodes).log_likelihood


def marginal_means(fit: LogisticFit) -> tuple[Floats, Floats]:
    """Share of right answers per cell, averaged over the items, and its derivatives by (β, σ).

    Shapes (n_cells,) and (n_cells, n_cells + 1).
    """
    from scipy.special import expit

    place, weight = np.polynomial.hermite.hermgauss(MARGINAL_NODES)
    z, weight = np.sqrt(2) * place, weight / np.sqrt(np.pi)
    p = expit(fit.beta[:, None] + fit.sigma * z[None, :])
    slope = p * (1 - p)
    gradient = np.zeros((fit.beta.size, fit.beta.size + 1))
    np.fill_diagonal(gradient, slope @ weight)
    gradient[:, -1] = slope @ (weight * z)
    means: Floats = p @ weight
    return means, gradient


def marginal_difference(fit: LogisticFit, weight: ArrayLike, level: float = 0.95) -> Interval:
    """Σ weight · (share of right answers) over cells, e.g. 1 and −1, in units of the score; delta method.

    This is marginal standardisation (Zeger, Liang & Albert 1988): predictions averaged over the items,
    not the prediction at the average item. Its interval supposes that items differ in difficulty alone and
    all take to the cells alike; where they do not, it is too short.
    """
    means, gradient = marginal_means(fit)
    combination = np.asarray(weight, dtype=np.float64)
    estimate, slope = float(combination @ means), combination @ gradient
    se = float(np.sqrt(slope @ fit.covariance @ slope))
    half = z_quantile(level) * se
    return Interval(
        estimate, estimate - half, estimate + half, level, "logistic item intercept, AGQ", se
    )


def _alike(right: ArrayLike, given: ArrayLike) -> _Counts:
    first, second = np.asarray(right, np.float64), np.asarray(given, np.float64)
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError("right and given: need counts per item and cell of the same shape")
    if not ((first >= 0) & (first <= second)).all() or not (second.sum(axis=0) > 0).all():
        raise ValueError("need 0 <= right <= given, and an answer in every cell")
    both = np.concatenate([first, second], axis=1)[second.sum(axis=1) > 0]
    kinds, items = np.unique(both, axis=0, return_counts=True)
    n_cells = first.shape[1]
    return _Counts(kinds[:, :n_cells], kinds[:, n_cells:], items.astype(np.float64))


def _climb(counts: _Counts, beta: Floats, sigma: float, nodes: int) -> _Point:
    point = _evaluate(counts, beta * np.sqrt(1 + 0.35 * sigma**2), sigma, nodes)
    for _ in range(STEPS):
        step = _uphill(point)
        if float(step @ point.score) < GAIN:
            break
        size, better = 1.0, None
        for _ in range(HALVINGS):
            moved = np.r_[point.beta, point.sigma] + size * step
            candidate = _evaluate(counts, moved[:-1], abs(float(moved[-1])), nodes)
            if candidate.log_likelihood > point.log_likelihood:
                better = candidate
                break
            size /= 2
        if better is None:
            break
        point = better
    return point


def _uphill(point: _Point) -> Floats:
    """Newton's step where the observed information is positive definite, else that of EM (complete data)."""
    for information in (point.information, point.complete):
        try:
            np.linalg.cholesky(information)
            return np.asarray(np.linalg.solve(information, point.score), dtype=np.float64)
        except np.linalg.LinAlgError:
            continue
    cautious: Floats = point.score / np.maximum(np.diag(point.complete), 1.0)
    return cautious


def _evaluate(counts: _Counts, beta: Floats, sigma: float, nodes: int) -> _Point:
    from scipy.special import expit, logsumexp

    place, weight = np.polynomial.hermite.hermgauss(nodes)
    mode, curvature = _modes(counts, beta, sigma)
    z = mode[:, None] + np.sqrt(2) * place[None, :] / np.sqrt(curvature)[:, None]
    heights = np.empty_like(z)
    for q in range(nodes):
        eta = beta + sigma * z[:, q, None]
        heights[:, q] = (counts.right * eta - counts.given * np.logaddexp(0.0, eta)).sum(axis=1)
    heights += np.log(weight) + place**2 - 0.5 * z**2
    total = logsumexp(heights, axis=1)
    value = float((counts.items * (total - 0.5 * np.log(np.pi * curvature))).sum())
    posterior = np.exp(heights - total[:, None])
    size = beta.size
    score = np.zeros((counts.items.size, size + 1))
    complete, square = np.zeros((size + 1, size + 1)), np.zeros((size + 1, size + 1))
    for q in range(nodes):
        p = expit(beta + sigma * z[:, q, None])
        residual, spread = counts.right - counts.given * p, counts.given * p * (1 - p)
        share = posterior[:, q] * counts.items
        here = np.concatenate([residual, (z[:, q] * residual.sum(axis=1))[:, None]], axis=1)
        score += posterior[:, q, None] * here
        square += here.T @ (share[:, None] * here)
        at = np.arange(size)
        complete[at, at] += share @ spread
        complete[:-1, -1] += (share * z[:, q]) @ spread
        complete[-1, -1] += float((share * z[:, q] ** 2) @ spread.sum(axis=1))
    complete[-1, :-1] = complete[:-1, -1]
    weighted = counts.items[:, None] * score
    information = complete - square + score.T @ weighted
    return _Point(beta, sigma, value, weighted.sum(axis=0), information, complete)


def _modes(counts: _Counts, beta: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Where each item's integrand peaks, and the curvature of its logarithm there."""
    from scipy.special import expit

    z = np.zeros(counts.items.size)
    for _ in range(MODE_STEPS):
        p = expit(beta + sigma * z[:, None])
        slope = sigma * (counts.right - counts.given * p).sum(axis=1) - z
        curvature = sigma**2 * (counts.given * p * (1 - p)).sum(axis=1) + 1
        # The logarithm is concave; a bounded step cannot leap over a flat stretch.
        step = np.clip(slope / curvature, -1.0, 1.0)
        z = z + step
        if np.abs(step).max() < 1e-9:
            break
    p = expit(beta + sigma * z[:, None])
    peak: Floats = sigma**2 * (counts.given * p * (1 - p)).sum(axis=1) + 1
    return z, peak
