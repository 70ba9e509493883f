"""Fifty kills -9 during a real-time run against a misbehaving provider lose nothing and double nothing.

Killed at random moments while requests are in flight: Snakemake (its jobs go on as orphans, or are
killed with it), a job, the provider (which comes back on its port). What the provider has completed
is compared with what the ledgers say was in flight at each kill: only that may be asked for again.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
KINDS = {"snakemake": 17, "job": 17, "provider": 16}
CONCURRENCY, REPLICATIONS, ITEMS, JOBS_AT_A_TIME = 16, 3, 280, 3
FAULTS = {
    "429": 0.05,
    "500": 0.05,
    "hang": 0.02,
    "reset": 0.03,
    "cut": 0.03,
    "malformed": 0.03,
    "slow": 0.1,
    "slow_s": 0.4,
    "latency_ms": 1000,
}


class Provider:
    """tests/providers/openai_server.py, killed and started again on the same port."""

    def __init__(self, state: Path, seed: int) -> None:
        self.state, self.port, self.faults = state, 0, FAULTS | {"seed": seed}
        self.start()

    def start(self) -> None:
        server = REPOSITORY / "tests/providers/openai_server.py"
        command = [sys.executable, str(server), "--state", str(self.state)]
        command += ["--port", str(self.port), "--faults", json.dumps(self.faults)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def hurry(self) -> None:
        """Answer faster from now on."""
        self.faults |= {"latency_ms": 20}
        data = json.dumps(self.faults).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/faults", data=data).read()

    def received(self) -> int:
        return (self.state / "events.log").read_bytes().count(b"r ")

    def completed(self) -> Counter:
        """How often each body was answered in full, over all restarts."""
        lines = (self.state / "events.log").read_text().splitlines()
        return Counter(line[2:] for line in lines if line.startswith("c "))


class Run:
    """Snakemake in the workspace, its jobs, and what the ledger said at each kill."""

    def __init__(self, workspace) -> None:
        self.root = workspace.root
        self.snakemake: subprocess.Popen | None = None
        self.seen: dict[Path, bytes] = {}
        self.starts = 0

    def start(self) -> None:
        environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
        with (self.root / "snakemake.log").open("ab") as log:
            self.snakemake = subprocess.Popen(
                ["snakemake", "--profile", "local", "--cores", str(JOBS_AT_A_TIME)],
                cwd=self.root,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1

    def jobs(self) -> dict[int, psutil.Process]:
        """The processes that answer requests in this workspace, by process id."""
        found = {}
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            try:
                is_job = (
                    len(command) > 1
                    and command[1].endswith("/answer_requests.py")
                    and process.status() != psutil.STATUS_ZOMBIE
                    and process.cwd() == str(self.root)
                )
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if is_job:
                found[process.pid] = process
        return found

    def in_flight(self, pids) -> Counter:
        """Keys that these jobs have sent and not finished, as their ledger files tell."""
        keys: Counter = Counter()
        for path in self.ledgers():
            if int(path.stem.split("-")[-2]) not in pids:
                continue
            open_keys = set()
            for record in whole_records(path.read_bytes()):
                if record["kind"] == "intent":
                    open_keys.add(record["key"])
                elif record["kind"] == "response":
                    open_keys.discard(record["key"])
            keys.update(open_keys)
        return keys

    def ledgers(self) -> list[Path]:
        return sorted((self.root / "results" / "ledger").glob("*/*.jsonl"))

    def remember(self) -> None:
        """Note every whole line of the ledger."""
        for path in self.ledgers():
            data = path.read_bytes()
            self.seen[path] = data[: data.rfind(b"\n") + 1]

    def kill_jobs(self, jobs) -> None:
        for process in jobs:
            try:
                process.kill()
                process.wait(10)
            except psutil.NoSuchProcess:
                pass


def whole_records(data: bytes) -> list[dict]:
    return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]


def body_digest(body: dict) -> str:
    """The provider's name for a body."""
    text = json.dumps({"model": "m", **body}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@pytest.mark.timeout(900)
def test_fifty_kills_lose_no_answer_and_ask_again_only_what_was_in_flight(workspace, tmp_path):
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"\nCRASH_SEED={seed}")
    dice, began = random.Random(seed), time.monotonic()
    provider = Provider(tmp_path / "provider", seed)
    prepare(workspace, provider.port)
    run = Run(workspace)
    try:
        kills = kill_at_random(run, provider, dice, workspace)
        finish(run, provider, workspace)
        check_ledger(run)
        doubled = check_provider(run, provider, kills)
        check_table(workspace)
    finally:
        for process in (run.snakemake, provider.process):
            if process is not None and process.poll() is None:
                process.kill()
        run.kill_jobs(run.jobs().values())
    lost = sum(len(keys) for _, keys in kills)
    print(
        f"{len(kills)} kills ({dict(Counter(kind for kind, _ in kills))}), {run.starts} starts of "
        f"Snakemake, {lost} requests in flight at kills, {doubled} answered again, "
        f"{time.monotonic() - began:.0f} s"
    )
    assert Counter(kind for kind, _ in kills) == KINDS


