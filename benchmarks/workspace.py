"""A folder with a simulated study of any size, in which the benchmarks run the real workflow."""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}

STUDY = """study: bench
question: How long does it take?
items: [{{path: data/items.jsonl}}]
models: [robot]
sampling: [{samplings}]
conditions: {{direct: prompts/solver/direct.md, steps: prompts/solver/steps.md}}
replications: {replications}
scorers: [numeric]
execution: {{parts: {parts}}}
analysis: {{primary: {{contrast: [condition, steps, direct], margin: 0.05}}}}
"""
NOTE = r'''"""Each process notes, at its end, its own peak of memory and its CPU time."""
import atexit, os, re, sys

def note():
    status = open("/proc/self/status").read()
    peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
    name = os.path.basename(sys.argv[0] or "python")
    with open(os.environ["BENCH_NOTES"], "a") as file:
        file.write(f"{name} {peak:.1f} {sum(os.times()[:2]):.3f}\n")

atexit.register(note)
'''
MODELS = "models: {robot: {model: sim/robot, sim: {seed: 1, ability: 0.5}}}\n"

Jobs = dict[str, list[tuple[float, float]]]
"""Script → (peak MB, CPU seconds) of each of its processes."""


def make(
    root: Path, *, items: int, samplings: int = 2, replications: int = 1, parts: int = 1
) -> None:
    """Write the study: 2 conditions × `samplings`, each with items × replications answers."""
    names = ", ".join(f"{{name: s{n}, max_tokens: {50 + n}}}" for n in range(samplings))
    lines = (
        json.dumps({"id": f"i{n}", "input": f"What is {n} + {n % 7}?", "target": n + n % 7}) + "\n"
        for n in range(items)
    )
    texts = {
        "Snakefile": f'include: "{REPOSITORY}/Snakefile"\nworkflow.default_target = "all"\n',
        "config/config.yaml": "studies: [bench]\n",
        "config/models.yaml": MODELS,
        "config/studies/bench.yaml": STUDY.format(
            samplings=names, replications=replications, parts=parts
        ),
        "prompts/solver/direct.md": "{{ input }}\n",
        "prompts/solver/steps.md": "Think. {{ input }}\n",
        "data/items.jsonl": "".join(lines),
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "local").symlink_to(REPOSITORY / "profiles" / "local")


def timed(root: Path, *command: str) -> tuple[float, float, str]:
    """(wall seconds, CPU seconds of the command and its children, its output)."""
    before = os.times()
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=root, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - start
    after = os.times()
    if done.returncode:
        sys.exit((done.stdout + done.stderr)[-3000:])
    cpu = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return wall, cpu, done.stdout + done.stderr


def note_jobs(root: Path) -> None:
    """Let every Python process of the commands to come note its peak of memory and its CPU time."""
    (root / "notes").mkdir()
    (root / "notes/sitecustomize.py").write_text(NOTE)
    paths = [str(root / "notes"), *filter(None, [os.environ.get("PYTHONPATH")])]
    ENVIRONMENT.update(PYTHONPATH=os.pathsep.join(paths), BENCH_NOTES=str(root / "notes.txt"))


def jobs_noted(root: Path) -> Jobs:
    """What they noted; those that follow note nothing more."""
    jobs: Jobs = defaultdict(list)
    for line in (root / "notes.txt").read_text().splitlines():
        name, peak, seconds = line.rsplit(" ", 2)
        jobs[name.removesuffix(".py")].append((float(peak), float(seconds)))
    del ENVIRONMENT["BENCH_NOTES"]
    ENVIRONMENT["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    return jobs
