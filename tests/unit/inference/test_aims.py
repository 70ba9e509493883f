"""Non-inferiority: its words and sentences, the test that inverts the interval, its error rate, families."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multinomial
from statsmodels.stats.multitest import multipletests

from splitplot.inference.aims import p_of_loss
from splitplot.inference.arms import Arms
from splitplot.inference.evidence import LOST, Arm, Evidence, Rival
from splitplot.inference.families import Compared, families
from splitplot.inference.intervals import Interval
from splitplot.inference.mcnemar import tango
from splitplot.inference.noise import RunNoise
from splitplot.inference.paired import paired_difference
from splitplot.inference.verdict import decide, speak
from splitplot.inference.voice import Measure

AIM = "non-inferiority"
FALSE = Measure("false answers", "unanswerable")


def interval(low, high, level=0.95):
    return Interval((low + high) / 2, low, high, level, "t over items", (high - low) / 4, 199.0)


def evidence(low, high, **other):
    shrink = (high - low) / 2 * (1 - 1.645 / 1.96)
    return Evidence(
        **{
            "a": Arm("treatment", 0.6, 0.0, 0.0),
            "b": Arm("control", 0.5, 0.0, 0.0),
            "difference": interval(low, high),
            "equivalence": interval(low + shrink, high - shrink, 0.9),
            "margin": 0.02,
            "margin_is_default": False,
            "scope": "items",
            "alpha": 0.05,
            "bounded": True,
            "binary": True,
            "clustered": False,
            "n_items": 200,
            "n_union": 200,
            "n_clusters": 200,
            "wins": 40,
            "losses": 20,
            "noise": RunNoise(None, None, "only one"),
            "p_value": 0.3,
            "aim": AIM,
            "p_loss": 0.004,
        }
        | other
    )


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (-0.019, 0.06, "NON-INFERIOR"),
        (-0.019, 0.001, "NON-INFERIOR"),
        (0.03, 0.09, "NON-INFERIOR"),
        (-0.015, -0.001, "NON-INFERIOR"),
        (-0.021, 0.06, "NOT SETTLED"),
        (-0.02, 0.06, "NOT SETTLED"),  # the margin itself is too much
        (-0.06, -0.005, "WORSE, SIZE OPEN"),
        (-0.09, -0.03, "WORSE"),
    ],
)
def test_word_follows_the_table(low, high, word):
    assert decide(interval(low, high), interval(low, high, 0.9), 0.02, AIM) == word
    assert speak(evidence(low, high)).word == word


@pytest.mark.parametrize(
    ("low", "high", "starts"),
    [
        (-0.012, 0.05, "“treatment” is not worse than “control” by 2.0 points or more on questions like "
         "these: it is anything from 1.2 points worse to 5.0 better. (p = 0.008, twice"),
        (0.004, 0.05, "“treatment” is not worse than “control” on questions like these but better, by 0.4 "
         "to 5.0 points. (p ="),
        (0.03, 0.05, "“treatment” is not worse than “control” on questions like these but better, by 3.0 "
         "to 5.0 points. Even the least of that is more than 2.0 points. (p ="),
        (0.004, 0.018, "“treatment” is not worse than “control” on questions like these but better, by 0.4 "
         "to 1.8 points. It is a gain of less than 2.0 points (90% interval 0.5 to 1.7). (p ="),
        (-0.01, 0.016, "“treatment” is not worse than “control” by 2.0 points or more on questions like "
         "these: it is anything from 1.0 points worse to 1.6 better. Neither is it ahead by that much: the "
         "gap is within 2.0 points (90% interval −0.8 to 1.4). (p ="),
        (-0.03, 0.01, "The data cannot exclude that “treatment” is worse than “control” by more than 2.0 "
         "points on questions like these: “treatment” may be anything from 3.0 points worse to 1.0 better."),
        (-0.06, -0.005, "“control” is better than “treatment” by 0.5 to 6.0 points on questions like these, "
         "but perhaps by less than the 2.0 points that you said matter. A loss of more than 2.0 points "
         "cannot be excluded."),
    ],
)  # fmt: skip
def test_the_sentence_says_what_the_interval_shows(low, high, starts):
    assert speak(evidence(low, high)).sentence.startswith(starts)


def test_the_sentence_of_events_speaks_of_events():
    said = speak(evidence(-0.012, 0.05, measure=FALSE)).sentence
    assert said.startswith(
        "“treatment” does not make more false answers than “control” by 2.0 points or more on unanswerable "
        "questions like these: it makes anything from 1.2 points more to 5.0 fewer."
    )
    said = speak(evidence(-0.03, 0.01, measure=FALSE)).sentence
    assert said.startswith(
        "The data cannot exclude that “treatment” makes more false answers than “control”, by more than 2.0 "
        "points on unanswerable questions like these: “treatment” may make anything from 3.0 points more "
        "to 1.0 fewer."
    )


def test_a_bound_for_lost_answers_takes_the_word_away():
    rival = Rival("lost against a", interval(-0.05, 0.02), interval(-0.04, 0.01), LOST, "if lost")
    verdict = speak(evidence(-0.012, 0.05, rivals=(rival,)))
    assert verdict.word == "NOT SETTLED"
    assert "depends on what the lost answers would have been" in verdict.sentence


def test_among_several_comparisons_the_adjusted_p_value_decides():
    alone = evidence(-0.012, 0.05, p_loss=0.02)
    assert speak(alone).word == "NON-INFERIOR"
    lost = speak(replace(alone, family=3, p_adjusted=0.12))
    assert lost.word == "NOT SETTLED"
    assert "once all 3 comparisons are counted" in lost.sentence
    kept = speak(replace(alone, family=3, p_adjusted=0.04))
    assert kept.word == "NON-INFERIOR"


def test_what_is_said_beside_it_among_several_holds_for_the_whole_family():
    wider = (interval(-0.002, 0.056), interval(0.0, 0.054, 0.9))
    among = speak(evidence(0.004, 0.05, family=2, p_adjusted=0.01, together=wider))
    assert among.word == "NON-INFERIOR"
    assert "but better" not in among.sentence
    loss = speak(
        evidence(
            -0.06, -0.005, family=2, p_adjusted=1.0,
            together=(interval(-0.07, 0.001), interval(-0.06, 0.0, 0.9)),
        )
    )  # fmt: skip
    assert loss.word == "NOT SETTLED"


RNG = np.random.default_rng(7)


def designs():
    """Scores of 60 items: right or wrong (Tango), means of three (adjusted t), clusters (CR2), a scale
    without ends and few items (sign-flip)."""
    binary = (RNG.random((2, 60)) < 0.6).astype(float)
    means = RNG.binomial(3, 0.6, (2, 60)) / 3
    free = RNG.normal(size=(2, 30)) * 3
    return [
        (*binary, None),
        (*means, None),
        (*means, np.repeat(np.arange(12), 5)),
        (*free, None),
    ]


@pytest.mark.parametrize(("a", "b", "cluster"), designs(), ids=["Tango", "t", "CR2", "flips"])
@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_the_test_inverts_the_interval(a, b, cluster, alpha):
    """p < α/2 exactly where the lower limit is above −margin, for margins on both sides of it."""
    found = paired_difference(a, b, cluster=cluster, level=1 - alpha)
    arms = Arms(a, b, np.arange(a.size), None, None, a.size)
    for step in (-0.03, -0.005, 0.005, 0.03):
        margin = max(0.0, -found.low + step)
        e = evidence(found.low, found.high, difference=found, margin=margin, alpha=alpha)
        p = p_of_loss(e, arms, cluster, 0)
        assert (p < alpha / 2) == (found.low > -margin)
        assert (decide(found, found, margin, AIM) == "NON-INFERIOR") == (found.low > -margin)


@pytest.mark.parametrize(("gain", "margin"), [(0.05, 0.05), (0.1, 0.1), (0.02, 0.1)])
def test_a_loss_of_exactly_the_margin_is_missed_in_one_of_forty(gain, margin):
    """Enumerated over all 2 × 2 tables of 40 items: P(NON-INFERIOR) at a loss of the margin, at most α/2."""
    n, missed = 40, 0.0
    for b, c in ((won, lost) for won in range(n + 1) for lost in range(n + 1 - won)):
        p = multinomial.pmf([b, c, n - b - c], n, [gain, gain + margin, 1 - 2 * gain - margin])
        if p > 1e-9:
            found = tango(b, c, n)
            missed += p * (decide(found, found, margin, AIM) == "NON-INFERIOR")
    assert 0.001 < missed < 0.026


ITEMS = RNG.integers(-1, 2, (80, 4)).astype(float)
STUDY = [
    Compared("x", "em", True, ITEMS[:, 0], 0.02, True),
    Compared("y", "em", True, ITEMS[:, 1], 0.3, True),
    Compared("z", "honest", True, ITEMS[:, 2], 0.011, True),
    Compared("dollars", "usd", True, None, 0.04),
    Compared("w", "honest", False, ITEMS[:, 3], 0.01, True),
]
NONE = {"em": None, "honest": None, "usd": None}


def test_one_family_of_the_study_is_holm_over_all_of_its_primary_contrasts():
    found = families(STUDY, NONE, seed=1, pooled=True)
    p = {i: p for f in found for i, p in zip(f.members, f.p_adjusted, strict=True)}
    expected = multipletests([0.02, 0.3, 0.011, 0.04], method="holm")[1]
    assert [p[i] for i in range(4)] == pytest.approx(expected)
    assert p[4] == 0.01  # exploration is no part of it
    assert [f.size for f in found] == [4, 4, 4, 1]
    names = [one.name for one in STUDY]
    assert [f.to_json(names)["over"] for f in found] == ["study"] * 3 + ["metric"]


def test_intervals_that_hold_together_stay_those_of_a_metric():
    pooled, apart = (families(STUDY, NONE, seed=1, pooled=flag) for flag in (True, False))
    assert [f.intervals for f in pooled] == [f.intervals for f in apart]
    assert apart[0].p_adjusted == pytest.approx((0.04, 0.3))


def test_a_table_with_copies_needs_the_test_of_whole_contents_too():
    """Four contents, ten copies each, all a little better: the CR2 interval is sure, 1/16 is not."""
    d = np.repeat([0.1, 0.12, 0.11, 0.13], 10)
    arms = Arms(0.5 + d, np.full(40, 0.5), np.arange(40), None, None, 40)
    cluster = np.repeat(np.arange(4), 10)
    found = paired_difference(arms.a, arms.b, cluster=cluster)
    e = evidence(found.low, found.high, difference=found, copies_held=True, clustered=True)
    assert p_of_loss(replace(e, copies_held=False), arms, cluster, 0) < 0.001
    assert p_of_loss(e, arms, cluster, 0) == pytest.approx(1 / 16)
