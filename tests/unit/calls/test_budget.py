"""Caps hold to the request across concurrent processes, and a killed job is settled, not forgotten."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from splitplot.calls import budget as module
from splitplot.calls.budget import NOTHING, Amount, Budget, actual_amount
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
