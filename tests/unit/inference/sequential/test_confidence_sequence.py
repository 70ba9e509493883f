"""The confidence sequence against roots of its definition, the e-process, and simulations of its coverage."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from splitplot.inference.sequential.confidence_sequence import confidence_sequence
from splitplot.inference.sequential.eprocess import kt_log_e, mixture_log_e


def literal_limits(differences, level):
    """Roots of "the integral over constant bets is 1/(1 − level)", by scipy."""
    y = (np.asarray(differences) + 1) / 2

    def excess(mu):
        def wealth(angle):
            w = np.sin(angle) ** 2
            return float(np.prod(w * y / mu + (1 - w) * (1 - y) / (1 - mu)))

        value = quad(wealth, 0, np.pi / 2, limit=400)[0] / (np.pi / 2)
        return np.log(value) + np.log(1 - level)

    middle = y.mean()
    low, high = (brentq(excess, middle, end) for end in (middle / 2, (1 + middle) / 2))
    return 2 * low - 1, 2 * high - 1


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("seed", range(3))
def test_its_limits_solve_the_definition(seed, level):
    random = np.random.default_rng(seed)
    d = [random.choice([-1, 0, 1], 80), random.uniform(-1, 1, 60), random.integers(-3, 4, 50) / 3]
    interval = confidence_sequence(d[seed], level)
    assert (interval.low, interval.high) == pytest.approx(literal_limits(d[seed], level), abs=1e-6)
    assert interval.level == level


@pytest.mark.parametrize("ties", [0, 400])
def test_it_excludes_0_exactly_when_the_e_process_has_reached_its_threshold(ties):
    for first in range(0, 60, 3):
        for second in range(0, 60, 3):
            if first + second + ties == 0:
                continue
            d = np.r_[np.ones(first), -np.ones(second), np.zeros(ties)]
            interval = confidence_sequence(d)
            settled = kt_log_e(first, second) > -log(0.05)
            assert (interval.low > 0 or interval.high < 0) is settled


@given(
    st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=1, max_size=60),
    st.sampled_from([0.8, 0.95, 0.999]),
)
@settings(max_examples=100, deadline=None)
def test_it_holds_the_estimate_and_every_mean_inside_and_none_outside_is_compatible(values, level):
    interval = confidence_sequence(values, level)
    assert -1 <= interval.low <= interval.estimate <= interval.high <= 1
    threshold = -np.log(1 - level)
    for mean in np.linspace(-0.99, 0.99, 23):
        if interval.low + 1e-6 < mean < interval.high - 1e-6:
            assert mixture_log_e(values, mean) < threshold
        elif not interval.low - 1e-6 < mean < interval.high + 1e-6:
            assert mixture_log_e(values, mean) > threshold


def test_turning_the_arms_turns_the_limits():
    d = np.array([1.0, 0.5, 0.5, 0.0, -0.25] * 12)
    one, other = confidence_sequence(d), confidence_sequence(-d).mirrored()
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-9)


def test_at_the_ends_of_the_scale_the_limits_stay_on_it():
    assert confidence_sequence([1.0] * 40).high == 1.0
    assert confidence_sequence([-1.0] * 40).low == -1.0
    assert 0 < confidence_sequence([1.0] * 40).low < 1
    nothing = confidence_sequence([])
    assert (nothing.low, nothing.high) == (-1, 1)
    one = confidence_sequence([1.0])
    assert (one.low, one.high) == (pytest.approx(-0.95), 1)


def test_no_difference_at_all_narrows_it_without_making_it_a_point():
    widths = [confidence_sequence(np.zeros(n)).high for n in (20, 100, 1000, 10_000)]
    assert widths == sorted(widths, reverse=True)
    assert 0 < widths[-1] < 0.01


def test_a_level_outside_0_to_1_is_refused():
    with pytest.raises(ValueError, match="level"):
        confidence_sequence([0.1], 1.0)


@pytest.mark.long
@pytest.mark.parametrize(
    ("values", "chances"),
    [
        ((-1.0, 0.0, 1.0), (0.15, 0.7, 0.15)),
        ((-1.0, 0.0, 1.0), (0.01, 0.9, 0.09)),
        ((-1.0, 0.05), (0.05, 0.95)),
        ((-2 / 3, -1 / 3, 0.0, 1 / 3, 1.0), (0.1, 0.2, 0.3, 0.2, 0.2)),
    ],
)
def test_it_ever_misses_the_true_mean_in_fewer_than_5_of_100_studies(values, chances):
    # Looked at after 5, 10, … 200 items, by its defining property.
    random, runs = np.random.default_rng(11), 600
    mean = float(np.dot(values, chances))
    missed = 0
    for _ in range(runs):
        d = random.choice(values, 200, p=chances)
        missed += any(mixture_log_e(d[:n], mean) >= -np.log(0.05) for n in range(5, 201, 5))
    assert missed / runs < 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)


def test_it_is_less_than_twice_as_wide_as_the_interval_of_one_look():
    random = np.random.default_rng(5)
    d = random.choice([-1.0, 0.0, 1.0], 1000, p=[0.07, 0.78, 0.15])
    interval = confidence_sequence(d)
    half = 1.96 * d.std(ddof=1) / np.sqrt(1000)
    assert half < (interval.high - interval.low) / 2 < 2 * half
