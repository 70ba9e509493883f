"""The crash matrix: every provider, dying at every step in every way, run again, and counted.

    python tests/providers/crash_matrix.py [--providers openai,anthropic] [--steps …] [--ways kill,…]
        [--racing] [--snakemake] [--all] [--markdown docs/crash_matrix.md]

A case is a folder of its own: a study is run, dies once at the step, and is run again until it is done.
Then the lines that the provider has billed, the ledger, the responses and the money are compared.
Without --snakemake the scripts of the jobs run one after the other, as Snakemake would run them, each
in a process of its own. --racing: two studies that share their requests run at the same time.
--all: all of it, as in docs/crash_matrix.md. Ends with 1 where anything is wrong.
"""

import argparse
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import crash_runs
import crash_world
from crash_at import STEPS, WAYS
from crash_defects import DEFECTS
from crash_world import BASES, LATE, Server, World


@dataclass(frozen=True)
class Setting:
    """How studies are run. parts: the number of parts of each study; ways, providers: by default."""

    title: str
    snakemake: bool
    racing: bool
    ways: tuple[str, ...]
    providers: tuple[str, ...]
    parts: dict[str, int] = field(hash=False)


JOB_WAYS = ("kill", "exception", "sigterm")
ONE_OF_A_KIND = ("openai", "anthropic", "fireworks")
"""A batch is known by a tag, by its results, by an id of our choice."""
RUNS = 5
"""So many times a workflow is run at most; one death needs two."""
SETTINGS = (
    Setting("Jobs", False, False, JOB_WAYS, tuple(BASES), {"a": 2}),
    Setting("Jobs of two studies that race", False, True, JOB_WAYS, tuple(BASES), {"a": 2, "b": 3}),
    Setting("Snakemake", True, False, ("kill", "snakemake"), ONE_OF_A_KIND, {"a": 1}),
    Setting("Two Snakemakes that race", True, True, ("everything",), ("openai",), {"a": 1, "b": 2}),
)
BEGIN, END = "<!-- made by tests/providers/crash_matrix.py: begin -->", "<!-- end -->"


@dataclass
class Case:
    """One death, and what came of it."""

    step: str
    way: str
    requests: int = 0
    billed: int = 0
    batches: int = 0
    runs: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Task:
    """All cases of one provider in one setting."""

    provider: str
    setting: Setting
    steps: tuple[str, ...]
    ways: tuple[str, ...]
    keep: Path
    defect: str | None = None

    def __str__(self) -> str:
        return f"{self.setting.title}, {self.provider}"


def work(task: Task) -> list[Case]:
    """Run the cases of a task, one after the other, with one provider."""
    crash_runs.import_what_jobs_need()
    if task.defect:
        DEFECTS[task.defect]()
    os.environ[crash_world.KEY_VARIABLE] = "sk-test-0123456789abcdef"
    folder = Path(tempfile.mkdtemp(prefix="crash-matrix-", dir=_memory()))
    server = Server(task.provider, folder / "server")
    try:
        worlds = {case: new_world(task, server, folder, *case) for case in pairs(task)}
        prepare(task, list(worlds.values()), folder)
        return [run_case(task, server, world, *case) for case, world in worlds.items()]
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def pairs(task: Task) -> Iterator[tuple[str, str]]:
    return ((step, way) for way in task.ways for step in task.steps)


