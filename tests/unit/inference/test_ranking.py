"""Rank sets against their definition, Tukey's intervals and simulated coverage; P(best) against counting."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.mcnemar import mcnemar_exact
from splitplot.inference.paired import paired_difference
from splitplot.inference.ranking import probability_best, rank_arms, rank_text

RANDOM = np.random.default_rng(1)


def right(shares, items, random, spread=0.2):
    """0/1 scores: items are hard for all arms alike."""
    hard = random.uniform(-spread, spread, (items, 1))
    return (random.random((items, len(shares))) < np.asarray(shares) + hard) * 1.0


def test_ranks_count_who_is_better_and_who_is_worse():
    scores = right([0.3, 0.7, 0.32, 0.5], 400, np.random.default_rng(2))
    found = rank_arms(scores, seed=1)
    for i in range(4):
        better = worse = 0
        for j in range(4):
            if i != j:
                gap = paired_difference(scores[:, i], scores[:, j], level=found.level_each)
                better += gap.high < 0
                worse += gap.low > 0
        assert (found.rank_low[i], found.rank_high[i]) == (1 + better, 4 - worse)
    assert found.order[0] == 1
    assert (found.rank_low[1], found.rank_high[1]) == (1, 1)
    assert (found.rank_low[0], found.rank_high[0]) == (3, 4)


def test_far_apart_arms_have_one_rank_each_and_equal_ones_every_rank():
    clear = rank_arms(right([0.2, 0.5, 0.8], 2_000, np.random.default_rng(3)), seed=1)
    assert list(zip(clear.rank_low, clear.rank_high, strict=True)) == [(3, 3), (2, 2), (1, 1)]
    one = right([0.5], 300, np.random.default_rng(4))
    same = rank_arms(np.repeat(one, 4, axis=1), seed=1)
    assert set(zip(same.rank_low, same.rank_high, strict=True)) == {(1, 4)}
    assert same.p_best == (0.25,) * 4


def test_a_copy_of_an_arm_gets_the_same_ranks_and_shares_its_chance():
    scores = right([0.4, 0.6], 300, np.random.default_rng(5))
    found = rank_arms(np.column_stack([scores, scores[:, 1]]), seed=1)
    assert found.rank_low[1:] == (1, 1) and found.rank_high[1:] == (2, 2)
    assert found.p_best[1] == found.p_best[2]
    assert sum(found.p_best) == pytest.approx(1.0)


def test_two_arms_are_their_contrast():
    scores = np.random.default_rng(6).integers(0, 4, (90, 2)) / 3
    found = rank_arms(scores, seed=1)
    assert found.level_each == pytest.approx(0.95)
    alone = paired_difference(scores[:, 0], scores[:, 1])
    assert (found.differences[0, 1].low, found.differences[0, 1].high) == pytest.approx(
        (alone.low, alone.high)
    )


def test_the_level_of_each_difference_is_tukeys_where_arms_are_alike():
    scores = np.random.default_rng(7).normal(size=(4_000, 6))
    each = stats.norm.cdf(stats.studentized_range.ppf(0.95, 6, np.inf) / np.sqrt(2)) * 2 - 1
    assert rank_arms(scores, seed=1).level_each == pytest.approx(each, abs=5e-4)


def test_p_best_counts_the_draws_and_shares_ties():
    means = np.array([[0.5, 0.5, 0.1], [0.9, 0.2, 0.1], [0.1, 0.2, 0.2], [0.3, 0.3, 0.3]])
    assert probability_best(means) == pytest.approx(
        np.array([0.5 + 1 + 0 + 1 / 3, 0.5 + 0 + 0.5 + 1 / 3, 0 + 0 + 0.5 + 1 / 3]) / 4
    )


def test_p_best_of_two_normal_arms_is_what_theory_gives():
    # P(mean A* > mean B*) = Φ(d̄ / (sd(d)/√n)) for many items.
    scores = np.random.default_rng(8).normal([0.05, 0.0], 1, (500, 2))
    d = scores[:, 0] - scores[:, 1]
    theory = stats.norm.cdf(d.mean() / (d.std() / np.sqrt(500)))
    assert rank_arms(scores, seed=1).p_best[0] == pytest.approx(theory, abs=0.02)


def test_fewer_than_50_items_or_clusters_have_no_p_best_and_say_why():
    scores = right([0.4, 0.6, 0.5], 49, np.random.default_rng(9))
    found = rank_arms(scores, seed=1)
    assert found.p_best is None and "below 50" in found.why_no_p_best
    wide = right([0.4, 0.6, 0.5], 200, np.random.default_rng(9))
    assert rank_arms(wide, np.arange(200) % 20, seed=1).p_best is None
    assert rank_arms(wide, seed=1).why_no_p_best is None


def test_clusters_widen_the_rank_sets():
    random = np.random.default_rng(10)
    cluster = np.repeat(np.arange(12), 25)
    scores = (
        random.normal(size=(300, 4)) * 0.3
        + random.normal(size=(12, 4))[cluster]
        + np.arange(4) * 0.3
    )
    alone, clustered = rank_arms(scores, seed=1), rank_arms(scores, cluster, seed=1)
    widths = [sum(np.subtract(r.rank_high, r.rank_low)) for r in (alone, clustered)]
    assert widths[1] > widths[0]


def test_equal_differences_without_a_scale_are_taken_as_open():
    base = np.random.default_rng(11).normal(size=(60, 1)) * 5
    found = rank_arms(np.column_stack([base, base + 3, base + 9]), seed=1)
    assert found.differences[0, 1] is None
    assert set(zip(found.rank_low, found.rank_high, strict=True)) == {(1, 3)}


@pytest.mark.parametrize(
    "scores", [np.ones((5, 1)), np.ones((1, 5)), np.array([[1.0, np.nan], [0, 1]])]
)
def test_too_little_and_nan_are_refused(scores):
    with pytest.raises(ValueError, match="at least 2"):
        rank_arms(scores, seed=1)


def test_the_same_for_any_number_of_workers():
    scores = right([0.4, 0.45, 0.5], 300, np.random.default_rng(12))
    assert rank_arms(scores, seed=1, workers=1) == rank_arms(scores, seed=1, workers=4)


@pytest.mark.long
@pytest.mark.parametrize(
    ("shares", "items"), [([0.5] * 6, 60), ([0.5, 0.5, 0.5, 0.6, 0.6, 0.7], 150), ([0.9] * 5, 100)]
)
def test_all_rank_sets_hold_the_true_ranks_at_once_as_often_as_they_say(shares, items):
    # 200 studies, nominal at least .95, Monte Carlo standard error .0154. With ties the true rank of an arm
    # is every place it may take (Mogstad et al. 2024): from 1 + those above to m − those below.
    random = np.random.default_rng(13)
    low = [1 + sum(s > mine for s in shares) for mine in shares]
    high = [len(shares) - sum(s < mine for s in shares) for mine in shares]
    hits = 0
    for seed in range(200):
        found = rank_arms(
            right(shares, items, random, spread=0.1), seed=seed, draws=10, max_t_draws=10_000
        )
        hits += all(
            a <= b and c >= d
            for a, b, c, d in zip(found.rank_low, low, found.rank_high, high, strict=True)
        )
    assert hits / 200 > 0.95 - 3 * 0.0154


@pytest.mark.long
def test_ten_identical_models_are_seldom_ranked_apart_where_naive_comparisons_often_do():
    # Trap 18: 45 comparisons at .05 each give a false claim in 65 of 100 studies, max-T in 4.
    random = np.random.default_rng(14)
    naive = ranked = 0
    for seed in range(150):
        scores = right([0.5] * 10, 100, random)
        found = rank_arms(scores, seed=seed, draws=10, max_t_draws=10_000)
        ranked += min(found.rank_high) < 10
        wins = [np.sum(scores[:, i] > scores[:, j]) for i in range(10) for j in range(10)]
        p_values = [
            mcnemar_exact(int(wins[10 * i + j]), int(wins[10 * j + i]))
            for i, j in combinations(range(10), 2)
        ]
        naive += min(p_values) < 0.05
    assert naive / 150 > 0.4
    assert ranked / 150 < 0.05 + 3 * 0.018


def test_ranks_in_words():
    assert (rank_text(2, 2), rank_text(1, 4)) == ("rank 2", "rank 1 to 4")
