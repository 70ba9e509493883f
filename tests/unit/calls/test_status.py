"""How far a study is, cell by cell; and what `refill` opens again."""

import json
import subprocess
import sys

import pytest

from splitplot import paths
from splitplot.calls.batch.store import Store
from splitplot.calls.estimate import present_items
from splitplot.calls.status import open_batches, refill, status


def state(case, plan):
    return status(plan, present_items(plan, case.path), case.path)


def open_again(case, plan):
    return refill(plan, present_items(plan, case.path), case.path)


def responses_path(case, plan, cell=0):
    place = plan["cells"][cell]
    return case.path / paths.RESPONSES.format(
        study="s", trial=place["trial"], condition=place["condition"], part="0-of-1"
    )


def project(case, plan, outcomes, cell=0):
    """What the last run left: a responses.jsonl in which these requests have these outcomes."""
    keys = [request.key for _, request in case.requests(plan)][cell * 10 : cell * 10 + 10]
    rows = [{"key": key, "outcome": outcome} for key, outcome in zip(keys, outcomes, strict=False)]
    path = responses_path(case, plan, cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_before_the_first_run_everything_is_missing_and_no_file_is_made(case):
    plan = case.plan()
    before = sorted(case.path.rglob("*"))
    rows = state(case, plan)
    assert [(row.requests, row.done, row.missing) for row in rows] == [(10, 0, 10)] * 2
    assert sorted(case.path.rglob("*")) == before


def test_answers_failures_and_what_is_missing_are_told_apart(case):
    plan = case.plan()
    case.answer(plan, 4)
    case.answer(plan, 7, outcome="expired")
    case.answer(plan, 6, outcome="error")  # the last failure of a request counts
    first, second = state(case, plan)
    assert (first.done, first.failed, first.missing) == (4, {"error": 2, "expired": 1}, 3)
    assert (second.done, second.failed, second.missing) == (0, {}, 10)


def test_a_truncated_answer_is_an_answer(case):
    plan = case.plan()
    case.answer(plan, 3, outcome="truncated")
    assert state(case, plan)[0].done == 3


def test_what_a_cap_left_out_is_over_quota_until_it_is_answered(case):
    plan = case.plan()
    project(case, plan, ["over_quota"] * 10)
    first = state(case, plan)[0]
    assert (first.over_quota, first.missing) == (10, 0)
    case.answer(plan, 4)
    first = state(case, plan)[0]
    assert (first.over_quota, first.done) == (6, 4)


HOLD = """
import sys
from pathlib import Path
from splitplot.calls.locks import KeyLocks
locks = KeyLocks(Path(sys.argv[1]))
locks.acquire(sys.argv[2:])
print("held", flush=True)
sys.stdin.read()
"""


def test_requests_that_another_process_holds_are_in_flight(case):
    plan = case.plan()
    keys = [request.key for _, request in case.requests(plan)][:3]
    lock_file = case.ledger / plan["trials"][0]["hash"] / "locks"
    lock_file.parent.mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock_file), *keys],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout.readline() == b"held\n"
        first = state(case, plan)[0]
        assert (first.in_flight, first.missing) == (3, 7)
    finally:
        process.communicate()
    assert state(case, plan)[0].in_flight == 0


def test_refill_opens_failures_and_leaves_answers(case):
    plan = case.plan()
    case.answer(plan, 4)
    case.answer(plan, 6, outcome="error")
    path = project(case, plan, ["ok"] * 4 + ["error"] * 2)
    other = project(case, plan, ["ok"], cell=1)
    assert open_again(case, plan) == 2
    assert not path.exists()
    assert other.exists()  # a cell without gaps is not made again
    first = state(case, plan)[0]
    assert (first.done, first.failed, first.missing) == (4, {}, 6)
    assert open_again(case, plan) == 0


def test_refill_opens_what_a_cap_has_stopped_and_asks_the_gate_again(case):
    plan = case.plan()
    path = project(case, plan, ["over_quota"] * 3)
    gate = case.write(paths.GATE.format(study="s"), "{}")
    assert open_again(case, plan) == 3
    assert not path.exists()
    assert not gate.exists()
    assert open_again(case, plan) == 0


