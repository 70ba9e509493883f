"""Coverage of the intervals of docs/methods_answers.md: calibration, selective answering, pass@k, datasets.

    python benchmarks/error_rates_answers.py [--simulations 300] [--only calibration …]

Prints Markdown tables. Calibration: confidences .5 to 1, a share `gap` too sure; three answers per item where
K is 3, whose chance of being right varies by item. The standard error of a share of .95 in 300 simulations
is .013; tables without a bootstrap take ten times as many, or five. Bootstrap percentiles of the plain
calibration error stand beside its interval for comparison, from a quarter of the simulations.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np

from splitplot.inference.calibration import (
    BINS,
    DRAWS,
    BinnedGaps,
    brier_interval,
    ece,
    ece_debiased,
    ece_interval,
)
from splitplot.inference.meta import largest_weight, pool
from splitplot.inference.missing import differential_loss
from splitplot.inference.passk import pass_at_k, pass_hat_k, pass_interval
from splitplot.inference.resampling.bootstrap import bootstrap_statistics
from splitplot.inference.resampling.intervals import percentile_ends
from splitplot.inference.selective import aurc, e_aurc, risk_at, selective_intervals

LEVELS = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])
MANY = 400_000
"""Answers that stand for the true value of an area."""

Random = np.random.Generator


def answers(
    items: int, replications: int, gap: float, random: Random
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence, 0/1 score and item of every answer. With replications the answers to an item share the
    confidence, and its chance of being right lies around what the confidence says: Beta(4p, 4(1 − p))."""
    confidence = random.choice(LEVELS, items)
    chance = np.clip(confidence - gap, 0, 1)
    if replications > 1:
        inner = np.clip(chance, 1e-9, 1 - 1e-9)
        chance = random.beta(4 * inner, 4 * (1 - inner))
    unit = np.repeat(np.arange(items), replications)
    scores = (random.random(unit.size) < chance[unit]).astype(float)
    return confidence[unit], scores, unit


def calibration(simulations: int) -> Iterator[list[str]]:
    """Rows: items, K, gap, mean of the plain and the debiased error, coverage of both intervals."""
    yield ["items", "K", "true error", "plain", "debiased", "interval", "percentiles"]
    for items in (60, 200, 1000):
        for replications in (1, 3):
            for gap in (0.0, 0.03, 0.1, 0.2):
                random = np.random.default_rng([items, replications, int(100 * gap)])
                found = []
                for seed in range(simulations):
                    c, y, unit = answers(items, replications, gap, random)
                    low, high = ece_interval(c, y, unit, seed=seed) or (0.0, 1.0)
                    naive = None
                    if seed < simulations // 4:
                        plain = BinnedGaps.of(c, y, unit, BINS).ece
                        draws = bootstrap_statistics(plain, items, draws=DRAWS, seed=seed)
                        below, above = percentile_ends(draws, units=items) or (0.0, 1.0)
                        naive = below <= gap <= above
                    hit = low <= gap <= high
                    found.append((ece(c, y), ece_debiased(c, y, unit), hit, naive))
                means = [np.mean([row[i] for row in found]) for i in range(3)]
                share = np.mean([row[3] for row in found if row[3] is not None])
                yield [
                    f"{items}", f"{replications}", f"{gap:.2f}", f"{means[0]:.3f}",
                    f"{means[1]:.3f}", f"{means[2]:.3f}", f"{share:.3f}",
                ]  # fmt: skip


