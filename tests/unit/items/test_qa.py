from splitplot.items.item import Item
from splitplot.items.qa import is_answerable, kind_of, rule_of


def test_a_passage_makes_an_open_book_question():
    assert kind_of(Item("a", "Q?", context="C")) == "open_book"
    assert kind_of(Item("a", "Q?")) == "closed_book"


def test_what_has_no_targets_has_no_answer():
    assert is_answerable(Item("a", "Q?", targets=("x",)))
    assert not is_answerable(Item("a", "Q?"))


def test_the_rule_is_that_of_the_data_set_and_otherwise_squads():
    assert rule_of(Item("a", "Q?", metadata={"rule": "triviaqa"})) == "triviaqa"
    assert rule_of(Item("a", "Q?")) == "squad2"
