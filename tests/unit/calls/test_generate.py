"""A local model is loaded once for all conditions of a part, and not at all where nothing is to be asked."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from splitplot import paths
from splitplot.calls import engines, gpus
from splitplot.calls.fulfil import fulfil
from splitplot.calls.generate import generate
from splitplot.calls.ledger import Ledger, records
from splitplot.calls.locks import KeyLocks
from splitplot.calls.records import Response
from splitplot.calls.requests import part_keys, write_part
from splitplot.calls.session import WINDOW
from splitplot.calls.status import refill
from splitplot.calls.stop import Stopped
from splitplot.errors import SplitplotError
from splitplot.files import read_jsonl, write_json
from splitplot.items import write_items
from splitplot.items.item import Item

TRIAL, PART = "m-low--00000001", "0-of-1"
CONDITIONS = ("a--00000002", "b--00000003")


class Place:
    """A workflow root with a local trial under two conditions: by hand what the earlier rules make."""

    def __init__(self, root, count=6):
        self.root, self.ledger = root, root / paths.LEDGER
        self.calls = root / paths.CALLS.format(study="s")
        self.items = [Item(f"i{n}", f"What is {n} + 2?", (str(n + 2),)) for n in range(count)]
        template = {"system": None, "examples": []}
        self.plan = {
            "study": "s",
            "study_file": "config/studies/s.yaml",
            "trials": [
                {
                    "id": TRIAL,
                    "hash": "0000000100000001",
                    "model": "m",
                    "model_id": "local/m",
                    "identity": {"model": "local/m"},
                    "parameters": {"max_tokens": 5},
                    "route": "local",
                    "endpoint": {"model": "m", "resources": {"gpus": 2}},
                }
            ],
            "conditions": [
                {"id": CONDITIONS[0], "name": "a", "template": template | {"body": "{{ input }}"}},
                {
                    "id": CONDITIONS[1],
                    "name": "b",
                    "template": template | {"body": "So: {{ input }}"},
                },
            ],
            "cells": [{"trial": TRIAL, "condition": c, "replications": 1} for c in CONDITIONS],
            "parts": [PART],
            "budget": {"max_usd": None, "quota": {}},
            "execution": {"rescue": None},
        }
        self.items_path = root / paths.ITEMS.format(study="s")
        write_items(self.items_path, self.items)
        for condition in CONDITIONS:
            write_part(self.plan, TRIAL, condition, PART, self.items_path, self.folder(condition))

    def folder(self, condition):
        return self.calls / TRIAL / condition / PART

    def keys(self):
        return [key for condition in CONDITIONS for key in part_keys(self.folder(condition))]

    def generate(self):
        return generate(self.plan, TRIAL, PART, self.calls, self.ledger)

    def fulfil(self, condition):
        return fulfil(
            plan=self.plan,
            trial_id=TRIAL,
            condition_id=condition,
            part=PART,
            folder=self.folder(condition),
            items=self.items_path,
            ledger_root=self.ledger,
        )

    def answered(self):
        return Counter(
            record["key"]
            for path in self.ledger.glob("*/*.jsonl")
            for record in records(path)
            if record["kind"] == "response"
        )


class Engine:
    """In place of an engine: answers what it is fed with the text of its `say`, and counts its starts."""

    def __init__(self):
        self.starts, self.devices, self.start_seconds = 0, [], 0.0
        self.say = lambda request: Response(request.key, "ok", text="4", route="local")

    async def run(self, endpoint, feed, *, record, on_send, price, stop, progress, scratch=None):
        self.starts += 1
        self.devices.append(os.environ.get(gpus.VISIBLE))
        async for request in feed:
            on_send(request, 1, False)
            record(self.say(request))
            if stop.is_set():
                break
            await asyncio.sleep(0)
        return {"name": "fake", "start_seconds": self.start_seconds}


@pytest.fixture
def engine(monkeypatch):
    engine = Engine()
    monkeypatch.setattr(engines, "run", engine.run)
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    for name in (gpus.BATCH_JOB, gpus.GIVEN_BY_SLURM):
        monkeypatch.delenv(name, raising=False)
    return engine


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    return Place(tmp_path)


def test_all_conditions_of_a_part_are_asked_with_one_start(place, engine):
    receipt = place.generate()
    assert engine.starts == 1
    assert place.answered() == Counter(place.keys()) and len(place.keys()) == 12
    counts = {name: receipt[name] for name in ("requests", "reused", "sent", "outcomes", "gpus")}
    assert counts == {"requests": 12, "reused": 0, "sent": 12, "outcomes": {"ok": 12}, "gpus": 2}
    assert receipt["engine"]["name"] == "fake"
    assert receipt["seconds"]["start"] >= 0 and receipt["seconds"]["answers"] >= 0
    for condition in CONDITIONS:
        tally = place.fulfil(condition)
        assert (tally.requests, tally.reused, tally.sent) == (6, 6, 0)
        rows = list(read_jsonl(place.folder(condition) / "responses.jsonl"))
        assert [row["key"] for row in rows] == part_keys(place.folder(condition))


def test_loading_takes_as_long_as_the_engine_says_whenever_the_first_request_leaves(place, engine):
    # Handed its requests at once, as `vllm run-batch` is; then it loads for 0.2 s, and answers for 0.1 s.
    async def run(endpoint, feed, *, record, on_send, **others):
        requests = [request async for request in feed]
        for request in requests:
            on_send(request, 1, False)
        await asyncio.sleep(0.3)
        for request in requests:
            record(engine.say(request))
        return {"name": "fake", "start_seconds": 0.2}

    engines.run = run  # the fixture puts the true one back
    seconds = place.generate()["seconds"]
    assert seconds["start"] == 0.2 and 0.1 <= seconds["answers"] < 5


def test_with_everything_in_the_ledger_no_model_is_loaded(place, engine):
    place.generate()
    receipt = place.generate()
    assert engine.starts == 1
    assert (receipt["requests"], receipt["reused"], receipt["sent"]) == (12, 12, 0)
    assert receipt["engine"] is None and receipt["seconds"] == {"start": 0.0, "answers": 0.0}


def test_a_request_that_two_conditions_share_is_asked_once(place, engine):
    place.plan["conditions"][1]["template"] = place.plan["conditions"][0]["template"]
    write_part(
        place.plan, TRIAL, CONDITIONS[1], PART, place.items_path, place.folder(CONDITIONS[1])
    )
    assert place.generate()["requests"] == 6
    assert set(place.answered().values()) == {1}


HOLDER = """
import sys, time
from pathlib import Path
from splitplot.calls.ledger import LedgerWriter
from splitplot.calls.locks import KeyLocks
from splitplot.calls.records import Response
root, keys = Path(sys.argv[1]), sys.argv[2].split(",")
locks = KeyLocks(root / "0000000100000001" / "locks")
locks.acquire(keys)
print("held", flush=True)
time.sleep(1)
with LedgerWriter(root, "0000000100000001", {}) as writer:
    for key in keys:
        writer.response(Response(key, "ok", text="theirs", route="local"))
