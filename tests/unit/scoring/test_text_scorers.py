"""Scorers exact, includes, f1, regex and json_field; and all scorers on arbitrary text."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring import Score, ScoringError, make_scorer

ROOT = Path()


def score(name, response, *targets, **options):
    return make_scorer({"scorer": name, "options": options}, ROOT)(
        response, Item("q", "?", targets)
    )


@pytest.mark.parametrize(
    ("response", "target", "options", "expected"),
    [
        ("Paris", "paris", {}, 1.0),
        ("Paris", "paris", {"case_sensitive": True}, 0.0),
        (" **Paris**.\n", "Paris", {}, 1.0),
        ("Paris.", "Paris", {"strip_punctuation": False}, 0.0),
        ("-5", "5", {}, 0.0),
        ("C#", "C", {}, 0.0),
        ("‘tis — so", "'tis - so", {}, 1.0),
        ("‘tis", "'tis", {"unicode": False, "strip_punctuation": False}, 0.0),
        ("ﬁne", "fine", {}, 1.0),
        ("the cat", "cat", {}, 0.0),
        ("the cat", "cat", {"articles": True}, 1.0),
        ("The", "a", {"articles": True}, 0.0),
        ("a  b\nc", "a b c", {}, 1.0),
        ("Let me think. Answer: no wait.\nAnswer: Paris", "Paris", {}, 1.0),
        ("**Answer:** Paris", "Paris", {}, 1.0),
        ("so \\boxed{Paris}!", "Paris", {}, 1.0),
        ("Answer: Paris\nIt is big.", "Paris", {}, 0.0),
        ("Answer: Paris\nIt is big.", "Paris", {"first_line": True}, 1.0),
        ("Answer: Paris", "Paris", {"extract": "whole"}, 0.0),
    ],
)
def test_exact_compares_the_normalised_answer(response, target, options, expected):
    assert score("exact", response, "x", target, **options).value == expected


def test_exact_records_how_the_answer_was_found():
    assert score("exact", "Answer: Paris", "Rome") == Score(0.0, "Paris", "after 'Answer:'")
    assert score("exact", "Paris", "Rome", extract="after").outcome == "unparseable"
    assert score("exact", " \n", "Rome").outcome == "unparseable"


@pytest.mark.parametrize(
    ("response", "target", "options", "expected"),
    [
        ("It is PARIS, I say.", "Paris", {}, 1.0),
        ("15 apples", "5", {}, 0.0),
        ("15 apples", "5", {"whole_words": False}, 1.0),
        ("Paris", "paris", {"case_sensitive": True}, 0.0),
    ],
)
def test_includes_looks_for_a_target(response, target, options, expected):
    assert score("includes", response, target, **options).value == expected


@pytest.mark.parametrize(
    ("response", "target", "expected"),
    [
        # by hand from the definition: 2 × common / (tokens of answer + tokens of target)
        ("The Eiffel Tower", "eiffel tower", 1.0),
        ("the tall Eiffel Tower in Paris", "Eiffel Tower", 4 / 7),
        ("b b", "b", 2 / 3),
        ("Rome", "Eiffel Tower", 0.0),
        ("the", "an", 1.0),
        ("the", "cat", 0.0),
    ],
)
def test_f1_is_the_overlap_of_tokens(response, target, expected):
    assert math.isclose(score("f1", response, "zzz", target).value, expected)


def test_regex_without_a_group_is_the_comparison_itself():
    assert score("regex", "say YES", pattern="yes", flags="i") == Score(
        1.0, "YES", "pattern occurs"
    )
    assert score("regex", "say no", pattern="yes").value == 0.0


def test_regex_with_a_group_compares_the_last_match():
    options = {"pattern": r"city: (?P<city>\w+)", "group": "city"}
    assert score("regex", "city: Rome city: Paris", "Paris", **options).value == 1.0
    assert score("regex", "Rome", "Paris", **options).outcome == "unparseable"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pattern": "("}, "no regular expression"),
        ({"pattern": "a", "group": 1}, "no such group"),
        ({"pattern": "a", "flags": "q"}, "flags"),
        ({}, "needs the option"),
    ],
)
def test_a_regex_that_cannot_work_is_refused_when_the_study_is_read(options, message):
    with pytest.raises(ConfigError, match=message):
        score("regex", "a", "a", **options)


@pytest.mark.parametrize(
    ("response", "target", "options", "expected"),
    [
        ('{"a": "Paris"}', "paris", {"field": "a"}, 1.0),
        (
            'So: ```json\n{"a": {"b": [1, 2.50]}}\n``` done {"a": 3}',
            "2.5",
            {"field": "a.b[1]"},
            0.0,
        ),
        ('{"a": {"b": [1, 2.50]}}', "5/2", {"field": "a.b[1]", "compare": "numeric"}, 1.0),
        ('{"a": "1,000 km"}', "1000", {"field": "a", "compare": "numeric"}, 1.0),
        ('{x} {"a": true}', "true", {"field": "a"}, 1.0),
    ],
)
def test_json_field_compares_a_field_of_the_first_object(response, target, options, expected):
    assert score("json_field", response, target, **options).value == expected


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("no object", "no JSON object"),
        ('{"b": 1}', "no field a"),
        ('{"a": ', "no JSON object"),
        ('{"a": "x"}', "field a is not one number"),
        ("{" * 5000, "no JSON object"),
        ('{"a":' * 5000, "no JSON object"),
    ],
)
def test_json_field_says_what_is_not_there(response, reason):
    result = score("json_field", response, "1", field="a", compare="numeric")
    assert (result.outcome, result.reason) == ("unparseable", reason)


def test_a_field_path_that_cannot_be_read_is_refused():
    with pytest.raises(ConfigError, match="field"):
        score("json_field", "{}", "1", field="a[")


def test_without_a_target_the_item_is_named():
    with pytest.raises(ScoringError, match='item "q"'):
        score("exact", "Paris")


SCORERS = [
    {"scorer": "numeric"},
    {"scorer": "numeric", "options": {"extract": "first", "percent": "fraction", "abstain": True}},
    {"scorer": "exact"},
    {"scorer": "choice"},
    {"scorer": "includes", "options": {"abstain": True}},
    {"scorer": "f1"},
    {"scorer": "regex", "options": {"pattern": r"(\d+)", "group": 1}},
    {"scorer": "json_field", "options": {"field": "a[0].b", "compare": "numeric"}},
]
PIECES = [
    *"{}=,_%$−½³²१𝟙[A\n ",
    *(
        "\\boxed{",
        "\\frac",
        "\\text{",
        "\\sqrt",
        "Answer:",
        "answer is",
        "####",
        "<answer>",
        "</answer>",
    ),
    *("1.", "5-", "10^", "/0", "e999", "×10^", "million", "or", "9" * 500, '{"a":', "\ud800"),
    *("I", "(c)", "option"),
]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))


@pytest.mark.parametrize("spec", SCORERS, ids=lambda spec: spec["scorer"])
@given(text=TEXTS)
def test_no_text_makes_a_scorer_raise(spec, text):
    scorer = make_scorer(spec, ROOT)
    result = scorer(text, Item("q", "?", ("1",), choices=("1", "Paris", "A")))
    assert (result.value is None) == (result.outcome != "scored")
    assert result.value is None or 0 <= result.value <= 1
    assert result.reason


MONOTONOUS = [
    "\\frac{",
    "\\boxed{",
    "1-",
    "1,",
    "{",
    "5 or ",
    " ",
    "Answer: ",
    "1. ",
    "a",
    "(c) ",
    "1/1 ",
]
MONOTONOUS += [
    "#### 1\n",
    "Answer: 1\n",
    "answer is ",
    "option a ",
    "1=",
    "I ",
    "A. ",
    "<answer>",
    "$",
    "^1",
]


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(piece, marks=[pytest.mark.long] if number % 5 else [])
        for number, piece in enumerate(MONOTONOUS)
    ],
)
@pytest.mark.parametrize("spec", SCORERS, ids=lambda spec: spec["scorer"])
@pytest.mark.timeout(5)
def test_long_monotonous_text_is_scored_in_reasonable_time(spec, piece):
    make_scorer(spec, ROOT)(
        piece * (20_000 // len(piece)), Item("q", "?", ("1",), choices=("1", "Paris"))
    )
