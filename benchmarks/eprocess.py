"""What looking at the data on the way costs and saves: e-process and confidence sequence, by simulation.

    python benchmarks/eprocess.py [--simulations 4000] [--output tables.json]

Four tables. Peeking: 0/1 scores, the answers looked at after every item, or after every 50th, up to 1,000:
how often something is found, and after how many items. Looks: the rule of `stopping: anytime` as a study
uses it, five looks, beside an exact McNemar test of all items. Coverage: how often the confidence
sequence ever misses the true mean, at any number of items from 1 to 500, for differences of several
shapes. Width: half-widths after 200, 500 and 1,000 items, beside the fixed-sample t interval and the
hedged betting of Waudby-Smith & Ramdas (2024) with their predictable plug-in bets.
"""

import argparse
import json
import sys
from math import lgamma, log, sqrt
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from splitplot.inference.mcnemar import mcnemar_exact
from splitplot.inference.sequential.confidence_sequence import confidence_sequence
from splitplot.inference.sequential.eprocess import Wealth
from splitplot.inference.sequential.stopping import Look, settled_at, weigh

ALPHA, ITEMS, LOOKS, MARGIN = 0.05, 1000, 5, 0.02
RATES = ((0.10, 0.10), (0.15, 0.07), (0.13, 0.07), (0.18, 0.06))
"""Shares of items on which only A, only B is right: no gap first, then gaps of 8, 6 and 12 points."""

SHAPES = {
    "0/1, 10 % and 10 %": lambda random, n: random.choice([-1.0, 0.0, 1.0], n, p=[0.1, 0.8, 0.1]),
    "0/1, 1 % and 9 %": lambda random, n: random.choice([-1.0, 0.0, 1.0], n, p=[0.01, 0.9, 0.09]),
    "0/1, 40 % and 50 %": lambda random, n: random.choice([-1.0, 0.0, 1.0], n, p=[0.4, 0.1, 0.5]),
    "means of 3 answers": lambda random, n: (
        random.binomial(3, 0.6, n) / 3 - random.binomial(3, 0.5, n) / 3
    ),
    "continuous, skewed": lambda random, n: random.beta(8, 1, n) - random.beta(4, 1, n),
    "rarely −1, else 0.05": lambda random, n: np.where(random.random(n) < 0.04, -1.0, 0.05),
}
TRUE_MEANS = (0.0, 0.08, 0.10, 0.1, 8 / 9 - 4 / 5, 0.96 * 0.05 - 0.04)


def paths(wins: float, losses: float, simulations: int, random: np.random.Generator) -> tuple:
    """Running counts of discordant items of either kind, shape (simulations, ITEMS)."""
    u = random.random((simulations, ITEMS))
    return np.cumsum(u < wins, axis=1), np.cumsum(u > 1 - losses, axis=1)


def first(hit: np.ndarray, every: int) -> tuple[float, float]:
    """(share of runs that ever hit at a multiple of `every`, mean of the items asked until then)."""
    looked = hit[:, every - 1 :: every]
    found = looked.any(axis=1)
    at = np.where(found, (looked.argmax(axis=1) + 1) * every, ITEMS)
    return float(found.mean()), float(at.mean())


def peeking(simulations: int) -> list[dict]:
    """Naive z tests at every peek against the KT e-process."""
    half_log = np.array([lgamma(k + 0.5) for k in range(ITEMS + 1)])
    whole_log = np.array([lgamma(k) if k else 0.0 for k in range(ITEMS + 2)])
    rows = []
    for number, (wins, losses) in enumerate(RATES):
        b, c = paths(wins, losses, simulations, np.random.default_rng([1, number]))
        log_e = (b + c) * log(2) + half_log[b] + half_log[c] - whole_log[b + c + 1] - log(np.pi)
        settled = log_e >= -log(ALPHA)
        z = np.abs(b - c) / np.sqrt(np.maximum(b + c, 1))
        naive = (z >= 1.959964) & (b + c > 0)
        row = {"only_a": wins, "only_b": losses}
        for every in (1, 50):
            row[f"naive_{every}"], _ = first(naive, every)
            row[f"e_{every}"], row[f"items_{every}"] = first(settled, every)
        rows.append(row)
    return rows


def looks(simulations: int) -> list[dict]:
    """The stopping rule at five looks: how often it settles a direction or equivalence, and the saving."""
    rows = []
    cases = [(*rates, MARGIN) for rates in RATES]
    cases += [(0.02, 0.02, 0.05), (0.05, 0.05, 0.1), (0.045, 0.015, 0.03)]
    for number, (wins, losses, margin) in enumerate(cases):
        random = np.random.default_rng([2, number])
        tally = {"direction": 0, "wrong": 0, "equivalent": 0, "items": 0, "fixed": 0}
        for _ in range(simulations):
            u = random.random(ITEMS)
            d = (u < wins).astype(float) - (u > 1 - losses)
            found = []
            for look in range(1, LOOKS + 1):
                n = ITEMS * look // LOOKS
                evidence = weigh("a − b", d[:n], margin=margin, alpha=ALPHA)
                found.append(Look(look, n, (evidence,)))
                if evidence.settled:
                    break
            interval = found[-1].evidence[0].difference
            tally["items"] += found[-1].items
            if settled_at(found):
                way = (interval.low > 0) - (interval.high < 0)
                inside = -margin < interval.low and interval.high < margin
                tally["direction"] += way != 0
                tally["equivalent"] += inside
                tally["wrong"] += (way != 0 and way != np.sign(round(wins - losses, 9))) or (
                    inside and abs(wins - losses) > margin - 1e-9
                )
            tally["fixed"] += mcnemar_exact(int((d > 0).sum()), int((d < 0).sum())) < ALPHA
        shares = {name: count / simulations for name, count in tally.items()}
        rows.append({"only_a": wins, "only_b": losses, "margin": margin} | shares)
    return rows


