"""How long variance components take, beside statsmodels and (where R is installed) lme4.

    OPENBLAS_NUM_THREADS=1 python benchmarks/components.py [--skip-slow]

Items × 4 models × 10 prompts × 5 replications, normal or 0/1 scores; "ragged": a tenth of the answers
lost at random, so that nearly every item has a pattern of its own. Prints a Markdown table. CPU: seconds
of processor time in one thread. Peak: largest memory of the process so far. Then fits 10,000 rows with
the components of item, item × model and item × prompt by both optimisers of statsmodels and by ours, and
compares the log-likelihoods.
"""

import argparse
import resource
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLM

from splitplot.inference.components.agq import agq
from splitplot.inference.components.crossed import CrossedScores, collapse
from splitplot.inference.components.ems import ems
from splitplot.inference.components.reml import reml
from splitplot.inference.components.shares import decompose

MODELS, PROMPTS, REPLICATIONS = 4, 10, 5
ROWS = (100_000, 1_000_000)
LOST = 0.1
SEED = 3
TERMS = ((), (0,), (1,))
"""Item, item × model, item × prompt: what the other programs are asked for too."""

R_SCRIPT = """
library(lme4)
d <- read.csv("{path}")
start <- Sys.time()
fit <- lmer(y ~ factor(model)*factor(condition) + (1|item) + (1|item:model) + (1|item:condition), d)
cat(as.numeric(difftime(Sys.time(), start, units="secs")), as.numeric(logLik(fit)), "\\n")
"""