def prepare(workspace, port: int) -> None:
    workspace.models = {
        "models": {
            "m": {
                "model": "mylab/m",
                "base_url": f"http://127.0.0.1:{port}/v1",
                "api_key_env": None,
                "max_concurrency": CONCURRENCY,
                "request_timeout_s": 3,
                "total_timeout_s": 60,
                "max_attempts": 5,
                "price": {
                    "usd_per_million_input_tokens": 0.1,
                    "usd_per_million_output_tokens": 0.1,
                },
            }
        }
    }
    workspace.study |= {
        "models": ["m"],
        "replications": REPLICATIONS,
        "execution": {"parts": 4},
    }
    workspace.items = [
        {"id": f"i{number}", "input": f"What is {number} + 2?", "target": number + 2}
        for number in range(ITEMS)
    ]
    workspace.save()


def kill_at_random(run: Run, provider: Provider, dice: random.Random, workspace):
    """[(kind, keys in flight in the processes that the kill concerns)]"""
    kinds = [kind for kind, count in KINDS.items() for _ in range(count)]
    dice.shuffle(kinds)
    kills = []
    for kind in kinds:
        jobs = wait_until_sending(run, provider, dice)
        before = run.in_flight(jobs)
        assert len(before) <= CONCURRENCY * len(jobs)
        run.remember()
        if kind == "provider":
            provider.kill()
            # what the dead provider had not delivered has no answer in any ledger now
            kills.append((kind, before | run.in_flight(jobs)))
            time.sleep(dice.uniform(0, 0.4))
            provider.start()
        elif kind == "job":
            pid = dice.choice(sorted(jobs))
            run.kill_jobs([jobs[pid]])
            kills.append((kind, run.in_flight([pid])))
        else:
            run.snakemake.kill()
            run.snakemake.wait()
            keys = Counter()
            if dice.random() < 0.5:
                orphans = run.jobs()
                run.kill_jobs(orphans.values())
                keys = run.in_flight(orphans)
            kills.append((kind, keys))
    return kills


def wait_until_sending(run: Run, provider: Provider, dice: random.Random):
    """Start Snakemake where it has ended; return at a random moment while jobs are sending."""
    received = provider.received()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if run.snakemake is None or run.snakemake.poll() is not None:
            assert run.snakemake is None or run.snakemake.returncode != 0, "nothing left to send"
            run.start()
        if provider.received() > received:
            time.sleep(dice.uniform(0.05, 1.0))
            jobs = run.jobs()
            if run.in_flight(jobs) and run.snakemake.poll() is None:
                return jobs
        time.sleep(0.05)
    raise AssertionError((run.root / "snakemake.log").read_text()[-4000:])


def finish(run: Run, provider: Provider, workspace) -> None:
    """As a user would: run again until nothing fails, then open what failed for good."""
    provider.hurry()
    if run.snakemake is not None:
        run.snakemake.wait(120)
    for _ in range(4):
        for _ in range(3):  # a job that was killed has failed its workflow: run again
            code, output = workspace.run("snakemake", "--profile", "local")
            if code == 0:
                break
        assert code == 0, output
        code, output = workspace.run("splitplot", "refill", "s")
        print(output.strip())
        assert code == 0, output
        if "no gaps" in output:
            break
    assert not run.jobs()
    workspace.snakemake()
    assert "Nothing to be done" in workspace.snakemake()


def check_ledger(run: Run) -> None:
    for path, data in run.seen.items():
        assert path.read_bytes().startswith(data), f"{path.name}: a recorded line has changed"
    answers = Counter(
        record["key"]
        for path in run.ledgers()
        for record in whole_records(path.read_bytes())
        if record["kind"] == "response" and not record["gap"]
    )
    assert len(answers) == 2 * ITEMS * REPLICATIONS and set(answers.values()) == {1}


def check_provider(run: Run, provider: Provider, kills) -> int:
    """Each body was completed once per replication, and again only where a kill had it in flight."""
    body_of = {
        row["custom_id"]: body_digest(row["body"])
        for path in run.root.glob("results/s/calls/*/*/*/requests.jsonl")
        for row in map(json.loads, path.read_text().splitlines())
    }
    assert len(body_of) == 2 * ITEMS * REPLICATIONS
    allowed = Counter(body_of[key] for _, keys in kills for key in keys)
    completed = provider.completed()
    assert completed.keys() == set(body_of.values())
    extra = {body: count - REPLICATIONS for body, count in completed.items()}
    assert min(extra.values()) >= 0
    assert not {body: n for body, n in extra.items() if n > allowed[body]}
    doubled = sum(extra.values())
    assert doubled == completed.total() - len(body_of)
    return doubled


def check_table(workspace) -> None:
    import pandas as pd

    table = pd.read_parquet(workspace.path("item_responses.parquet"))
    key = ["trial_id", "condition_id", "item_id", "replication", "scorer"]
    assert len(table) == 2 * ITEMS * REPLICATIONS and not table.duplicated(key).any()
    assert set(table["outcome"]) == {"ok"}
    assert (table["score"] == 1).all()  # the provider adds rightly: each answer is at its item
    health = workspace.report()["health"]
    assert health["grid_rows"] == health["filled"] == len(table)
