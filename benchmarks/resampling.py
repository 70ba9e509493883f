"""Wall time and memory of the resampling engine, with scipy.stats beside it.

    python benchmarks/resampling.py [--items 28000] [--columns 150] [--draws 10000] [--repeat 3]
                                    [--only NAME …] [--no-scipy] [--output table.json]

Item differences −1, 0, 1 of 28,000 items in 150 columns (50 pairs, 3 metrics), drawn at random. Every case
runs in a process of its own with one BLAS thread; peak is the highest resident memory during the call less
what was resident before it (data and libraries). The best of the repeats is shown. scipy works on one
column at a time: it is given one, and its CPU time is multiplied by the number of columns. CPU time is
that of all threads; on a busy machine it says more than the wall.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

CLUSTERS = 700
ARMS = 30
LEVEL = 0.95
BATCH = 100
"""Resamples that scipy holds at a time: without it, it asks for gigabytes."""


def differences(items: int, columns: int) -> np.ndarray:
    """−1, 0 or 1, filled in place so that making the data sets no peak."""
    random = np.random.default_rng(1)
    table = np.empty((items, columns))
    for j in range(columns):
        table[:, j] = random.integers(-1, 2, items)
    return table


def bootstrap(table: np.ndarray, draws: int, workers: int) -> None:
    from splitplot.inference.resampling.bootstrap import bootstrap_means
    from splitplot.inference.resampling.intervals import percentile_interval

    means = bootstrap_means(table, draws=draws, seed=1, workers=workers)
    for j in range(table.shape[1]):
        percentile_interval(means[:, j], table[:, j].mean(), units=table.shape[0], level=LEVEL)


def bca(table: np.ndarray, draws: int, workers: int) -> None:
    from splitplot.inference.resampling.bootstrap import bootstrap_means
    from splitplot.inference.resampling.intervals import bca_interval

    means = bootstrap_means(table, draws=draws, seed=1, workers=workers)
    for j in range(table.shape[1]):
        centre = table[:, j].mean()
        bca_interval(means[:, j], centre, table[:, j] - centre, level=LEVEL)


def arms_first(table: np.ndarray, draws: int, workers: int) -> None:
    from splitplot.inference.resampling.bootstrap import bootstrap_means

    means = bootstrap_means(table[:, :ARMS], draws=draws, seed=1, workers=workers)
    for j in range(table.shape[1]):
        np.quantile(means[:, j % ARMS] - means[:, (j + 1 + j // ARMS) % ARMS], [0.025, 0.975])


def clusters(table: np.ndarray, draws: int, workers: int) -> None:
    from splitplot.inference.resampling.bootstrap import bootstrap_means

    bootstrap_means(
        table, np.arange(table.shape[0]) % CLUSTERS, draws=draws, seed=1, workers=workers
    )


def max_t(table: np.ndarray, draws: int, workers: int) -> None:
    from splitplot.inference.resampling.simultaneous import simultaneous_intervals

    simultaneous_intervals(table, bounded=True, seed=1)


def scipy_percentile(table: np.ndarray, draws: int, workers: int) -> None:
    from scipy import stats

    stats.bootstrap((table[:, 0],), np.mean, n_resamples=draws, batch=BATCH, method="percentile")


def scipy_bca(table: np.ndarray, draws: int, workers: int) -> None:
    from scipy import stats

    stats.bootstrap((table[:, 0],), np.mean, n_resamples=draws, batch=BATCH, method="BCa")


Case = tuple[str, Callable[[np.ndarray, int, int], None], int, bool]
CASES: list[Case] = [
    ("bootstrap, percentile", bootstrap, 2, False),
    ("bootstrap, percentile, one core", bootstrap, 1, False),
    ("bootstrap, BCa", bca, 2, False),
    (f"bootstrap of {ARMS} arms, all columns as pairs", arms_first, 2, False),
    (f"bootstrap of {CLUSTERS} clusters", clusters, 2, False),
    ("max-T intervals, 100,000 normal draws", max_t, 1, False),
    ("scipy.stats.bootstrap, percentile", scipy_percentile, 1, True),
    ("scipy.stats.bootstrap, BCa", scipy_bca, 1, True),
]


def resident(name: str) -> float:
    """VmRSS (now) or VmHWM (peak) of this process in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return float(line.split()[1]) / 1024
    raise SystemExit("this benchmark reads /proc/self/status: Linux only")


def measure(number: int, items: int, columns: int, draws: int) -> dict[str, float]:
    """One case in this process."""
    _, work, workers, _ = CASES[number]
    table = differences(items, columns)
    work(differences(60, columns), 20, 1)  # imports and first calls
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    start, busy = time.perf_counter(), time.process_time()
    work(table, draws, workers)
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - busy,
        "peak_mib": resident("VmHWM") - before,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=28_000)
    parser.add_argument("--columns", type=int, default=150)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of cases")
    parser.add_argument("--no-scipy", action="store_true")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case is not None:
        print(json.dumps(measure(args.case, args.items, args.columns, args.draws)))
        return
    rows = []
    print(
        "| what | cores | wall, s | CPU, s | CPU for all columns, s | peak extra, MiB |\n"
        "|---|---|---|---|---|---|"
    )
    for number, (name, _, workers, one_column) in enumerate(CASES):
        if (args.no_scipy and one_column) or not all(part in name for part in args.only):
            continue
        sizes = [args.items, 1 if one_column else args.columns, args.draws]
        flags = [
            f"--{key}={value}"
            for key, value in zip(("items", "columns", "draws"), sizes, strict=True)
        ]
        found = []
        for _ in range(1 if one_column else args.repeat):
            done = subprocess.run(
                [sys.executable, __file__, f"--case={number}", *flags],
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=True,
            )
            found.append(json.loads(done.stdout))
        best = min(found, key=lambda one: one["seconds"])
        scaled = best["cpu_seconds"] * (args.columns if one_column else 1)
        peak = max(one["peak_mib"] for one in found)
        rows.append(
            {"name": name, "cores": workers, "cpu_all_columns": scaled, **best, "peak_mib": peak}
        )
        print(
            f"| {name} | {workers} | {best['seconds']:.2f} | {best['cpu_seconds']:.2f} "
            f"| {scaled:,.1f} | {peak:.0f} |",
            flush=True,
        )
    if args.output:
        args.output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