def _memory() -> str | None:
    """A disk in memory, where there is one: that a kill loses nothing does not depend on the disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def new_world(task: Task, server: Server, folder: Path, step: str, way: str) -> World:
    label = f"{step}-{way}"
    return World(folder / label, task.provider, server.base_url, label, task.setting.parts)


def prepare(task: Task, worlds: list[World], folder: Path) -> None:
    """Plans, items and requests, made in another process: what it imports does not stay."""

    def make() -> None:
        for world in worlds:
            crash_runs.prepare_snakemake(world) if task.setting.snakemake else world.prepare()

    log = folder / "prepare.log"
    _, code = crash_runs.wait([crash_runs.fork(make, log, folder)])
    if code:
        raise RuntimeError(log.read_text())


def run_case(task: Task, server: Server, world: World, step: str, way: str) -> Case:
    """Die once, run again until everything is done, and look for what is wrong."""
    case = Case(step, way)
    server.set(create_faults=[LATE] if step == "during-create" else [])
    before, marker = server.get("/_stats"), world.folder / "died"
    run = crash_runs.run_snakemake if task.setting.snakemake else crash_runs.run_jobs
    try:
        done = False
        while not done and case.runs < RUNS:
            done = run(world, (step, way, marker) if case.runs == 0 else None)
            case.runs += 1
        if task.setting.snakemake:
            crash_runs.wait_for_orphans(world)
        if not marker.exists():
            case.wrong.append("the step was never reached")
        if not done:
            case.wrong.append(f"not done after {RUNS} runs")
        else:
            after, billed = server.at_rest(before), server.get("/_keys")
            case.wrong += crash_world.violations(world, before, after, billed)
            case.requests = crash_world.ITEMS
            case.billed = after["billed"] - before["billed"]
            case.batches = after["created"] - before["created"]
    except (TimeoutError, OSError, subprocess.TimeoutExpired) as error:
        case.wrong.append(f"{type(error).__name__}: {error}")
    if case.wrong:
        kept = task.keep / f"{task} {world.label}".replace(", ", "-").replace(" ", "-").lower()
        shutil.copytree(world.folder, kept, symlinks=True, dirs_exist_ok=True)
        case.wrong.append(f"kept: {kept}")
    return case


# The command


def main() -> None:
    arguments = parse()
    if arguments.defect and (arguments.snakemake or arguments.all):
        sys.exit("--defect breaks the engine in the jobs that are run without Snakemake alone")
    began = time.monotonic()
    tasks = list(tasks_of(arguments))
    done: dict[Task, list[Case]] = {}
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(arguments.jobs, mp_context=fork) as pool:
        futures = {pool.submit(work, task): task for task in tasks}
        for future in as_completed(futures):
            task = futures[future]
            done[task] = future.result()
            wrong = [case for case in done[task] if case.wrong]
            print(f"{task}: {len(done[task])} cases, {len(wrong)} wrong", flush=True)
            for case in wrong:
                print(f"  {case.step}, {case.way}: {'; '.join(case.wrong)}", flush=True)
    text = "\n".join(tables({task: done[task] for task in tasks}))
    cases = [case for found in done.values() for case in found]
    wrong = sum(bool(case.wrong) for case in cases)
    print(f"\n{text}\n{len(cases)} deaths, {wrong} wrong, {time.monotonic() - began:.0f} s")
    if arguments.markdown:
        write(arguments.markdown, text)
    sys.exit(1 if wrong else 0)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--providers", type=names(BASES))
    parser.add_argument("--steps", type=names(STEPS), default=tuple(STEPS))
    parser.add_argument("--ways", type=names(WAYS))
    parser.add_argument("--racing", action="store_true")
    parser.add_argument("--snakemake", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--markdown", type=Path, help="page whose tables are written anew")
    parser.add_argument("--jobs", type=int, default=2, help="providers at a time")
    parser.add_argument(
        "--keep", type=Path, default=Path(tempfile.gettempdir()) / "crash-matrix",
        help="where the folders of cases that went wrong are kept",
    )  # fmt: skip
    parser.add_argument(
        "--defect", choices=DEFECTS, help="break the engine first; not with --snakemake"
    )
    return parser.parse_args()


def names(known):
    """A list with commas of known names."""

    def read(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        if unknown := set(chosen) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} (known: {', '.join(known)})")
        return chosen

    return read


def tasks_of(arguments: argparse.Namespace) -> Iterator[Task]:
    """What takes longest comes first."""
    for setting in reversed(SETTINGS):
        wanted = (arguments.snakemake, arguments.racing) == (setting.snakemake, setting.racing)
        if not (wanted or arguments.all):
            continue
        ways = arguments.ways or setting.ways
        for provider in arguments.providers or setting.providers:
            where = (provider, setting, arguments.steps, ways)
            yield Task(*where, arguments.keep, arguments.defect)


def tables(done: dict[Task, list[Case]]) -> Iterator[str]:
    """A table for each setting: a row for each step, a column for each provider."""
    for setting in SETTINGS:
        tasks = {task: cases for task, cases in done.items() if task.setting == setting}
        if not tasks:
            continue
        ways = next(iter(tasks)).ways
        yield f"### {setting.title}\n"
        yield f"Each cell: {', '.join(WAYS[way] for way in ways)}.\n"
        yield "| death | " + " | ".join(task.provider for task in tasks) + " |"
        yield "|---|" + "---:|" * len(tasks)
        for step in next(iter(tasks)).steps:
            row = [_right(case for case in cases if case.step == step) for cases in tasks.values()]
            yield f"| {STEPS[step]} | " + " | ".join(row) + " |"
        for what in ("requests", "billed", "batches", "runs"):
            sums = [sum(getattr(case, what) for case in cases) for cases in tasks.values()]
            yield f"| *{LABELS[what]}* | " + " | ".join(f"{n:,}" for n in sums) + " |"
        yield ""


LABELS = {
    "requests": "distinct requests",
    "billed": "lines billed",
    "batches": "batches created",
    "runs": "runs",
}


def _right(cases) -> str:
    listed = list(cases)
    return f"{sum(not case.wrong for case in listed)}/{len(listed)}"


def write(page: Path, text: str) -> None:
    """Put the tables into the page, between its two marks."""
    before = page.read_text(encoding="utf-8")
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not marked.search(before):
        sys.exit(f"{page}: it lacks the marks between which the tables go: {BEGIN} … {END}")
    after = marked.sub(lambda _: f"{BEGIN}\n\n{text}\n{END}", before)
    page.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
