"""Caps hold to the request across concurrent processes, and a killed job is settled, not forgotten."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from splitplot.calls import budget as module
from splitplot.calls.budget import NOTHING, Amount, Budget, actual_amount, settle_dead
from splitplot.calls.ledger import LedgerWriter
from splitplot.calls.records import Response, Usage
from splitplot.files import read_json

TRIAL = "0123456789abcdef"
WORST = Amount(usd=0.10, calls=1, tokens=100)


def job(ledger: Path, name: str, caps: dict, model: str = "m") -> Budget:
    return Budget(ledger, "s", model, caps, ledger / TRIAL / f"{name}.jsonl")


def test_without_caps_everything_is_granted_and_no_file_is_made(tmp_path):
    budget = job(tmp_path, "a", {"max_usd": None, "quota": {}})
    assert budget.reserve([WORST] * 1000) == (1000, False)
    budget.close()
    assert not list(tmp_path.rglob("*"))


def test_the_cap_holds_over_two_jobs_and_settling_makes_room(tmp_path, monkeypatch):
    # POSIX locks do not tell two jobs of one process apart; the racing test below has real ones
    monkeypatch.setattr(module, "_is_dead", lambda path: False)
    first, second = (job(tmp_path, name, {"max_usd": 1.0}) for name in "ab")
    assert first.reserve([WORST] * 7) == (7, True)
    assert second.reserve([WORST] * 7) == (3, True)
    for _ in range(7):
        first.settle(WORST, Amount(usd=0.01, calls=1, tokens=10))
    assert second.reserve([WORST] * 9)[0] == 6  # 0.07 spent + 0.30 reserved + 0.60 ≤ 1.00
    first.close()
    second.close()


def test_what_was_not_sent_is_given_back_at_close(tmp_path):
    first = job(tmp_path, "a", {"max_usd": 1.0})
    assert first.reserve([WORST] * 10)[0] == 10
    first.close()
    assert job(tmp_path, "b", {"max_usd": 1.0}).reserve([WORST] * 10) == (10, True)


def test_a_quota_binds_its_own_model_only(tmp_path):
    caps = {"max_usd": None, "quota": {"m": {"calls": 2, "tokens": None, "usd": None}}}
    one, other = job(tmp_path, "a", caps, "m"), job(tmp_path, "b", caps, "n")
    assert one.reserve([WORST] * 5)[0] == 2
    assert other.reserve([WORST] * 5)[0] == 5
    tokens = {"max_usd": None, "quota": {"m": {"tokens": 250}}}
    assert job(tmp_path / "t", "a", tokens, "m").reserve([WORST] * 5)[0] == 2


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response("k", "ok", usage=Usage(10, 5), usd=0.02), Amount(0.02, 1, 15)),
        (Response("k", "ok"), WORST),  # no usage, no price: the worst case stands
        (Response("k", "error", error={"status": 400}), Amount(0.0, 1, 0)),
        (Response("k", "error", error={"status": None, "type": "timeout"}), WORST),
    ],
)
def test_unknown_costs_count_at_their_worst(response, expected):
    assert actual_amount(response.to_json(), WORST) == expected


KILLED = """
import os, signal, sys
from pathlib import Path
from splitplot.calls.budget import NOTHING, Amount, Budget
from splitplot.calls.ledger import LedgerWriter
from splitplot.calls.records import Response, Usage
ledger = Path(sys.argv[1])
writer = LedgerWriter(ledger, "0123456789abcdef", {})
budget = Budget(ledger, "s", "m", {"max_usd": 1.0}, writer.path)
worst = Amount(usd=0.10, calls=1, tokens=100)
assert budget.reserve([worst] * 9)[0] == 9
for number in range(4):
    writer.intent(f"{number:032x}", 1, vars(worst))
