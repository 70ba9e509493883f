"""The default estimator by design, and what replications and clusters do to naive ones."""

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.clusters import TooFewClusters, cr2_mean
from splitplot.inference.mcnemar import mcnemar_exact, tango
from splitplot.inference.paired import paired_comparison, paired_difference, t_difference
from splitplot.inference.signflip import sign_flip_interval


def test_0_1_scores_get_tango_and_exact_mcnemar():
    a, b = (
        np.repeat([1.0, 1.0, 0.0, 0.0], [30, 12, 5, 13]),
        np.repeat([1.0, 0.0, 1.0, 0.0], [30, 12, 5, 13]),
    )
    result = paired_comparison(a, b)
    assert result.difference == tango(12, 5, 60)
    assert result.equivalence == tango(12, 5, 60, 0.9)
    assert result.p_value == mcnemar_exact(12, 5)
    assert result.discordant == (12, 5)
    assert (result.wins, result.ties, result.losses) == (12, 43, 5)


def test_item_means_within_0_and_1_get_the_t_interval_of_the_differences_and_of_one_half_each_way():
    random = np.random.default_rng(0)
    a, b = random.integers(0, 4, (2, 50)) / 3
    expected = stats.ttest_1samp(np.append(a - b, [0.5, -0.5]), 0).confidence_interval(0.95)
    interval = paired_difference(a, b)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert interval.estimate == pytest.approx((a - b).mean(), abs=1e-15)
    assert interval.se == pytest.approx(stats.sem(a - b), rel=1e-12)
    assert interval.df == 51
    assert paired_comparison(a, b).discordant is None


def test_scores_without_a_range_get_t_from_50_items_and_sign_flip_inversion_below():
    a, b = np.random.default_rng(0).normal(50, 9, (2, 50))
    expected = stats.ttest_1samp(a - b, 0).confidence_interval(0.95)
    interval = paired_difference(a, b)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert paired_difference(a[:49], b[:49], seed=3) == sign_flip_interval(a[:49] - b[:49], seed=3)


@pytest.mark.parametrize(("items", "centre"), [(20, 5.0), (20, -5.0), (50, 5.0), (200, 5.0)])
def test_the_adjusted_interval_covers_near_the_ends_of_the_scale_where_t_does_not(items, centre):
    # Nominal .95. Differences are rare and one-sided there: logits centre ± 1.5, B one logit and a half up.
    random = np.random.default_rng(items)
    runs, replications = 1500, 3
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    shift = 1.5

    def score(logit):
        return 1 / (1 + np.exp(-logit))

    truth = (score(centre + shift + 1.5 * nodes) - score(centre + 1.5 * nodes)) @ weights
    truth /= weights.sum()
    adjusted = plain = 0
    for _ in range(runs):
        difficulty = random.normal(centre, 1.5, items)
        b = random.binomial(replications, score(difficulty)) / replications
        a = random.binomial(replications, score(difficulty + shift)) / replications
        one = paired_difference(a, b)
        adjusted += one.low <= truth <= one.high
        other = t_difference(a, b)
        plain += other.low <= truth <= other.high
    assert adjusted / runs > 0.94
    assert adjusted >= plain


def test_clusters_get_cr2_and_the_cluster_sign_flip_even_with_0_1_scores():
    random = np.random.default_rng(0)
    a, b = random.integers(0, 2, (2, 60)).astype(float)
    cluster = np.repeat(np.arange(12), 5)
    result = paired_comparison(a, b, cluster=cluster)
    assert result.difference == cr2_mean(a - b, cluster)
    assert "clusters" in result.test
    assert result.n_clusters == 12
    with pytest.raises(TooFewClusters):
        paired_comparison(a, b, cluster=np.zeros(60))


def test_identical_arms_keep_an_interval_with_a_width():
    for scores in (np.ones(40), np.full(40, 1 / 3), np.repeat([0.0, 2 / 3], 20)):
        result = paired_comparison(scores, scores)
        assert result.difference.low < 0 < result.difference.high
        assert result.p_value == 1.0
    clustered = paired_comparison(scores, scores, cluster=np.repeat(np.arange(8), 5))
    assert clustered.difference.high > result.difference.high


def test_equal_differences_without_a_known_range_have_no_interval():
    with pytest.raises(ValueError, match="no known range"):
        paired_comparison(np.full(30, 7.5), np.full(30, 7.0))


def test_missing_values_are_refused_by_name():
    with pytest.raises(ValueError, match=r"^b: NaN"):
        paired_comparison([1.0, 0.0], [np.nan, 1.0])


def test_swapping_the_arms_mirrors_everything():
    random = np.random.default_rng(8)
    a, b = random.integers(0, 4, (2, 30)) / 3
    one, other = paired_comparison(a, b, seed=2), paired_comparison(b, a, seed=2)
    assert (other.difference.low, other.difference.high) == pytest.approx(
        (-one.difference.high, -one.difference.low), abs=1e-12
    )
    assert other.p_value == one.p_value
    assert (other.wins, other.losses) == (one.losses, one.wins)


def test_replications_are_not_pairs():
    # Trap 15 of the specification: McNemar over item × replication rejects a true null too often (.073 at
    # K = 5 there); item means keep the level. Two arms of the same ability with an item × arm interaction.
    random = np.random.default_rng(15)
    items, k, runs = 60, 5, 600
    as_pairs = as_items = 0
    for run in range(runs):
        difficulty = random.normal(0, 1.5, items)
        chance = [1 / (1 + np.exp(-(difficulty + random.normal(0, 0.7, items)))) for _ in "ab"]
        a, b = (random.random((k, items)) < c for c in chance)
        as_pairs += mcnemar_exact(int((a & ~b).sum()), int((b & ~a).sum())) < 0.05
        as_items += paired_comparison(a.mean(axis=0), b.mean(axis=0), seed=run).p_value < 0.05
    assert as_items / runs < 0.065
    assert as_pairs / runs > as_items / runs + 0.02
