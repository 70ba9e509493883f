"""Scorer choice against the documented table."""

from pathlib import Path

import pytest

from splitplot.items.item import Item
from splitplot.scoring import ScoringError, make_scorer

CITIES = ("Paris", "London", "Berlin", "Paris, Texas")
TEN = tuple(f"number {n} of the list" for n in range(10))


def choice(**options):
    return make_scorer({"scorer": "choice", "options": options}, Path())


def test_the_documented_case_is_read_as_documented(choice_case):
    options, response, option = choice_case
    score = choice()(response, Item("q", "?", ("A",), choices=CITIES if options == "4" else TEN))
    if option == "—":
        assert score.outcome == "unparseable"
        assert score.value is None
    else:
        assert (score.extracted, score.outcome) == (option, "scored")
        assert score.value == float(option == "A")


def test_the_documented_table_is_long_enough(cases):
    assert len(cases("choice")) >= 40


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("C", "auto"),
        ("c", "letter"),
        ("(C)", "auto"),
        ("Berlin", "auto"),
        ("berlin", "text"),
        ("2", "index"),
    ],
)
def test_targets_are_letters_texts_or_positions(target, kind):
    score = choice(target=kind)("C", Item("q", "?", (target,), choices=CITIES))
    assert score.value == 1.0


@pytest.mark.parametrize(
    ("target", "kind"), [("E", "auto"), ("Rome", "text"), ("4", "index"), ("x", "index")]
)
def test_a_target_that_means_no_option_names_the_item(target, kind):
    with pytest.raises(ScoringError, match=r'item "q".*none of its 4 options'):
        choice(target=kind)("C", Item("q", "?", (target,), choices=CITIES))


def test_a_target_that_means_two_options_is_not_guessed():
    with pytest.raises(ScoringError, match="two options"):
        choice()("A", Item("q", "?", ("A",), choices=("B", "A")))


def test_without_listed_choices_any_letter_is_one():
    assert choice()("The answer is (B).", Item("q", "?", ("(B)",))).value == 1.0


def test_two_letters_are_recorded_as_ambiguous():
    score = choice()("B or C", Item("q", "?", ("B",), choices=CITIES))
    assert score.reason == "ambiguous: B, C"
