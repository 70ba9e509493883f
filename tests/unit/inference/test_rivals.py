"""With which other analyses a verdict has to agree: lost answers against a claim up to the margin, and
answers of which nobody knows whether they were what a score counts the absence of."""

from math import sqrt

import numpy as np
import pytest

from splitplot.inference.summary import summarise

Z = {"non-inferiority": 1.959963984540054, "difference": 1.6448536269514722}
"""Of the intervals by which the claims are made: 95%, and 90% for equality."""
DECLARED = {
    "name": "treatment − control", "metric": "score", "factor": "condition", "a": "treatment",
    "b": "control", "margin": 0.1, "margin_is_default": False, "scope": "items", "missing": "strict",
}  # fmt: skip


def excludes(b, c, n, gap, z):
    """Whether Tango's score test leaves the difference `gap` (b − c of n) out, from its definition: the
    likelihood of the 2 × 2 table is maximised over a grid in place of the closed form."""
    q = np.linspace(max(0.0, -gap), (1 - gap) / 2, 400_001)[1:-1]
    log_likelihood = b * np.log(q + gap) + c * np.log(q) + (n - b - c) * np.log1p(-2 * q - gap)
    variance = n * (2 * q[np.argmax(log_likelihood)] + gap * (1 - gap))
    return abs(b - c - n * gap) / sqrt(variance) > z


@pytest.fixture
def judged(make_plan, make_row, write_table):
    """judged({(outcome and score of control, of treatment): items}, scorer, …): the declared contrast."""

    def run(pairs, scorer="exact", **declared):
        rows, number = [], 0
        for pair, count in pairs.items():
            for _ in range(count):
                for condition, (outcome, score) in zip(("control", "treatment"), pair, strict=True):
                    row = make_row(condition, f"q{number:04d}", score, outcome=outcome)
                    if scorer != "exact" and outcome in ("refused", "empty"):
                        row["strict"] = 1.0
                    rows.append(row)
                number += 1
        plan = make_plan(conditions=("control", "treatment"), primary=[DECLARED | declared])
        plan["scorers"] = [{"name": "exact", "scorer": scorer}]
        [found] = summarise(write_table(rows), plan, None)["contrasts"]
        return found

    return run


RIGHT, WRONG = ("ok", 1), ("ok", 0)
LOST, CUT, SILENT, REFUSED = ("error", 0), ("truncated", 0), ("empty", 0), ("refused", 0)


@pytest.mark.parametrize(
    "lost", [pytest.param(4, marks=pytest.mark.long), 18, pytest.param(36, marks=pytest.mark.long)]
)
@pytest.mark.parametrize(("b", "c"), [(4, 6), (5, 5), (6, 4)])
@pytest.mark.parametrize("aim", ["non-inferiority", "difference"])
def test_a_claim_up_to_the_margin_stands_under_the_worst_of_the_lost_answers(
    judged, aim, b, c, lost
):
    pairs = {
        (RIGHT, RIGHT): 140 - lost, (RIGHT, LOST): lost, (WRONG, RIGHT): b, (RIGHT, WRONG): c,
        (WRONG, WRONG): 50,
    }  # fmt: skip
    found = judged(pairs, aim=aim)
    claimed = "NON-INFERIOR" if aim == "non-inferiority" else "EQUIVALENT"
    assert found["alone"] == claimed
    n = 190 + b + c  # the worst: control right and the treatment wrong on all that were lost
    stands = excludes(b, c + lost, n, -0.1, Z[aim]) and (b - c - lost) / n > -0.1
    assert stands == (lost == 4)
    if stands:
        assert found["verdict"] == claimed
    elif (
        aim == "difference"
    ):  # what is left: the treatment is not better by the margin, however they went
        assert found["verdict"] == "NOT BETTER BY MARGIN"
        assert "This holds whatever the lost answers would have been" in found["sentence"]
    else:
        assert found["verdict"] == "NOT SETTLED"
        assert "depends on what the lost answers would have been" in found["sentence"]


def test_a_direction_still_counts_only_bounds_that_turn_its_sign(judged):
    pairs = {(RIGHT, RIGHT): 100, (WRONG, RIGHT): 60, (RIGHT, LOST): 8, (RIGHT, WRONG): 10}
    assert judged(pairs)["verdict"] == "BETTER"


