"""Effect sizes against literal formulas, published examples, scipy, and their coverage."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from splitplot.inference import walsh
from splitplot.inference.effects import (
    cliffs_delta,
    cliffs_delta_paired,
    d_z,
    effect_sizes,
    hodges_lehmann,
)
from splitplot.inference.walsh import walsh_order_statistics


def dominance(a, b):
    return np.sign(np.subtract.outer(np.asarray(a), np.asarray(b)))


def test_independent_delta_matches_the_published_example():
    # Hogarty & Kromrey 1999, as in the documentation of R's effsize: −0.25 (−0.7265846 to 0.3890062).
    treatment = [10, 10, 20, 20, 20, 30, 30, 30, 40, 50]
    control = [10, 20, 30, 40, 40, 50]
    found = cliffs_delta(treatment, control)
    assert found.estimate == -0.25
    assert (found.low, found.high) == pytest.approx((-0.7265846, 0.3890062), abs=1e-7)


def test_independent_delta_is_twice_u_over_mn_less_one_with_ties():
    random = np.random.default_rng(0)
    a, b = random.integers(0, 5, 23) / 4, random.integers(0, 5, 31) / 4
    u = stats.mannwhitneyu(a, b).statistic
    assert cliffs_delta(a, b).estimate == pytest.approx(2 * u / (23 * 31) - 1, abs=1e-12)


def test_scores_that_never_overlap_keep_an_interval_with_a_width():
    # Feng & Cliff 2004: (k − z²)/(k + z²) at the smaller sample; 10 of 10.
    found = cliffs_delta(np.arange(10.0, 22.0), np.arange(10.0))
    z2 = stats.norm.ppf(0.975) ** 2
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx((10 - z2) / (10 + z2))
    assert cliffs_delta(np.arange(10.0), np.arange(10.0, 22.0)).low == -1.0


def test_paired_delta_leaves_out_pairs_of_an_item_with_itself():
    random = np.random.default_rng(1)
    a, b = random.integers(0, 5, (2, 40)) / 4
    d = dominance(a, b)
    expected = (d.sum() - np.trace(d)) / (40 * 39)
    assert cliffs_delta_paired(a, b).estimate == pytest.approx(expected, abs=1e-12)


def test_paired_variance_meets_the_unbiased_one_of_cliff_1996():
    # s² = [(n−1)²(Σd_i.² + Σd_.j² + 2Σd_i.d_.i) − ΣΣd_ij² − ΣΣd_ij d_ji]/(n(n−1)(n−2)(n−3)), centred d.
    random = np.random.default_rng(2)
    base = random.normal(0, 1, 300)
    a, b = base + random.normal(0.3, 1, 300), base + random.normal(0, 1, 300)
    n, off = 300, ~np.eye(300, dtype=bool)
    d = dominance(a, b)
    centred = np.where(off, d - d[off].mean(), 0.0)
    rows, columns = centred.sum(axis=1) / (n - 1), centred.sum(axis=0) / (n - 1)
    top = (n - 1) ** 2 * ((rows**2).sum() + (columns**2).sum() + 2 * (rows * columns).sum())
    top -= (centred**2).sum() + (centred * centred.T).sum()
    assert cliffs_delta_paired(a, b).se ** 2 == pytest.approx(
        top / (n * (n - 1) * (n - 2) * (n - 3)), rel=0.01
    )


def paired_arms(random, items, gap):
    """Item means of four replications, both arms finding the same items hard."""
    base = random.normal(0, 1.5, items)
    return [random.binomial(4, 1 / (1 + np.exp(-base - shift))) / 4 for shift in (gap, 0.0)]


def test_paired_interval_covers_and_the_one_for_independent_arms_is_far_too_wide():
    random = np.random.default_rng(3)
    runs, paired, independent, ratio = 1500, 0, 0, 0.0
    for _ in range(runs):
        a, b = paired_arms(random, 60, 0.0)
        one, other = cliffs_delta_paired(a, b), cliffs_delta(a, b)
        paired += one.low <= 0 <= one.high
        independent += other.low <= 0 <= other.high
        ratio += (other.high - other.low) / (one.high - one.low) / runs
    assert paired / runs == pytest.approx(0.95, abs=0.013)
    assert independent / runs > 0.99
    assert ratio > 1.4


def test_paired_interval_covers_a_true_delta_other_than_zero():
    random = np.random.default_rng(4)
    big = paired_arms(random, 200_000, 1.0)
    truth = cliffs_delta_paired(*big).estimate
    hits = 0
    for _ in range(1200):
        found = cliffs_delta_paired(*paired_arms(random, 40, 1.0))
        hits += found.low <= truth <= found.high
    assert hits / 1200 == pytest.approx(0.95, abs=0.016)


def test_clusters_widen_the_interval_of_delta():
    random = np.random.default_rng(5)
    shift = np.repeat(random.normal(0, 1, 12), 10)
    a, b = random.normal(0, 1, 120) + shift, random.normal(0, 1, 120)
    cluster = np.repeat(np.arange(12), 10)
    clustered, alone = cliffs_delta_paired(a, b, cluster=cluster), cliffs_delta_paired(a, b)
    assert clustered.high - clustered.low > 1.5 * (alone.high - alone.low)
    singles = cliffs_delta_paired(a, b, cluster=np.arange(120))
    # CR2 with one item per cluster is the jackknife up to its factor (n − 2)/(n − 1).
    assert singles.se * 119 / 118 == pytest.approx(alone.se, rel=1e-9)


def test_identical_arms_have_a_delta_of_zero_with_a_width():
    scores = np.random.default_rng(6).normal(0, 1, 30)
    found = cliffs_delta_paired(scores, scores)
    assert found.estimate == 0
    # At most u = 1 − .025^(1/30) of items are unlike: pairs with one of them, 1 − (1 − u)².
    assert found.high == pytest.approx(1 - 0.025 ** (2 / 30))
    assert found.low == -found.high


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=25), st.data())
def test_walsh_order_statistics_are_those_of_all_sums(values, data):
    sums = sorted(sum(pair) for pair in combinations_with_replacement(values, 2))
    rank = data.draw(st.integers(1, len(sums)))
    assert walsh_order_statistics(np.array(values), [rank]) == [sums[rank - 1]]


@pytest.mark.parametrize("spread", [3, 10**6, 10**11])
def test_walsh_order_statistics_of_many_values_are_found_by_bisection(spread):
    values = np.random.default_rng(spread % 97).integers(-spread, spread, 1500)
    index = np.triu_indices(1500)
    sums = np.sort(values[index[0]] + values[index[1]])
    ranks = [1, 1000, sums.size // 2, sums.size]
    assert walsh_order_statistics(values, ranks) == [int(sums[rank - 1]) for rank in ranks]


@pytest.mark.parametrize("n", [40, 1500])
def test_walsh_order_statistics_of_values_that_repeat_are_those_found_by_bisection(n, monkeypatch):
    values = np.random.default_rng(n).integers(-8, 9, n) * 3
    total = n * (n + 1) // 2
    ranks = [1, 2, total // 3, (total + 1) // 2, total - 1, total]
    index = np.triu_indices(n)
    sums = np.sort(values[index[0]] + values[index[1]])
    counted = walsh_order_statistics(values, ranks)
    assert counted == [int(sums[rank - 1]) for rank in ranks]
    monkeypatch.setattr(walsh, "FEW", 0)  # neither levels nor a last sort: bisection to the end
    assert walsh_order_statistics(values, ranks) == counted


def test_hodges_lehmann_matches_the_published_depression_scale_example():
    # Hollander & Wolfe, example 3.3 and 3.4: 0.46, 96.1% interval 0.010 to 0.786 (before less after).
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    found = hodges_lehmann(before, after, 0.96)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.46, 0.01, 0.786), abs=1e-9)


@pytest.mark.parametrize("n", [10, 25, 200, 201])
def test_hodges_lehmann_limits_are_the_order_statistics_of_the_signed_rank_law(n):
    random = np.random.default_rng(n)
    a, b = random.normal(0.3, 1, n), random.normal(0, 1, n)
    index = np.triu_indices(n)
    averages = np.sort((a - b)[index[0]] + (a - b)[index[1]]) / 2
    found = hodges_lehmann(a, b)
    assert found.estimate == pytest.approx(np.median(averages), abs=1e-9)
    # The limit is where the exact one-sided test passes α/2: at the next average it does no more.
    place = int(np.argmin(np.abs(averages - found.low)))
    d = a - b
    if n <= 25:
        below, above = averages[place] - 1e-7, averages[place] + 1e-7
        assert stats.wilcoxon(d - below, method="exact").pvalue <= 0.05
        assert stats.wilcoxon(d - above, method="exact").pvalue > 0.05
    assert averages[-1 - place] == pytest.approx(found.high, abs=1e-9)


def test_normal_rank_of_the_limits_continues_the_exact_one():
    from splitplot.inference import effects

    exact = effects._walsh_rank(200, 0.95)
    deviation = np.sqrt(200 * 201 * 401 / 24)
    normal = np.floor(200 * 201 / 4 + 0.5 - 1.959964 * deviation)
    assert abs(exact - normal) <= 2
    assert effects._walsh_rank(201, 0.95) > exact


def test_hodges_lehmann_covers_the_centre_of_symmetric_tied_differences():
    random = np.random.default_rng(8)
    hits = 0
    for _ in range(1500):
        d = random.binomial(6, 0.5, 25) - 3.0
        found = hodges_lehmann(d, np.zeros(25))
        hits += found.low <= 0 <= found.high
    assert hits / 1500 > 0.94


def test_d_z_limits_are_those_whose_noncentral_t_leaves_half_of_alpha():
    random = np.random.default_rng(9)
    a, b = random.normal(0.4, 1, 30), random.normal(0, 1, 30)
    found = d_z(a, b)
    t = stats.ttest_rel(a, b).statistic
    assert found.estimate == pytest.approx(t / np.sqrt(30), rel=1e-12)
    for limit, tail in ((found.low, 0.975), (found.high, 0.025)):
        ncp = optimize.brentq(lambda nc, tail=tail: stats.nct.cdf(t, 29, nc) - tail, -10, 20)
        assert limit == pytest.approx(ncp / np.sqrt(30), abs=1e-5)
    mirror = d_z(b, a)
    assert (mirror.low, mirror.high) == (-found.high, -found.low)


def test_d_z_is_refused_for_0_1_scores_and_for_equal_differences():
    binary = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="0/1 scores"):
        d_z(binary, 1 - binary)
    with pytest.raises(ValueError, match="all differences are equal"):
        d_z(np.arange(5) + 1.5, np.arange(5.0))


def test_0_1_scores_have_no_effect_size_but_their_difference():
    binary = np.array([0.0, 1.0] * 20)
    found = effect_sizes(binary, 1 - binary)
    assert (found.cliffs_delta, found.hodges_lehmann, found.d_z) == (None, None, None)
    assert "difference itself" in found.reasons[0]


def test_item_means_have_all_that_can_be_said_and_reasons_for_the_rest():
    random = np.random.default_rng(10)
    a, b = random.normal(0.5, 1, (2, 80))
    found = effect_sizes(a, b)
    assert found.reasons == ()
    assert set(found.to_json()) == {"cliffs_delta", "hodges_lehmann", "d_z"}
    clustered = effect_sizes(a, b, cluster=np.repeat(np.arange(10), 8))
    assert clustered.d_z is None and clustered.hodges_lehmann is None
    assert "stand alone" in clustered.reasons[0]
    # Most items alike in both arms: every Walsh average in question is 0.
    b = np.where(np.arange(80) < 70, a, b)
    tied = effect_sizes(a, b)
    assert tied.hodges_lehmann is None
    assert "no width" in tied.reasons[0]
    assert tied.d_z is not None
