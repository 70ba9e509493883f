"""What must be agreed to before the first paid call, and what the caps will leave out."""

import json
import shutil

import pytest

from splitplot.calls import estimate as estimating
from splitplot.calls.batch.store import Store
from splitplot.calls.estimate import present_items
from splitplot.calls.gate import approve, check_cap, check_gate, open_gate
from splitplot.errors import ApprovalNeeded, CapReached, ConfigError
from splitplot.items import write_items


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


@pytest.fixture
def jobs(case, monkeypatch):
    """open(plan, cell, pending, part) as a job of a study does, and how often it was estimated."""
    items = case.path / "items.parquet"
    count = []

    def counted(*arguments):
        count.append(1)
        return real(*arguments)

    real = estimating.estimate
    monkeypatch.setattr(estimating, "estimate", counted)

    def start(plan, cell=0, pending=10, part="0-of-1"):
        if not items.exists():
            write_items(items, present_items(plan, case.path))
        row = plan["cells"][cell]
        place = {"trial_id": row["trial"], "condition_id": row["condition"], "part": part}
        open_gate(plan, items, case.ledger, **place, pending=pending)
        return len(count)

    return start


def test_all_jobs_of_a_study_share_one_estimate(case, jobs):
    plan = case.plan(budget={"confirm_above_usd": 100})  # 10 requests in each of two cells
    parts = [(0, 6, "0-of-2"), (0, 4, "1-of-2"), (1, 6, "0-of-2"), (1, 4, "1-of-2")]
    assert [jobs(plan, *part) for part in parts] == [1] * 4
    assert jobs(plan, 0, 2, "0-of-2") == 1  # once more, after a stop


def test_a_ledger_that_was_lost_is_estimated_again(case, jobs):
    plan = case.plan(budget={"confirm_above_usd": 2})
    case.answer(plan, 19)
    assert jobs(plan, 1, 1) == 1
    shutil.rmtree(case.ledger)
    with pytest.raises(ApprovalNeeded, match="20 requests may cost up to"):
        jobs(plan, 1, 10)


def test_parts_may_not_send_together_more_than_was_estimated(case, jobs):
    plan = case.plan(budget={"confirm_above_usd": 100})
    assert [jobs(plan, 0, 6, f"{part}-of-3") for part in range(3)] == [1, 2, 3]


def test_a_price_that_changed_is_estimated_again(case, jobs):
    plan = case.plan(budget={"confirm_above_usd": 100})
    assert jobs(plan) == 1
    for trial in plan["trials"]:
        trial["endpoint"]["price"]["usd_per_million_input_tokens"] *= 1000
    with pytest.raises(ApprovalNeeded):
        jobs(plan)


def test_a_refusal_is_not_kept(case, jobs):
    plan = case.plan(budget={"confirm_above_usd": 2})
    for _ in range(2):
        with pytest.raises(ApprovalNeeded):
            jobs(plan)
    case.answer(plan, 20)
    assert jobs(plan, pending=0) == 3


def in_flight(case, plan, keys):
    trial = plan["trials"][0]
    batch = Store(case.ledger).draft("openai--1", trial["hash"], keys)
    batch.write("intent", {"at": "2026", "trial": trial["hash"], "study": "s"})
    return batch


def by_batch(case, **changes):
    return case.plan(models=["mini"], execution={"batch_at_least": 1}, **changes)


def test_what_is_in_flight_is_not_approved_again(case):
    plan = by_batch(case, budget={"confirm_above_usd": 0.0001})
    with pytest.raises(ApprovalNeeded, match="20 requests may cost"):
        gate(case, plan)
    keys = [request.key for _, request in case.requests(plan)]
    batch = in_flight(case, plan, keys)
    gate(case, plan)
    batch.write("retired", {"at": "x", "reason": "it was never sent"})
    with pytest.raises(ApprovalNeeded, match="20 requests may cost"):
        gate(case, plan)


def test_an_approval_holds_while_batches_come_and_go(case):
    plan = by_batch(case, budget={"confirm_above_usd": 0.0001})
    granted = agree(case, plan)
    keys = [request.key for _, request in case.requests(plan)]
    batch = in_flight(case, plan, keys[:15])
    gate(case, plan)
    batch.write("retired", {"at": "x", "reason": "its queue was full"})
    gate(case, plan)
    assert granted["usd"] == pytest.approx(case.estimate(plan).usd_ceiling)


def test_the_reservation_of_a_batch_counts_against_the_cap(case):
    state = {"model": "mini", "batch": "sp-1", "final": False}
    amounts = {
        "spent": {"usd": 0, "calls": 0, "tokens": 0},
        "reserved": {"usd": 3.0, "calls": 9, "tokens": 9},
    }
    case.write("results/ledger/spend/s/batch-sp-1.json", json.dumps(state | amounts))
    with pytest.raises(CapReached, match=r"max_usd is \$3.00, \$3.00 of it is used"):
        cap(case, max_usd=3.0)


def test_a_part_too_large_for_its_provider_is_refused_before_an_approval_is_asked_for(case, jobs):
    plan = by_batch(case, budget={"confirm_above_usd": 0})
    for trial in plan["trials"]:
        trial["batch"]["max_requests"] = 6
    with pytest.raises(ConfigError, match=r"set execution.parts to \d+, the smallest"):
        jobs(plan)


def test_other_parts_are_looked_at_again(case, jobs):
    plan = by_batch(case, budget={"confirm_above_usd": 100})
    assert jobs(plan) == 1
    plan["parts"] = ["0-of-2", "1-of-2"]
    assert jobs(plan, pending=5) == 2
