"""Thousands of random steps with random faults and kills: no line is ever billed twice, none is lost.

The provider is a model in this process, so that a step takes a millisecond: what it bills is counted
by itself, never taken from our own records. A kill is an exception at a random point, after which
nothing more is written; locks end with it, as they would with the process.
"""

import asyncio
import io
import json
import os
import random
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from splitplot.calls.batch import collect, desk, part, progress, store
from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.protocol import Limits, Refused, Result, Snapshot, Uncertain
from splitplot.calls.batch.sender import Sender
from splitplot.calls.budget import Budget
from splitplot.calls.ledger import Ledger, LedgerWriter
from splitplot.calls.locks import KeyLocks
from splitplot.calls.pacing import classify
from splitplot.calls.records import LOST, Response, Usage, request_key
from splitplot.errors import SplitplotError

TRIAL = "0123456789abcdef"
MODEL = "lab/model"
USD_IN, USD_OUT = 2.0, 8.0  # per million, at batch price half of it
TOKENS_IN, TOKENS_OUT = 10, 5
USD = (TOKENS_IN * USD_IN + TOKENS_OUT * USD_OUT) / 1e6 / 2
SETTLE_S, LATE_S, LIST_DELAY_S = 60.0, 20.0, 15.0
KEYS = [
    request_key(MODEL, {"messages": [{"role": "user", "content": f"{n}"}], "max_tokens": 5}, 0)
    for n in range(12)
]


class Killed(BaseException):
    """The process is gone."""


class World:
    """A provider, its clock, and the kill that is to come."""

    def __init__(self, tagged):
        self.tagged = tagged
        self.time = 1_900_000_000.0
        self.batches = {}
        self.billed = Counter()
        self.create_fault = self.end_fault = None
        self.kill_in = None
        self.dead = False
        self.random = random.Random(0)
        self.peak = 0

    def clock(self):
        return self.time

    async def sleep(self, seconds):
        self.time += max(seconds, 0.5)

    def point(self):
        """A place where the process may be killed."""
        if self.dead:
            raise Killed
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in <= 0:
                self.kill_in, self.dead = None, True
                raise Killed

    def make(self, order, after=0.0):
        number = len(self.batches)
        self.batches[f"b{number}"] = {
            "tag": order.name,
            "keys": order.keys.read_text().split(),
            "from": self.time + after,
            "until": self.time + after + self.random.choice([0, 40, 400]),
            "fault": self.end_fault,
            "lines": None,
        }
        self.end_fault = None
        self.peak = max(self.peak, sum(self.running(b) for b in self.batches.values()))
        return f"b{number}"

    def running(self, batch):
        return batch["from"] <= self.time < batch["until"]

    def end(self, batch):
        """The lines of an ended batch; billed once, when it ends."""
        if batch["lines"] is None:
            batch["lines"] = lines = []
            for number, key in enumerate(batch["keys"]):
                fault = batch["fault"]
                if fault == "token_limit" or (fault == "missing" and number % 3 == 0):
                    continue
                if fault == "expired" and number % 2:
                    lines.append(Result(key, "expired", billed=False))
                elif fault == "errors" and number % 2:
                    error = {"type": "server_error", "message": "sorry", "status": 500}
                    lines.append(Result(key, "error", error=error, billed=False))
                else:
                    usage = Usage(TOKENS_IN, TOKENS_OUT, 0, 0)
                    lines.append(Result(key, "ok", text=f"answer to {key}", usage=usage))
                    self.billed[key] += 1
            lines += self.random.sample(lines, min(2, len(lines)))  # duplicates
            self.random.shuffle(lines)
        return batch["lines"]

    def snapshot(self, batch_id):
        batch = self.batches[batch_id]
        limit = (
            ("token_limit_exceeded", "too many tokens") if batch["fault"] == "token_limit" else None
        )
        ended = self.time >= batch["until"]
        if ended:
            self.end(batch)
        return Snapshot(
            batch_id,
            "ended" if ended else "running",
            "done" if ended else "at work",
            total=len(batch["keys"]),
            error=limit if ended else None,
            expired=ended and batch["fault"] == "expired",
            tag=batch["tag"] if self.tagged else None,
        )


