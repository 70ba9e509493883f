"""The logistic model against scipy.integrate.quad, lme4's documented example, and the truth."""

import numpy as np
import pytest
from scipy import integrate, optimize, special

from splitplot.inference.components.agq import (
    _alike,
    _climb,
    agq,
    log_likelihood,
    marginal_difference,
    marginal_means,
)

# Lesnoff et al. 2004 (cattle of 15 herds), as `cbpp` in lme4: 56 herd × period counts; herd 2 has no
# fourth period and herd 8 only the first.
INCIDENCE = (
    "2 3 4 0 3 1 1 8 2 0 2 2 0 2 0 5 0 0 1 3 0 0 1 8 1 3 0 12 "
    "2 0 0 0 1 1 0 2 0 5 3 1 2 1 0 0 1 2 0 0 11 0 0 0 1 1 1 0"
)
SIZE = (
    "14 12 9 5 22 18 21 22 16 16 20 10 10 9 6 18 25 24 4 17 17 18 20 16 10 9 5 34 "
    "9 6 8 6 22 22 18 22 25 27 22 22 10 8 6 5 21 24 19 23 19 2 3 2 19 15 15 15"
)
PERIODS = (4, 3, 4, 4, 4, 4, 4, 1, 4, 4, 4, 4, 4, 4, 4)


def cbpp():
    right, given = np.zeros((15, 4)), np.zeros((15, 4))
    pairs = iter(zip(map(int, INCIDENCE.split()), map(int, SIZE.split()), strict=True))
    for herd, periods in enumerate(PERIODS):
        for period in range(periods):
            right[herd, period], given[herd, period] = next(pairs)
    return right, given


def drawn(items=200, cells=(0.3, -0.5), sigma=1.2, replications=3, seed=0):
    random = np.random.default_rng(seed)
    logit = np.array(cells) + sigma * random.normal(size=(items, 1))
    right = random.binomial(replications, special.expit(logit)).astype(float)
    return right, np.full_like(right, replications)


def brute_force(right, given, beta, sigma):
    total = 0.0
    for r, n in zip(right, given, strict=True):

        def integrand(z, r=r, n=n):
            p = special.expit(beta + sigma * z)
            return np.prod(p**r * (1 - p) ** (n - r)) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

        total += np.log(integrate.quad(integrand, -12, 12, epsabs=1e-14, epsrel=1e-11)[0])
    return total


def test_the_likelihood_is_that_of_brute_force_integration():
    right, given = drawn(items=25, replications=4, seed=3)
    given[3] = 0
    right[3] = 0
    beta = np.array([0.4, -0.2])
    for sigma, error in ((0.2, 1e-8), (1.2, 1e-6), (3.0, 5e-4)):
        expected = brute_force(right, given, beta, sigma)
        assert log_likelihood(right, given, beta, sigma) == pytest.approx(expected, abs=error)
        assert log_likelihood(right, given, beta, sigma, 61) == pytest.approx(expected, abs=1e-7)


def test_cbpp_is_fitted_as_glmer_does():
    """glmer(cbind(incidence, size − incidence) ~ period + (1 | herd), nAGQ = 1): lme4's example, Laplace."""
    right, given = cbpp()
    best = optimize.minimize(
        lambda x: -log_likelihood(right, given, x[:4], abs(x[4]), nodes=1),
        [-1.4, -2.4, -2.5, -3.0, 0.6],
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-11, "maxiter": 9000, "maxfev": 9000},
    ).x
    periods = [best[0], *(best[1:4] - best[0])]
    assert periods == pytest.approx([-1.398343, -0.991925, -1.128216, -1.579745], abs=1e-3)
    assert best[4] == pytest.approx(0.6420699, abs=1e-3)


def test_the_maximum_is_that_of_an_optimiser_without_our_derivatives():
    right, given = cbpp()
    fit = agq(right, given)
    found = optimize.minimize(
        lambda x: -log_likelihood(right, given, x[:4], abs(x[4])),
        np.r_[fit.beta + 0.1, fit.sigma - 0.1],
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 9000, "maxfev": 9000},
    )
    assert fit.agree
    assert fit.log_likelihood == pytest.approx(-found.fun, abs=1e-7)
    assert np.r_[fit.beta, fit.sigma] == pytest.approx(found.x, abs=1e-4)


