"""Critical values against Tukey's and Dunnett's tables, quadrature and Šidák; intervals against the single
defaults, Bonferroni and simulated coverage."""

from itertools import combinations

import numpy as np
import pytest
from scipy import integrate, special, stats

from splitplot.inference.clusters import cr2_mean
from splitplot.inference.intervals import t_mean
from splitplot.inference.paired import adjusted_t
from splitplot.inference.resampling.simultaneous import (
    correlation,
    critical_value,
    exact_gram,
    pointwise_level,
    simultaneous_intervals,
)

MONTE_CARLO = 0.03
"""Five standard errors of a critical value from 100,000 draws, at the heaviest tail tested."""


def pair_contrasts(m):
    rows = np.zeros((m * (m - 1) // 2, m))
    for row, (i, j) in enumerate(combinations(range(m), 2)):
        rows[row, i], rows[row, j] = 1, -1
    return rows


def pairs_of(arms):
    return arms @ pair_contrasts(arms.shape[1]).T


@pytest.mark.parametrize(
    ("m", "df", "q"),
    # Upper 5 % points of the studentised range (Harter 1960; Pearson & Hartley 1966, table 29).
    [(3, 10, 3.877), (3, np.inf, 3.314), (5, 20, 4.232), (10, 20, 5.008), (10, np.inf, 4.474)],
)
def test_all_pairs_of_equal_arms_have_tukeys_critical_value(m, df, q):
    assert stats.studentized_range.ppf(0.95, m, df) == pytest.approx(q, abs=1e-3)
    correlated = pair_contrasts(m) @ pair_contrasts(m).T / 2
    assert critical_value(correlated, df, seed=1) == pytest.approx(q / np.sqrt(2), abs=MONTE_CARLO)


@pytest.mark.parametrize(
    ("k", "df", "published"),
    # Two-sided 5 % points for comparisons of k treatments with a control, ρ = ½ (Dunnett 1964).
    [
        (2, 10, 2.57),
        (4, 20, 2.65),
        (9, 10, 3.24),
        (2, np.inf, 2.21),
        (4, np.inf, 2.44),
        (9, np.inf, 2.69),
    ],
)
def test_comparisons_with_one_reference_have_dunnetts_critical_value(k, df, published):
    correlated = np.full((k, k), 0.5) + np.eye(k) / 2
    assert critical_value(correlated, df, seed=2) == pytest.approx(published, abs=MONTE_CARLO)


def test_dunnetts_value_is_that_of_quadrature():
    # P(max|Z| ≤ c) with ρ = ½ is ∫[Φ(z + c√2) − Φ(z − c√2)]^k φ(z) dz (Dunnett 1955).
    def inside(c, k=9):
        return integrate.quad(
            lambda z: (
                (special.ndtr(z + c * np.sqrt(2)) - special.ndtr(z - c * np.sqrt(2))) ** k
                * np.exp(-z * z / 2)
                / np.sqrt(2 * np.pi)
            ),
            -8,
            8,
        )[0]

    correlated = np.full((9, 9), 0.5) + np.eye(9) / 2
    assert inside(critical_value(correlated, seed=3)) == pytest.approx(0.95, abs=0.003)


@pytest.mark.parametrize("k", [2, 6, 20])
def test_independent_columns_have_sidaks_critical_value(k):
    expected = special.ndtri((1 + 0.95 ** (1 / k)) / 2)
    assert critical_value(np.eye(k), seed=4) == pytest.approx(expected, abs=MONTE_CARLO)


def test_columns_that_are_one_and_the_same_need_no_adjustment():
    assert critical_value(np.ones((5, 5)), seed=4) == pytest.approx(1.96, abs=MONTE_CARLO)
    assert critical_value([[1.0]], 12.0) == pytest.approx(stats.t.ppf(0.975, 12))
    assert critical_value([[1.0]]) == pytest.approx(stats.norm.ppf(0.975))


def test_what_is_no_correlation_matrix_is_refused():
    with pytest.raises(ValueError, match="correlation"):
        critical_value(np.diag([1.0, 2.0]))


@pytest.mark.parametrize(("c", "df"), [(2.0, 5.0), (3.2, np.inf)])
def test_the_level_of_a_single_interval_is_what_lies_within_the_critical_value(c, df):
    assert pointwise_level(c, df) == pytest.approx(1 - 2 * stats.t.sf(c, df))


def test_the_correlation_is_that_of_the_columns_and_exact_products_keep_seven_digits():
    columns = np.random.default_rng(1).normal(size=(500, 4)) @ np.random.default_rng(2).normal(
        size=(4, 4)
    )
    centred = columns - columns.mean(axis=0)
    assert correlation(centred / 500) == pytest.approx(np.corrcoef(columns.T), abs=1e-6)
    assert exact_gram(centred) == pytest.approx(centred.T @ centred, rel=1e-6, abs=1e-4)


def test_a_family_of_one_is_the_default_interval():
    d = np.random.default_rng(3).integers(-3, 4, 60) / 3
    one = simultaneous_intervals(d, bounded=True, seed=1).intervals[0]
    alone = adjusted_t(d)
    assert (one.estimate, one.low, one.high, one.se, one.df) == pytest.approx(
        (alone.estimate, alone.low, alone.high, alone.se, alone.df)
    )
    free = simultaneous_intervals(d * 30, seed=1).intervals[0]
    assert (free.low, free.high) == pytest.approx((t_mean(d * 30).low, t_mean(d * 30).high))


def test_a_family_of_one_with_clusters_is_cr2():
    random = np.random.default_rng(4)
    cluster = random.integers(0, 9, 70)
    d = random.normal(0.1, 1, 70) + random.normal(size=9)[cluster]
    one = simultaneous_intervals(d, cluster, bounded=True, seed=1).intervals[0]
    alone = cr2_mean(d, cluster)
    assert (one.estimate, one.low, one.high, one.se, one.df) == pytest.approx(
        (alone.estimate, alone.low, alone.high, alone.se, alone.df)
    )


def test_items_that_a_column_lacks_are_left_out_of_it():
    d = np.random.default_rng(5).normal(size=(40, 2))
    d[:15, 1] = np.nan
    found = simultaneous_intervals(d, seed=1)
    alone = t_mean(d[15:, 1])
    second = found.intervals[1]
    assert (second.estimate, second.se, second.df) == pytest.approx((alone.estimate, alone.se, 24))
    assert found.df == 39
    own = stats.t.ppf((1 + found.level_each) / 2, 24)
    assert second.high - second.estimate == pytest.approx(own * alone.se)


def test_a_comparison_on_three_items_does_not_widen_the_others():
    d = np.random.default_rng(6).normal(size=(200, 10))
    one = d[:, :1].copy()
    one[3:] = np.nan
    alone = simultaneous_intervals(d, seed=1)
    with_it = simultaneous_intervals(np.column_stack([d, one]), seed=1)
    assert with_it.critical < alone.critical + 0.1
    # With the smallest degrees of freedom of the family the critical value of all would be 8.8.
    assert critical_value(np.eye(11), 2.0, seed=1) > 8 > 2 * alone.critical
    few = with_it.intervals[10]
    assert few.high - few.estimate > 9 * few.se


def test_shared_arms_make_the_intervals_narrower_than_bonferroni():
    pairs = pairs_of(np.random.default_rng(6).normal(size=(200, 10)))
    found = simultaneous_intervals(pairs, seed=1)
    assert found.critical < stats.t.ppf(1 - 0.025 / 45, 199)
    assert found.critical == pytest.approx(
        stats.studentized_range.ppf(0.95, 10, 199) / np.sqrt(2), abs=0.1
    )


def test_columns_without_variance_get_a_bound_or_nothing_and_disturb_no_other():
    d = np.random.default_rng(7).integers(-1, 2, (50, 2)).astype(float)
    both = np.column_stack([d, np.zeros(50)])
    found = simultaneous_intervals(both, bounded=True, seed=1)
    assert found.critical == simultaneous_intervals(d, bounded=True, seed=1).critical
    flat = found.intervals[2]
    # Clopper & Pearson at 0 of 50, at the level of one of three.
    assert (flat.low, flat.high) == pytest.approx(
        (-(1 - (0.05 / 6) ** (1 / 50)), 1 - (0.05 / 6) ** (1 / 50))
    )
    assert simultaneous_intervals(both, bounded=False, seed=1).intervals[2] is None
    still = simultaneous_intervals(np.zeros((50, 2)), bounded=True, seed=1)
    assert still.critical is None and still.intervals[0] is not None


def test_a_column_with_one_item_has_no_interval():
    d = np.random.default_rng(8).normal(size=(30, 3))
    d[1:, 2] = np.nan
    found = simultaneous_intervals(d, bounded=True, seed=1)
    assert found.intervals[2] is None
    assert found.critical == simultaneous_intervals(d[:, :2], bounded=True, seed=1).critical


def coverage(draw, columns, studies=300, cluster=None):
    random = np.random.default_rng(9)
    hits = 0
    for seed in range(studies):
        found = simultaneous_intervals(
            columns(draw(random)), cluster, bounded=cluster is None, seed=seed, draws=5_000
        )
        hits += all(i.low <= 0 <= i.high for i in found.intervals)
    return hits / studies


@pytest.mark.long
def test_all_intervals_of_ten_identical_models_hold_0_at_once_as_often_as_they_say():
    # Trap 18 for intervals. Standard error .0126.
    def draw(random):
        return (random.random((100, 10)) < random.random((100, 1))) * 1.0

    assert 0.95 - 3 * 0.0126 < coverage(draw, pairs_of) < 0.995


@pytest.mark.long
def test_all_intervals_of_few_clusters_hold_at_once_as_often_as_they_say():
    cluster = np.repeat(np.arange(8), 6)

    def draw(random):
        return random.normal(size=(48, 4)) + random.normal(size=(8, 4))[cluster]

    assert coverage(draw, pairs_of, cluster=cluster) > 0.95 - 3 * 0.0126


def test_columns_with_few_and_with_many_items_hold_at_once_as_often_as_they_say():
    def draw(random):
        table = random.normal(size=(120, 6)) + random.normal(size=(120, 1))
        table[8:, :3] = np.nan
        return table

    random, hits = np.random.default_rng(11), 0
    for seed in range(400):
        found = simultaneous_intervals(draw(random), seed=seed, draws=5_000)
        hits += all(i.low <= 0 <= i.high for i in found.intervals)
    # Standard error .011.
    assert 0.95 - 3 * 0.011 < hits / 400 < 0.99
