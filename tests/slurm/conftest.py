"""Real Snakemake runs on a real Slurm, which the tests start and end (cluster.py).

slurm: the cluster, one for all tests of a process. site: a workspace of tests/workflow with a profile for
it, and models that a slow server answers (slow_server.py), so that a job lasts long enough to be hit.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from subprocess import Popen

import pytest
import yaml

from splitplot.calls.ledger import Ledger
from splitplot.calls.requests import part_keys
from splitplot.design import make_plan

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
SLOTS = 4
MINUTE = 60


def load(name: str, path: Path):
    """A file of the tests as a module: folders of tests are no packages."""
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cluster = load("splitplot_slurm_cluster", HERE / "cluster.py")
workflow = load("splitplot_workflow_conftest", REPOSITORY / "tests/workflow/conftest.py")
wait_for = workflow.wait_for


class Site(workflow.Workspace):
    """A workspace whose jobs go to the cluster.

    profile: what `profiles/slurm/config.yaml` says, with what this cluster needs otherwise.
    shipped_defaults: its `default-resources`, which are another, to be quick.
    """

    def __init__(self, root: Path, slurm) -> None:
        self.slurm = slurm
        self.profile = yaml.safe_load(
            (REPOSITORY / "profiles/slurm/config.yaml").read_text(encoding="utf-8")
        )
        self.shipped_defaults = self.profile["default-resources"]
        self.profile |= {
            "default-resources": ["mem_mb=500", "runtime=10", "slurm_extra='--signal=TERM@20'"],
            "slurm-status-command": "squeue",
            "slurm-init-seconds-before-status-checks": 3,
            "latency-wait": 20,
            "local-cores": 2,
        }
        self.runs: list[Popen] = []
        super().__init__(root)
        (root / "slurm").symlink_to("profiles/slurm")
        self.models, self.study["models"] = {"models": {}}, []

    def add_model(self, name: str, latency: float = 0.3, **resources: object) -> None:
        """A model that slow_server.py answers, on one GPU; `latency` in seconds."""
        server = [sys.executable, str(HERE / "slow_server.py"), "{port}", name, str(self.root)]
        self.models["models"][name] = {
            "model": f"local/{name}",
            "engine": "openai-server",
            "command": server,
            "revision": "1",
            "context": 512,
            "slots": SLOTS,
            "stop_grace_s": 3,
            "resources": {"gpus": 1, "memory_mb": 500, "runtime_minutes": 10} | resources,
        }
        self.study["models"].append(name)
        self.set_latency(name, latency)

    def set_latency(self, name: str, latency: float) -> None:
        """From now on its answers take so long."""
        path = self.write(f"{name}.latency.new", str(latency))
        path.rename(self.root / f"{name}.latency")

    def only_generate_on_slurm(self) -> None:
        """Scores and inference on this machine: each job of Slurm takes seconds."""
        with (self.root / "Snakefile").open("a", encoding="utf-8") as file:
            file.write("localrules: scores, inference\n")
            file.write('workflow.get_rule("scores").group = None\n')  # a group is never local

    def save(self) -> None:
        super().save()
        text = yaml.safe_dump(self.profile, sort_keys=False)
        self.write("profiles/slurm/config.yaml", text)

    def begin(self, *arguments: str) -> Popen:
        """`snakemake --profile slurm`, which goes on meanwhile; its output is in the file `output`."""
        self.save()
        with self.write("output", "").open("w") as output:
            run = Popen(
                ["snakemake", "--profile", "slurm", *arguments],
                cwd=self.root,
                env=os.environ | self.slurm.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.runs.append(run)
        return run

    def output(self) -> str:
        """What the last run has printed."""
        return (self.root / "output").read_text(encoding="utf-8")

    def end(self, run: Popen, ok: bool = True, seconds: float = 8 * MINUTE) -> str:
        """Wait for a run, check how it ended, and return what it printed."""
        code = run.wait(seconds)
        assert (code == 0) is ok, f"exit code {code}\n{self.output()}\n{self.job_logs()}"
        return self.output()

    def job_logs(self) -> str:
        """What failed jobs said."""
        folders = (self.root / ".snakemake/slurm_logs", self.path("logs"))
        paths = [path for folder in folders for path in sorted(folder.rglob("*.log"))]
        return "\n".join(f"--- {path}\n{path.read_text()}" for path in paths)

    def generating(self, *states: str) -> dict[str, dict[str, str]]:
        """Jobs of rule `generate`, by id, as `scontrol` shows them; in these states, if any is named."""
        jobs = self.slurm.jobs(self.root, *states)
        return {
            number: job
            for number, job in jobs.items()
            if job.get("Comment", "").startswith("rule_generate")
        }

    def calls(self, name: str, kind: str) -> Counter:
        """How often the server of a model has noted each line of this kind."""
        path = self.root / f"{name}.calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter(line.partition(" ")[2] for line in lines if line.startswith(f"{kind} "))

    def wait_for_answers(self, name: str, count: int) -> str:
        """Wait until the server of a model has given so many answers; the id of the job that runs."""
        wait_for(lambda: self.calls(name, "answered").total() >= count, 3 * MINUTE)
        return wait_for(lambda: list(self.generating("RUNNING")))[-1]

    def receipts(self) -> list[dict]:
        """Those of rule `generate`."""
        paths = sorted(self.path("calls").glob("*/generated/*.json"))
        return [json.loads(path.read_text()) for path in paths]

    def check_ledger(self, lost: int = 0) -> None:
        """Every request of the plan has one settled answer and no second one was recorded.

        lost: requests that were in flight at a kill, at most: so many may have reached a server twice.
        """
        plan = make_plan(self.root / "config/studies/s.yaml", self.root)
        wanted: set[str] = set()
        for trial in plan["trials"]:
            places = self.path("calls").glob(f"{trial['id']}/*/*/requests.jsonl")
            keys = {key for place in places for key in part_keys(place.parent)}
            settled = Ledger(self.root / "results/ledger", trial["hash"], read_only=True).find(keys)
            assert settled.keys() == keys and not any(place.gap for place in settled.values())
            received = self.calls(trial["model"], "received")
            if received:
                assert len(received) == len(keys)
                assert received.total() - len(received) <= lost
            wanted |= keys
        assert len(wanted) == len(plan["cells"]) * len(self.items) * self.study["replications"]
        answers = self.answers()
        assert answers.keys() == wanted
        assert set(answers.values()) == {1}

    def check_second_job(self, before: int) -> None:
        """The receipt is that of a job that found so many answers of an earlier one and asked the rest."""
        (receipt,) = self.receipts()
        assert receipt["requests"] == 2 * len(self.items) * self.study["replications"]
        assert receipt["reused"] >= before > 0
        assert receipt["sent"] == receipt["requests"] - receipt["reused"] > 0
        assert self.path("report.html").exists()


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """A running cluster; a skip where there is no Slurm, or it does not start."""
    missing = cluster.missing_programs()
    if missing:
        pytest.skip(f"Slurm is not installed: {', '.join(missing)} missing")
    if find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("Snakemake's executor for Slurm is not installed")
    running = cluster.Cluster(tmp_path_factory.mktemp("slurm"))
    if running.error:
        running.close()
        pytest.skip(f"Slurm does not start here: {running.error}")
    yield running
    running.close()


@pytest.fixture
def site(tmp_path: Path, slurm) -> Iterator[Site]:
    """A workspace for the cluster: 2 conditions × 20 items × 2 replications, no model yet."""
    site = Site(tmp_path.resolve(), slurm)
    yield site
    for run in site.runs:
        if run.poll() is None:
            run.kill()
            run.wait()
    left = list(slurm.jobs(site.root, "RUNNING", "PENDING", "COMPLETING", "CONFIGURING"))
    if left:
        slurm.ask("scancel", *left)


@pytest.fixture
def busy(site: Site) -> Site:
    """A site whose one model takes a second an answer, so that its job is there to be hit."""
    site.only_generate_on_slurm()
    site.add_model("tiny", 1.0, partition="one")
    return site
