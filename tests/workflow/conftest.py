"""Real Snakemake runs in a temporary folder, on the simulated route unless a test says otherwise."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from copy import copy, deepcopy
from pathlib import Path

import psutil
import pytest
import yaml

from splitplot.calls.ledger import records
from splitplot.design import make_plan
from splitplot.targets import response_files

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

STUDY = {
    "question": "Does B beat A?",
    "items": [{"path": "data/items.jsonl"}],
    "models": ["robot"],
    "sampling": [{"name": "low", "max_tokens": 50}],
    "conditions": {"a": "prompts/a.md", "b": "prompts/b.md"},
    "replications": 2,
    "scorers": ["numeric"],
    "analysis": {"primary": {"contrast": ["condition", "b", "a"], "margin": 0.05}},
}
MODELS = {
    "models": {
        "robot": {"model": "sim/robot", "route": "sim", "sim": {"seed": 1, "ability": 0.3}},
        "robot-2": {"model": "sim/robot-2", "route": "sim", "sim": {"seed": 1, "ability": 1.0}},
    }
}


class Workspace:
    """A folder in which the workflow runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.study = {"study": "s", **deepcopy(STUDY)}
        self.models = deepcopy(MODELS)
        self.write(
            "Snakefile", f'include: "{REPOSITORY}/Snakefile"\nworkflow.default_target = "all"\n'
        )
        self.write("config/config.yaml", "studies: [s]\n")
        self.write("prompts/a.md", "{{ input }}\n")
        self.write("prompts/b.md", "Think. {{ input }}\n")
        self.items = [
            {"id": f"i{number}", "input": f"What is {number} + 2?", "target": number + 2}
            for number in range(20)
        ]
        (root / "profiles").mkdir()
        (root / "profiles" / "local").symlink_to(REPOSITORY / "profiles" / "local")
        (root / "local").symlink_to("profiles/local")
        self.save()

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def save(self) -> None:
        """Write the study, the models and the items as they are now."""
        self.write("config/studies/s.yaml", yaml.safe_dump(self.study, sort_keys=False))
        self.write("config/models.yaml", yaml.safe_dump(self.models, sort_keys=False))
        self.write("data/items.jsonl", "".join(json.dumps(item) + "\n" for item in self.items))

    def start(self, *command: str, **more: str) -> subprocess.Popen:
        environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | more
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, **more: str) -> tuple[int, str]:
        """(exit code, what was printed) of a command in the folder."""
        process = self.start(*command, **more)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output

    def snakemake(self, *arguments: str, ok: bool = True, **more: str) -> str:
        """Run `snakemake --profile local`, check how it ended, and return what was printed."""
        code, output = self.run("snakemake", "--profile", "local", *arguments, **more)
        assert (code == 0) is ok, output
        return output

    def path(self, name: str) -> Path:
        return self.root / "results" / "s" / name

    def answers(self) -> Counter:
        """How often the ledger holds an answer to each request key: what was ever sent."""
        return Counter(
            record["key"]
            for path in (self.root / "results" / "ledger").glob("*/*.jsonl")
            for record in records(path)
            if record["kind"] == "response"
        )

    def sent(self) -> int:
        """The number of answers in the ledger; checks that no request was answered twice."""
        answers = self.answers()
        assert not answers or max(answers.values()) == 1
        return len(answers)

    def report(self) -> dict:
        return json.loads(self.path("report.json").read_text())


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A fresh workspace: 2 cells × 20 items × 2 replications, nothing run yet."""
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def new_workspace():
    """new_workspace(folder): the same in a folder that tests share."""
    return Workspace


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose study is done; never change it, copy it."""
    workspace = Workspace(tmp_path_factory.mktemp("finished"))
    workspace.snakemake()
    assert workspace.sent() == 80
    return workspace


@pytest.fixture
def finished(finished_once: Workspace, tmp_path: Path) -> Workspace:
    """A copy of a finished study, with its times and Snakemake's records."""
    shutil.copytree(finished_once.root, tmp_path, symlinks=True, dirs_exist_ok=True)
    workspace = copy(finished_once)
    workspace.root = tmp_path
    workspace.study, workspace.models = deepcopy(workspace.study), deepcopy(workspace.models)
    workspace.items = deepcopy(workspace.items)
    return workspace


