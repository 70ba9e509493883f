"""The audit of prompts: tokens without the item, what arms add in dollars, answers shared by content."""

import json

import pytest

from splitplot.calls.estimate import estimate, present_items
from splitplot.calls.prompt_audit import audit, control_of, prompt_without_item
from splitplot.calls.tokens import expected
from splitplot.design import make_plan
from splitplot.errors import ConfigError
from splitplot.prompts import render

SYSTEM = "Answer from the passage. Say when it has no answer. Do not guess. Be brief."


@pytest.fixture
def arms(case):
    """A study of a control, a treatment and its neutral text."""
    case.write("prompts/control.md", "{{ input }}\n")
    case.write("prompts/careful.md", f"---\nsystem: {SYSTEM}\n---\n{{{{ input }}}}\n")
    case.conditions = {
        "control": "prompts/control.md",
        "careful": "prompts/careful.md",
        "neutral": {"placebo_of": "careful", "kind": "length"},
    }
    return case


def rows(found, key="arms"):
    return {row["condition"]: row for row in found[key]}


def test_an_arm_is_counted_as_its_requests_are(arms):
    plan = arms.plan(conditions=arms.conditions)
    found = rows(audit(plan, 5))
    items = present_items(plan, arms.path)
    for arm in plan["conditions"]:
        item = items[0]
        body = {"messages": render(arm["template"], item)}
        body["messages"][-1]["content"] = body["messages"][-1]["content"].replace(item.input, "")
        assert found[arm["name"]]["tokens"] == expected(body)
    assert found["control"]["added_tokens"] == 0
    # A quarter of the bytes of both texts with the names of their roles, and 4 for a second message.
    assert found["careful"]["added_tokens"] == -(-(len(SYSTEM) + len("systemuser")) // 4) - 1 + 4
    assert found["neutral"]["added_tokens"] == found["careful"]["added_tokens"]
    assert found["neutral"]["placebo"] == {"of": "careful", "kind": "length"}
    assert (found["careful"]["characters"], found["careful"]["words"]) == (len(SYSTEM), 15)


def test_what_an_arm_adds_has_the_price_of_its_input_tokens(arms):
    plan = arms.plan(conditions=arms.conditions, models=["paid", "robot", "unknown"])
    found = {(row["model"], row["condition"]): row for row in audit(plan, 5)["costs"]}
    added = found["paid", "careful"]
    # $1,000 a million tokens: a dollar for one token in each of 1,000 requests
    assert added["added_usd_per_1000"] == pytest.approx(added["added_tokens"])
    assert added["usd_per_1000"] == pytest.approx(added["tokens"])
    assert found["paid", "control"]["added_usd_per_1000"] == 0
    assert found["robot", "careful"]["added_usd_per_1000"] is None
    assert found["robot", "careful"]["reason"] == "simulated: nothing is paid"
    assert found["unknown", "careful"]["reason"] == "no price is known"


@pytest.mark.parametrize(("n_items", "factor", "route"), [(5, 1, "realtime"), (250, 0.5, "batch")])
def test_a_trial_whose_parts_are_large_is_priced_by_batch(arms, n_items, factor, route):
    plan = arms.plan(
        conditions=arms.conditions, models=["mini"]
    )  # 2 replications, 500 make a batch
    row = rows(audit(plan, n_items), "costs")["careful"]
    assert row["route"] == route
    usd = 1000 * row["added_tokens"] * 0.15e-6  # gpt-4o-mini: $0.15 per million input tokens
    assert row["added_usd_per_1000"] == pytest.approx(usd * factor)


def test_exact_counts_replace_the_expected_ones_once_for_each_model(arms):
    plan = arms.plan(
        conditions=arms.conditions,
        models=["paid", "robot"],
        sampling=[{"name": "a", "seed": 1}, {"name": "b", "seed": 2}],
    )
    asked = []

    def count(trial, prompts):
        asked.append(trial["model"])
        return [7, 20, 21] if trial["model"] == "paid" else None

    found = audit(plan, 5, count)
    assert asked == ["paid", "robot"]
    paid = [row for row in found["costs"] if row["model"] == "paid"]
    assert [row["tokens"] for row in paid] == [7, 20, 21] * 2
    assert [row["added_tokens"] for row in paid] == [0, 13, 14] * 2
    assert {row["exact"] for row in found["costs"] if row["model"] == "robot"} == {False}


def test_the_control_is_the_declared_one_else_the_one_so_named_else_the_first(arms):
    plan = arms.plan(conditions=arms.conditions)
    assert control_of(plan) == "control"
    assert control_of(plan | {"analysis": {"control": "neutral"}}) == "neutral"
    others = [arm for arm in plan["conditions"] if arm["name"] != "control"]
    assert control_of(plan | {"conditions": others}) == "careful"


def test_the_prompt_without_its_item_has_nothing_of_an_item():
    template = {
        "system": None,
        "examples": [],
        "body": "Q: {{ input }} ({{ input }}) {{ context }}{{ tier }}",
    }
    assert prompt_without_item(template, "p.md") == [{"role": "user", "content": "Q:  () "}]
    template["body"] = "{{ input }}: {{ choices[3] }}"
    assert prompt_without_item(template, "p.md") == [{"role": "user", "content": ": "}]
    template["body"] = "{{ input }}{{ 1 / (choices | length) }}{{ choices[99] }}"
    with pytest.raises(ConfigError, match=r"counted without an item of the study: p\.md"):
        prompt_without_item(template, "p.md")


def second_study(case, treatment):
    """Another study with the same control under another name and path, and another treatment."""
    case.write("prompts/same.md", "{# of the second study #}{{ input }}\n")
    case.write("prompts/other.md", f"---\nsystem: {treatment}\n---\n{{{{ input }}}}\n")
    study = json.loads((case.path / "config/studies/s.yaml").read_text())
    conditions = {"baseline": "prompts/same.md", "other": "prompts/other.md"}
    path = case.write(
        "config/studies/t.yaml", json.dumps(study | {"study": "t", "conditions": conditions})
    )
    return make_plan(path, case.path)


def test_the_same_control_in_another_study_is_paid_once(arms):
    first = arms.plan(conditions={k: arms.conditions[k] for k in ("control", "careful")})
    arms.answer(first, 20)  # 5 items × 2 conditions × 2 replications
    second = second_study(arms, "Guess wildly.")
    total = estimate(second, present_items(second, arms.path), arms.ledger)
    cells = {cell.condition.partition("--")[0]: cell for cell in total.cells}
    assert (cells["baseline"].in_ledger, cells["baseline"].to_send) == (10, 0)
    assert (cells["other"].in_ledger, cells["other"].to_send) == (0, 10)


@pytest.mark.parametrize(
    "change", [{"sampling": [{"name": "low", "max_tokens": 99}]}, {"models": ["mini"]}]
)
def test_another_model_or_sampling_shares_no_control(arms, change):
    first = arms.plan(conditions={k: arms.conditions[k] for k in ("control", "careful")})
    arms.answer(first, 20)
    arms.plan(conditions=arms.conditions, **change)
    second = second_study(arms, "Guess wildly.")
    assert estimate(second, present_items(second, arms.path), arms.ledger).in_ledger == 0
