"""The winner of several arms: trap 20 by simulation, Tukey's intervals, the sentence."""

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.paired import adjusted_t, paired_difference
from splitplot.inference.ranking import rank_arms
from splitplot.inference.selection import MEAN, select

NAMES = [f"p{i}" for i in range(12)]


def study(random, truth, items=200):
    hard = random.uniform(-0.25, 0.25, (items, 1))
    return (random.random((items, len(truth))) < truth + hard) * 1.0


@pytest.mark.long
@pytest.mark.parametrize("reference", [None, "p0"])
def test_the_winner_of_twelve_is_overstated_and_its_adjusted_interval_is_not(reference):
    # Trap 20: 12 prompts, 200 items, true standard deviation 1 point: the winner looks 5 points better
    # than it is. 250 studies, Monte Carlo standard error of a coverage of .95: .014.
    random = np.random.default_rng(1)
    hits, naive, seen, true = [], [], [], []
    for seed in range(250):
        truth = 0.6 + random.normal(0, 0.01, 12)
        scores = study(random, truth)
        best = int(np.argmax(scores.mean(axis=0)))
        if reference and best == 0:
            continue
        found = select(scores, NAMES, reference=reference, seed=seed, draws=10_000)
        if reference:
            gain, alone = truth[best] - truth[0], paired_difference(scores[:, best], scores[:, 0])
        else:
            gain, alone = (
                truth[best] - truth.mean(),
                adjusted_t(scores[:, best] - scores.mean(axis=1)),
            )
        hits.append(found.difference.low <= gain <= found.difference.high)
        naive.append(alone.low <= gain <= alone.high)
        seen.append(found.difference.estimate)
        true.append(gain)
    assert np.mean(seen) - np.mean(true) > 0.04
    assert np.mean(naive) < 0.9
    assert np.mean(hits) > 0.95 - 3 * 0.014


def test_against_a_reference_the_interval_is_that_of_all_pairs():
    # scipy's intervals of Tukey's test: independent arms of equal variance, many items.
    random = np.random.default_rng(2)
    scores = random.normal([0, 0.1, 0.3, 0.5, 1.0], 1, (600, 5))
    found = select(scores, NAMES[:5], reference="p0", seed=1)
    theirs = stats.tukey_hsd(*scores.T).confidence_interval(0.95)
    assert found.winners == ("p4",)
    width = theirs.high[4, 0] - theirs.low[4, 0]
    assert found.difference.low == pytest.approx(theirs.low[4, 0], abs=0.03 * width)
    assert found.difference.high == pytest.approx(theirs.high[4, 0], abs=0.03 * width)
    assert found.difference.level == 0.95


@pytest.mark.long
@pytest.mark.parametrize("arms", [4, 8])
def test_identical_arms_are_seldom_said_to_differ_whichever_the_winner_is_held_against(arms):
    # All contrasts of the winner together. Dunnett against each in turn: .08 with 4 arms, .127 with 8.
    # Monte Carlo standard error of .05 in 300 studies: .0126.
    random = np.random.default_rng(arms)
    false, studies = 0, 300
    for seed in range(studies):
        scores = random.normal(size=(100, arms))
        best = NAMES[int(scores.mean(axis=0).argmax())]
        said = [
            select(scores, NAMES[:arms], reference=other, seed=seed, draws=4000).sentence
            for other in NAMES[:arms]
            if other != best
        ]
        false += any(text.endswith("it is better.") for text in said)
    assert false / studies < 0.05 + 2 * 0.0126


def test_what_is_said_of_the_winner_agrees_with_the_rank_sets():
    random = np.random.default_rng(8)
    for seed in range(20):
        scores = study(random, np.array([0.5, 0.55, 0.6, 0.68]))
        ranks = rank_arms(scores, seed=seed, draws=200, max_t_draws=10_000)
        best = int(scores.mean(axis=0).argmax())
        for other in range(4):
            gap = ranks.differences.get((min(best, other), max(best, other)))
            if gap is None or scores[:, other].mean() == scores[:, best].mean():
                continue
            found = select(scores, NAMES[:4], reference=NAMES[other], seed=seed, draws=10_000)
            ends = (gap.low, gap.high) if best < other else (-gap.high, -gap.low)
            assert (found.difference.low, found.difference.high) == pytest.approx(ends, abs=1e-9)


def test_a_reference_that_wins_itself_is_compared_with_the_mean():
    scores = study(np.random.default_rng(3), np.array([0.8, 0.4, 0.4]))
    found = select(scores, ["base", "x", "y"], reference="base", seed=1)
    assert (found.winners, found.against) == (("base",), MEAN)
    assert found.difference.estimate == pytest.approx(scores[:, 0].mean() - scores.mean())


def test_arms_that_share_the_first_place_are_all_named():
    scores = study(np.random.default_rng(4), np.array([0.4, 0.7]))
    found = select(np.column_stack([scores, scores[:, 1]]), ["a", "b", "c"], reference="a", seed=1)
    assert found.winners == ("b", "c")
    assert found.sentence.startswith("“b” and “c” score the same and highest of 3 on 200 items")


def test_the_sentence_says_what_is_open_and_what_is_not():
    random = np.random.default_rng(5)
    close = select(study(random, np.full(12, 0.6)), NAMES, reference="p0", seed=1)
    assert "whether it is better at all is open" in close.sentence
    assert "tends to look better than it is" in close.sentence
    clear = select(
        study(random, np.array([0.3, 0.35, 0.7])), ["a", "b", "c"], reference="a", seed=1
    )
    assert clear.sentence.endswith("as seen): it is better.")
    assert "“c” minus “a” is" in clear.sentence and "points (95% interval" in clear.sentence


def test_of_a_scorer_that_counts_events_the_fewest_are_spoken_of():
    scores = study(np.random.default_rng(5), np.array([0.3, 0.35, 0.7]))
    score = select(scores, ["a", "b", "c"], reference="a", seed=1)
    events = select(scores, ["a", "b", "c"], reference="a", seed=1, events="false answers")
    assert events.difference == score.difference
    assert events.sentence.startswith("“c” makes the fewest false answers of 3 on 200 items")
    assert "the false answers of “a” less those of “c” are" in events.sentence
    assert "highest" not in events.sentence


def test_two_arms_are_no_selection():
    with pytest.raises(ValueError, match="two are no selection"):
        select(np.ones((30, 2)), ["a", "b"], seed=1)


def test_clusters_widen_the_interval():
    random = np.random.default_rng(6)
    cluster = np.repeat(np.arange(10), 20)
    scores = random.normal(size=(200, 3)) + 2 * random.normal(size=(10, 3))[cluster]
    alone = select(scores, ["a", "b", "c"], seed=1).difference
    grouped = select(scores, ["a", "b", "c"], cluster, seed=1).difference
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_equal_scores_without_a_range_have_no_interval():
    assert select(np.tile([5.0, 7.0, 9.0], (40, 1)), ["a", "b", "c"], reference="a", seed=1) is None