def ever_missed(d: np.ndarray, mean: float) -> bool:
    """Whether the mean is outside the confidence sequence at any number of items: the literal mixture."""
    share = Wealth(d).share[:, None]
    y, mu = (d + 1) / 2, (mean + 1) / 2
    total = np.cumsum(np.log(share * y / mu + (1 - share) * (1 - y) / (1 - mu)), axis=1)
    peak = total.max(axis=0)
    log_e = peak + np.log(np.exp(total - peak).mean(axis=0))
    return bool((log_e >= -log(ALPHA)).any())


def coverage(simulations: int, items: int = 500) -> list[dict]:
    """How often the true mean is ever missed, at nominal 5 %; by a t interval looked at as often."""
    rows = []
    for number, ((name, draw), mean) in enumerate(zip(SHAPES.items(), TRUE_MEANS, strict=True)):
        random = np.random.default_rng([3, number])
        missed = naive = 0
        n = np.arange(1, items + 1)
        for _ in range(simulations):
            d = draw(random, items)
            missed += ever_missed(d, mean)
            average = np.cumsum(d) / n
            spread = np.cumsum(d**2) / n - average**2
            z = np.abs(average - mean) / np.sqrt(np.maximum(spread, 1e-12) / n)
            naive += bool((z[19:] > 1.96).any())
        row = {"shape": name, "missed": missed / simulations, "naive": naive / simulations}
        rows.append(row)
    return rows


def hedged(d: np.ndarray, grid: np.ndarray) -> tuple[float, float]:
    """Limits of the hedged capital confidence interval with predictable plug-in bets, on a grid of means."""
    y, mu = (d + 1) / 2, (grid + 1) / 2
    n = np.arange(1, d.size + 1)
    average = (0.5 + np.cumsum(y)) / (n + 1)
    variance = (0.25 + np.cumsum((y - average) ** 2)) / (n + 1)
    before = np.r_[0.25, variance[:-1]]
    bet = np.sqrt(2 * log(2 / ALPHA) / (before * n * np.log1p(n)))
    up, down = np.zeros(mu.size), np.zeros(mu.size)
    for value, size in zip(y, bet, strict=True):
        up += np.log1p(np.minimum(size, 0.5 / mu) * (value - mu))
        down += np.log1p(-np.minimum(size, 0.5 / (1 - mu)) * (value - mu))
    inside = grid[np.maximum(up, down) + log(0.5) < -log(ALPHA)]
    return float(inside.min()), float(inside.max())


def width(simulations: int) -> list[dict]:
    """Mean half-widths of the three intervals."""
    grid = np.linspace(-0.999, 0.999, 1999)
    rows = []
    for number, (name, draw) in enumerate(SHAPES.items()):
        for items in (200, 500, 1000):
            random = np.random.default_rng([4, number, items])
            halves = np.zeros(3)
            for _ in range(simulations):
                d = draw(random, items)
                ours, theirs = confidence_sequence(d, 1 - ALPHA), hedged(d, grid)
                halves += (
                    (ours.high - ours.low) / 2,
                    (theirs[1] - theirs[0]) / 2,
                    1.96 * d.std(ddof=1) / sqrt(items),
                )
            ours, theirs, fixed = halves / simulations
            row = {"shape": name, "items": items, "mixture": ours, "hedged": theirs, "t": fixed}
            rows.append(row)
    return rows


def show(title: str, rows: list[dict]) -> None:
    """Print one table."""
    print(f"\n{title}")
    print("".join(f"{name:>22}" if name == "shape" else f"{name:>12}" for name in rows[0]))
    for row in rows:
        cells = [
            f"{value:>22}" if isinstance(value, str) else f"{value:>12.4g}"
            for value in row.values()
        ]
        print("".join(cells), flush=True)


def main() -> None:
    """Print the four tables."""
    parser = argparse.ArgumentParser(description="Error rates and savings of looking on the way.")
    parser.add_argument("--simulations", type=int, default=4000)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    count = arguments.simulations
    tables = {
        "Peeking": peeking(count),
        "Looks": looks(count),
        "Coverage": coverage(count),
        "Width": width(max(10, count // 100)),
    }
    for title, rows in tables.items():
        show(title, rows)
    if arguments.output:
        arguments.output.write_text(json.dumps(tables, indent=1) + "\n")


if __name__ == "__main__":
    main()
