"""E-processes against all sequences enumerated, the sequential Krichevsky-Trofimov rule and quadrature."""

from itertools import product
from math import log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from splitplot.inference.sequential.eprocess import anytime_p, kt_log_e, mixture_log_e

SCORES = st.lists(st.sampled_from([-1.0, -2 / 3, -0.5, -1 / 3, 0.0, 0.25, 0.5, 1.0]), min_size=1)


def discordant(first, second, ties=0):
    return np.r_[np.ones(first), -np.ones(second), np.zeros(ties)]


def by_quadrature(differences, mean):
    """The definition: the wealth of a constant share w, integrated over the density of Beta(½, ½)."""
    y, mu = (np.asarray(differences) + 1) / 2, (mean + 1) / 2

    def wealth(angle):  # w = sin², whose density in the angle is constant
        w = np.sin(angle) ** 2
        return float(np.prod(w * y / mu + (1 - w) * (1 - y) / (1 - mu)))

    return quad(wealth, 0, pi / 2, epsabs=0, epsrel=1e-12, limit=500)[0] / (pi / 2)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (0, 7), (12, 5), (300, 260)])
def test_the_closed_form_is_the_sequential_rule_of_krichevsky_and_trofimov(first, second):
    # P(next) = (its count so far + ½) / (all so far + 1), against ½ each, in whatever order.
    order = np.random.default_rng(1).permutation(discordant(first, second))
    log_e, counts = 0.0, {1.0: 0, -1.0: 0}
    for value in order:
        log_e += log(2 * (counts[value] + 0.5) / (sum(counts.values()) + 1))
        counts[value] += 1
    assert kt_log_e(first, second) == pytest.approx(log_e, abs=1e-10)


def test_over_all_sequences_of_a_fair_coin_e_is_1_on_average():
    for n in range(13):
        total = sum(
            np.exp(kt_log_e(sum(coins), n - sum(coins))) for coins in product((0, 1), repeat=n)
        )
        assert total / 2**n == pytest.approx(1, rel=1e-12)


def test_it_is_two_sided_and_one_half_more_on_one_side_counts():
    assert kt_log_e(9, 2) == kt_log_e(2, 9)
    assert kt_log_e(20, 2) > kt_log_e(15, 2) > kt_log_e(10, 2) > 0 > kt_log_e(6, 6)


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="negative"):
        kt_log_e(-1, 3)


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 500))
@settings(max_examples=40, deadline=None)
def test_on_0_1_scores_the_mixture_is_the_krichevsky_trofimov_process(first, second, ties):
    differences = discordant(first, second, ties)
    if differences.size:
        expected = kt_log_e(first, second)
        assert mixture_log_e(differences) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(SCORES, st.sampled_from([-0.7, -0.1, 0.0, 0.02, 0.5]))
@settings(max_examples=60, deadline=None)
def test_the_mixture_is_the_integral_over_all_constant_bets(differences, mean):
    expected = by_quadrature(differences, mean)
    assert np.exp(mixture_log_e(differences, mean)) == pytest.approx(expected, rel=1e-7)


def test_a_long_list_of_continuous_differences_agrees_with_a_fine_sum_over_bets():
    random = np.random.default_rng(3)
    d = random.beta(3, 2, 20_000) - random.beta(3, 2.1, 20_000)
    angle = (np.arange(20_000) + 0.5) * pi / 20_000
    share = (1 + np.cos(angle)) / 2
    keep = np.abs(share - 0.5) < 0.2  # beyond, the wealth is below 1e-100 of its peak
    total = np.zeros(keep.sum())
    for part in np.array_split(d, 200):
        y = (part + 1) / 2
        total += np.log(np.outer(share[keep], y) * 2 + np.outer(1 - share[keep], 1 - y) * 2).sum(1)
    expected = total.max() + log(np.exp(total - total.max()).sum() / 20_000)
    assert mixture_log_e(d) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("chances", [(0.1, 0.6, 0.3), (0.5, 0.0, 0.5), (0.02, 0.9, 0.08)])
def test_a_bet_against_the_true_mean_is_fair_whatever_the_law(chances):
    values = (-0.8, 0.1, 0.9)
    mean = float(np.dot(values, chances))
    expected = sum(
        np.prod([chances[i] for i in pick]) * np.exp(mixture_log_e([values[i] for i in pick], mean))
        for pick in product(range(3), repeat=6)
    )
    assert expected == pytest.approx(1, rel=1e-10)


@given(SCORES)
@settings(max_examples=60, deadline=None)
def test_log_e_is_convex_in_the_mean_and_nothing_is_won_against_the_mean_of_the_data(differences):
    grid = np.linspace(-0.95, 0.95, 39)
    values = np.array([mixture_log_e(differences, mean) for mean in grid])
    assert (values[1:-1] <= (values[:-2] + values[2:]) / 2 + 1e-9).all()
    mean = float(np.mean(differences))
    if abs(mean) < 1:
        assert mixture_log_e(differences, mean) <= 1e-9


def test_neither_the_order_of_items_nor_the_dust_of_float_arithmetic_matters():
    d = np.array([1 / 3, 2 / 3, 1 / 3, -1 / 3, 0.0] * 9)
    dusty = np.concatenate([d[::-1][:20] + 1e-16, d[::-1][20:] - 1e-16])
    assert mixture_log_e(d) == mixture_log_e(dusty)


def test_what_cannot_be_is_refused_and_a_mean_at_the_end_is_impossible_with_other_differences():
    with pytest.raises(ValueError, match="-1 to 1"):
        mixture_log_e([0.2, 1.1])
    with pytest.raises(ValueError, match="-1 to 1"):
        mixture_log_e([0.2, float("nan")])
    with pytest.raises(ValueError, match="-1 to 1"):
        mixture_log_e([0.2], 1.5)
    assert mixture_log_e([0.2, 1.0], 1.0) == float("inf")
    assert mixture_log_e([1.0, 1.0], 1.0) == 0.0
    assert mixture_log_e([]) == 0.0


def test_the_p_value_of_evidence_is_its_inverse():
    assert anytime_p(log(20)) == pytest.approx(0.05)
    assert anytime_p(-3) == 1


def test_looking_after_every_item_of_two_equal_arms_finds_something_in_fewer_than_5_of_100():
    # Ville's inequality; a z test looked at as often is wrong in a quarter of the studies.
    random, runs = np.random.default_rng(7), 1500
    first = np.cumsum(random.random((runs, 400)) < 0.2, axis=1)
    second = np.cumsum(random.random((runs, 400)) < 0.2, axis=1)
    known = {}

    def log_e(b, c):
        key = (min(b, c), max(b, c))
        if key not in known:
            known[key] = kt_log_e(*key)
        return known[key]

    wrong = sum(
        any(log_e(b, c) >= log(20) for b, c in zip(*counts, strict=True))
        for counts in zip(first.tolist(), second.tolist(), strict=True)
    )
    z = np.abs(first - second) / np.sqrt(np.maximum(first + second, 1))
    assert wrong / runs < 0.05
    assert (z >= 1.96).any(axis=1).mean() > 0.2
    assert wrong / runs > 0.005  # it is a test, not a refusal


def test_evidence_grows_by_what_the_coin_of_the_discordant_items_tells():
    # E grows by the Kullback-Leibler divergence of b/(b+c) from ½ per discordant item, less ½ log n.
    first, second = 1400, 600
    share = first / 2000
    divergence = share * log(2 * share) + (1 - share) * log(2 * (1 - share))
    assert kt_log_e(first, second) == pytest.approx(
        2000 * divergence - log(2000) / 2 - log(sqrt(pi / 2)), abs=0.2
    )
