"""The joint bootstrap against enumeration of all resamples, literal resampling and scipy.stats.bootstrap."""

import tracemalloc
from itertools import product

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.resampling import weights
from splitplot.inference.resampling.bootstrap import (
    bootstrap_means,
    bootstrap_ratios,
    bootstrap_statistics,
    bootstrap_sums,
    unit_sums,
)
from splitplot.inference.resampling.weights import CHUNK, chunks, stream


def literal_draws(units, draws, seed):
    """Indices of the units of every draw, as they come out of the streams of the chunks."""
    for start, size in chunks(draws):
        random = stream(seed, weights.BOOTSTRAP, start // CHUNK)
        for _ in range(size):
            yield random.integers(0, units, units)


def test_four_items_have_the_distribution_of_all_their_256_resamples():
    values = np.array([0.0, 1.0, 3.0, 7.0])
    means, counts = np.unique(
        [sum(sample) / 4 for sample in product(values, repeat=4)], return_counts=True
    )
    expected = counts / 256
    draws = bootstrap_means(values, draws=20_000, seed=3)[:, 0]
    seen = np.array([(draws == mean).mean() for mean in means])
    assert seen.sum() == pytest.approx(1.0)
    assert (np.abs(seen - expected) < 4.5 * np.sqrt(expected * (1 - expected) / 20_000)).all()


def test_draws_are_the_means_of_the_items_drawn():
    columns = np.random.default_rng(2).random((40, 3))
    draws = bootstrap_means(columns, draws=300, seed=7)
    literal = [columns[drawn].mean(axis=0) for drawn in literal_draws(40, 300, 7)]
    assert draws == pytest.approx(np.array(literal), abs=1e-12)


def test_the_standard_deviation_is_the_one_that_theory_gives():
    # Efron & Tibshirani (1993), eq. 5.12: the bootstrap variance of a mean is Σ(x − x̄)²/n².
    values = np.random.default_rng(4).exponential(size=200)
    draws = bootstrap_means(values, draws=20_000, seed=1)[:, 0]
    theory = np.sqrt(((values - values.mean()) ** 2).sum()) / 200
    assert draws.std() == pytest.approx(theory, rel=0.02)
    assert draws.mean() == pytest.approx(values.mean(), abs=4 * theory / np.sqrt(20_000))


def test_scipy_draws_the_same_distribution():
    values = np.random.default_rng(5).exponential(size=80)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, batch=1_000, rng=1)
    ours = bootstrap_means(values, draws=20_000, seed=1)[:, 0]
    assert stats.ks_2samp(ours, theirs.bootstrap_distribution).pvalue > 0.001


def test_differences_of_arms_are_the_differences_of_pairs():
    arms = np.random.default_rng(6).random((70, 4))
    means = bootstrap_means(arms, draws=400, seed=2)
    pair = bootstrap_means(arms[:, [3]] - arms[:, [1]], draws=400, seed=2)[:, 0]
    assert means[:, 3] - means[:, 1] == pytest.approx(pair, abs=1e-11)


def test_equal_arms_stay_equal_in_every_draw():
    arm = np.random.default_rng(6).random(70)
    means = bootstrap_means(np.stack([arm, arm], axis=1), draws=400, seed=2)
    assert (means[:, 0] == means[:, 1]).all()


def test_clusters_are_drawn_whole_and_weigh_by_their_items():
    random = np.random.default_rng(7)
    cluster = random.integers(0, 9, 50)
    columns = random.random((50, 2))
    draws = bootstrap_means(columns, cluster, 300, seed=5)
    members = [np.flatnonzero(cluster == c) for c in np.unique(cluster)]
    literal = [
        columns[np.concatenate([members[c] for c in drawn])].mean(axis=0)
        for drawn in literal_draws(len(members), 300, 5)
    ]
    assert draws == pytest.approx(np.array(literal), abs=1e-12)


def test_the_names_of_clusters_do_not_matter_but_for_their_order():
    random = np.random.default_rng(7)
    cluster = random.integers(0, 9, 50)
    columns = random.random((50, 2))
    labels = np.array([f"passage {c}" for c in cluster])
    assert (
        bootstrap_means(columns, cluster, 50, seed=5)
        == bootstrap_means(columns, labels, 50, seed=5)
    ).all()