def frame(rows: int, lost: float, binary: bool = False) -> pd.DataFrame:
    """Rows with columns item, model, condition, y."""
    random = np.random.default_rng(SEED)
    shape = (rows // (MODELS * PROMPTS * REPLICATIONS), MODELS, PROMPTS, REPLICATIONS)
    items = shape[0]
    y = random.normal(0, 0.3, (items, 1, 1, 1)) + random.normal(0, 0.1, (1, MODELS, 1, 1))
    y = (
        y
        + random.normal(0, 0.05, (1, 1, PROMPTS, 1))
        + random.normal(0, 0.15, (items, MODELS, 1, 1))
    )
    y = y + random.normal(0, 0.1, (items, 1, PROMPTS, 1)) + random.normal(0, 0.3, shape)
    y = y + random.normal(0, 0.05, shape[:3])[..., None]
    scores = (y > 0).astype(float) if binary else y
    item, model, prompt, _ = (axis.ravel() for axis in np.indices(shape))
    kept = random.random(scores.size) >= lost
    columns = {"item": item, "model": model, "condition": prompt, "y": scores.ravel()}
    return pd.DataFrame({name: values[kept] for name, values in columns.items()})


def crossed(data: pd.DataFrame) -> CrossedScores:
    """The frame collapsed to counts, means and squares."""
    level = np.array([(m, p) for m in range(MODELS) for p in range(PROMPTS)])
    cell = data["model"].to_numpy() * PROMPTS + data["condition"].to_numpy()
    return collapse(
        data["item"].to_numpy(), cell, data["y"].to_numpy(), level, ("model", "condition")
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time (one thread: on a quiet machine, of the clock) and the result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def statsmodels_fit(data: pd.DataFrame, method: str | None) -> Any:
    """MixedLM with the same terms; method None: its default optimisers."""
    model = MixedLM.from_formula(
        "y ~ C(model)*C(condition)",
        groups="item",
        re_formula="1",
        vc_formula={"im": "0+C(model)", "ip": "0+C(condition)"},
        data=data,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(reml=True, method=method) if method else model.fit(reml=True)


def lme4_seconds(data: pd.DataFrame) -> str:
    """Seconds of lmer with the same terms, or that R is not there."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return "R is not installed"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        data.to_csv(path, index=False)
        script = R_SCRIPT.format(path=path)
        found = subprocess.run([rscript, "-e", script], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "lme4 is not installed"


def row(rows: int, method: str, seconds: float, note: str) -> None:
    """Print one line of the table."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {rows:,} | {method} | {seconds:.3g} s | {peak:,.0f} MiB | {note} |", flush=True)


def agreement(fit: Any) -> str:
    """What the two optimisers ended with."""
    gap = abs(fit.log_likelihoods[0] - fit.log_likelihoods[1])
    return f"two optimisers within {gap:.0e} in log-likelihood"


def speeds(skip_slow: bool) -> None:
    """The table of times."""
    print("| rows | method | CPU | peak so far | note |\n| ---: | --- | ---: | ---: | --- |")
    for rows in ROWS:
        data = frame(rows, 0.0)
        seconds, whole = timed(lambda data=data: crossed(data))
        row(rows, "collapse rows to cells", seconds, "shared by all below")
        seconds, squares = timed(lambda whole=whole: ems(whole))
        row(rows, "expected mean squares", seconds, "balanced")
        seconds, fit = timed(lambda whole=whole: reml(whole))
        inside = ~np.array(fit.at_boundary)
        gap = np.abs(fit.variance - squares.variance[3:])[inside].max() / fit.variance.sum()
        note = f"balanced; {agreement(fit)}; components = EMS to {gap:.0e} of the total"
        row(rows, "REML, item and its interactions", seconds, note)
        seconds, _ = timed(lambda whole=whole: decompose(whole))
        row(rows, "shares with 2,000 bootstrap draws", seconds, "balanced")
        ragged = crossed(frame(rows, LOST))
        seconds, fit = timed(lambda ragged=ragged: reml(ragged))
        patterns = fit.likelihood.size.size
        row(rows, "REML, ragged", seconds, f"{patterns:,} patterns; {agreement(fit)}")
        seconds, _ = timed(lambda ragged=ragged: decompose(ragged))
        row(rows, "shares with 2,000 bootstrap draws", seconds, "ragged, one-step")
        counts = crossed(frame(rows, 0.0, binary=True))
        right = np.rint(counts.mean * counts.count)
        seconds, logistic = timed(lambda right=right, counts=counts: agq(right, counts.count))
        row(rows, "logistic, AGQ-15, two starts", seconds, f"starts agree: {logistic.agree}")
    data = frame(ROWS[0], LOST)
    seconds, ours = timed(lambda: reml(crossed(data), TERMS))
    row(ROWS[0], "REML, three terms, ragged", seconds, f"log-likelihood {ours.log_likelihood:.4f}")
    if not skip_slow:
        seconds, theirs = timed(lambda: statsmodels_fit(data, "lbfgs"))
        row(ROWS[0], "statsmodels MixedLM, lbfgs", seconds, f"log-likelihood {theirs.llf:.4f}")
    print(f"\nlme4, three terms, {ROWS[0]:,} rows (seconds, log-likelihood): {lme4_seconds(data)}")


def logistic_frame() -> tuple[pd.DataFrame, CrossedScores]:
    """9,990 answers, 0/1: 333 items × 3 models × 5 prompts × 2, effects on the log-odds scale."""
    random, shape = np.random.default_rng(3), (333, 3, 5, 2)
    logit = random.normal(0, 1, (333, 1, 1, 1)) + random.normal(0, 0.5, (333, 3, 1, 1))
    logit = (
        logit + random.normal(0, 0.3, (333, 1, 5, 1)) + random.normal(0, 0.3, (1, 3, 1, 1)) + 0.2
    )
    y = (random.random(shape) < 1 / (1 + np.exp(-1.2 * logit))).astype(float).ravel()
    item, model, prompt, _ = (axis.ravel() for axis in np.indices(shape))
    level = np.array([(m, p) for m in range(3) for p in range(5)])
    data = pd.DataFrame({"item": item, "model": model, "condition": prompt, "y": y})
    return data, collapse(item, model * 5 + prompt, y, level, ("model", "condition"))


def optimisers() -> None:
    """Ours and both of statsmodels' on 10,000 rows."""
    data = frame(10_000, LOST)
    for title, rows, whole in (
        ("10,000 rows, normal", data, crossed(data)),
        ("9,990 rows, 0/1", *logistic_frame()),
    ):
        seconds, ours = timed(lambda whole=whole: reml(whole, TERMS))
        print(f"\n| {title} | CPU | log-likelihood | item, item × model, item × prompt, run |")
        print("| --- | ---: | ---: | --- |")
        shown = ", ".join(f"{v:.4f}" for v in ours.variance)
        print(f"| ours | {seconds:.2f} s | {ours.log_likelihood:.4f} | {shown} |", flush=True)
        for name, method in (("statsmodels, lbfgs", "lbfgs"), ("statsmodels, default", None)):
            seconds, fit = timed(lambda rows=rows, method=method: statsmodels_fit(rows, method))
            parts = [fit.cov_re.iloc[0, 0], *fit.vcomp, fit.scale]
            shown = ", ".join(f"{v:.4f}" for v in parts)
            label = f"{name}, converged={fit.converged}"
            print(f"| {label} | {seconds:.1f} s | {fit.llf:.4f} | {shown} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of variance components.")
    parser.add_argument(
        "--skip-slow", action="store_true", help="leave statsmodels out at 100k rows"
    )
    speeds(parser.parse_args().skip_slow)
    optimisers()


if __name__ == "__main__":
    main()
