"""Sentences of what a score counts the absence of: no "better", fewer and more, and of which questions."""

import pytest

from splitplot.inference.evidence import LOST, Rival
from splitplot.inference.measures import measured, neutral
from splitplot.inference.scoped import Scoped, where_it_ends
from splitplot.inference.verdict import speak

from .test_aims import FALSE, evidence, interval


def said(low, high, **other):
    e = evidence(low, high, aim="difference", p_loss=None, measure=FALSE, p_value=0.003, **other)
    return speak(e)


@pytest.mark.parametrize(
    ("low", "high", "starts"),
    [
        (0.03, 0.083, "“treatment” makes fewer false answers than “control”: 3.0 to 8.3 points fewer, on "
         "unanswerable questions like these. Even 3.0 points would be more than the 2.0 points that you "
         "set."),
        (0.005, 0.06, "“treatment” makes fewer false answers than “control”: 0.5 to 6.0 points fewer, on "
         "unanswerable questions like these, but perhaps by less than the 2.0 points that you said matter."),
        (-0.09, -0.03, "“control” makes fewer false answers than “treatment”: 3.0 to 9.0 points fewer, on "),
        (-0.01, 0.012, "“treatment” and “control” make equally many false answers, within 2.0 points, on "
         "unanswerable questions like these: “treatment” makes anything from 0.8 points more to 1.0 fewer "
         "(90% interval)."),
        (0.002, 0.018, "“treatment” reliably makes fewer false answers than “control” on unanswerable "
         "questions like these, but by too little to matter: fewer by 0.3 to 1.7 points (90% interval), "
         "less than the 2.0 points that you set."),
        (-0.06, 0.01, "“treatment” does not make fewer false answers than “control” by 2.0 points or more on "
         "unanswerable questions like these: it makes anything from 6.0 points more to 1.0 fewer."),
        (-0.05, 0.06, "The data cannot tell which of “treatment” and “control” makes fewer false answers on "
         "unanswerable questions like these. The observed gap, 0.5 points in favour of “treatment”, is "
         "within noise: “treatment” may make anything from 5.0 points more to 6.0 fewer."),
    ],
)  # fmt: skip
def test_a_verdict_on_false_answers_speaks_of_false_answers(low, high, starts):
    verdict = said(low, high)
    assert verdict.sentence.startswith(starts)
    assert "better" not in verdict.sentence.lower()
    assert verdict.reasons[0].startswith(
        "T over items: the false answers of “control” less those of “treatment” are "
    )


def test_an_open_verdict_says_what_each_analysis_found():
    rival = Rival("lost", interval(-0.09, -0.01), interval(-0.08, -0.02), LOST, "if all were lost")
    text = said(0.03, 0.083, rivals=(rival,)).sentence
    assert (
        "The false answers of “treatment” were 5.7 points fewer (95% interval 3.0 to 8.3) on the answers in "
        "hand, but 5.0 points more (−9.0 to −1.0) if all were lost."
    ) in text


def test_among_several_comparisons_it_speaks_so_too():
    text = said(0.005, 0.06, family=3, p_adjusted=0.2).sentence
    assert (
        "Taken alone, “treatment” makes fewer false answers, by 0.5 to 6.0 points, on unanswerable questions "
        "like these, but with 3 comparisons such a gap turns up too easily by chance."
    ) in text


def test_the_end_of_a_claim_is_in_the_same_words():
    found = [
        Scoped("fixed", interval(0.03, 0.06), interval(0.03, 0.06)),
        Scoped("items", interval(-0.03, 0.09), interval(-0.02, 0.08)),
    ]
    assert where_it_ends(found, 0.02, "a", "b", "makes fewer false answers") == (
        "On exactly these questions “a” makes fewer false answers than “b”; on questions like these the "
        "data cannot tell."
    )


def test_the_kind_of_a_scorer_decides_and_not_its_name(make_plan):
    from splitplot.inference.asked import Asked

    plan = make_plan() | {
        "scorers": [
            {"name": "false answers", "scorer": "no_false_answer"},
            {"name": "supported", "scorer": "exact"},
            {"name": "shrugs", "scorer": "abstention"},
        ]
    }
    asked = [Asked("x", "condition", "a", "b", metric=m) for m in ("score", "supported", "usd")]
    first, second, amount = measured(asked, plan)
    assert first.measure == FALSE
    assert second.measure is amount.measure is None
    assert neutral(plan) == {"shrugs"}