writer.response(Response(f"{0:032x}", "ok", usage=Usage(1, 1), usd=0.01))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_job_counts_what_it_spent_and_what_was_in_flight(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    budget = job(tmp_path, "next", {"max_usd": 1.0})
    # 0.01 answered, 3 × 0.10 in flight at the kill; the five never sent are free again
    assert budget.reserve([WORST] * 9)[0] == 6
    budget.close()


RACER = """
import sys, time
from pathlib import Path
from splitplot.calls.budget import NOTHING, Amount, Budget
ledger, name = Path(sys.argv[1]), sys.argv[2]
budget = Budget(ledger, "s", "m", {"max_usd": 1.0}, ledger / "t" / f"{name}.jsonl")
spent = 0
while True:
    granted, wait = budget.reserve([Amount(0.01, 1, 1)] * 3)
    for _ in range(granted):
        budget.settle(Amount(0.01, 1, 1), Amount(0.01, 1, 1))
    spent += granted
    if not granted and not wait:
        break
    if not granted:
        time.sleep(0.01)
budget.close()
print(spent)
"""


def test_a_paid_retry_needs_room_for_another_worst_case(tmp_path):
    budget = job(tmp_path, "a", {"max_usd": 0.30})
    assert budget.reserve([WORST] * 2)[0] == 2
    assert budget.retry(WORST, paid=True)  # 0.10 spent, 2 × 0.10 reserved
    assert not budget.retry(WORST, paid=True)
    budget.settle(WORST, WORST)
    budget.settle(WORST, NOTHING)
    budget.close()
    assert job(tmp_path, "b", {"max_usd": 0.30}).reserve([WORST] * 9)[0] == 1


def test_a_retry_that_was_not_billed_takes_a_call_and_no_money(tmp_path):
    budget = job(tmp_path, "a", {"max_usd": 0.10, "quota": {"m": {"calls": 3}}})
    assert budget.reserve([WORST])[0] == 1
    assert [budget.retry(WORST, paid=False) for _ in range(3)] == [True, True, False]


def attempts(ledger: Path, budget: Budget, writer: LedgerWriter) -> None:
    """Four reserved; one answered after a paid and an unpaid failure, one in flight again, two unsent."""
    budget.open()
    assert budget.reserve([WORST] * 4)[0] == 4
    answered, cut = f"{0:032x}", f"{1:032x}"
    writer.intent(answered, 1, asdict(WORST))
    assert budget.retry(WORST, paid=True)
    writer.intent(answered, 2, asdict(WORST))
    assert budget.retry(WORST, paid=False)
    writer.intent(answered, 3)
    response = Response(answered, "ok", usage=Usage(4, 6), usd=0.01)
    writer.response(response)
    budget.settle(WORST, actual_amount(response.to_json(), WORST))
    writer.intent(cut, 1, asdict(WORST))
    assert budget.retry(WORST, paid=True)
    writer.intent(cut, 2, asdict(WORST))
    writer.close()


@pytest.mark.parametrize("caps", [{"max_usd": 1.0}, {}])
def test_a_stop_and_a_kill_leave_the_same_account(tmp_path, caps):
    accounts = []
    for kind in ("stop", "kill"):
        ledger = tmp_path / kind
        writer = LedgerWriter(ledger, TRIAL, {})
        budget = Budget(ledger, "s", "m", caps, writer.path)
        attempts(ledger, budget, writer)
        if kind == "stop":
            budget.close()
        else:
            os.close(budget._alive)  # what the end of a process does
        assert job(ledger, "next", {"max_usd": 1.0}).reserve([WORST] * 9)[0] == 6
        state = read_json(ledger / "spend" / "s" / f"{writer.path.stem}.json")
        accounts.append(Amount(**state["spent"]) + Amount(**state["reserved"]))
    # by hand: 0.10 + 0.01 for the answered one, 2 × 0.10 for the other; five attempts
    assert [asdict(account) for account in accounts] == [
        {"usd": pytest.approx(0.31), "calls": 5, "tokens": 310}
    ] * 2


def test_a_dead_job_without_its_ledger_file_keeps_all_that_it_had_taken(tmp_path):
    budget = job(tmp_path, "a", {"max_usd": 1.0})
    assert budget.reserve([WORST] * 7)[0] == 7
    budget.settle(WORST, WORST)
    budget.publish()
    os.close(budget._alive)
    assert job(tmp_path, "b", {"max_usd": 1.0}).reserve([WORST] * 9)[0] == 3


def test_racing_jobs_spend_the_cap_exactly(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 100


def test_the_worst_case_travels_through_the_ledger(tmp_path):
    with LedgerWriter(tmp_path, TRIAL, {}) as writer:
        writer.intent("0" * 32, 1, asdict(WORST))
    line = writer.path.read_text().splitlines()[1]
    assert Amount(**json.loads(line)["worst"]) == WORST


def test_money_spent_before_a_cap_was_set_counts(tmp_path):
    free = job(tmp_path, "a", {"max_usd": None, "quota": {}})
    free.open()
    assert free.reserve([WORST] * 7)[0] == 7
    for _ in range(7):
        free.settle(NOTHING, Amount(usd=0.10, calls=1, tokens=10))
    free.close()
    assert job(tmp_path, "b", {"max_usd": 1.0}).reserve([WORST] * 7)[0] == 3


def spend_files(ledger: Path) -> dict[str, dict]:
    return {path.name: read_json(path) for path in (ledger / "spend" / "s").glob("*.json")}


def hand_over_ten(ledger: Path, name: str, caps: dict, model: str = "m") -> Amount:
    """A job that makes one batch of ten requests and ends; returns the batch's worst case."""
    budget = job(ledger, name, caps, model)
    assert budget.reserve([WORST] * 10, batches=True) == (10, False)
    total = sum([WORST] * 10, NOTHING)
    budget.hand_over(f"sp-{name}", total)
    budget.close()
    return total


@pytest.mark.parametrize("caps", [{"max_usd": 1.5}, {}])
def test_the_reservation_of_a_batch_outlives_its_job_until_it_is_settled(tmp_path, caps):
    hand_over_ten(tmp_path, "a", caps)
    files = spend_files(tmp_path)
    assert files["a.json"]["reserved"] == asdict(NOTHING)
    batch = files["batch-sp-a.json"]
    assert (batch["model"], batch["batch"], batch["final"]) == ("m", "sp-a", False)
    assert batch["reserved"] == {"usd": pytest.approx(1.0), "calls": 10, "tokens": 1000}
    later = job(tmp_path, "b", {"max_usd": 1.5})
    assert later.reserve([WORST] * 9, batches=True) == (5, True)  # 1.50 − 10 × 0.10
    later.settle(sum([WORST] * 5, NOTHING), NOTHING)
    for _ in range(2):  # whoever collects it may be killed and do it again
        module.settle_batch(tmp_path, "s", "sp-a", Amount(0.25, 10, 50))
    assert spend_files(tmp_path)["batch-sp-a.json"]["final"] is True
    assert later.reserve([WORST] * 20)[0] == 12  # 1.50 − 0.25
    later.close()


def test_a_real_time_job_does_not_wait_for_a_batch_and_a_batch_does(tmp_path):
    hand_over_ten(tmp_path, "a", {"max_usd": 1.0})
    assert job(tmp_path, "b", {"max_usd": 1.0}).reserve([WORST]) == (0, False)
    assert job(tmp_path, "c", {"max_usd": 1.0}).reserve([WORST], batches=True) == (0, True)
    module.settle_batch(tmp_path, "s", "sp-a", Amount(1.0, 10, 1000))
    assert job(tmp_path, "d", {"max_usd": 1.0}).reserve([WORST], batches=True) == (0, False)


def test_what_a_batch_job_has_just_got_is_nothing_to_wait_for(tmp_path):
    budget = job(tmp_path, "a", {"max_usd": 0.5})
    assert budget.reserve([WORST] * 9, batches=True) == (5, False)
    assert budget.reserve([WORST] * 9, batches=True) == (0, True)


def test_quotas_of_calls_and_tokens_hold_for_batches(tmp_path):
    for unit, limit, room in (("calls", 12, 2), ("tokens", 1250, 2), ("usd", 1.25, 2)):
        caps = {"max_usd": None, "quota": {"m": {unit: limit}}}
        ledger = tmp_path / unit
        hand_over_ten(ledger, "a", caps)
        assert job(ledger, "b", caps).reserve([WORST] * 9, batches=True)[0] == room
        assert job(ledger, "c", caps, "n").reserve([WORST] * 9, batches=True)[0] == 9


def test_a_kill_while_handing_over_counts_the_batch_once_and_the_rest_is_free(tmp_path):
    for at, room in (("before", 20), ("between", 10), ("after", 10)):
        ledger = tmp_path / at
        budget = job(ledger, "a", {"max_usd": 2.0})
        assert budget.reserve([WORST] * 10, batches=True)[0] == 10
        if at != "before":
            before = read_json(budget._path)
            budget.hand_over("sp-a", sum([WORST] * 10, NOTHING))
            if at == "between":  # the batch's file is there, the job's is the old one
                module.write_json(budget._path, before)
        os.close(budget._alive)  # what the end of a process does
        assert job(ledger, "b", {"max_usd": 2.0}).reserve([WORST] * 99, batches=True)[0] == room


def test_a_batch_without_a_reservation_counts_when_it_cost_something(tmp_path):
    module.settle_batch(tmp_path, "s", "sp-never-sent", NOTHING)
    assert not (tmp_path / "spend").exists()
    module.write_json(tmp_path / "batches/openai--1/sp-x/intent.json", {"model": "m"})
    module.settle_batch(tmp_path, "s", "sp-x", Amount(0.5, 10, 50))
    caps = {"max_usd": 1.0, "quota": {"m": {"calls": 12}}}
    assert job(tmp_path, "b", caps).reserve([WORST] * 9)[0] == 2


BATCHER = """
import sys, time
from pathlib import Path
from splitplot.calls.budget import NOTHING, Amount, Budget, settle_batch
ledger, name = Path(sys.argv[1]), sys.argv[2]
budget = Budget(ledger, "s", "m", {"max_usd": 1.0}, ledger / "t" / f"{name}.jsonl")
one, sent, number = Amount(0.01, 1, 1), 0, 0
while True:
    granted, wait = budget.reserve([one] * 7, batches=True)
    total = sum([one] * granted, NOTHING)
    if granted < 7 and wait:
        budget.settle(total, NOTHING)
        time.sleep(0.01)
        continue
    if not granted:
        break
    budget.hand_over(f"sp-{name}-{number}", total)
    time.sleep(0.005)
    # half of it expires and is free, as a batch may
    used = sum([one] * ((granted + 1) // 2), NOTHING)
    settle_batch(ledger, "s", f"sp-{name}-{number}", used)
    sent, number = sent + used.calls, number + 1
budget.close()
print(sent)
"""


def test_racing_batch_and_real_time_jobs_spend_the_cap_exactly(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), name], stdout=subprocess.PIPE, text=True
        )
        for name, code in (("a", BATCHER), ("b", BATCHER), ("c", RACER), ("d", BATCHER))
    ]
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 100


def test_what_a_killed_job_had_reserved_is_settled_by_whoever_asks_for_no_money(tmp_path):
    settle_dead(tmp_path, "s")  # nothing there, nothing made
    assert not list(tmp_path.rglob("*"))
    script = f"""
import os, signal
from pathlib import Path
from splitplot.calls.budget import Amount, Budget
root = Path({str(tmp_path)!r})
budget = Budget(root, "s", "m", {{"max_usd": 1.0}}, root / "{TRIAL}" / "killed.jsonl")
budget.reserve([Amount(0.1, 1, 100)] * 5, batches=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    path = tmp_path / "spend/s/killed.json"
    assert read_json(path)["reserved"]["calls"] == 5
    settle_dead(tmp_path, "s")
    assert read_json(path)["final"]
    assert read_json(path)["reserved"]["calls"] == read_json(path)["spent"]["calls"] == 0
