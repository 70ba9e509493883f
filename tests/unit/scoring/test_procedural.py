"""Scorer reasoning_gym: the real verifiers of the package."""

import importlib.metadata
import json
import sys
import warnings
from pathlib import Path

import pytest

from splitplot.errors import ConfigError
from splitplot.items.generate import generate
from splitplot.items.item import Item
from splitplot.scoring import ScoringError, make_scorer
from splitplot.scoring.procedural import extract_answer, version

ROOT = Path()
CHAIN_SUM = {"question": "4 - 1 - 7 =", "answer": "-4", "metadata": {}}


def score(response, item, **options):
    return make_scorer({"scorer": "reasoning_gym", "options": options}, ROOT)(response, item)


def item(task, entry):
    return Item("q1", entry["question"], metadata={"task": task, "entry": entry})


@pytest.mark.parametrize(
    ("response", "gold", "expected"),
    [
        ("so it is −4.", "-4", ("-4", "last number")),
        ("Answer: 1,234", "1234", ("1234", "after 'Answer:'")),
        ("5 or 6", "5", ("", "ambiguous: 5 or 6")),
        ("Hm.\nAnswer: yes", "Yes", ("yes", "after 'Answer:'")),
        ("Hm. <answer>a b</answer>.", "a b", ("a b", "answer tag")),
        ("First.\n the last line \n\n", "x", ("the last line", "last line")),
        ("", "x", ("", "no text")),
        ("Thus:\n\n1 2\n3 4\n", "1 2\n3 4", ("1 2\n3 4", "last 2 lines")),
        ("```text\n1 2\n3 4\n```\n", "1 2\n3 4", ("1 2\n3 4", "last 2 lines")),
        ("So:\n```\n2 × 3\n```", "2 × 3", ("2 × 3", "last line")),
        ("Answer:\n```\n1 2\n3 4\n```", "1 2\n3 4", ("1 2\n3 4", "after 'Answer:'")),
    ],
)
def test_the_answer_is_extracted_by_the_kind_of_the_gold_answer(response, gold, expected):
    assert extract_answer(response, gold) == expected


def test_the_verifier_of_the_task_decides():
    right = score("4 - 1 - 7 = −4", item("chain_sum", CHAIN_SUM))
    assert (right.value, right.extracted, right.reason) == (1.0, "-4", "last number")
    assert score("4", item("chain_sum", CHAIN_SUM)).value == 0.0
    assert score("none", item("chain_sum", CHAIN_SUM)).outcome == "unparseable"


def test_partial_credit_can_be_left_out():
    entry = {**CHAIN_SUM, "answer": "4"}
    # base class of reasoning_gym 0.1.25: len(gold) / len(answer) where the answer contains the gold
    assert score("14", item("chain_sum", entry)).value == 0.5
    assert score("14", item("chain_sum", entry), partial_credit=False).value == 0.0


def test_gold_answers_of_many_tasks_get_full_marks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import reasoning_gym
    for task in (
        "chain_sum",
        "gcd",
        "products",
        "letter_counting",
        "syllogism",
        "word_sorting",
        "fraction_simplification",
    ):
        for entry in reasoning_gym.create_dataset(task, size=3, seed=1):
            assert score(f"Answer: {entry['answer']}", item(task, entry)).value == 1.0, (
                task,
                entry,
            )


@pytest.mark.parametrize("task", ["arc_agi", "rearc"])
def test_a_right_board_gets_full_marks_though_json_keeps_lists_for_tuples(task):
    # the verifiers compare with a tuple of tuples; a board that differs gets 0.05 or less
    (row,) = generate({task: {}}, 1, 7)
    entry = json.loads(json.dumps(row["entry"]))
    assert score(f"Answer:\n{entry['answer']}", item(task, entry)).value == 1.0
    assert score(entry["answer"], item(task, entry)).value == 1.0
    changed = entry["answer"].translate(str.maketrans("0123456789", "1234567890"))
    assert score(f"Answer:\n{changed}", item(task, entry)).value <= 0.05


def test_the_verifier_scores_with_the_settings_of_the_study():
    # the task's own rule: 1 − |difference| / max_date_difference_days, whose default is 100
    config = {"max_date_difference_days": 10, "task_types": ["date"]}
    (row,) = generate({"time_intervals": config}, 1, 7)
    metadata = {"task": "time_intervals", "entry": row["entry"]}
    days = int(row["entry"]["answer"].split()[0])
    for settings, value in (({"config": config}, 0.9), ({}, 0.99)):
        made = Item("q1", row["entry"]["question"], metadata=metadata | settings)
        assert score(f"Answer: {days + 1} days", made).value == pytest.approx(value)
    assert score(f"Answer: {days + 1} days", made, partial_credit=False).value == 0.0


def test_scoring_leaves_the_entry_as_it_was():
    (row,) = generate({"rearc": {}}, 1, 7)
    entry = json.loads(json.dumps(row["entry"]))
    score(f"Answer: {entry['answer']}", item("rearc", entry))
    assert entry == json.loads(json.dumps(row["entry"]))


def test_the_code_that_calls_the_verifier_is_part_of_the_version(monkeypatch):
    before = version()
    monkeypatch.setattr("splitplot.scoring.procedural.VERIFYING", ("reasoning_gym.py",))
    assert version() != before
    assert version().split()[0] == before.split()[0] == importlib.metadata.version("reasoning-gym")


def test_an_item_of_another_kind_is_named():
    with pytest.raises(ScoringError, match='item "q1": scorer "reasoning_gym" needs metadata'):
        score("7", Item("q1", "?", ("7",)))


def test_a_task_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match='item "q1": tasks: unknown task "no_such_task"'):
        score("7", item("no_such_task", CHAIN_SUM))


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym.factory", None)
    with pytest.raises(ConfigError, match="reasoning_gym is not installed; install the locked"):
        score("7", item("rush_hour", CHAIN_SUM))  # a task whose verifier no other test has made


def test_a_verifier_that_breaks_on_its_own_answer_names_item_and_task():
    # this verifier reads `task_type` in the metadata
    broken = {"question": "?", "answer": "7 days", "metadata": {}}
    message = r'item "q1".*task "time_intervals" fails on its own answer \'7 days\': KeyError'
    with pytest.raises(ScoringError, match=message):
        score("7 days", item("time_intervals", broken))


def test_an_answer_that_the_verifier_cannot_read_is_unparseable_and_not_the_end_of_the_job():
    # this verifier calls int() on what stands between the signs; others take a key for granted
    entry = {"question": "Factors of 6?", "answer": "2 × 3", "metadata": {}}
    assert score("Answer: 3 × 2", item("prime_factorization", entry)).value == 1.0
    unread = score("Answer: two and three", item("prime_factorization", entry))
    assert (unread.outcome, unread.value) == ("unparseable", None)
    assert unread.extracted == "two and three"
    assert unread.reason == "the verifier cannot read it: ValueError"
    (row,) = generate({"boxnet": {}}, 1, 7)
    assert row["entry"]["answer"] is None
    assert score("Answer: 7", item("boxnet", row["entry"])).outcome == "unparseable"
