"""The option `abstain` against the documented table, and what it makes of a score."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.items.item import Item
from splitplot.scoring import make_scorer
from splitplot.scoring.abstain import abstains, reads, reads_for
from splitplot.scoring.audit import audit

ROOT = Path()
DEVELOPMENT = Path(__file__).parent / "labelled" / "development.jsonl"
EXACT = make_scorer({"scorer": "exact", "options": {"abstain": True}}, ROOT)


def test_the_documented_case_is_told_as_documented(abstention_case):
    response, expected = abstention_case
    assert abstains(response) is (expected == "yes")


def test_a_response_is_read_as_documented(reading_case):
    response, does = reading_case
    assert reads(response) == does
    assert reads(response.replace("'", "’").upper()) == does
    assert reads(f"Let me think.\nAnswer: {response}") == does
    assert abstains(response) is (does == "abstains")


def _rates(label):
    """Precision and recall of a label on the development set."""
    confusion = audit(DEVELOPMENT, "development")["confusion"]
    right = confusion[label][label]
    return right / sum(row[label] for row in confusion.values()), right / sum(
        confusion[label].values()
    )


@pytest.mark.parametrize(
    ("label", "precision", "recall"), [("abstains", 0.98, 0.97), ("refuses", 0.98, 0.95)]
)
def test_the_answers_with_which_the_patterns_were_made_are_read_as_labelled(
    label, precision, recall
):
    """How well others are read is measured on the shipped set, by which no pattern was made."""
    reached = _rates(label)
    assert reached[0] >= precision
    assert reached[1] >= recall


@pytest.mark.parametrize(
    ("response", "does"),
    [
        # what is lacking first, then the answer
        ("There is no exact number. Historians estimate around 40,000.", "answers"),
        (
            "The passage doesn't name the city, but the river is the Seine, so it must be Paris.",
            "answers",
        ),
        ("The premise is wrong: the tower stands in Aalst, not in Ghent.", "answers"),
        # the answer first, then a remark on something else
        ("Salt was the main export. The passage doesn't say how much was sold.", "answers"),
        ("It was 1874, but the text doesn't give the month.", "answers"),
        ("Lisbon (the passage does not mention Porto).", "answers"),
        # what others said, a reason, a kind of thing, a title
        ('The sign read "No information available".', "answers"),
        ("The report concluded that the cause could not be determined.", "answers"),
        ("Because its meaning is unclear.", "answers"),
        ("An anonymous donor whose identity was never revealed.", "answers"),
        ("I Can't Tell You Why", "answers"),
        ("idk, vienna?", "answers"),
        # an introduction, or a part of it, is no answer
        ("The passage names three rivers, yet it does not say which is the longest.", "abstains"),
        ("The text tells us only that the ship sank, not where.", "abstains"),
        (
            "The passage doesn't give a number, but it does mention that there were many.",
            "abstains",
        ),
        ("The passage talks of the harbour. A mayor does not appear in it.", "abstains"),
        ("I don't know, but you could check the local archive.", "abstains"),
        (
            "He was a smith. The text breaks off there, so the question cannot be answered.",
            "abstains",
        ),
        # colloquial, misspelt, in a field, quoted as the answer
        ("Haven't a clue.", "abstains"),
        ("Never heard of him.", "abstains"),
        ("the passge dosent say", "abstains"),
        ('{"reasoning": "The text names no one.", "answer": "none"}', "abstains"),
        ('{"answer": "Paris", "note": "the month is not given"}', "answers"),
        ('The answer is "unknown".', "abstains"),
        # asks back, declines to guess
        ("What year are you asking about?", "abstains"),
        ("I'd rather leave it blank than guess.", "abstains"),
        # declines the request, in whatever words
        ("I'd rather not say.", "refuses"),
        ("I'm unable to print the poem; it's still under copyright.", "refuses"),
        ("My guidelines don't allow me to answer that.", "refuses"),
        ("I don't have internet access, so I can't check today's price.", "refuses"),
        ("I can't discuss this, but the Samaritans are there day and night.", "refuses"),
        ("The chatbot is not permitted to answer questions of this kind.", "refuses"),
        ("The guidelines do not allow dogs.", "answers"),
        ("I can't give legal advice, but the limit in that state is five years.", "answers"),
        ("Sorry, can't help: the text doesn't say.", "abstains"),
    ],
)
def test_a_response_is_read_by_what_its_clauses_do(response, does):
    assert reads(response) == does


def test_where_giving_an_abstention_is_right_it_is_an_answer():
    assert reads_for("Unknown", Item("q", "?", ("unknown",))) == "answers"
    assert reads_for("Unknown", Item("q", "?", ("Paris",))) == "abstains"


@given(st.text())
def test_any_text_is_read(text):
    assert reads(text) in ("answers", "abstains", "refuses")


FRAGMENTS = (
    "i do not ", "the ", "the passage ", "the passage does ", "not ", "not really ", "i can not ", "maybe ",
    "it might be ", "is not ", "who ", "the x is ", "no ", "a ", "a", "a.", "i am not sure ", "'s ", "can't ",
    "i have no ", "i can not provide ", "i will not ", "based on the ", "answer ", "sorry, ", "-", "\n\n",
    "a? ", "i. ", '"', '{"answer": "', '"answer": "x", ', "but ", ", but", "(", "while ",
    "\\text{", "\n- ", "privacy ",
    "the passage says ", "neither x nor ", "he said ", "because ", "please ", "although x ", "xxx whose ",
)  # fmt: skip


@pytest.mark.parametrize(
    "fragment",
    [
        pytest.param(fragment, marks=[pytest.mark.long] if number % 6 else [])
        for number, fragment in enumerate(FRAGMENTS)
    ],
)
def test_no_repetition_takes_the_patterns_long(fragment):
    """Linear time: 50,000 characters take well below a second of computing; quadratic would be minutes."""
    text = fragment * (50_000 // len(fragment))
    before = time.process_time()
    reads(text)
    assert time.process_time() - before < 3


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