class Server:
    """tests/providers/openai_server.py in a process of its own, and models that are asked there."""

    def __init__(self, state: Path, **faults: object) -> None:
        script = REPOSITORY / "tests/providers/openai_server.py"
        command = [sys.executable, str(script), "--state", str(state)]
        self.process = subprocess.Popen(
            [*command, "--faults", json.dumps(faults)], stdout=subprocess.PIPE
        )
        self.url = f"http://127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"

    def stats(self) -> dict:
        """The counts of the server."""
        return json.load(urllib.request.urlopen(f"{self.url}/stats"))

    def received(self) -> int:
        """The number of calls that have reached the server."""
        return self.stats()["received"]

    def set_faults(self, **faults: object) -> None:
        urllib.request.urlopen(f"{self.url}/faults", data=json.dumps(faults).encode()).read()

    def model(self, name: str, dollars: float = 0.0, **more: object) -> dict:
        """An entry of models.yaml; `dollars` per thousand output tokens."""
        price = {
            "usd_per_million_input_tokens": 0,
            "usd_per_million_output_tokens": 1000 * dollars,
        }
        entry = {"model": f"lab/{name}", "base_url": f"{self.url}/v1", "api_key_env": None}
        return {**entry, "price": price, **more}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A provider that answers at once and counts what it receives."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.process.kill()
    server.process.wait()
    server.process.stdout.close()


class Lab:
    """A workspace whose one model is asked through a batch server, and what its runs need.

    One cell, six items in one part, all by batch; a price of 1000 USD per million tokens of output in
    real time and half of it by batch, so that no answer is free.
    """

    KEY = "sk-test-0123456789abcdef"
    TABLE = "results/s/item_responses.parquet"

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.root, self.study = workspace, workspace.root, workspace.study
        self.models: dict = {}
        workspace.models = {"models": self.models}
        workspace.items = workspace.items[:6]
        del self.study["analysis"]
        self.study |= {
            "models": [],
            "conditions": {"a": "prompts/a.md"},
            "replications": 1,
            "execution": {"route": "batch"},
            "budget": {"confirm_above_usd": 1000},
        }

    def ask(self, name: str, batches=None, realtime: Server | None = None, **batch: object) -> None:
        """Add a model that these servers answer to the study; either may be missing.

        batch: more of its `batch` in models.yaml.
        """
        url = f"{realtime.url}/v1" if realtime else "http://127.0.0.1:9/v1"
        entry = {"model": f"lab/{name}", "base_url": url, "api_key_env": "LAB_KEY"}
        entry["price"] = {
            "usd_per_million_input_tokens": 0,
            "usd_per_million_output_tokens": 1000,
            "batch_discount": 0.5,
        }
        if batches is not None:
            place = {"protocol": batches.provider, "base_url": batches.base_url}
            entry["batch"] = {**place, "poll_s": 0.2, "settle_s": 2, **batch}
        self.models[name] = entry
        self.study["models"].append(name)

    def run(self, *arguments: str, ok: bool = True, key: str | None = KEY) -> str:
        """What a run of the workflow prints; by default up to the answers."""
        self.workspace.save()
        more = {"LAB_KEY": key} if key is not None else {}
        return self.workspace.snakemake(*(arguments or self.targets()), ok=ok, **more)

    def start(self, *arguments: str) -> subprocess.Popen:
        """A run that goes on meanwhile."""
        self.workspace.save()
        command = ["snakemake", "--profile", "local", *(arguments or self.targets())]
        return self.workspace.start(*command, LAB_KEY=self.KEY)

    def targets(self, study: str = "s") -> list[str]:
        """The answers of a study: what follows them is the same for every route."""
        self.workspace.save()
        plan = make_plan(self.root / f"config/studies/{study}.yaml", self.root)
        return response_files(plan, partial=False)

    def splitplot(self, *arguments: str, key: str | None = KEY) -> str:
        """What a command prints."""
        more = {"LAB_KEY": key} if key is not None else {}
        code, output = self.workspace.run("splitplot", *arguments, **more)
        assert code == 0, output
        return output

    def rows(self, study: str = "s") -> list[dict]:
        """All rows of all responses.jsonl of a study."""
        paths = sorted((self.root / "results" / study / "calls").glob("*/*/*/responses.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    def outcomes(self, study: str = "s") -> dict[str, int]:
        """How many rows have each outcome."""
        return dict(Counter(row["outcome"] for row in self.rows(study)))

    def routes(self) -> dict[str, set[str]]:
        """By which routes each trial was answered."""
        found: dict[str, set[str]] = {}
        for path in self.workspace.path("calls").glob("*/*/*/responses.jsonl"):
            rows = map(json.loads, path.read_text().splitlines())
            found.setdefault(path.parts[-4].partition("--")[0], set()).update(
                row["route"] for row in rows
            )
        return found


def wait_for(condition, seconds: float = 60):
    """Wait until a condition holds; returns what it was."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="session")
def new_lab():
    """new_lab(folder): the same in a folder that tests share."""
    return lambda root: Lab(Workspace(root))


@pytest.fixture
def lab(workspace: Workspace) -> Iterator[Lab]:
    """A study that goes by batch, without models yet."""
    yield Lab(workspace)
    for process in psutil.process_iter(["cmdline"]):  # a test that failed leaves its jobs behind
        with suppress(psutil.Error):
            if process.cwd() == str(workspace.root):
                process.kill()


@pytest.fixture(name="wait_for")
def wait_for_fixture():
    return wait_for
