"""What crash_matrix.py is made of: a provider, a folder with one or two studies, their jobs, the checks.

The two studies of a race share all cells and cut them into parts differently, so that a batch of the one
answers requests of the other.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
import urllib.request
from collections import Counter
from pathlib import Path

import crash_at

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "scripts"
KEY_VARIABLE = "CRASH_MATRIX_KEY"
BASES = {
    "openai": "/v1",
    "azure": "",
    "anthropic": "",
    "gemini": "/v1beta",
    "mistral": "/v1",
    "groq": "/openai/v1",
    "together": "/v1",
    "fireworks": "",
}
"""Path of each provider's default base_url."""
MODELS = {"fireworks": "accounts/lab/models/lab-model"}

STUDIES = {"a": 2, "b": 3}
"""Parts of each study."""
ITEMS = 12
PRICE = {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 4}
DISCOUNT = 0.5
SERVER = {
    "validate_s": 0.05,
    "run_s": 0.25,
    "answers": "echo_key",
    "foreign": 2,
    "prices": {
        "input": PRICE["usd_per_million_input_tokens"] * DISCOUNT,
        "output": PRICE["usd_per_million_output_tokens"] * DISCOUNT,
    },
}
BATCH = {"poll_s": 0.1, "settle_s": 0.6}
SLOT_S = 0.3
"""Who waits for a slot, or for keys that another job holds, looks so often; else every five seconds."""
RUNS = 5
"""So many times a workflow is run at most; one death needs two."""
PATIENCE_S = 90


