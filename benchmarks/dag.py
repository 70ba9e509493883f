"""How long Snakemake takes to see what is to be done, by the number of jobs.

    python benchmarks/dag.py

Prints a Markdown table: a dry run of a fresh study, and a run of a finished one (its files are made
up, since only their names and times matter here).
"""

import os
import tempfile
import time
from pathlib import Path

from workspace import make, timed

from splitplot.design import make_plan
from splitplot.targets import stage_files, versions

PARTS = {1_000: 120, 8_000: 990}
"""Jobs → parts of each of 4 cells, two jobs a part."""


def finish(root: Path) -> None:
    """Make every file that a finished study has, all of the same age."""
    plan = make_plan(Path("config/studies/bench.yaml"), root)
    texts = {version.path: version.text for version in versions(plan, partial=False)}
    texts |= dict.fromkeys(stage_files(plan, partial=False), "")
    texts |= {
        name.replace("requests.jsonl", "grid.jsonl"): ""
        for name in texts
        if "/requests.jsonl" in name
    }
    now = time.time()
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (now, now))


def main() -> None:
    print("| jobs | dry run, s | nothing to do, s |\n| ---: | ---: | ---: |")
    for jobs, parts in PARTS.items():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            make(root, items=20, parts=parts)
            dry, _, output = timed(root, "snakemake", "-n", "--quiet", "rules")
            count = next(line.split()[1] for line in output.splitlines() if line[:5] == "total")
            finish(root)
            noop, _, output = timed(root, "snakemake", "--profile", "local")
            assert "Nothing to be done" in output
            print(f"| {int(count):,} | {dry:.1f} | {noop:.1f} |", flush=True)
            assert abs(int(count) - jobs) < jobs / 10


if __name__ == "__main__":
    main()
