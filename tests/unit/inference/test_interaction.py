"""Gaps at each level of another factor: against t tests of difference of differences, and error rates."""

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.interaction import ArmsAt, interaction, interaction_sentence
from splitplot.inference.paired import paired_comparison, paired_difference
from splitplot.inference.wald import JointTest, helmert, joint_zero_test


def levels(gaps, seed=0, n=300, replications=1):
    """Arms per level with these gaps on the log-odds scale, on the same items."""
    random = np.random.default_rng(seed)
    difficulty = random.normal(0, 1, n)
    found = []
    for number, gap in enumerate(gaps):
        a, b = (
            random.binomial(replications, 1 / (1 + np.exp(-difficulty - shift))) / replications
            for shift in (gap, 0.0)
        )
        found.append(ArmsAt(f"m{number}", a, b, np.arange(n)))
    return found


def test_two_levels_are_the_paired_t_test_of_the_difference_of_differences():
    first, second = levels([0.8, 0.1], replications=3)
    found = interaction([first, second])
    expected = stats.ttest_rel(first.a - first.b, second.a - second.b)
    assert found.joint.statistic == pytest.approx(expected.statistic**2, rel=1e-9)
    assert found.joint.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_simple_effects_are_those_of_the_default_estimator():
    arms = levels([0.8, 0.1, 0.4])
    found = interaction(arms, seed=5)
    for one, simple in zip(arms, found.simple, strict=True):
        assert simple.difference == paired_difference(one.a, one.b, seed=5)
        assert simple.p_value == paired_comparison(one.a, one.b, seed=5).p_value
        assert simple.n_items == 300


def test_without_tests_the_intervals_stay():
    arms = levels([0.8, 0.1])
    bare, full = interaction(arms, tests=False), interaction(arms)
    assert [one.p_value for one in bare.simple] == [None, None]
    assert [one.difference for one in bare.simple] == [one.difference for one in full.simple]
    assert bare.joint == full.joint


def test_levels_are_matched_by_item_whatever_their_order_and_holes():
    first, second = levels([0.8, 0.1], replications=3)
    order = np.random.default_rng(1).permutation(300)[:280]
    shuffled = ArmsAt("m1", second.a[order], second.b[order], order)
    found = interaction([first, shuffled])
    common = np.sort(order)
    expected = stats.ttest_rel((first.a - first.b)[common], (second.a - second.b)[common])
    assert found.joint.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.joint.n_items == 280
    assert [one.n_items for one in found.simple] == [300, 280]


def test_a_gap_that_turns_round_makes_the_answer_conditional():
    found = interaction(levels([1.2, -1.0, 0.1]))
    assert found.sign_differs and found.conditional and found.turns_round
    sentence = interaction_sentence(found, "Short", "LONG", "model")
    assert sentence.startswith(
        "The answer depends on the model: “Short” was ahead of “LONG” with “m0” by "
    )
    assert "and behind with “m1” by " in sentence
    assert "p < 0.001 if the gap were the same for all 3 models" in sentence


def test_a_gap_against_none_is_conditional_half_of_the_time_and_hardly_ever_said_to_turn_round():
    # One level has a gap, the other truly has none: its estimate falls on either side of 0, the joint test
    # sees that the gaps differ, and the rule of the two signs fires. An interval on either side does not.
    found = [interaction(levels([1.3, 0.0], seed=seed)) for seed in range(200)]
    assert 0.35 < np.mean([one.conditional for one in found]) < 0.6
    assert np.mean([one.turns_round for one in found]) < 0.06
    doubtful = next(one for one in found if one.conditional and not one.turns_round)
    assert "not that one of them truly goes the other way" in interaction_sentence(
        doubtful, "a", "b", "model"
    )


def test_signs_that_differ_by_chance_alone_do_not():
    random_signs = [interaction(levels([0.0, 0.0], seed=seed)) for seed in range(300)]
    differing = [one for one in random_signs if one.sign_differs]
    assert len(differing) > 90
    assert sum(one.conditional for one in random_signs) / 300 < 0.08
    quiet = next(one for one in differing if not one.conditional)
    assert "is not settled (p = " in interaction_sentence(quiet, "a", "b", "sampling")


def test_gaps_of_one_sign_that_differ_in_size_leave_the_verdict_alone():
    found = interaction(levels([2.5, 0.6], seed=2))
    assert not found.sign_differs and not found.conditional
    assert found.joint.p_value < 0.05
    sentence = interaction_sentence(found, "a", "b", "model")
    assert sentence.startswith("The gap between “a” and “b” is not the same for every model (p")
    assert sentence.endswith("“a” was ahead with each.")


@pytest.mark.parametrize(
    ("n", "count", "centre", "replications"),
    [(20, 3, 0, 1), (50, 5, 0, 1), (50, 3, 4, 1), (50, 3, 0, 3)],
)
def test_the_joint_test_keeps_its_level_with_0_1_scores_and_near_the_ceiling(
    n, count, centre, replications
):
    # The gap is the same at every level, with an item × arm interaction of its own at each.
    random = np.random.default_rng(n + count)
    runs, rejected = 1500, 0
    for _ in range(runs):
        difficulty = random.normal(centre, 1.5, n)
        columns = []
        for _ in range(count):
            logit = difficulty + random.normal(0, 0.7, (2, n)) + np.array([[0.7], [0.0]])
            a, b = random.binomial(replications, 1 / (1 + np.exp(-logit))) / replications
            columns.append(a - b)
        joint = joint_zero_test(helmert(np.stack(columns, axis=1)))
        rejected += isinstance(joint, JointTest) and joint.p_value < 0.05
    assert rejected / runs < 0.065


def test_clusters_widen_the_joint_test_too():
    random = np.random.default_rng(4)
    cluster = np.arange(120) % 8
    shift = random.normal(0, 0.5, (8, 2))[cluster]
    arms = [
        ArmsAt(
            f"m{k}",
            random.normal(0, 1, 120) + shift[:, k],
            random.normal(0, 1, 120),
            np.arange(120),
        )
        for k in range(2)
    ]
    clustered, alone = interaction(arms, cluster=cluster), interaction(arms)
    assert "CR2" in clustered.joint.test
    assert clustered.joint.df[1] < 8 < alone.joint.df[1]
    assert clustered.simple[0].difference.method == "CR2 clustered t"


def test_what_cannot_be_tested_says_why():
    scores = np.random.default_rng(5).integers(0, 2, 40).astype(float)
    same = [ArmsAt(name, scores, scores, np.arange(40)) for name in "xy"]
    found = interaction(same)
    assert found.joint is None
    assert not found.conditional
    sentence = interaction_sentence(found, "a", "b", "model")
    assert "cannot be tested: no item has a different gap at another level" in sentence
    apart = [
        ArmsAt("x", scores, 1 - scores, np.arange(40)),
        ArmsAt("y", scores, 1 - scores, np.arange(40, 80)),
    ]
    assert "0 items answered by both at every level" in interaction(apart).reason
    with pytest.raises(ValueError, match="two levels"):
        interaction(same[:1])


def test_json_has_plain_values():
    found = interaction(levels([0.5, 0.1])).to_json()
    assert set(found) == {"simple", "joint", "sign_differs", "conditional", "turns_round"}
    assert set(found["joint"]) == {"test", "statistic", "df", "p_value", "n_items"}
    assert isinstance(found["joint"]["df"], list)
