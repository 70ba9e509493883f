"""1,000,000 answers: 5,000 items × 20 trials × 2 conditions × 5 replications, simulated, YAML to report.

    python benchmarks/scale.py [--sizes 50:1 500:1 5000:5] [--keep FOLDER]

A size is items:parts; beside the million, a tenth and a hundredth of it tell what grows with the study.
Prints Markdown tables: the run, what comes after it and the files that it leaves; and for each kind of
job the peak memory of its processes and their CPU time. The million takes a quarter of an hour on two
idle cores, and about 2 GB of disk. Needs Chromium for one row. --keep leaves the studies in a folder.
"""

import re
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from subprocess import DEVNULL, run

from workspace import Jobs, jobs_noted, make, note_jobs, timed

SAMPLINGS, CONDITIONS, REPLICATIONS = 20, 2, 5
SNAKEMAKE = ("snakemake", "--profile", "local", "--cores", "2")
BROWSER = ("--headless", "--no-sandbox", "--disable-gpu", "--dump-dom")
DONE = re.compile(r"(\d+) of \1 steps \(100%\) done")


def study(root: Path, items: int, parts: int) -> tuple[dict[str, str], Jobs]:
    """({row of the table: what was measured}, the processes of the run by script)."""
    root.mkdir(parents=True)
    make(root, items=items, samplings=SAMPLINGS, replications=REPLICATIONS, parts=parts)
    answers = items * SAMPLINGS * CONDITIONS * REPLICATIONS
    rows = {"answers": f"{answers:,}", "items, parts": f"{items:,}, {parts}"}
    wall, cpu, output = timed(root, *SNAKEMAKE, "-n", "--quiet")
    assert f"{answers:,} would be sent" in output
    rows["dry run before, s (CPU)"] = f"{wall:.1f} ({cpu:.1f})"
    note_jobs(root)
    wall, cpu, output = timed(root, *SNAKEMAKE)
    jobs = jobs_noted(root)
    done = DONE.search(output)
    assert done is not None, output[-3000:]
    rows["jobs"] = f"{int(done[1]):,}"
    rows["YAML to report, s"] = f"{wall:,.0f}"
    rows["CPU s"] = f"{cpu:,.0f}"
    rows["CPU ms per answer"] = f"{cpu / answers * 1000:.2f}"
    wall, cpu, output = timed(root, *SNAKEMAKE)
    assert "Nothing to be done" in output
    rows["nothing to do, s (CPU)"] = f"{wall:.1f} ({cpu:.1f})"
    wall, cpu, output = timed(root, *SNAKEMAKE, "-n", "--quiet")
    assert f"{answers:,} answers are in the ledger" in output
    rows["dry run after, s (CPU)"] = f"{wall:.1f} ({cpu:.1f})"
    results = root / "results/bench"
    for name in ("report.html", "item_responses.parquet"):
        rows[f"{name}, MB"] = f"{(results / name).stat().st_size / 1e6:.1f}"
    for name, folder in (("ledger", root / "results/ledger"), ("calls", results / "calls")):
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        rows[f"{name}, MB"] = f"{size / 1e6:,.1f}"
    blank = root / "blank.html"
    blank.write_text("<!doctype html><title>nothing</title>")
    seconds = [opened(page) for page in (results / "report.html", blank)]
    told = "–" if None in seconds else "{:.1f} ({:.1f})".format(*seconds)
    rows["Chromium, start to load event, s (an empty page)"] = told
    return rows, jobs


def opened(page: Path) -> float | None:
    """Seconds from starting a browser to the end of its load event; the best of 3; None without one."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        return None
    walls = []
    for _ in range(3):
        start = time.perf_counter()
        run([browser, *BROWSER, page.as_uri()], check=True, stdout=DEVNULL, stderr=DEVNULL)
        walls.append(time.perf_counter() - start)
    return min(walls)


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    sizes = ["50:1", "500:1", "5000:5"]
    parser.add_argument("--sizes", nargs="+", default=sizes, help="items:parts of each study")
    parser.add_argument("--keep", type=Path, help="a new folder that the studies stay in")
    args = parser.parse_args()
    found = []
    with nullcontext(args.keep) if args.keep else tempfile.TemporaryDirectory() as folder:
        for size in args.sizes:
            items, parts = map(int, size.split(":"))
            found.append(study(Path(folder).resolve() / size.replace(":", "-"), items, parts))
            print(size, found[-1][0], file=sys.stderr, flush=True)
    print("| |" + " |" * len(found) + "\n| --- |" + " ---: |" * len(found))
    for name in found[0][0]:
        print(f"| {name} | " + " | ".join(rows[name] for rows, _ in found) + " |")
    print("\nPeak memory: the median of the processes, and the largest.\n")
    print("| job |" + "".join(f" MB at {r['answers']} | CPU s | processes |" for r, _ in found))
    print("| --- |" + " ---: | ---: | ---: |" * len(found))
    for name in sorted(found[-1][1]):
        print(f"| {name} |" + "".join(_cells(jobs, name) for _, jobs in found))


def _cells(jobs: Jobs, name: str) -> str:
    peaks = sorted(peak for peak, _ in jobs[name])
    cpu = sum(cpu for _, cpu in jobs[name])
    return f" {peaks[len(peaks) // 2]:.0f}, {peaks[-1]:.0f} | {cpu:.1f} | {len(peaks)} |"


if __name__ == "__main__":
    main()
