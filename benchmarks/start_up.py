"""What each script costs before it does its work: a real call on one cell with 30 answers.

    python benchmarks/start_up.py

Prints a Markdown table with the median of five calls and the peak memory.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from workspace import ENVIRONMENT, REPOSITORY, make, timed

RUNS = 5
MEASURE = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
    "stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def commands(study: Path) -> dict[str, list[str]]:
    """The call of each script, on the first cell of a finished study."""
    trial = next((study / "calls").iterdir())
    condition = next(trial.iterdir())
    part = next(condition.iterdir())
    base = ["--plan", f"{study}/plan.json", "--items", f"{study}/items.parquet"]
    cell = ["--trial", trial.name, "--condition", condition.name]
    ledger = ["--ledger", f"{study.parent}/ledger"]
    out = study / "bench"
    out.mkdir()
    table = f"{study}/item_responses.parquet"
    return {
        "load_items": [*base[:2], "--items", f"{out}/i.parquet", "--provenance", f"{out}/i.json"],
        "build_requests": [*base, *cell, "--part", part.name, "--folder", f"{out}/r"],
        "estimate_study": [*base, *ledger, "--output", f"{out}/e.json"],
        "answer_requests": [*base, *cell, "--part", part.name, "--folder", f"{part}", *ledger],
        "score_cell": [*base, *cell, "--calls", f"{study}/calls", "--output", f"{out}/s.parquet"],
        "join_scores": [*base[:2], "--scores", f"{study}/scores", "--output", f"{out}/t.parquet"],
        "infer": [*base[:2], "--table", table, *ledger, "--output", f"{out}/inference.json"],
        "sum_costs": [*base[:2], "--calls", f"{study}/calls", "--output", f"{out}/c.json"],
        "write_report": [
            *base,
            *("--provenance", f"{study}/items.json", "--table", table),
            *("--inference", f"{study}/inference.json", "--costs", f"{study}/costs.json"),
            *("--folder", f"{out}"),
        ],
    }


def main() -> None:
    print("| script | median s | peak MB |\n| --- | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, items=30)
        timed(root, "snakemake", "--profile", "local")
        for name, arguments in commands(root / "results" / "bench").items():
            script = [sys.executable, f"{REPOSITORY}/scripts/{name}.py", *arguments]
            seconds, peak = [], 0
            for _ in range(RUNS):
                start = time.perf_counter()
                done = subprocess.run(
                    [sys.executable, "-S", "-c", MEASURE, *script],
                    cwd=root,
                    env=ENVIRONMENT,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                seconds.append(time.perf_counter() - start)
                peak = max(peak, int(done.stdout.split()[-1]))
            print(f"| {name} | {statistics.median(seconds):.2f} | {peak / 1024:.0f} |", flush=True)


if __name__ == "__main__":
    main()
