"""Resampling of units: the draws, their percentiles, and when there are none."""

import numpy as np
import pytest

from splitplot.inference.unit_bootstrap import (
    DRAWS,
    MIN_UNITS,
    percentiles,
    unit_bootstrap,
    unit_draws,
)


def test_every_draw_takes_as_many_units_as_there_are():
    draws = unit_draws(lambda w: np.array([w.sum(), w.min()], dtype=float), 80, seed=3)
    assert draws.shape == (DRAWS, 2)
    assert set(draws[:, 0]) == {80.0}
    assert set(draws[:, 1]) == {0.0}


def test_the_interval_of_a_mean_is_the_one_that_scipy_finds():
    from scipy.stats import bootstrap

    values = np.random.default_rng(1).exponential(1, 200)
    low, high = unit_bootstrap(lambda w: (w * values).sum() / w.sum(), 200, seed=1)
    reference = bootstrap((values,), np.mean, method="percentile", n_resamples=4000, rng=2)
    assert low == pytest.approx(reference.confidence_interval.low, abs=0.02)
    assert high == pytest.approx(reference.confidence_interval.high, abs=0.02)


def test_draws_follow_the_seed_and_the_number_of_units_alone():
    def first(n, seed):
        return unit_draws(lambda w: w[:3].astype(float), n, seed=seed).tolist()

    assert first(60, 1) == first(60, 1)
    assert first(60, 1) != first(60, 2)


def test_few_units_and_equal_draws_have_no_interval():
    assert unit_bootstrap(lambda w: float(w[0]), MIN_UNITS - 1) is None
    assert unit_bootstrap(lambda w: float(w.sum()), MIN_UNITS) is None
    assert percentiles(np.full(5, 0.3)) is None
    assert percentiles(np.arange(101.0), 0.9) == pytest.approx((5.0, 95.0))