class Provider:
    """The interface of a provider, on a World."""

    name, limits = "model", Limits()

    def __init__(self, world):
        self.world, self.tagged = world, world.tagged

    def line(self, request, model, settings):
        return {"custom_id": request.key, "model": model, "body": request.body}

    async def upload(self, http, order):
        self.world.point()
        sent = [json.loads(line)["custom_id"] for line in order.lines.read_text().splitlines()]
        assert sent == order.keys.read_text().split()
        self.world.point()
        return {"file": order.name}

    async def create(self, http, order):
        world = self.world
        fault, world.create_fault = world.create_fault, None
        world.point()
        if fault == "busy":
            raise Refused("rate_limited", "later", status=429, wait=True)
        if fault == "refused":
            raise Refused("bad_request", "no", status=400)
        if fault == "lost before":
            raise Uncertain("no answer")
        made = world.make(order, after=LATE_S if fault == "late" else 0.0)
        world.point()
        if fault in ("lost after", "late"):
            raise Uncertain("no answer")
        return world.snapshot(made)

    async def find(self, http, order):
        world = self.world
        world.point()
        listed = [i for i, b in world.batches.items() if world.time >= b["from"] + LIST_DELAY_S]
        found = [
            world.snapshot(i)
            for i in reversed(listed)
            if (world.batches[i]["tag"] == order.name if world.tagged else True)
            and len(world.batches[i]["keys"]) == order.count
        ]
        world.point()
        return found

    async def look(self, http, batch_id):
        self.world.point()
        return self.world.snapshot(batch_id)

    async def results(self, http, snapshot, folder):
        for result in self.world.end(self.world.batches[snapshot.id]):
            self.world.point()
            yield result

    async def discard(self, http, refs):
        self.world.point()


@contextmanager
def dying(world):
    """Every durable step is a place to be killed, before and after; nothing is written in death."""
    patch = pytest.MonkeyPatch()

    def around(owner, name):
        true = getattr(owner, name)

        def step(*given, **named):
            world.point()
            value = true(*given, **named)
            world.point()
            return value

        patch.setattr(owner, name, step)

    around(store.Batch, "write")
    around(LedgerWriter, "_append")
    around(Budget, "_write")
    around(collect, "settle_batch")
    around(desk, "settle_batch")
    true_close, true_budget_close = LedgerWriter.close, Budget.close

    def close(writer):
        if not world.dead:
            true_close(writer)
        elif writer._file is not None:
            os.close(writer._file)
            writer._file = None

    def budget_close(budget):
        if not world.dead:
            true_budget_close(budget)
        elif budget._alive is not None:
            os.close(budget._alive)
            budget._alive = None

    patch.setattr(LedgerWriter, "close", close)
    patch.setattr(Budget, "close", budget_close)
    patch.setattr(os, "fsync", lambda _: None)
    patch.setattr(os, "fdatasync", lambda _: None)
    try:
        yield
    finally:
        patch.undo()


