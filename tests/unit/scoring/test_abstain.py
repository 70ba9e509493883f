"""The option `abstain` against the documented table, and what it makes of a score."""

from pathlib import Path

import pytest

from splitplot.items.item import Item
from splitplot.scoring import make_scorer
from splitplot.scoring.abstain import abstains

ROOT = Path()
EXACT = make_scorer({"scorer": "exact", "options": {"abstain": True}}, ROOT)


def test_the_documented_case_is_told_as_documented(abstention_case):
    response, expected = abstention_case
    assert abstains(response) is (expected == "yes")


def test_abstaining_where_there_is_no_answer_is_right():
    score = EXACT("It is not stated in the passage.", Item("q", "?"))
    assert (score.value, score.outcome) == (1.0, "scored")
    assert score.reason == "abstained, and the question has no answer"


def test_answering_where_there_is_no_answer_is_wrong():
    score = EXACT("Paris", Item("q", "?"))
    assert (score.value, score.outcome) == (0.0, "scored")


def test_abstaining_where_there_is_an_answer_is_an_outcome_without_a_value():
    score = EXACT("I don’t know.", Item("q", "?", ("Paris",)))
    assert (score.value, score.outcome) == (None, "abstained")


def test_an_answer_is_scored_as_without_the_option():
    assert EXACT("Paris.", Item("q", "?", ("paris",))).value == 1.0


def test_an_option_that_reads_like_an_abstention_is_an_answer():
    choices = ("The grandfather", "Cannot be determined")
    scorer = make_scorer({"scorer": "choice", "options": {"abstain": True}}, ROOT)
    assert scorer("It cannot be determined.", Item("q", "?", ("B",), choices=choices)).value == 1.0


@pytest.mark.parametrize("name", ["numeric", "includes", "f1", "choice"])
def test_all_scorers_take_the_option(name):
    scorer = make_scorer({"scorer": name, "options": {"abstain": True}}, ROOT)
    assert scorer("I do not know", Item("q", "?", ("A",))).outcome == "abstained"
