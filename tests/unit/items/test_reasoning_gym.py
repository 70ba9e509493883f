import json
import re
from datetime import date

import pytest

from splitplot.errors import ConfigError
from splitplot.items import load_items
from splitplot.items.generate import dataset, generate, sequence
from splitplot.items.reasoning_gym import _item, restore_entry, tier_of, verify

MIX = {
    "gcd": {"max_value": 12, "weight": 2},
    "products": {"max_digits": 1},
    "isomorphic_strings": {},
}
WITHOUT_ONE_RIGHT_ANSWER = {
    "boxnet",
    "graph_color",
    "propositional_logic",
    "rubiks_cube",
    "rush_hour",
}


def load(tasks, size, seed=7):
    source = {"kind": "generate", "generate": "reasoning_gym", "tasks": tasks, "size": size}
    return load_items([{**source, "seed": seed}], root=None)


def questions(tasks, size, seed=7):
    """Generated in this process: quicker, and the same for tasks that do not walk over sets."""
    return [row["entry"]["question"] for row in generate(tasks, size, seed)]


@pytest.fixture(scope="module")
def mix():
    return load(MIX, 40)


def test_a_longer_list_begins_with_the_shorter_one(mix):
    assert load(MIX, 20)[0] == mix[0][:20]


def test_tasks_come_in_the_shares_of_their_weights(mix):
    tasks = [item.metadata["task"] for item in mix[0]]
    assert {task: tasks.count(task) for task in MIX} == {
        "gcd": 20,
        "products": 10,
        "isomorphic_strings": 10,
    }


def test_an_item_carries_its_task_tier_target_and_entry(mix):
    item = next(item for item in mix[0] if item.metadata["task"] == "gcd")
    entry = item.metadata["entry"]
    assert item.id.startswith("gcd-")
    assert item.id.endswith("-0000")
    assert item.tier == "gcd num_terms=2 value=1-12"
    assert item.tags == ("gcd", "arithmetic")
    assert item.input == entry["question"]
    assert item.targets == (entry["answer"],)
    assert item.metadata["config"] == {"max_value": 12}


def test_a_task_keeps_its_items_when_others_join_or_leave(mix):
    alone = questions({"gcd": {"max_value": 12}}, 20)
    assert alone == [item.input for item in mix[0] if item.metadata["task"] == "gcd"]


def test_neighbouring_seeds_share_no_questions():
    # reasoning_gym itself seeds entry i with seed + i: its seeds 8 and 9 share 19 of 20 entries
    wide = {"gcd": {"min_value": 100, "max_value": 10_000}}
    assert not set(questions(wide, 20, seed=8)) & set(questions(wide, 20, seed=9))


def test_ids_tell_seeds_and_settings_apart_but_not_how_a_setting_was_come_by(mix):
    def name(tasks, seed=7):
        (row,) = generate(tasks, 1, seed)
        return _item(row, {"seed": seed}, "label").id

    assert name({"gcd": {"max_value": 12}}) == mix[0][0].id
    assert name({"gcd": {"max_value": 12, "min_value": 1}}) == mix[0][0].id
    assert name({"gcd": {"max_value": 13}}) != mix[0][0].id
    assert name({"gcd": {"max_value": 12}}, seed=8) != mix[0][0].id


def test_provenance_tells_package_and_request(mix):
    assert mix[1][0]["revision"].startswith("reasoning_gym 0.")
    assert mix[1][0]["request"] == {"tasks": MIX, "size": 40, "seed": 7}
    assert re.fullmatch("[0-9a-f]{64}", mix[1][0]["items_sha256"])


def test_no_question_occurs_twice_and_an_exhausted_task_says_so():
    # one-digit factors in order: 10 × 10 questions
    assert len(set(questions({"products": {"max_digits": 1}}, 100))) == 100
    with pytest.raises(ConfigError, match="no more than 100 different questions; widen"):
        questions({"products": {"max_digits": 1}}, 101)


