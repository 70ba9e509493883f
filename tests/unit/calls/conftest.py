"""The misbehaving provider, in a process of its own, for the tests of the real-time routes."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from splitplot.calls import pacing
from splitplot.calls.estimate import estimate, present_items
from splitplot.calls.ledger import LedgerWriter
from splitplot.calls.records import Response, Usage
from splitplot.calls.requests import cell_requests
from splitplot.design import make_plan

SERVER = Path(__file__).resolve().parents[3] / "tests/providers/openai_server.py"


class Server:
    """The misbehaving provider in its own process."""

    def __init__(self, state, port=0, faults=None):
        command = [sys.executable, str(SERVER), "--state", str(state), "--port", str(port)]
        command += ["--faults", json.dumps(faults or {})]
        self.state = state
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    def faults(self, **settings):
        body = json.dumps(settings).encode()
        urllib.request.urlopen(f"{self.url}/faults", data=body).read()

    def stats(self):
        return json.load(urllib.request.urlopen(f"{self.url}/stats?keys=1"))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="session")
def start_server():
    """Starts one more provider: start_server(state folder, port=0, faults=None). Ends them all."""
    started = []

    def start(state, port=0, faults=None):
        started.append(Server(state, port, faults))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture(scope="module")
def shared_server(start_server, tmp_path_factory):
    server = start_server(tmp_path_factory.mktemp("provider"))
    yield server
    server.kill()


@pytest.fixture
def server(shared_server):
    """A provider without faults; its counts go on from test to test of a module."""
    shared_server.faults()
    return shared_server


@pytest.fixture
def short_backoff(monkeypatch):
    monkeypatch.setattr(pacing, "BACKOFF_BASE_S", 0.05)


MODELS = """
models:
  paid:
    model: lab/paid
    base_url: http://127.0.0.1:9/v1
    api_key_env: null
    price: {usd_per_million_input_tokens: 1000, usd_per_million_output_tokens: 2000}
  mini: {model: openai/gpt-4o-mini}
  reasoner:
    model: lab/reasoner
    base_url: http://127.0.0.1:9/v1
    api_key_env: null
    price:
      usd_per_million_input_tokens: 8
      usd_per_million_cached_tokens: 2
      usd_per_million_output_tokens: 80
  unknown: {model: lab/unknown, base_url: "http://127.0.0.1:9/v1", api_key_env: null}
  robot: {model: sim/robot, sim: {seed: 1}}
"""


class Case:
    """A study of 5 items × 2 conditions × 2 replications in a folder, with a ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("config/models.yaml", MODELS)
        self.write("prompts/a.md", "{{ input }}\n")
        self.write("prompts/b.md", "Think. {{ input }}\n")
        self.items(range(5))

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def items(self, numbers) -> None:
        rows = [{"id": f"i{n}", "input": f"What is {n} + 2?", "target": n + 2} for n in numbers]
        self.write("data/items.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def plan(self, **changes):
        study = {
            "study": "s",
            "items": [{"path": "data/items.jsonl"}],
            "models": ["paid"],
            "sampling": [{"name": "low", "max_tokens": 100}],
            "conditions": {"a": "prompts/a.md", "b": "prompts/b.md"},
            "replications": 2,
            "scorers": ["numeric"],
        }
        self.write("config/studies/s.yaml", json.dumps(study | changes))
        return make_plan(Path("config/studies/s.yaml"), self.path)

    @property
    def ledger(self) -> Path:
        return self.path / "results" / "ledger"

    def estimate(self, plan):
        return estimate(plan, present_items(plan, self.path), self.ledger)

    def requests(self, plan):
        """(trial, request) of every cell, in order."""
        items = present_items(plan, self.path)
        trials = {trial["id"]: trial for trial in plan["trials"]}
        arms = {arm["id"]: arm for arm in plan["conditions"]}
        for cell in plan["cells"]:
            trial, arm = trials[cell["trial"]], arms[cell["condition"]]
            for request, _, _ in cell_requests(trial, arm, cell["replications"], items):
                yield trial, request

    def answer(self, plan, count, outcome="ok", tokens=10):
        """Record responses to the first `count` requests."""
        for trial, request in list(self.requests(plan))[:count]:
            with LedgerWriter(self.ledger, trial["hash"], {"study": "s"}) as writer:
                usage = Usage(5, None if outcome == "error" else tokens)
                writer.response(Response(request.key, outcome, text="1", usage=usage, study="s"))


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)