def test_an_item_that_a_column_lacks_adds_nothing_to_its_sum_and_nothing_to_its_count():
    columns = np.random.default_rng(8).random((30, 2))
    columns[:10, 1] = np.nan
    draws = bootstrap_means(columns, draws=300, seed=5)
    literal = [np.nanmean(columns[drawn], axis=0) for drawn in literal_draws(30, 300, 5)]
    assert draws == pytest.approx(np.array(literal), abs=1e-12)


def test_a_draw_without_any_item_of_a_column_has_no_mean():
    columns = np.full((4, 2), np.nan)
    columns[:, 0] = 1.0
    columns[0, 1] = 0.5
    draws = bootstrap_means(columns, draws=200, seed=5)
    drawn = np.array([0 in items for items in literal_draws(4, 200, 5)])
    assert (np.isnan(draws[:, 1]) == ~drawn).all()
    assert 0 < drawn.sum() < 200


def test_ratios_are_ratios_of_sums_and_no_means_of_ratios():
    random = np.random.default_rng(9)
    cost, solved = random.exponential(size=(60, 1)), random.integers(0, 3, (60, 1)).astype(float)
    draws = bootstrap_ratios(cost, solved, draws=300, seed=5)
    literal = [cost[drawn].sum() / solved[drawn].sum() for drawn in literal_draws(60, 300, 5)]
    assert draws[:, 0] == pytest.approx(np.array(literal), rel=1e-11)


def test_micro_f1_is_a_ratio_of_sums():
    # F1 = 2·TP/(2·TP + FP + FN) of the pooled counts, not a mean of item F1s (van Rijsbergen 1979).
    random = np.random.default_rng(10)
    tp, fp, fn = random.integers(0, 4, (3, 50))
    draws = bootstrap_ratios(2.0 * tp[:, None], (2.0 * tp + fp + fn)[:, None], draws=100, seed=5)
    literal = [
        2 * tp[d].sum() / (2 * tp[d].sum() + fp[d].sum() + fn[d].sum())
        for d in literal_draws(50, 100, 5)
    ]
    assert draws[:, 0] == pytest.approx(np.array(literal), rel=1e-12)


def test_any_statistic_sees_the_draws_that_sums_are_made_of():
    values = np.random.default_rng(5).random(30)
    found = bootstrap_statistics(lambda w: [w @ values, w.max()], 30, draws=600, seed=4)
    assert found[:, 0] == pytest.approx(bootstrap_sums(values[:, None], draws=600, seed=4)[:, 0])
    most = [np.bincount(drawn, minlength=30).max() for drawn in literal_draws(30, 600, 4)]
    assert found[:, 1].tolist() == most


def test_another_seed_gives_other_draws():
    values = np.random.default_rng(4).random(50)
    assert not (
        bootstrap_means(values, draws=50, seed=1) == bootstrap_means(values, draws=50, seed=2)
    ).all()


def test_the_influence_of_units_adds_up_to_nothing_and_its_squares_to_the_variance():
    random = np.random.default_rng(11)
    values, cluster = random.random(40), random.integers(0, 6, 40)
    sums = unit_sums(values, cluster)
    residual = values - values.mean()
    by_cluster = np.array([residual[cluster == c].sum() for c in np.unique(cluster)])
    assert sums.influence[:, 0] == pytest.approx(by_cluster / 40)
    assert sums.influence.sum() == pytest.approx(0, abs=1e-15)


def test_infinities_and_lonely_clusters_are_refused():
    with pytest.raises(ValueError, match="infinity"):
        bootstrap_means([1.0, np.inf], seed=1)
    with pytest.raises(ValueError, match="finite"):
        bootstrap_sums([[np.nan]], seed=1)
    with pytest.raises(TooFewClusters):
        bootstrap_means([1.0, 2.0], ["a", "a"], seed=1)


def test_28_000_items_and_150_columns_stay_below_300_mb():
    columns = np.where(np.random.default_rng(1).random((28_000, 150)) < 0.5, 1.0, 0.0)
    tracemalloc.start()
    try:
        bootstrap_means(columns, draws=500, seed=1, workers=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # What 9,500 more draws would add is their results alone.
    assert peak + 9_500 * 150 * 8 < 300e6