def test_a_failure_after_a_refill_is_a_gap_again(case):
    plan = case.plan()
    case.answer(plan, 2, outcome="error")
    open_again(case, plan)
    case.answer(plan, 1, outcome="error")
    assert state(case, plan)[0].failed == {"error": 1}


@pytest.mark.parametrize("parts", [1, 4])
def test_parts_do_not_change_the_counts(case, parts):
    plan = case.plan(execution={"parts": parts})
    case.answer(plan, 4, outcome="error")
    assert [sum(row.failed.values()) for row in state(case, plan)] == [4, 0]
    assert open_again(case, plan) == 4


def test_a_gap_that_another_study_has_filled_meanwhile_is_filled_here_too(case):
    plan = case.plan()
    path = project(case, plan, ["error", "ok", "over_quota"])
    case.answer(plan, 10)  # by now the ledger has an answer to each of them
    assert open_again(case, plan) == 2
    assert not path.exists()


def test_only_what_a_cap_has_stopped_is_called_over_quota(case):
    plan = case.plan()
    project(case, plan, ["error", "missing", "over_quota"])
    assert state(case, plan)[0].over_quota == 1


def an_open_batch(case, plan, count):
    """An open batch of the first requests of a plan, as the job that makes it leaves it."""
    trial, place = plan["trials"][0], plan["cells"][0]
    keys = [request.key for _, request in case.requests(plan)][:count]
    batch = Store(case.ledger).draft("openai--1", trial["hash"], keys)
    intent = {
        "at": "2026-11-21T10:00:00+00:00",
        "trial": trial["hash"],
        "trial_id": trial["id"],
        "condition": place["condition"],
        "part": "0-of-1",
        "study": "s",
        "model": trial["model"],
        "batch": "openai",
        "count": count,
        "worst": {"usd": 1.5, "calls": count, "tokens": 9},
    }
    batch.write("intent", intent)
    return batch


def test_requests_in_open_batches_are_in_flight_until_they_are_answered(case):
    plan = case.plan()
    batch = an_open_batch(case, plan, 6)
    first = state(case, plan)[0]
    assert (first.in_flight, first.missing) == (6, 4)
    case.answer(plan, 2)  # collected a moment ago, the batch not closed yet
    first = state(case, plan)[0]
    assert (first.done, first.in_flight, first.missing) == (2, 4, 4)
    batch.write("retired", {"at": "x", "reason": "y"})
    first = state(case, plan)[0]
    assert (first.done, first.in_flight, first.missing) == (2, 0, 8)


def test_an_open_batch_is_told_with_what_the_provider_said_last(case):
    plan = case.plan()
    batch = an_open_batch(case, plan, 6)
    (told,) = open_batches(case.path, "s")
    assert (told["id"], told["state"], told["done"], told["total"]) == (None, "intent", None, 6)
    batch.write("created", {"at": "x", "id": "batch_1"})
    batch.note({"at": "2026-11-21T11:00:00+00:00", "state": "in_progress", "done": 2, "total": 6})
    (told,) = open_batches(case.path)
    assert (told["id"], told["state"], told["done"]) == ("batch_1", "in_progress", 2)
    assert (told["provider"], told["usd_at_most"]) == ("openai", 1.5)
    assert open_batches(case.path, "another") == []
    batch.write("collected", {"at": "x", "outcomes": {}})
    assert open_batches(case.path) == []


def receipts(case, plan, cell=0, over_quota=()):
    paths_of = []
    for name, text in (("job.json", "{}"), ("ended.json", {"over_quota": list(over_quota)})):
        path = responses_path(case, plan, cell).with_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        paths_of.append(path)
    return paths_of


def test_refill_lets_the_part_go_through_submit_again(case):
    plan = case.plan()
    case.answer(plan, 3, outcome="expired")
    gone = [project(case, plan, ["expired"] * 3), *receipts(case, plan)]
    kept = receipts(case, plan, cell=1)
    assert open_again(case, plan) == 3
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)


def test_what_a_batch_left_over_quota_is_opened_before_there_are_responses(case):
    plan = case.plan()
    keys = [request.key for _, request in case.requests(plan)]
    gone = receipts(case, plan, over_quota=keys[:4])
    assert state(case, plan)[0].over_quota == 4
    assert open_again(case, plan) == 4
    assert not any(path.exists() for path in gone)