class Server:
    """tests/providers/batch_server.py in a process of its own."""

    def __init__(self, provider: str, state: Path) -> None:
        command = [sys.executable, str(REPOSITORY / "tests/providers/batch_server.py")]
        command += ["--provider", provider, "--state", str(state)]
        command += ["--settings", json.dumps(SERVER)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.url = f"http://127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"
        self.base_url = self.url + BASES[provider]

    def get(self, path: str):
        return json.load(urllib.request.urlopen(self.url + path))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class World:
    """A folder in which studies run, new for every case. label: makes its requests different ones."""

    def __init__(self, folder: Path, provider: str, base_url: str, label: str, studies) -> None:
        self.folder, self.label, self.studies = folder, label, list(studies)
        self.ledger = folder / "results/ledger"
        batch = {"protocol": provider, "base_url": base_url, "api_key_env": KEY_VARIABLE, **BATCH}
        if provider == "fireworks":
            batch["account"] = "lab"
        name = f"{provider}/{MODELS.get(provider, 'lab-model')}"
        model = {"model": name, "batch": batch, "price": PRICE | {"batch_discount": DISCOUNT}}
        self._write("config/models.yaml", json.dumps({"models": {"m": model}}))
        self._write("prompts/p.md", "{{ input }}\n")
        items = [
            {"id": f"i{n}", "input": f"{label}: what is {n} + 2?", "target": n + 2}
            for n in range(ITEMS)
        ]
        self._write("data/items.jsonl", "".join(json.dumps(item) + "\n" for item in items))
        for study, parts in STUDIES.items():
            content = {
                "study": study,
                "question": "Does it hold?",
                "items": [{"path": "data/items.jsonl"}],
                "models": ["m"],
                "sampling": [{"name": "low", "max_tokens": 50}],
                "conditions": {"p": "prompts/p.md"},
                "replications": 1,
                "scorers": ["numeric"],
                "execution": {"route": "batch", "parts": parts},
                "budget": {"confirm_above_usd": 100, "max_usd": 5},
            }
            self._write(f"config/studies/{study}.yaml", json.dumps(content))

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def prepare(self) -> None:
        """What the workflow makes before the first request leaves: plan, items, requests."""
        from splitplot.calls.requests import write_part
        from splitplot.design import make_plan
        from splitplot.files import write_json
        from splitplot.items import load_items, write_items

        for study in self.studies:
            place = self.folder / "results" / study
            plan = make_plan(Path(f"config/studies/{study}.yaml"), self.folder)
            write_json(place / "plan.json", plan)
            items, _ = load_items(plan["items"], root=self.folder)
            write_items(place / "items.parquet", items)
            for part in plan["parts"]:
                trial, condition = cell(plan)
                folder = self.part(study, plan, part)
                write_part(plan, trial, condition, part, place / "items.parquet", folder)

    def plan(self, study: str) -> dict:
        return json.loads((self.folder / "results" / study / "plan.json").read_text())

    def part(self, study: str, plan: dict, part: str) -> Path:
        return self.folder.joinpath("results", study, "calls", *cell(plan), part)

    def parts(self):
        """(study, plan, name of the part) of every part."""
        for study in self.studies:
            plan = self.plan(study)
            yield from ((study, plan, part) for part in plan["parts"])


def cell(plan: dict) -> tuple[str, str]:
    """(trial, condition) of the only cell."""
    return plan["cells"][0]["trial"], plan["cells"][0]["condition"]


# Jobs, each a process of its own: forked from one that has imported what they need, to be there at once


def fork(work, log: Path, folder: Path) -> int:
    """Do `work` in a new process whose output goes to `log`; returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.chdir(folder)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(pids) -> tuple[int, int]:
    """(process id, exit code) of the first of these that ends; TimeoutError if none does."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for pid in pids:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return pid, os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    raise TimeoutError(f"jobs were still at work after {PATIENCE_S} s")


def import_what_jobs_need() -> None:
    import aiohttp  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import yaml  # noqa: F401

    import splitplot.calls.batch.script
    import splitplot.calls.estimate
    import splitplot.calls.fulfil
    import splitplot.calls.gate
    import splitplot.calls.realtime
    import splitplot.design
    import splitplot.items  # noqa: F401
    from splitplot.calls import pricing
    from splitplot.calls.batch import part, protocols

    for name in BASES:
        protocols.provider(name)
    pricing._table()
    part.SLOT_S = SLOT_S


JOBS = (
    ("submit_batch.py", "job.json"),
    ("poll_batch.py", "ended.json"),
    ("answer_requests.py", "responses.jsonl"),
)


def run_jobs(world: World, crash: tuple[str, str, Path] | None) -> bool:
    """Run the workflows of all studies at the same time; True when everything is made.

    A job that fails ends its part, as in one run of Snakemake; another run goes on from what is there.
    """
    waiting = list(world.parts())
    running: dict[int, tuple] = {}
    failed = False
    while waiting or running:
        for place in waiting:
            if job := _next_job(world, *place):
                running[_start(world, *place, job, crash)] = place
        waiting = []
        if running:
            pid, code = wait(running)
            place = running.pop(pid)
            if code == 0:
                waiting = [place]
            failed |= code != 0
    return not failed


def _next_job(world: World, study: str, plan: dict, part: str) -> str | None:
    folder = world.part(study, plan, part)
    return next((script for script, output in JOBS if not (folder / output).exists()), None)


def _start(world: World, study: str, plan: dict, part: str, script: str, crash) -> int:
    trial, condition = cell(plan)
    results = f"results/{study}"
    command = [str(SCRIPTS / script), "--plan", f"{results}/plan.json"]
    command += ["--items", f"{results}/items.parquet", "--trial", trial, "--condition", condition]
    command += ["--part", part, "--folder", str(world.part(study, plan, part))]
    command += ["--ledger", "results/ledger"]

    def work() -> None:
        if crash:
            crash_at.run(*crash, command)
        else:
            sys.argv = command
            runpy.run_path(command[0], run_name="__main__")

    return fork(work, world.folder / "jobs.log", world.folder)


# Real Snakemake

SITE = """import sys
sys.path.append({providers!r})
import crash_at
crash_at.arm_from_environment()
"""


def prepare_snakemake(world: World) -> None:
    """What a folder needs for Snakemake to run in it, and what makes its jobs die."""
    world._write("Snakefile", f'include: "{REPOSITORY}/Snakefile"\n')
    world._write("config/config.yaml", f"studies: [{', '.join(world.studies)}]\n")
    world._write("site/sitecustomize.py", SITE.format(providers=str(Path(__file__).parent)))
    (world.folder / "profiles").mkdir()
    (world.folder / "profiles/local").symlink_to(REPOSITORY / "profiles/local")


def run_snakemake(world: World, crash: tuple[str, str, Path] | None) -> bool:
    """One Snakemake for each study, at the same time; True when everything is made."""
    from splitplot.design import make_plan
    from splitplot.paths import RESPONSES

    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(world.folder / "site"),
    }
    if crash:
        variables[crash_at.VARIABLE] = " ".join(map(str, crash))
    processes = []
    for study in world.studies:
        plan = make_plan(Path(f"config/studies/{study}.yaml"), world.folder)
        trial, condition = cell(plan)
        targets = [
            RESPONSES.format(study=study, trial=trial, condition=condition, part=part)
            for part in plan["parts"]
        ]
        command = ["snakemake", "--profile", "profiles/local", "--cores", "2", *targets]
        with (world.folder / "jobs.log").open("ab") as log:
            processes.append(
                subprocess.Popen(
                    command,
                    cwd=world.folder,
                    env=os.environ | variables,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
    return all([process.wait(PATIENCE_S) == 0 for process in processes])


def wait_for_orphans(world: World) -> None:
    """Jobs that outlived their Snakemake end by themselves."""
    import psutil

    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if not any(_works_in(process, world.folder) for process in psutil.process_iter()):
            return
        time.sleep(0.05)
    raise TimeoutError(f"a job was still at work after {PATIENCE_S} s")


def _works_in(process, folder: Path) -> bool:
    import psutil

    try:
        return (
            process.cwd() == str(folder)
            and process.status() != psutil.STATUS_ZOMBIE
            and process.pid != os.getpid()
        )
    except psutil.Error:
        return False


# The checks


def requested(world: World) -> dict[tuple[str, str], list[str]]:
    """Keys by study and part."""
    return {
        (study, part): [row["custom_id"] for row in _rows(folder / "requests.jsonl")]
        for study, plan, part in world.parts()
        for folder in [world.part(study, plan, part)]
    }


def violations(world: World, before: dict, after: dict, billed: dict[str, int]) -> list[str]:
    """What is wrong at the end; before, after: the server's counts; billed: lines by custom_id."""
    from splitplot.calls.batch.store import Store
    from splitplot.calls.ledger import records

    wanted = requested(world)
    keys = {key for part in wanted.values() for key in part}
    found = []

    def check(what: str, here, there) -> None:
        if here != there:
            found.append(f"{what}: {here} instead of {there}")

    check("distinct requests", len(keys), ITEMS)
    check("lines billed", after["billed"] - before["billed"], len(keys))
    check("times that a request was billed", counts(billed.get(key, 0) for key in keys), {1: ITEMS})
    check("batches still at work at the provider", after["in_flight"], 0)

    answers = [
        record
        for path in world.ledger.glob("*/*.jsonl")
        for record in records(path)
        if record["kind"] == "response"
    ]
    times = Counter(record["key"] for record in answers)
    check("times that the ledger holds an answer", counts(times.values()), {1: ITEMS})
    check("outcomes in the ledger", counts(r["outcome"] for r in answers), {"ok": ITEMS})
    check("answers to another request", sum(r["text"] != r["key"] for r in answers), 0)
    for (study, part), asked in wanted.items():
        rows = list(_rows(world.part(study, world.plan(study), part) / "responses.jsonl"))
        check(f"rows of study {study}, part {part}", [row["key"] for row in rows], asked)
        check(
            f"answers in study {study}, part {part}",
            counts((row["outcome"], row["text"] == row["key"]) for row in rows),
            counts(("ok", True) for _ in asked),
        )

    spent = reserved = 0.0
    for path in world.ledger.glob("spend/*/*.json"):
        state = json.loads(path.read_text())
        spent += state["spent"]["usd"]
        reserved += state["reserved"]["usd"] + state["reserved"]["calls"]
    dollars = after["usd"] - before["usd"]
    if abs(spent - dollars) > 1e-9 or not dollars:
        found.append(f"dollars in the spend files: {spent:.9f} instead of {dollars:.9f}")
    told = sum(record["usd"] or 0 for record in answers)
    if abs(told - dollars) > 1e-9:
        found.append(f"dollars in the ledger: {told:.9f} instead of {dollars:.9f}")
    check("dollars and calls still reserved", round(reserved, 9), 0)
    check("open batches", [b.name for b in Store(world.ledger).open_batches()], [])
    return found


def counts(values) -> dict:
    """How often each value comes, as a plain dict."""
    return dict(sorted(Counter(values).items(), key=str))


def _rows(path: Path):
    with path.open("rb") as file:
        yield from map(json.loads, file)
