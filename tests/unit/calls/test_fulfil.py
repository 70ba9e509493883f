"""A part is answered once: from the ledger, by us, or by whoever holds its keys; and nothing is lost."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from splitplot import paths
from splitplot.calls.credentials import CredentialRefused
from splitplot.calls.fulfil import fulfil
from splitplot.calls.ledger import Ledger, records
from splitplot.calls.locks import KeyLocks
from splitplot.calls.requests import write_part
from splitplot.calls.status import refill, status
from splitplot.errors import ConfigError, SplitplotError
from splitplot.files import read_jsonl
from splitplot.items import write_items
from splitplot.items.item import Item

pytestmark = pytest.mark.usefixtures("short_backoff")
JOB = """
import json, sys
from pathlib import Path
from splitplot.calls.fulfil import fulfil
from splitplot.door import open_door
arguments = json.loads(sys.argv[1])
for name in ("folder", "items", "ledger_root"):
    arguments[name] = Path(arguments[name])
open_door(lambda: print(fulfil(**arguments)))
"""
TRIAL, CONDITION = "m-low--00000001", "a--00000002"
SIM = {"seed": 1, "ability": 0.5, "discrimination": 1.0, "difficulty_sd": 1.0}
SIM |= {"condition_effects": {}, "item_condition_sd": 0.0, "run_sd": 0.0, "rates": {}}
SIM |= {"tokens": {"mean": 40, "sd": 10}, "usd_per_million_output_tokens": 0}


class Place:
    """A workflow root with one cell: by hand what the earlier rules make."""

    def __init__(self, root, *, study="s", parts=1, count=20, replications=1, prefix="i"):
        self.root, self.ledger = root, root / paths.LEDGER
        self.items = [
            Item(f"{prefix}{number}", f"What is {number} + 2?", (str(number + 2),))
            for number in range(count)
        ]
        self.plan = {
            "study": study,
            "study_file": f"config/studies/{study}.yaml",
            "trials": [{"id": TRIAL, "hash": "0000000100000001", "model": "m"}],
            "conditions": [
                {
                    "id": CONDITION,
                    "name": "a",
                    "template": {"system": None, "examples": [], "body": "{{ input }}"},
                }
            ],
            "cells": [{"trial": TRIAL, "condition": CONDITION, "replications": replications}],
            "parts": [f"{index}-of-{parts}" for index in range(parts)],
            "budget": {"max_usd": None, "quota": {}},
        }
        self.route("sim", SIM)

    def route(self, route, endpoint):
        self.plan["trials"][0] |= {
            "model_id": f"{route}/m",
            "identity": {"model": f"{route}/m"},
            "parameters": {"max_tokens": 5},
            "route": route,
            "endpoint": endpoint,
        }
        return self

    def remote(self, url, **changes):
        endpoint = {"base_url": f"{url}/v1", "api_key_env": None, "model": "m", "headers": {}}
        endpoint |= {"max_concurrency": 8, "request_timeout_s": 5, "total_timeout_s": 60}
        endpoint |= {"max_attempts": 4, "requests_per_minute": None, "tokens_per_minute": None}
        return self.route("realtime", endpoint | changes)

    def file(self, template, part="0-of-1"):
        place = {"trial": TRIAL, "condition": CONDITION, "part": part}
        return self.root / template.format(study=self.plan["study"], **place)

    def prepare(self, part="0-of-1"):
        write_items(self.file(paths.ITEMS), self.items)
        folder = self.file(paths.PART, part)
        write_part(self.plan, TRIAL, CONDITION, part, self.file(paths.ITEMS), folder)
        return folder

    def arguments(self, part):
        return {
            "plan": self.plan,
            "trial_id": TRIAL,
            "condition_id": CONDITION,
            "part": part,
            "folder": self.prepare(part),
            "items": self.file(paths.ITEMS),
            "ledger_root": self.ledger,
        }

    def fulfil(self, part="0-of-1"):
        return fulfil(**self.arguments(part))

    def start(self, part="0-of-1"):
        """The same as a job of its own."""
        return subprocess.Popen(
            [sys.executable, "-c", JOB, json.dumps(self.arguments(part), default=str)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def rows(self, part="0-of-1"):
        return list(read_jsonl(self.file(paths.RESPONSES, part)))

    def outcomes(self, part="0-of-1"):
        return Counter(row["outcome"] for row in self.rows(part))

    def recorded(self, kind="response"):
        """Records of a kind per key, over all ledger files."""
        return Counter(
            record["key"]
            for path in self.ledger.glob("*/*.jsonl")
            for record in records(path)
            if record["kind"] == kind
        )


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def provider(start_server, tmp_path):
    """A provider whose counts begin at zero."""
    server = start_server(tmp_path / "provider")
    yield server
    server.kill()


def ended(process):
    """(exit code, output) of a job."""
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def succeeded(process):
    code, output = ended(process)
    assert code == 0, output


def wait_for(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def test_answers_in_the_ledger_are_used_and_nothing_is_sent(place):
    first = place.fulfil()
    before = place.rows()
    place.file(paths.RESPONSES).unlink()
    second = place.fulfil()
    assert (first.requests, first.reused, first.sent) == (20, 0, 20)
    assert (second.requests, second.reused, second.sent) == (20, 20, 0)
    assert place.rows() == before and set(place.recorded().values()) == {1}


def test_the_responses_stand_in_the_order_of_the_requests(place, provider):
    provider.faults(seed=2, slow=0.5, slow_s=0.2)
    place.remote(provider.url).fulfil()
    requests = read_jsonl(place.file(paths.REQUESTS))
    assert [row["key"] for row in place.rows()] == [line["custom_id"] for line in requests]
    # arithmetic: the provider adds, so each answer shows whose it is
    assert [row["text"] for row in place.rows()] == [f"The answer is {n + 2}" for n in range(20)]


def test_only_what_is_new_is_sent_and_the_part_layout_does_not_matter(place, tmp_path):
    place.fulfil()
    larger = Place(tmp_path, study="t", parts=3, count=30)
    tallies = [larger.fulfil(part) for part in larger.plan["parts"]]
    assert sum(tally.reused for tally in tallies) == 20
    assert sum(tally.sent for tally in tallies) == 10


def test_items_with_the_same_content_are_asked_once(place, provider):
    place.items = [Item(f"i{n}", "What is 1 + 2?", ("3",)) for n in range(5)]
    tally = place.remote(provider.url).fulfil()
    assert (tally.requests, tally.sent, provider.stats()["received"]) == (1, 1, 1)
    assert len(list(read_jsonl(place.file(paths.GRID)))) == 5


@pytest.mark.parametrize("other", [{}, {"parts": 2}, {"prefix": "x", "study": "t"}])
def test_two_jobs_that_want_the_same_keys_at_once_send_each_key_once(tmp_path, provider, other):
    provider.faults(latency_ms=40)
    one = Place(tmp_path, count=60).remote(provider.url)
    two = Place(tmp_path, **{"study": "u", "count": 60, **other}).remote(provider.url)
    jobs = [one.start(), *(two.start(part) for part in two.plan["parts"])]
    for job in jobs:
        succeeded(job)
    stats = provider.stats()
    assert (stats["received"], stats["completed"], stats["keys"]) == (60, 60, 60)
    assert len(one.recorded()) == 60 and set(one.recorded().values()) == {1}
    outcomes = sum((two.outcomes(part) for part in two.plan["parts"]), Counter())
    assert one.outcomes() == outcomes == {"ok": 60}


def test_two_simulated_jobs_at_once_leave_no_hole(tmp_path):
    one, two = (Place(tmp_path, study=name, count=600) for name in "st")
    jobs = [one.start(), two.start()]
    for job in jobs:
        succeeded(job)
    assert one.outcomes() == two.outcomes() == {"ok": 600}
    assert set(one.recorded().values()) == {1}


HOLDER = """
import sys, time
from pathlib import Path
from splitplot.calls.locks import KeyLocks
locks = KeyLocks(Path(sys.argv[1]))
print(len(locks.acquire(sys.argv[2:])), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("route", ["sim", "realtime"])
def test_the_keys_of_a_killed_holder_are_sent_by_who_waits_for_them(place, provider, route):
    if route == "realtime":
        place.remote(provider.url)
    keys = [line["custom_id"] for line in read_jsonl(place.prepare() / "requests.jsonl")]
    locks = place.ledger / place.plan["trials"][0]["hash"] / "locks"
    command = [sys.executable, "-c", HOLDER, str(locks), *keys[:7]]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline().strip() == "7"
    job = place.start()
    try:
        wait_for(lambda: len(place.recorded()) == 13)
        time.sleep(0.6)
        assert job.poll() is None and len(place.recorded()) == 13
    finally:
        holder.kill()
        holder.communicate()
    succeeded(job)
    assert place.outcomes() == {"ok": 20}
    assert set(place.recorded().values()) == {1}


def test_a_job_that_waits_finds_the_answers_of_the_job_it_waits_for(tmp_path, provider):
    provider.faults(latency_ms=700)
    one, two = (Place(tmp_path, study=name, count=8).remote(provider.url) for name in "st")
    first = one.start()
    wait_for(lambda: len(one.recorded("intent")) == 8)
    tally = two.fulfil()
    succeeded(first)
    assert (tally.sent, two.outcomes()) == (8, {"ok": 8})
    assert provider.stats()["received"] == 8


def test_a_killed_job_loses_what_was_in_flight_and_no_more(place, provider):
    provider.faults(latency_ms=100)
    place.items = [Item(f"i{n}", f"What is {n} + 2?") for n in range(80)]
    place.remote(provider.url)
    for wanted in (10, 30, 50):
        job = place.start()
        wait_for(lambda wanted=wanted: len(place.recorded()) >= wanted)
        job.kill()
        ended(job)
    before = len(place.recorded())
    assert place.fulfil().reused == before
    assert place.outcomes() == {"ok": 80} and set(place.recorded().values()) == {1}
    assert provider.stats()["completed"] <= 80 + 3 * 8


def test_sigterm_waits_for_what_is_in_flight_and_a_rerun_finishes(place, provider):
    provider.faults(latency_ms=500)
    job = place.remote(provider.url).start()
    wait_for(lambda: len(place.recorded("intent")) >= 8)
    job.send_signal(signal.SIGTERM)
    code, output = ended(job)
    assert code == 1 and "stopped on request" in output and "goes on from there" in output
    assert "Traceback" not in output and not place.file(paths.RESPONSES).exists()
    kept = len(place.recorded())
    assert 8 <= kept == len(place.recorded("intent")) < 20
    assert place.fulfil().reused == kept
    assert place.outcomes() == {"ok": 20} and provider.stats()["received"] == 20


def test_a_missing_key_is_named_before_anything_is_sent(place, provider, monkeypatch):
    monkeypatch.delenv("SPLITPLOT_TEST_KEY", raising=False)
    place.remote(provider.url, api_key_env="SPLITPLOT_TEST_KEY")
    with pytest.raises(SplitplotError, match="SPLITPLOT_TEST_KEY is not set"):
        place.fulfil()
    assert provider.stats()["received"] == 0 and not place.recorded("intent")


def test_without_its_key_a_job_still_gives_what_the_ledger_has(place, provider, monkeypatch):
    monkeypatch.setenv("SPLITPLOT_TEST_KEY", "sk-test-0123456789abcdef")
    place.remote(provider.url, api_key_env="SPLITPLOT_TEST_KEY").fulfil()
    monkeypatch.delenv("SPLITPLOT_TEST_KEY")
    assert place.fulfil().reused == 20


def test_a_refused_key_leaves_no_answer_and_no_responses(place, provider, monkeypatch):
    monkeypatch.setenv("SPLITPLOT_TEST_KEY", "sk-test-0123456789abcdef")
    provider.faults(all_401=True)
    place.remote(provider.url, api_key_env="SPLITPLOT_TEST_KEY")
    with pytest.raises(CredentialRefused, match="SPLITPLOT_TEST_KEY"):
        place.fulfil()
    assert not place.recorded() and not place.file(paths.RESPONSES).exists()
    provider.faults()
    assert place.fulfil().sent == 20 and place.outcomes() == {"ok": 20}


def test_failures_for_good_are_rows_until_refill_opens_them(place, provider):
    provider.faults(unknown_model=True)
    place.remote(provider.url).fulfil()
    assert place.outcomes() == {"error": 20}
    assert place.rows()[0]["error"]["type"] == "model_not_found"
    provider.faults()
    assert place.fulfil().reused == 20 and place.outcomes() == {"error": 20}
    assert status(place.plan, place.items, place.root)[0].failed == {"error": 20}
    assert refill(place.plan, place.items, place.root) == 20
    assert not place.file(paths.RESPONSES).exists()
    assert place.fulfil().sent == 20 and place.outcomes() == {"ok": 20}
    assert refill(place.plan, place.items, place.root) == 0


# One dollar per output token and nothing for the input: an answer may cost 5 (max_tokens) and does
# cost 4 (the provider counts four words).
PRICE = {"usd_per_million_input_tokens": 0, "usd_per_million_output_tokens": 1_000_000}


def test_a_cap_leaves_gaps_that_a_higher_cap_fills(place, provider):
    place.remote(provider.url, price=PRICE)
    place.plan["budget"]["max_usd"] = 21
    place.fulfil()
    # 4 × 4 + 5 ≤ 21 < 5 × 4 + 5: five answers
    assert place.outcomes() == {"ok": 5, "over_quota": 15} and provider.stats()["received"] == 5
    assert place.fulfil().sent == 0 and provider.stats()["received"] == 5
    place.plan["budget"]["max_usd"] = 81
    assert refill(place.plan, place.items, place.root) == 15
    assert place.fulfil().sent == 15
    assert place.outcomes() == {"ok": 20} and provider.stats()["completed"] == 20


def test_a_retry_that_may_be_billed_again_keeps_to_the_cap(place, provider):
    place.items = place.items[:3]
    provider.faults(malformed=1)
    place.remote(provider.url, price=PRICE)
    place.plan["budget"]["max_usd"] = 20
    place.fulfil()
    # 4 × 5 ≤ 20: three first attempts and one retry
    assert place.outcomes() == {"error": 3} and provider.stats()["received"] == 4
    messages = [row["error"]["message"] for row in place.rows()]
    assert all("the cap left no room for another attempt" in message for message in messages)
    refill(place.plan, place.items, place.root)
    place.fulfil()
    assert place.outcomes() == {"over_quota": 3} and provider.stats()["received"] == 4


def test_a_kill_before_a_cap_was_set_counts_what_was_in_flight(place, provider):
    provider.faults(latency_ms=5000)
    place.items = place.items[:3]
    job = place.remote(provider.url, price=PRICE).start()
    wait_for(lambda: len(place.recorded("intent")) == 3)
    job.kill()
    ended(job)
    provider.faults()
    place.plan["budget"]["max_usd"] = 24  # 3 × 5 in flight at the kill, then 4 + 5 ≤ 9 < 2 × 4 + 5
    place.fulfil()
    assert place.outcomes() == {"ok": 2, "over_quota": 1}


def test_before_the_first_paid_call_it_is_told_how_many_are_to_be_sent(place, provider):
    told = []
    arguments = place.remote(provider.url).arguments("0-of-1")
    fulfil(**arguments, before_paid=told.append)
    fulfil(**arguments, before_paid=told.append)
    assert told == [20]


def test_jobs_at_the_same_time_keep_one_cap(tmp_path, provider):
    provider.faults(latency_ms=20)
    place = Place(tmp_path, parts=3, count=60).remote(provider.url, price=PRICE)
    place.plan["budget"]["max_usd"] = 101
    jobs = [place.start(part) for part in place.plan["parts"]]
    for job in jobs:
        succeeded(job)
    outcomes = sum((place.outcomes(part) for part in place.plan["parts"]), Counter())
    # 24 × 4 + 5 ≤ 101 < 25 × 4 + 5
    assert provider.stats()["completed"] == outcomes["ok"] == 25 and outcomes["over_quota"] == 35


def test_requests_that_were_given_up_unsent_use_no_quota(place, provider):
    place.items = [Item(f"i{n}", f"What is {n} + 2?") for n in range(40)]
    provider.faults(empty=1)  # answers without content, which may be charged
    place.remote(provider.url, max_attempts=1, price=PRICE)
    place.plan["budget"]["max_usd"] = 300  # below 40 × 5 + 40 × 4
    place.fulfil()
    assert place.outcomes() == {"error": 40} and provider.stats()["received"] <= 25
    provider.faults()
    refill(place.plan, place.items, place.root)
    place.fulfil()
    assert place.outcomes() == {"ok": 40}


def test_a_cap_without_a_price_is_refused(place, provider):
    place.remote(provider.url)
    place.plan["budget"]["max_usd"] = 1
    with pytest.raises(ConfigError, match="no price"):
        place.fulfil()
    assert provider.stats()["received"] == 0


def test_a_full_disk_ends_the_job_by_its_name_and_loses_nothing(place, provider, monkeypatch):
    real, written = os.write, []

    def write(file, data):
        written.append(data)
        if len(written) > 15 and b'"kind"' in data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data)

    monkeypatch.setattr(os, "write", write)
    place.remote(provider.url)
    with pytest.raises(SplitplotError, match=r"cannot write the ledger.*No space left"):
        place.fulfil()
    monkeypatch.setattr(os, "write", real)
    kept = len(place.recorded())
    assert kept and not place.file(paths.RESPONSES).exists()
    assert place.fulfil().reused == kept
    assert place.outcomes() == {"ok": 20} and set(place.recorded().values()) == {1}
    assert provider.stats()["completed"] <= 20 + 8


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 KiB, where the user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_file_system_keeps_every_whole_line(place, provider, tiny_disk):
    place.items = [Item(f"i{n}", f"What is {n} + 2?") for n in range(200)]
    place.ledger = tiny_disk
    code, output = ended(place.remote(provider.url).start())
    assert code == 1 and "cannot write the ledger" in output and "Traceback" not in output
    trial = place.plan["trials"][0]["hash"]
    kept = len(place.recorded())
    assert 20 < kept < 200
    subprocess.run(["mount", "-o", "remount,size=4m", str(tiny_disk)], check=True)
    assert place.fulfil().reused == kept
    assert place.outcomes() == {"ok": 200} and set(place.recorded().values()) == {1}
    assert len(Ledger(tiny_disk, trial).find(place.recorded())) == 200
    assert provider.stats()["completed"] <= 200 + 8


def test_a_job_that_outlives_a_change_of_its_requests_writes_no_stale_responses(place, provider):
    provider.faults(latency_ms=600)
    job = place.remote(provider.url).start()
    wait_for(lambda: len(place.recorded("intent")) >= 8)
    place.items = place.items[:4]  # its Snakemake was killed, and another one made new requests
    place.prepare()
    succeeded(job)
    requests = read_jsonl(place.file(paths.REQUESTS))
    assert [row["key"] for row in place.rows()] == [line["custom_id"] for line in requests]
    assert place.outcomes() == {"ok": 4}


def test_status_tells_what_a_living_job_holds(place):
    keys = [line["custom_id"] for line in read_jsonl(place.prepare() / "requests.jsonl")]
    locks = place.ledger / place.plan["trials"][0]["hash"] / "locks"
    command = [sys.executable, "-c", HOLDER, str(locks), *keys[:3]]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline().strip() == "3"
    (cell,) = status(place.plan, place.items, place.root)
    holder.kill()
    holder.communicate()
    assert (cell.in_flight, cell.missing, cell.done) == (3, 17, 0)
    free = KeyLocks(locks)
    assert len(free.acquire(keys)) == 20
    free.close()
