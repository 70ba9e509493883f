"""Scorer numeric against the documented table, GSM8K's targets, and numbers formatted in many styles."""

import json
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring import ScoringError, make_scorer
from splitplot.scoring.numeric_extract import choose_number

ROOT = Path()


def numeric(**options):
    return make_scorer({"scorer": "numeric", "options": options}, ROOT)


def item(*targets: str) -> Item:
    return Item("q1", "How many?", targets)


def test_the_documented_case_is_read_as_documented(numeric_case):
    response, number, reason = numeric_case
    choice = choose_number(response)
    assert choice.value == (None if number == "—" else Fraction(number))
    assert choice.reason == reason


def test_the_documented_table_is_long_enough(cases):
    assert len(cases("numeric")) >= 60


@pytest.mark.parametrize(
    ("answer", "target", "options", "expected"),
    [
        ("0.3", "3/10", {}, 1.0),
        ("0.1", "1e-1", {}, 1.0),
        ("1,000", "1000", {}, 1.0),
        ("0.333", "1/3", {}, 0.0),
        ("0.333", "1/3", {"tolerance": 0.001}, 1.0),
        ("1.1", "1", {"tolerance": 0.1}, 1.0),  # in binary floating point 1.1 − 1 > 0.1
        ("1.11", "1", {"tolerance": "1/10"}, 0.0),
        ("101", "100", {"rel_tolerance": 0.01}, 1.0),
        ("102", "100", {"rel_tolerance": 0.01}, 0.0),
        ("5%", "5", {}, 1.0),
        ("5%", "0.05", {}, 0.0),
        ("5%", "0.05", {"percent": "fraction"}, 1.0),
        ("50% or 0.5", "1/2", {"percent": "fraction"}, 1.0),
        ("5 apples, 3 pears", "5", {"extract": "first"}, 1.0),
        ("Answer: 5. Then 3", "3", {"extract": "last"}, 1.0),
        ("$5$ dollars", r"$\frac{10}{2}$", {}, 1.0),
    ],
)
def test_comparison_is_exact_within_the_tolerance(answer, target, options, expected):
    score = numeric(**options)(answer, item(target))
    assert (score.value, score.outcome) == (expected, "scored")


def test_any_of_several_targets_will_do():
    assert numeric()("7", item("5", "7")).value == 1.0


@pytest.mark.parametrize("extract", ["boxed", "after"])
def test_without_the_mark_that_is_insisted_on_the_response_is_unparseable(extract):
    score = numeric(extract=extract)("It is 7", item("7"))
    assert (score.value, score.outcome) == (None, "unparseable")


def test_a_target_that_is_no_number_names_the_item():
    with pytest.raises(ScoringError, match=r'item "q1".*\'seven\' is not one number'):
        numeric()("7", item("seven"))


def test_an_item_without_a_target_is_named():
    with pytest.raises(ScoringError, match=r'item "q1".*needs a target'):
        numeric()("7", item())


@pytest.mark.parametrize("value", [-1, "a", "1/0", float("nan")])
def test_a_tolerance_that_is_none_is_refused(value):
    with pytest.raises(ConfigError, match="tolerance"):
        numeric(tolerance=value)


def test_every_target_of_gsm8k_is_read_and_equal_to_itself(repository):
    file = repository.parent / "shared/data/gsm8k/test.jsonl"
    if not file.exists():
        pytest.skip("shared/data is not here")
    score = numeric()
    for line in file.read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)["answer"]
        gold = answer.rpartition("####")[2].strip()
        assert score(answer, item(gold)).value == 1.0
        assert Fraction(gold.replace(",", "")) == choose_number(gold).value


STYLES = [
    "{}", "{}.", "**{}**", "The answer is {}.", "Answer: {}", "#### {}", "\\boxed{{{}}}", "x = {}", "${}",
    "{} km", "{}€", "<answer>{}</answer>", "It took 3 steps.\nSo the total is {} apples.", "$$ {} $$",
    "1. Think\n2. Say {}", "(that is, {})", "\\boxed{{\\text{{{} kg}}}}",
]  # fmt: skip


@given(number=st.integers(-(10**15), 10**15), style=st.sampled_from(STYLES), how=st.integers(0, 4))
def test_whole_numbers_survive_any_style(number, style, how):
    texts = [str(number), f"{number:,}", f"{number:,}".replace(",", "\u202f"),
             str(number).replace("-", "−"), f"{number}.000"]  # fmt: skip
    assert choose_number(style.format(texts[how])).value == number


@given(
    number=st.decimals(-(10**9), 10**9, places=4, allow_nan=False),
    style=st.sampled_from(STYLES),
    grouped=st.booleans(),
)
def test_decimals_survive_any_style(number, style, grouped):
    text = f"{number:,f}" if grouped else f"{number:f}"
    assert choose_number(style.format(text)).value == Fraction(number)


@given(top=st.integers(-999, 999), bottom=st.integers(1, 999), how=st.integers(0, 2))
def test_fractions_survive(top, bottom, how):
    sign = "-" if top < 0 else ""
    text = [f"{top}/{bottom}", f"{sign}\\frac{{{abs(top)}}}{{{bottom}}}",
            f"\\boxed{{{sign}\\dfrac{{{abs(top)}}}{{{bottom}}}}}"][how]  # fmt: skip
    assert choose_number(text).value == Fraction(top, bottom)


def test_twenty_thousand_answers_are_scored_in_a_second():
    score, question = numeric(), item("42")
    texts = ["The answer is 42.", "5 + 37 = 42", "First 5 + 37 = 42.\nSo she has 42 apples."] * 1000
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for text in texts:
            score(text, question)
        best = min(best, time.process_time() - start)
    assert len(texts) / best >= 20_000