def test_not_better_by_the_margin_must_hold_if_the_lost_answers_were_right(judged):
    pairs = {
        (RIGHT, RIGHT): 60, (WRONG, RIGHT): 10, (RIGHT, WRONG): 20, (WRONG, LOST): 16,
        (WRONG, WRONG): 30,
    }  # fmt: skip
    without = judged(pairs | {(WRONG, LOST): 0})
    assert without["verdict"] == "NOT BETTER BY MARGIN"
    assert judged(pairs)["alone"] == "NOT BETTER BY MARGIN"
    assert judged(pairs)["verdict"] == "NOT SETTLED"


EMPTIED = {
    (RIGHT, RIGHT): 50, (WRONG, WRONG): 20, (SILENT, WRONG): 6, (SILENT, RIGHT): 24,
}  # fmt: skip
"""Control: 20 false answers and 30 that say nothing; treatment: 26 false answers."""


def test_an_answer_that_says_nothing_is_no_false_answer(judged):
    found = judged(EMPTIED, "no_false_answer", margin=0.02)
    assert found["difference"]["estimate"] == pytest.approx((20 - 26) / 100)
    assert found["verdict"] == "WORSE"
    assert "“control” makes fewer false answers than “treatment”" in found["sentence"]
    assert "unusable_gap" in found["flags"]


def test_an_answer_that_says_nothing_is_wrong_by_every_other_scorer(judged):
    found = judged(EMPTIED, margin=0.02)
    assert found["difference"]["estimate"] == pytest.approx((74 - 50) / 100)


@pytest.mark.parametrize("outcome", ["truncated", "unparseable"])
def test_cut_off_and_unreadable_answers_may_have_been_false_ones_or_not(judged, outcome):
    doubt = (outcome, 0)
    pairs = {
        (RIGHT, RIGHT): 50, (WRONG, WRONG): 20, (doubt, WRONG): 6, (doubt, RIGHT): 24,
    }  # fmt: skip
    found = judged(pairs, "no_false_answer", margin=0.02)
    assert found["alone"] == "BETTER"
    assert found["verdict"] == "NOT SETTLED"
    others = {one["name"]: one["difference"] for one in found["sensitivity"]}
    assert others["cut-off and unreadable answers left out"]["estimate"] == 0.0
    none = others["cut-off and unreadable answers counted as no false answers"]
    assert none["estimate"] == pytest.approx(-0.06)
    assert (
        "depends on how answers that were cut off or cannot be read are counted. The false answers of "
        "“treatment” were 24.0 points fewer"
    ) in found["sentence"]
    assert "6.0 points more" in found["sentence"]
    assert "30.0% of the answers of “control” and 0.0%" in found["sentence"]


def test_answers_left_out_can_hide_what_counting_them_as_none_shows(judged):
    """Where both answered the treatment makes 8 fewer, and in all it makes 12 more."""
    pairs = {
        (CUT, RIGHT): 24, (WRONG, RIGHT): 8, (CUT, WRONG): 20, (RIGHT, RIGHT): 148,
    }  # fmt: skip
    found = judged(pairs, "no_false_answer", margin=0.01)
    others = {one["name"]: one["verdict"] for one in found["sensitivity"]}
    assert found["alone"].startswith("BETTER")
    assert others["cut-off and unreadable answers left out"].startswith("BETTER")
    assert others["cut-off and unreadable answers counted as no false answers"].startswith("WORSE")
    assert found["verdict"] == "NOT SETTLED"


def test_a_refusal_is_not_in_doubt(judged):
    pairs = {(WRONG, REFUSED): 40, (WRONG, WRONG): 40, (RIGHT, RIGHT): 120}
    found = judged(pairs, "no_false_answer", margin=0.05)
    assert found["verdict"] == "BETTER"
    assert not any("cut-off" in one["name"] for one in found["sensitivity"])


def test_left_out_by_declaration_they_are_counted_both_ways_too(judged):
    pairs = {(WRONG, WRONG): 20, (CUT, RIGHT): 24, (CUT, WRONG): 6, (RIGHT, RIGHT): 50}
    found = judged(pairs, "no_false_answer", margin=0.02, missing="observed")
    names = {one["name"] for one in found["sensitivity"]}
    assert {
        "cut-off and unreadable answers counted as false answers",
        "cut-off and unreadable answers counted as no false answers",
    } <= names
    assert "depends on how unusable answers are counted" in found["sentence"]