@pytest.mark.parametrize(
    ("tasks", "what"),
    [
        ({"gdc": {}}, 'unknown task "gdc"; did you mean "gcd"'),
        ({"composite": {}}, 'unknown task "composite"'),
        (
            {"gcd": {"max_valu": 3}},
            'tasks.gcd: unknown setting "max_valu"; did you mean "max_value"',
        ),
        ({"gcd": {"max_value": "3"}}, "tasks.gcd.max_value: a value of type int is expected"),
        ({"gcd": {"max_value": True}}, "tasks.gcd.max_value: a value of type int is expected"),
        ({"gcd": {"max_value": 0}}, "does not fit: max_value must be > min_value"),
        ({"gcd": {"seed": 1}}, 'unknown setting "seed"; it is set for the whole source'),
        ({"gcd": {"weight": 0}}, "tasks.gcd.weight: must be a number above 0, not 0"),
        ({"time_intervals": {"min_date": "May"}}, "min_date: an ISO date is expected, not 'May'"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(tasks, what):
    with pytest.raises(ConfigError) as caught:
        questions(tasks, 2)
    assert what in str(caught.value)
    assert str(caught.value).startswith("tasks")
    assert "\n" not in str(caught.value)


def test_a_refusal_of_the_generating_process_names_the_source():
    with pytest.raises(ConfigError) as caught:
        load({"gcd": {}, "products": {"max_digit": 1}}, 2)
    assert str(caught.value).startswith(
        'reasoning_gym:seed=7: tasks.products: unknown setting "max_digit"; did you mean "max_digits"'
    )


def test_a_date_is_given_as_text():
    setting = {"min_date": "1999-01-01", "max_date": "1999-12-31", "task_types": ["date"]}
    assert "1999" in questions({"time_intervals": setting}, 1)[0]


def test_settings_that_fail_only_when_a_question_is_drawn_are_refused_too():
    setting = {"min_date": "1999-12-30", "max_date": "1999-12-31", "task_types": ["date"]}
    with pytest.raises(ConfigError, match=r"tasks\.time_intervals: .* does not fit: empty range"):
        questions({"time_intervals": setting}, 1)


def test_times_of_day_do_not_carry_the_day_of_their_making():
    (row,) = generate({"time_intervals": {"task_types": ["time"]}}, 1, 7)
    assert str(date.today().year) not in json.dumps(row["entry"])


def test_every_prefix_of_the_sequence_holds_the_mix_as_well_as_whole_numbers_can():
    weights = {"a": 1.0, "b": 2.0, "c": 0.5}
    tasks = list(sequence(weights, 70))
    for length in range(1, 71):
        for task, weight in weights.items():
            share = length * weight / sum(weights.values())
            assert abs(tasks[:length].count(task) - share) < 1
    assert list(sequence(dict(reversed(weights.items())), 70)) == tasks


@pytest.mark.parametrize(
    ("difficulty", "config", "tier"),
    [
        ({"num_terms": [2, 2], "value": [1, 12]}, {}, "t num_terms=2 value=1-12"),
        ({"value": [-10, 10], "p": 0.25}, {}, "t p=0.25 value=-10..10"),
        ({"min_x": 1, "max_x": 5, "x_weights": [1, 2]}, {}, "t x=1-5"),
        ({"tasks": ["a", "b"], "level": None}, {}, "t"),
        (1.0, {}, "t difficulty=1"),
        (None, {"min_n": 3, "max_n": 3, "label": "x", "flag": True}, "t n=3"),
        (None, {}, "t"),
    ],
)
def test_difficulty_settings_become_one_short_line(difficulty, config, tier):
    assert tier_of("t", config, {"metadata": {"difficulty": difficulty}}) == tier


def test_verifiers_score_with_the_settings_that_the_item_was_made_with():
    # the task's own rule: 1 − |difference| / max_date_difference_days
    tight = {"max_date_difference_days": 10, "task_types": ["date"]}
    (row,) = generate({"time_intervals": tight}, 1, 7)
    days = int(row["entry"]["answer"].split()[0])
    assert verify(f"{days} days", _item(row, {"seed": 7}, "").metadata) == 1.0
    assert verify(f"{days + 1} days", _item(row, {"seed": 7}, "").metadata) == pytest.approx(0.9)


def test_verifiers_of_boards_score_an_entry_that_went_through_json():
    (row,) = generate({"arc_agi": {}}, 1, 7)
    metadata = json.loads(json.dumps(_item(row, {"seed": 7}, "").metadata))
    assert verify(row["entry"]["answer"], metadata) == 1.0


@pytest.mark.long
@pytest.mark.slow
def test_every_task_can_be_generated_kept_as_json_and_scored():
    with pytest.raises(ConfigError) as caught:
        dataset("no such task", {}, 0)
    tasks = str(caught.value).partition("(known: ")[2].rstrip(")").split(", ")
    assert len(tasks) == 105
    items, _ = load({task: {} for task in tasks}, 2 * len(tasks))
    again, _ = load({task: {} for task in tasks}, 2 * len(tasks))
    assert items == again
    changed, without_target, lossy = set(), set(), set()
    for item in items:
        task, entry = item.metadata["task"], item.metadata["entry"]
        assert json.loads(json.dumps(entry)) == entry
        if not item.targets:
            without_target.add(task)
        elif verify(item.targets[0], item.metadata) != 1.0:
            changed.add(task)
        elif restore_entry(item.metadata) != entry:
            lossy.add(task)
    assert changed == set()
    assert without_target == WITHOUT_ONE_RIGHT_ANSWER
    assert lossy == {"arc_agi", "rearc"}