def selective(simulations: int) -> Iterator[list[str]]:
    """Rows: items, K, coverage of the Brier score, the areas and the risks."""
    yield ["items", "K", "Brier", "AURC", "E-AURC", "risk at .5", "risk at .8"]
    for items in (60, 200, 1000):
        for replications in (1, 3):
            random = np.random.default_rng([7, items, replications])
            c, y, _ = answers(MANY // replications, replications, 0.1, random)
            truth = (
                ((c - y) ** 2).mean(),
                aurc(c, y),
                e_aurc(c, y),
                risk_at(c, y, 0.5),
                risk_at(c, y, 0.8),
            )
            hits = np.zeros(5)
            for seed in range(simulations):
                c, y, unit = answers(items, replications, 0.1, random)
                areas = selective_intervals(c, y, unit, seed=seed)
                ends = [
                    brier_interval(c, y, unit, seed=seed), areas.aurc, areas.e_aurc,
                    areas.risk_at[0.5], areas.risk_at[0.8],
                ]  # fmt: skip
                hits += [
                    e is not None and e[0] <= t <= e[1] for e, t in zip(ends, truth, strict=True)
                ]
            yield [f"{items}", f"{replications}", *(f"{hit / simulations:.3f}" for hit in hits)]


def tries(simulations: int) -> Iterator[list[str]]:
    """Rows: problems, n, k, coverage of pass@k and pass^k; chances of a problem Beta(½, ½)."""
    yield ["problems", "answers", "k", "pass@k", "pass^k"]
    for problems in (20, 50, 200):
        for n, k in ((5, 3), (10, 5), (5, 5)):
            random = np.random.default_rng([problems, n, k])
            chance = random.beta(0.5, 0.5, 2_000_000)
            truth = (1 - (1 - chance) ** k).mean(), (chance**k).mean()
            hits = np.zeros(2)
            for _ in range(10 * simulations):
                c = random.binomial(n, random.beta(0.5, 0.5, problems))
                many = np.full(problems, n)
                for place, estimate in enumerate((pass_at_k, pass_hat_k)):
                    found = pass_interval(estimate(many, c, k))
                    hits[place] += found.low <= truth[place] <= found.high
            yield [
                f"{problems}",
                f"{n}",
                f"{k}",
                *(f"{hit / simulations / 10:.3f}" for hit in hits),
            ]


def datasets(simulations: int) -> Iterator[list[str]]:
    """Rows: datasets, true spread, coverage of the fixed effect, plain Hartung-Knapp, ours, prediction."""
    yield ["datasets", "true sd", "fixed", "Hartung-Knapp", "with max(1, q)", "prediction"]
    for k in (2, 3, 5, 10, 20):
        for tau in (0.0, 0.02, 0.08):
            random = np.random.default_rng([k, int(100 * tau)])
            hits = np.zeros(4)
            for _ in range(10 * simulations):
                se = random.uniform(0.02, 0.06, k)
                y = 0.05 + random.normal(0, tau, k) + random.normal(0, se)
                found = pool(y, se)
                assert found.random is not None and found.hk_factor is not None
                half = (found.random.high - found.random.estimate) * min(
                    1.0, float(np.sqrt(found.hk_factor))
                )
                hits[0] += found.fixed.low <= 0.05 <= found.fixed.high
                hits[1] += abs(found.random.estimate - 0.05) <= half
                hits[2] += found.random.low <= 0.05 <= found.random.high
                if found.prediction is not None:
                    new = 0.05 + random.normal(0, tau)
                    hits[3] += found.prediction.low <= new <= found.prediction.high
            shares = [f"{hit / simulations / 10:.3f}" for hit in hits]
            yield [f"{k}", f"{tau:.2f}", *shares[:3], shares[3] if k > 2 else "–"]


def unequal(simulations: int) -> Iterator[list[str]]:
    """Rows: datasets, how much smaller one standard error is than the others (.04), its weight, share of
    95% intervals of the mean that leave 0 out, by the true spread."""
    spreads = (0.0, 0.02, 0.04, 0.08)
    yield ["datasets", "ratio", "weight", *(f"true sd {tau:.2f}" for tau in spreads)]
    for ratio in (1, 2, 4, 8):
        for k in (2, 3, 4, 6):
            se = np.full(k, 0.04)
            se[0] /= ratio
            shares = []
            for tau in spreads:
                random = np.random.default_rng([k, ratio, int(100 * tau)])
                hits = 0
                for _ in range(5 * simulations):
                    found = pool(random.normal(0, tau, k) + random.normal(0, se), se).random
                    assert found is not None
                    hits += found.low > 0 or found.high < 0
                shares.append(f"{hits / simulations / 5:.3f}")
            yield [f"{k}", f"{ratio}", f"{largest_weight(se)[1]:.2f}", *shares]


def losses(simulations: int) -> Iterator[list[str]]:
    """Rows: items, K, share of p < .05 where both arms lose the same items equally often."""
    yield ["items", "K", "clusters", "false alarms"]
    for items, clusters in ((50, None), (300, None), (300, 30)):
        for replications in (1, 3):
            random = np.random.default_rng([items, replications, clusters or 0])
            hits = 0
            for seed in range(5 * simulations):
                label = np.arange(items) % clusters if clusters else None
                rate = random.uniform(0, 0.2, clusters or items)
                chance = rate[label] if label is not None else rate
                shift = random.normal(0, 0.05, clusters)[label] if label is not None else 0.0
                a, b = (
                    random.binomial(replications, np.clip(chance + sign * shift, 0, 1))
                    / replications
                    for sign in (1, -1)
                )
                hits += differential_loss(a, b, cluster=label, seed=seed)[0] <= 0.05
            yield [
                f"{items}", f"{replications}", f"{clusters or '–'}", f"{hits / simulations / 5:.3f}",
            ]  # fmt: skip


TABLES: dict[str, Callable[[int], Iterator[list[str]]]] = {
    "Calibration error": calibration,
    "Brier score and selective answering": selective,
    "pass@k and pass^k": tries,
    "Across datasets": datasets,
    "One dataset more precise than the others": unequal,
    "Differential loss": losses,
}


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=300)
    names = [table.__name__ for table in TABLES.values()]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    args = parser.parse_args()
    simulations = args.simulations
    for title, table in TABLES.items():
        if table.__name__ not in args.only:
            continue
        print(f"\n{title}\n")
        for number, row in enumerate(table(simulations)):
            print("| " + " | ".join(row) + " |", flush=True)
            if number == 0:
                print("|" + "---|" * len(row), flush=True)


if __name__ == "__main__":
    main()