class Crashes(RuleBasedStateMachine):
    tagged = True

    def __init__(self):
        super().__init__()
        memory = Path("/dev/shm")
        self.root = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.world = World(self.tagged)
        self.refills = 0
        self.parts = {}
        # Two studies that share their cells, cut into parts differently.
        for study, cuts in (("a", [(0, 6), (6, 12)]), ("b", [(0, 4), (4, 8), (8, 12)])):
            for number, (start, end) in enumerate(cuts):
                folder = self.root / study / str(number)
                folder.mkdir(parents=True)
                with (folder / "requests.jsonl").open("w") as file:
                    for n in range(start, end):
                        body = {"messages": [{"role": "user", "content": f"{n}"}], "max_tokens": 5}
                        line = {"custom_id": KEYS[n], "body": body, "url": "/v1/chat/completions"}
                        file.write(json.dumps(line) + "\n")
                self.parts[study, number] = folder

    def teardown(self):
        try:
            self.finish()
        finally:
            shutil.rmtree(self.root)

    def part(self, study, number):
        price = {
            "usd_per_million_input_tokens": USD_IN,
            "usd_per_million_output_tokens": USD_OUT,
            "batch_discount": 0.5,
        }
        batch = {
            "protocol": "openai",
            "base_url": "http://model",
            "api_key_env": None,
            "model": "m",
            "at_least": 1,
            "settle_s": SETTLE_S,
            "poll_s": 10,
            "timeout_s": 10,
            "max_requests": None,
            "max_bytes": None,
        }
        trial = {
            "id": "t",
            "hash": TRIAL,
            "model": "m",
            "model_id": MODEL,
            "endpoint": {"model": "m", "price": price},
            "batch": batch,
            "route": "realtime",
        }
        plan = {
            "study": study,
            "study_file": f"{study}.yaml",
            "execution": {"max_concurrent_batches": 2},
            "budget": {"max_usd": 1.0, "quota": {}},
            "parts": ["0-of-1"],
        }
        return part.Part(plan, trial, "c", f"{number}", self.parts[study, number], self.root / "l")

    def run(self, work, study, number):
        """Run a job as a process of its own would: it may die, and leaves nothing but files."""
        of = self.part(study, number)
        self.world.dead = False

        async def main():
            at = desk.Desk(
                of.ledger_root,
                of.settings,
                Provider(self.world),
                SimpleNamespace(secret=None),
                stop=asyncio.Event(),
                say=lambda _: None,
                clock=self.world.clock,
                sleep=self.world.sleep,
            )
            await work(of, at, progress.Waiting(at, "", io.StringIO()))

        with dying(self.world), suppress(Killed):
            asyncio.run(main())
        self.world.kill_in = None
        return of

    @rule(which=st.sampled_from([("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2)]))
    def submit(self, which):
        self.run(part.send_free, *which)

    @rule(which=st.sampled_from([("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2)]))
    def poll(self, which):
        async def settle(of, at, waiting):
            await part._settle(of, True, {}, at, waiting)

        self.run(settle, *which)

    @rule(seconds=st.sampled_from([1, 30, 600]))
    def wait(self, seconds):
        self.world.time += seconds

    @rule(fault=st.sampled_from(["busy", "refused", "lost before", "lost after", "late"]))
    def next_create(self, fault):
        self.world.create_fault = fault

    @rule(fault=st.sampled_from(["token_limit", "missing", "expired", "errors"]))
    def next_end(self, fault):
        self.world.end_fault = fault

    @precondition(lambda self: self.world.kill_in is None)
    @rule(points=st.integers(1, 70))
    def kill_soon(self, points):
        self.world.kill_in = points

    @rule()
    def refill(self):
        ledger = Ledger(self.root / "l", TRIAL)
        gaps = {key for key, position in ledger.find(KEYS).items() if position.gap}
        if gaps:
            with LedgerWriter(self.root / "l", TRIAL, {"reason": "refill"}) as writer:
                writer.reopen(ledger.gaps(gaps))

    @invariant()
    def no_line_is_billed_twice(self):
        assert max(self.world.billed.values(), default=0) <= 1

    @invariant()
    def the_cap_on_batches_holds(self):
        assert self.world.peak <= 2

    def finish(self):
        """At the end, without faults: every answer is there, once, and the money agrees."""
        self.world.create_fault = self.world.end_fault = self.world.kill_in = None
        for _ in range(3):
            for which in self.parts:
                self.submit(which)
                self.poll(which)
            self.refill()
        self.no_line_is_billed_twice()
        ledger = Ledger(self.root / "l", TRIAL)
        found = ledger.find(KEYS)
        assert found.keys() == set(KEYS)
        for key in KEYS:
            response = ledger.read(found[key])
            assert response.outcome not in LOST
            assert response.text == f"answer to {key}"
            assert response.route == "batch"
        assert self.world.billed == Counter(KEYS)
        spent = []
        for study in "ab":
            self.settle_what_was_killed(study)
            for path in (self.root / "l/spend" / study).glob("*.json"):
                state = json.loads(path.read_text())
                assert state["reserved"]["calls"] == 0, path
                spent.append(state["spent"]["usd"])
        assert sum(spent) == pytest.approx(len(KEYS) * USD)
        assert not store.Store(self.root / "l").open_batches()

    def settle_what_was_killed(self, study):
        """The next job of a study to ask for money does so; at the end there is none."""
        budget = Budget(self.root / "l", study, "m", {"max_usd": 1.0}, self.root / "l/x/last.jsonl")
        budget.reserve([], batches=True)
        budget.close()


class CrashesWithoutATag(Crashes):
    """As with Anthropic: only time, count and results tell whose batch it is."""

    tagged = False


for machine in (Crashes, CrashesWithoutATag):
    machine.TestCase.settings = settings(
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,  # the same steps every time; with another seed: --hypothesis-seed and False
    )

TestCrashes = pytest.mark.slow(pytest.mark.timeout(600)(Crashes.TestCase))
TestCrashesWithoutATag = pytest.mark.long(
    pytest.mark.slow(pytest.mark.timeout(600)(CrashesWithoutATag.TestCase))
)


# Cases that random steps meet too rarely: the same model, one thing at a time.


@pytest.fixture
def crashes():
    machine = Crashes()
    yield machine
    shutil.rmtree(machine.root)


def desk_of(machine, of, provider=None):
    return desk.Desk(
        of.ledger_root,
        of.settings,
        provider or Provider(machine.world),
        SimpleNamespace(secret=None),
        stop=asyncio.Event(),
        say=lambda _: None,
        clock=machine.world.clock,
        sleep=machine.world.sleep,
    )


def send(of, at):
    asyncio.run(part.send_free(of, at, progress.Waiting(at, "", io.StringIO())))


def test_a_key_that_a_real_time_job_gives_back_at_this_moment_is_not_sent_again(
    crashes, monkeypatch
):
    """The other job records its answer, then gives the key back: who asks in between must look again."""
    of = crashes.part("a", 0)
    true = KeyLocks.held_elsewhere

    def held_elsewhere(locks, keys):
        held = true(locks, keys)
        with LedgerWriter(of.ledger_root, TRIAL, {"study": "b"}) as writer:
            writer.response(Response(KEYS[0], "ok", text="in real time", usd=0.1, study="b"))
        return held

    monkeypatch.setattr(KeyLocks, "held_elsewhere", held_elsewhere)
    send(of, desk_of(crashes, of))
    (batch,) = crashes.world.batches.values()
    assert sorted(batch["keys"]) == sorted(KEYS[1:6])


def test_results_that_are_fewer_than_the_provider_has_counted_are_waited_for(crashes):
    class Short(Provider):
        async def results(self, http, snapshot, folder):
            for number, result in enumerate(self.world.end(self.world.batches[snapshot.id])):
                if number < 2:
                    yield result

        async def look(self, http, batch_id):
            return replace(self.world.snapshot(batch_id), done=6)

    of = crashes.part("a", 0)
    send(of, desk_of(crashes, of))
    (batch,) = store.Store(of.ledger_root).open_batches()
    for _ in range(4):
        crashes.world.time += 600
        asyncio.run(desk_of(crashes, of, Short(crashes.world)).advance(batch))
    assert batch.step == "ended"  # neither lost nor sent again
    crashes.world.time += 600
    asyncio.run(desk_of(crashes, of).advance(batch))
    assert batch.step == "collected" and batch.read("collected")["outcomes"] == {"ok": 6}


def test_who_gives_up_on_results_books_what_was_counted_at_its_worst_case(crashes):
    class Gone(Provider):
        async def look(self, http, batch_id):
            return replace(self.world.snapshot(batch_id), done=6)

        async def results(self, http, snapshot, folder):
            raise HttpFailure(classify(404, None, "no such file"))
            yield

    of = crashes.part("a", 0)
    at = desk_of(crashes, of, Gone(crashes.world))
    send(of, at)
    (batch,) = at.store.open_batches()
    crashes.world.time += 600
    batch.want_cancelled()
    asyncio.run(at.advance(batch))
    assert batch.read("collected")["outcomes"] == {"error": 6}
    (file,) = (of.ledger_root / "spend/a").glob("batch-*.json")
    worst = batch.read("intent")["worst"]
    assert json.loads(file.read_text())["spent"]["usd"] == pytest.approx(worst["usd"])


@pytest.mark.parametrize("killed", [False, True])
def test_the_money_is_the_same_whether_collecting_was_interrupted_or_not(crashes, killed):
    """Billed without an answer, answered without a bill, and both as usual."""

    class Mixed(Provider):
        async def results(self, http, snapshot, folder):
            keys = self.world.batches[snapshot.id]["keys"]
            usage = Usage(TOKENS_IN, TOKENS_OUT, 0, 0)
            yield Result(keys[0], "refused", text="no", billed=False)
            self.world.point()
            yield Result(keys[1], "error", error={"type": "malformed", "status": 200}, usage=usage)
            for key in keys[2:]:
                yield Result(key, "ok", text="yes", usage=usage)
                self.world.point()

    of = crashes.part("a", 0)
    send(of, desk_of(crashes, of))
    (batch,) = store.Store(of.ledger_root).open_batches()
    crashes.world.time += 600
    if killed:
        crashes.world.kill_in = 14
        with dying(crashes.world), pytest.raises(Killed):
            asyncio.run(desk_of(crashes, of, Mixed(crashes.world)).advance(batch))
        crashes.world.dead = False
        assert batch.step == "ended"
        recorded = Ledger(of.ledger_root, TRIAL).find(KEYS)
        assert 0 < len(recorded) < 6
    asyncio.run(desk_of(crashes, of, Mixed(crashes.world)).advance(batch))
    (file,) = (of.ledger_root / "spend/a").glob("batch-*.json")
    assert json.loads(file.read_text())["spent"]["usd"] == pytest.approx(5 * USD)


def test_with_money_for_less_than_all_the_rest_follows_when_some_comes_back(crashes):
    """Worst cases are more than twice the actual here: in rounds, everything fits."""
    of = crashes.part("a", 0)
    worst = sum(
        amount.usd for amount in Sender(of, desk_of(crashes, of))._worst(of.keys()).values()
    )
    assert worst > 2 * 6 * USD
    of.plan["budget"]["max_usd"] = worst * 0.6
    send(of, desk_of(crashes, of))
    assert len(crashes.world.batches) > 1 and not of.over_quota and not of.free()


def test_a_part_that_never_fits_the_queue_is_said_so(crashes):
    class Full(Provider):
        async def create(self, http, order):
            raise Refused("rate_limited", "enqueued", status=429, wait=True)

    of = crashes.part("a", 0)
    with pytest.raises(SplitplotError, match=r"execution\.parts"):
        send(of, desk_of(crashes, of, Full(crashes.world)))
    assert crashes.world.time < 1_900_000_000 + 6 * 3600