def test_the_covariance_is_the_inverse_of_the_curvature():
    right, given = cbpp()
    fit = agq(right, given)
    at, step = np.r_[fit.beta, fit.sigma], 1e-3
    hessian = np.empty((5, 5))
    for i in range(5):
        for j in range(5):
            total = 0.0
            for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                x = at.copy()
                x[i] += a * step
                x[j] += b * step
                total -= a * b * log_likelihood(right, given, x[:4], x[4], nodes=31)
            hessian[i, j] = total / (4 * step**2)
    assert fit.covariance == pytest.approx(np.linalg.inv(hessian), rel=2e-3, abs=1e-5)


def test_trap_6_laplace_is_far_too_low_with_few_answers_and_quadrature_is_not():
    """One cell, three answers an item: the variance that Laplace finds is compared with the truth (4)."""
    right, given = drawn(items=4000, cells=(0.0,), sigma=2.0, replications=3, seed=5)

    def variance(nodes):
        def negative(sigma):
            return -log_likelihood(right, given, [0.0], sigma, nodes)

        return optimize.minimize_scalar(negative, bounds=(0.1, 6), method="bounded").x ** 2

    assert variance(1) < 0.87 * 4
    assert variance(15) == pytest.approx(4.0, rel=0.12)
    assert agq(right, given).sigma ** 2 == pytest.approx(variance(15), rel=0.01)


def test_both_starts_reach_the_same_maximum():
    for seed in range(12):
        right, given = drawn(
            items=40, sigma=0.2 + 0.25 * seed, replications=1 + seed % 3, seed=seed
        )
        counts = _alike(right, given)
        beta = special.logit(right.sum(axis=0) / given.sum(axis=0))
        values = [_climb(counts, beta, sigma, 15).log_likelihood for sigma in (0.1, 1.0, 3.0)]
        assert np.ptp(values) < 1e-4, seed


def test_items_that_do_not_differ_are_at_the_boundary():
    random = np.random.default_rng(1)
    right = random.binomial(5, 0.6, (60, 2)).astype(float)
    right[:, 1] = 3  # fewer differences than chance would give
    right[:, 0] = 3
    fit = agq(right, np.full((60, 2), 5.0))
    assert fit.at_boundary and fit.agree
    assert fit.beta == pytest.approx([special.logit(0.6)] * 2, abs=1e-4)
    se = np.sqrt(1 / (300 * 0.6 * 0.4))
    assert np.sqrt(fit.covariance[0, 0]) == pytest.approx(se, rel=1e-3)


def test_points_are_predictions_averaged_over_the_items():
    right, given = drawn(items=500, cells=(1.5, -0.5), sigma=1.5, seed=2)
    fit = agq(right, given)
    means, _ = marginal_means(fit)
    for beta, mean in zip(fit.beta, means, strict=True):
        expected = integrate.quad(
            lambda z, b=beta: (
                special.expit(b + fit.sigma * z) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
            ),
            -12,
            12,
        )[0]
        assert mean == pytest.approx(expected, abs=1e-8)
    difference = marginal_difference(fit, [1, -1])
    shares = right.sum(axis=0) / given.sum(axis=0)
    assert difference.estimate == pytest.approx(shares[0] - shares[1], abs=0.01)
    at_the_middle = special.expit(fit.beta[0]) - special.expit(fit.beta[1])
    assert at_the_middle > difference.estimate + 0.05


@pytest.mark.long
def test_the_interval_in_points_covers_where_items_differ_in_difficulty_alone():
    covered = 0
    truth = [
        integrate.quad(
            lambda z, b=b: special.expit(b + 1.2 * z) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
            -9,
            9,
        )[0]
        for b in (0.3, -0.5)
    ]
    for seed in range(120):
        interval = marginal_difference(agq(*drawn(items=80, seed=100 + seed)), [1, -1])
        covered += interval.low <= truth[0] - truth[1] <= interval.high
    assert 0.90 <= covered / 120 <= 0.99


def test_log_odds_that_are_not_finite_are_refused():
    right, given = drawn()
    right[:, 0] = given[:, 0]
    with pytest.raises(ValueError, match="no finite log-odds"):
        agq(right, given)
    with pytest.raises(ValueError, match="right <= given"):
        agq(given + 1, given)
