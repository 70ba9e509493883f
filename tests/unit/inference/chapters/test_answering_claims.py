"""What the chapter `answering` may say: no direction that a verdict would refuse, rates that can be compared,
and one kind of question at a time."""

import pytest

from splitplot.inference.answering.endpoints import ABSTENTION, ENDPOINTS
from splitplot.inference.answering.gaps import sentence_of
from splitplot.inference.intervals import Interval

PRIMARY = {
    "factor": "condition", "a": "treatment", "b": "control", "margin": 0.05, "name": "declared",
    "margin_is_default": False, "scope": "items", "missing": "strict", "metric": "honest",
}  # fmt: skip
RIGHT = ("right", "right")
GAIN, SAME_FALSE, SAME_HELD = (
    ("false_answer", "held_back"),
    ("false_answer", "false_answer"),
    ("held_back", "held_back"),
)


def gap(summary, endpoint="false_answers"):
    [found] = [c for c in summary["answering"]["contrasts"] if c["endpoint"] == endpoint]
    return found


def unspoken(summary, why):
    """That neither the contrast nor the price speaks, for this reason."""
    found, price = gap(summary), summary["answering"]["price"][0]
    assert found["direction"] is None
    assert why in " ".join(found["reasons"])
    assert price["usd_per_avoided"] is None
    assert price["reason"].startswith("whether it avoids false answers at all is open")
    return found


@pytest.mark.parametrize("declared", [True, False])
def test_nine_questions_give_no_direction_and_no_price(summary, pairs, declared):
    rows = pairs((RIGHT, 40), (GAIN, 8), (SAME_FALSE, 1))
    found = summary(rows, primary=[PRIMARY] if declared else [])
    said = unspoken(found, "9 items answered by both, at least 20 are needed")
    assert "points less often" not in said["sentence"]
    assert said["difference"]["high"] < 0  # the interval alone would have spoken
    assert gap(found, "exact_match")["reasons"] == []


def test_three_clusters_give_no_direction(summary, pairs):
    rows = []
    for cluster in "abc":
        rows += pairs((RIGHT, 10), (GAIN, 12), (SAME_HELD, 3), cluster=cluster)
    said = unspoken(summary(rows), "3 clusters, at least 5 are needed")
    assert said["sentence"].startswith(
        "Whether “treatment” answers unanswerable questions more or less often than “control” is not said: "
    )


def test_one_cluster_has_a_reason_and_no_row_vanishes(summary, pairs):
    found = summary(pairs((RIGHT, 20), (GAIN, 25), (SAME_HELD, 20), cluster="one"))
    said = unspoken(found, "the items come from 1 cluster")
    assert said["difference"] is None
    arm = found["answering"]["arms"][0]
    assert arm["rates"]["false_answers"] is None
    assert "1 cluster; at least 2 are needed" in arm["no_rate"]["false_answers"]
    price = found["answering"]["price"][0]
    assert "no unanswerable question" not in price["sentence"]
    assert "1 cluster" in price["sentence"]


def test_a_gain_that_is_made_of_cut_off_answers_is_not_spoken(summary, pairs):
    """The control is cut off 30 times: counted as false answers they make all of the gain."""
    cut = "unusable unanswerable"
    rows = pairs(
        (RIGHT, 40), ((cut, "false_answer"), 6), ((cut, "held_back"), 24), (SAME_HELD, 50),
        (SAME_FALSE, 20),
    )  # fmt: skip
    found = summary(rows)
    assert gap(found)["difference"]["high"] < 0
    said = unspoken(found, "the difference would be")
    assert "cut-off" in said["reasons"][0]
    assert summary(rows, primary=[PRIMARY])["answering"]["price"][0]["usd_per_avoided"] is None


def test_a_gain_that_stands_is_spoken_and_has_a_price(summary, pairs):
    rows = pairs((RIGHT, 40), (GAIN, 24), (SAME_HELD, 50), (SAME_FALSE, 20))
    for primary in ([PRIMARY], []):
        found = summary(rows, primary=primary)
        assert (gap(found)["direction"], gap(found)["reasons"]) == ("lower", [])
        assert found["answering"]["price"][0]["usd_per_avoided"]["estimate"] > 0


def test_the_price_follows_the_declared_verdict(summary, pairs):
    """A gain inside the margin is reliable, and the verdict on it is EQUIVALENT: there is no price."""
    rows = pairs((RIGHT, 40), (GAIN, 12), (SAME_HELD, 250), (SAME_FALSE, 40))
    wide = PRIMARY | {"margin": 0.1}
    found = summary(rows, primary=[wide])
    assert found["contrasts"][0]["verdict"] == "EQUIVALENT"
    assert found["contrasts"][0]["difference"]["low"] > 0
    assert gap(found)["direction"] is None
    assert found["answering"]["price"][0]["usd_per_avoided"] is None
    turned = summary(rows, primary=[wide | {"a": "control", "b": "treatment", "margin": 0.01}])
    assert turned["contrasts"][0]["verdict"].startswith("WORSE")
    assert gap(turned)["direction"] == "lower"