"""


def test_while_another_job_asks_for_everything_no_model_is_loaded(place, engine):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place.ledger), ",".join(place.keys())],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "held\n"
    receipt = place.generate()
    assert other.wait(20) == 0
    assert engine.starts == 0 and receipt["sent"] == 0 and receipt["reused"] == 12
    assert set(place.answered().values()) == {1}


def test_of_a_part_that_another_job_asks_for_in_half_the_rest_is_asked_here(place, engine):
    half = place.keys()[::2]
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place.ledger), ",".join(half)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "held\n"
    receipt = place.generate()
    assert other.wait(20) == 0
    assert engine.starts == 1 and (receipt["sent"], receipt["reused"]) == (6, 6)
    assert place.answered() == Counter(place.keys())


def test_a_stop_on_the_way_keeps_what_was_answered_and_the_next_job_goes_on(place, engine):
    answers = engine.say

    def say(request):
        if len(place.answered()) == 4:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
        return answers(request)

    engine.say = say
    with pytest.raises(Stopped, match="stopped on request"):
        place.generate()
    kept = len(place.answered())
    assert 5 <= kept < 12
    engine.say = answers
    receipt = place.generate()
    assert (receipt["reused"], receipt["sent"]) == (kept, 12 - kept)
    assert set(place.answered().values()) == {1}


def test_a_stop_before_the_beginning_loads_nothing(place, engine):
    (place.root / "STOP").touch()
    with pytest.raises(Stopped):
        place.generate()
    assert engine.starts == 0


def test_answers_that_are_not_in_the_ledger_name_the_receipt_to_delete(place, engine):
    receipt = paths.generated("s", TRIAL, PART)
    with pytest.raises(SplitplotError, match="6 of 6 answers are not in the ledger") as caught:
        place.fulfil(CONDITIONS[0])
    assert f"rm {receipt}" in str(caught.value)


def test_refill_opens_failures_and_removes_the_receipt(place, engine):
    engine.say = lambda request: Response(request.key, "error", error={"message": "no"})
    receipt = place.root / paths.generated("s", TRIAL, PART)
    write_json(receipt, place.generate())
    place.fulfil(CONDITIONS[0])
    assert refill(place.plan, place.items, place.root) == 12
    assert not receipt.exists()
    engine.say = Engine().say
    assert place.generate()["outcomes"] == {"ok": 12}
    found = Ledger(place.ledger, "0000000100000001").find(place.keys())
    assert not any(position.gap for position in found.values())


def test_the_receipt_says_where_it_ran(place, engine, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv(gpus.VISIBLE, "0,1")
    receipt = place.generate()
    assert (receipt["slurm_job_id"], receipt["cuda_visible_devices"]) == ("77", "0,1")
    json.dumps(receipt)


def test_the_receipt_counts_the_gpus_that_slurm_gave_and_the_log_says_where_that_differs(
    place, engine, monkeypatch, capsys
):
    """`--set-resources generate:gpu=4` where config/models.yaml says 2."""
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv(gpus.VISIBLE, "0,1")
    monkeypatch.setenv(gpus.GIVEN_BY_SLURM, "2")
    assert place.generate()["gpus"] == 2 and capsys.readouterr().err == ""
    monkeypatch.setenv(gpus.VISIBLE, "0,1,2,3")
    monkeypatch.setenv(gpus.GIVEN_BY_SLURM, "4")
    place.plan["trials"][0]["endpoint"]["tensor_parallel"] = 2
    assert place.generate()["gpus"] == 4
    told = capsys.readouterr().err
    assert told.startswith(
        "m: config/models.yaml asks for 2 GPUs, and this job was given 4 (CUDA_VI"
    )
    assert "tensor_parallel stays 2" in told and "resources.gpus" in told


def test_outside_a_batch_system_a_job_takes_gpus_that_no_other_job_has(place, engine, monkeypatch):
    monkeypatch.setenv(gpus.VISIBLE, "4,5,6,7")
    code = (
        "import os, sys; from splitplot.calls import gpus\n"
        f"gpus.tempfile.gettempdir = lambda: {str(place.root)!r}\n"
        "with gpus.taken(1, 'm') as free:\n"
        "    print(free, os.environ['CUDA_VISIBLE_DEVICES'], flush=True); sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "True 4\n"
    receipt = place.generate()
    other.communicate("")
    assert receipt["cuda_visible_devices"] == "5,6" == engine.devices[0]
    assert os.environ[gpus.VISIBLE] == "4,5,6,7"


JOB_WITH_THE_GPU = """
import asyncio, json, sys, tempfile
from pathlib import Path
root = Path(sys.argv[1])
tempfile.gettempdir = lambda: str(root)
from splitplot.calls import engines
from splitplot.calls.generate import generate
from splitplot.calls.records import Response

