"""What must be agreed to before the first paid call, and what the caps will leave out."""

import json

import pytest

from splitplot.calls.gate import approve, check_cap, check_gate
from splitplot.errors import ApprovalNeeded, CapReached


def gate(case, plan):
    check_gate(plan, case.estimate(plan), case.path / "approval.json")


def agree(case, plan):
    return approve(case.estimate(plan), case.path / "approval.json")


def test_a_ceiling_within_what_is_agreed_to_passes(case):
    gate(case, case.plan(budget={"confirm_above_usd": 100}))


def test_a_ceiling_above_it_stops_and_names_the_one_command(case):
    with pytest.raises(ApprovalNeeded) as caught:
        gate(case, case.plan(budget={"confirm_above_usd": 2}))
    message = str(caught.value)
    assert "20 requests may cost up to $" in message
    assert "budget.confirm_above_usd is $2.00" in message
    assert "\n    splitplot approve s\n" in message


def test_an_approval_holds_until_the_work_is_done(case):
    plan = case.plan(budget={"confirm_above_usd": 2})
    agree(case, plan)
    gate(case, plan)
    case.answer(plan, 5)
    gate(case, plan)


def test_an_approval_is_not_one_of_other_requests(case):
    plan = case.plan(budget={"confirm_above_usd": 2})
    agree(case, plan)
    case.answer(plan, 19)
    case.items(range(6))  # one more item: 4 requests, less than what was approved before
    with pytest.raises(ApprovalNeeded, match="another set of requests"):
        gate(case, case.plan(budget={"confirm_above_usd": 2}))


def test_an_approval_is_not_one_of_a_higher_price(case):
    plan = case.plan(budget={"confirm_above_usd": 2})
    granted = agree(case, plan)
    models = (case.path / "config/models.yaml").read_text()
    case.write("config/models.yaml", models.replace("2000", "3000"))
    with pytest.raises(ApprovalNeeded, match=f"\\${granted['usd']:,.2f} was approved"):
        gate(case, case.plan(budget={"confirm_above_usd": 2}))


def test_a_model_without_a_price_needs_an_approval_whatever_the_limit(case):
    plan = case.plan(models=["unknown"], budget={"confirm_above_usd": 1e6})
    with pytest.raises(ApprovalNeeded, match="no price is known for unknown"):
        gate(case, plan)
    agree(case, plan)
    gate(case, plan)


def test_free_models_pass_without_a_word(case):
    gate(case, case.plan(models=["robot"], budget={"confirm_above_usd": 0}))


def spend(case, model, usd, reserved=0.0):
    amounts = {"spent": usd, "reserved": reserved}
    state = {"model": model, "ledger": "x", "final": True}
    state |= {name: {"usd": value, "calls": 1, "tokens": 10} for name, value in amounts.items()}
    case.write(f"results/ledger/spend/s/{model}-{usd}.json", json.dumps(state))


def cap(case, **budget):
    plan = case.plan(budget={"confirm_above_usd": 1e6, **budget})
    check_cap(plan, case.estimate(plan), case.ledger)


def test_a_cap_that_the_expected_work_fits_under_is_no_matter(case):
    cap(case, max_usd=100)
    cap(case)


def test_what_is_spent_and_reserved_counts_against_the_cap(case):
    spend(case, "paid", 60.0)
    spend(case, "another", 20.0, reserved=20.0)
    with pytest.raises(CapReached) as caught:
        cap(case, max_usd=100)
    message = str(caught.value)
    assert "budget.max_usd is $100.00, $100.00 of it is used" in message
    assert "raise the cap in config/studies/s.yaml" in message


@pytest.mark.parametrize(
    ("quota", "words"),
    [
        ({"calls": 19}, "19 calls"),
        ({"tokens": 100}, "100 tokens"),
        ({"usd": 0.01}, r"\$0.010"),
    ],
)
def test_a_quota_of_a_model_is_told_in_its_own_unit(case, quota, words):
    with pytest.raises(CapReached, match=f"budget.quota of paid is {words}"):
        cap(case, quota={"paid": quota})


def test_nothing_left_to_send_is_no_matter_of_caps(case):
    spend(case, "paid", 200.0)
    plan = case.plan(budget={"max_usd": 100})
    case.answer(plan, 20)
    check_cap(plan, case.estimate(plan), case.ledger)