def test_a_difference_stands_beside_the_rates_of_the_same_items(summary, pairs):
    """Fifteen items on which the control answers falsely were lost with the treatment."""
    rows = pairs((("false_answer", "lost unanswerable"), 15), (SAME_FALSE, 20), (SAME_HELD, 65))
    found = summary(rows, primary=[PRIMARY])
    control, treatment = (arm["rates"]["false_answers"] for arm in found["answering"]["arms"])
    assert control["estimate"] == pytest.approx(0.35)
    assert treatment["estimate"] == pytest.approx(20 / 85)
    row = gap(found)
    assert row["difference"]["estimate"] == 0
    assert row["rate"] == row["control_rate"] == pytest.approx(20 / 85)


def test_rates_beside_a_declared_difference_follow_its_rule_for_unusable_answers(summary, pairs):
    cut = "unusable unanswerable"
    rows = pairs((RIGHT, 40), (GAIN, 20), (SAME_HELD, 60), ((cut, "held_back"), 20))
    for rule in ("strict", "observed"):
        row = gap(summary(rows, primary=[PRIMARY | {"missing": rule}]))
        assert row["rate"] - row["control_rate"] == pytest.approx(row["difference"]["estimate"])
        assert row["n_items"] == (100 if rule == "strict" else 80)


@pytest.fixture
def mixed(pairs, make_row):
    """Exact match over all questions: 20 answerable ones of 100 are lost, 40 others are won by abstaining."""
    rows = pairs(
        (RIGHT, 60), (("right", "abstained"), 20), (("wrong", "wrong"), 20), (GAIN, 40), (SAME_FALSE, 60)
    )  # fmt: skip
    graded = [row for row in rows if row["scorer"] == "honest"]
    return rows + [row | {"scorer": "em"} for row in graded]


def test_exact_match_is_of_answerable_questions_whatever_the_scorer_grades(summary, mixed):
    em = PRIMARY | {"metric": "score", "aim": "non-inferiority"}
    found = summary(mixed, primary=[em])
    declared = found["contrasts"][0]
    assert declared["difference"]["estimate"] == pytest.approx((40 - 20) / 200)
    row = gap(found, "exact_match")
    assert (row["n_items"], row["primary"]) == (100, False)
    assert row["difference"]["estimate"] == pytest.approx(-0.2)
    rates = [arm["rates"]["exact_match"]["estimate"] for arm in found["answering"]["arms"]]
    assert rates == pytest.approx([0.8, 0.6])
    [flag] = [flag for flag in found["flags"] if flag["code"] == "mixed_questions"]
    assert flag["where"] == "declared"
    assert "On the 100 answerable questions alone “treatment” is −20.0 points" in flag["message"]
    assert "over: answerable" in flag["message"]


def test_a_scorer_of_answerable_questions_alone_is_not_flagged(summary, pairs):
    rows = pairs((RIGHT, 40), (("right", "wrong"), 5), (GAIN, 24), (SAME_HELD, 30))
    found = summary(rows, primary=[PRIMARY | {"metric": "score"}])
    assert "mixed_questions" not in {flag["code"] for flag in found["flags"]}
    assert gap(found, "exact_match")["primary"]


def test_examples_are_of_different_items_before_any_comes_twice(summary, answer):
    rows = []
    for n in range(3):
        for replication in range(5):
            rows += answer("control", f"i{n}", "wrong", replication=replication)
            rows += answer("treatment", f"i{n}", "right", replication=replication)
    flips = summary(rows, replications=5)["answering"]["flips"]
    named = [flip["item_id"] for flip in flips]
    assert len(named) == 5
    assert len(set(named[:3])) == 3
    assert [flip["replication"] for flip in flips] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("low", "alone", "holds", "said"),
    [
        (0.01, True, True, "“a” abstains 1.0 to 9.0 points more often than “b”."),
        (
            0.01,
            True,
            False,
            "the data cannot tell, once the other comparisons are counted: 1.0 to 9.0",
        ),
        (
            0.01,
            False,
            False,
            "the data cannot tell, as its interval and its test disagree: 1.0 to 9.0",
        ),
        (
            -0.01,
            True,
            True,
            "as its interval and its test disagree: anything from 1.0 points less to 9.0",
        ),
        (
            -0.01,
            False,
            False,
            "than “b” the data cannot tell: anything from 1.0 points less to 9.0",
        ),
    ],
)
def test_a_direction_is_spoken_where_interval_and_test_have_it(low, alone, holds, said):
    [abstention] = [one for one in ENDPOINTS if one.name == ABSTENTION]
    difference = Interval(0.05, low, 0.09, 0.95, "t")
    assert said in sentence_of(abstention, "a", "b", difference, alone, holds)