async def run(endpoint, feed, *, record, on_send, stop, **others):
    print("loaded", flush=True)
    while not (root / "go").exists() and not stop.is_set():
        await asyncio.sleep(0.05)
    async for request in feed:
        on_send(request, 1, False)
        record(Response(request.key, "ok", text="theirs", route="local"))
        if stop.is_set():
            break
    return {"name": "theirs", "start_seconds": 0.0}

engines.run = run
plan = json.loads((root / "plan.json").read_text())
trial = plan["trials"][0]["id"]
print(generate(plan, trial, plan["parts"][0], root / sys.argv[2], root / sys.argv[3])["sent"])
"""


@pytest.fixture
def crowded(tmp_path, engine, monkeypatch):
    """More requests than a job claims at a time, one GPU, and another job that has it: (place, job).

    That job answers nothing before there is a file `go`.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv(gpus.VISIBLE, "0")
    place = Place(tmp_path, count=350)
    place.plan["trials"][0]["endpoint"]["resources"]["gpus"] = 1
    write_json(tmp_path / "plan.json", place.plan)
    arguments = [str(tmp_path), str(paths.CALLS.format(study="s")), str(paths.LEDGER)]
    other = subprocess.Popen(
        [sys.executable, "-c", JOB_WITH_THE_GPU, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "loaded\n"
    yield place, other
    (tmp_path / "STOP").touch()
    other.communicate(timeout=20)


@pytest.fixture
def in_vain(monkeypatch):
    """Set when this process has looked for a GPU and found none."""
    taken, in_vain = gpus.taken, threading.Event()

    @contextmanager
    def looking(count, what):
        with taken(count, what) as free:
            if not free:
                in_vain.set()
            yield free

    monkeypatch.setattr(gpus, "taken", looking)
    return in_vain


def test_two_jobs_that_want_one_gpu_both_come_to_an_end(crowded, in_vain):
    place, other = crowded

    def go():
        in_vain.wait(30)
        (place.root / "go").touch()

    too_long = threading.Timer(60, (place.root / "STOP").touch)
    for thread in (too_long, threading.Thread(target=go)):
        thread.start()
    receipt = place.generate()
    too_long.cancel()
    theirs = other.stdout.readline()
    assert in_vain.is_set() and int(theirs) + receipt["sent"] == 700
    assert place.answered() == Counter(place.keys()) and len(place.keys()) == 700


HELD = """
import json, sys
from pathlib import Path
from splitplot.calls.locks import KeyLocks
locks = KeyLocks(Path(sys.argv[1]) / "0000000100000001" / "locks")
print(len(locks.held_elsewhere(json.load(sys.stdin))))
"""


def test_a_job_that_waits_for_a_gpu_holds_no_key_and_hears_a_stop(crowded, in_vain, monkeypatch):
    place, _ = crowded
    monkeypatch.setattr("splitplot.calls.generate.GPU_WAIT_SECONDS", 120.0)
    held = []

    def stop():
        in_vain.wait(30)
        time.sleep(0.5)
        command = [sys.executable, "-c", HELD, str(place.ledger)]
        keys = json.dumps(place.keys())
        held.append(subprocess.run(command, input=keys, capture_output=True, text=True).stdout)
        os.kill(os.getpid(), signal.SIGTERM)

    began = time.monotonic()
    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(Stopped):
        place.generate()
    stopper.join()
    assert time.monotonic() - began < 60
    assert held == [f"{WINDOW}\n"]  # those of the job that has the GPU


def test_a_trial_that_the_study_has_no_more_is_named(place, engine):
    message = (
        r"trial gone--00000009 is no longer in results/s/plan\.json: the study was changed after"
    )
    with pytest.raises(SplitplotError, match=message):
        generate(place.plan, "gone--00000009", PART, place.calls, place.ledger)


def test_a_job_that_wants_more_gpus_than_there_are_says_so(place, engine, monkeypatch):
    monkeypatch.setenv(gpus.VISIBLE, "0")
    with pytest.raises(SplitplotError, match="takes 2 GPUs, and this machine shows 1"):
        place.generate()


def test_no_gpus_are_shown_where_the_variable_says_so(monkeypatch):
    for nothing in ("", "-1", "NoDevFiles"):
        monkeypatch.setenv(gpus.VISIBLE, nothing)
        assert gpus.shown() == []
    monkeypatch.setenv(gpus.VISIBLE, "GPU-1a, 3")
    assert gpus.shown() == ["GPU-1a", "3"]


def test_a_free_lock_is_left_behind(place, engine):
    place.generate()
    locks = KeyLocks(place.ledger / "0000000100000001" / "locks")
    assert locks.acquire(place.keys()) == set(place.keys())
    locks.close()
