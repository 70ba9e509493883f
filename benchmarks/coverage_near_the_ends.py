"""How often the adjusted and the plain t interval of a difference cover it, up to the ends of the scale.

    python benchmarks/coverage_near_the_ends.py [--simulations 1500]

Items and arms as in error_rates.py, without clusters: p of B .02 to .98; 2, 3, 6 or endless replications;
A's logit 0 to 4 higher or 1.5 lower. Both intervals are taken from the same differences; where these are
all equal, both are the exact bound. Prints a Markdown table with a row per number of items, over its 100
designs: lowest coverage of the 95 % intervals and designs below .94, how much wider the adjusted one is
(mean of the ratios), and the lowest coverage of the adjusted 90 % interval. The standard error of a share of
0.95 in 1,500 simulations is 0.0056.
"""

import argparse
from functools import cache
from itertools import product

import numpy as np
from error_rates import DIFFICULTY_SD, INTERACTION_SD, centre_for, mean_score
from scipy import stats

from splitplot.inference.intervals import Interval, t_mean
from splitplot.inference.paired import PSEUDO_DIFFERENCES, adjusted_t
from splitplot.inference.signflip import constant_difference

ITEMS = (20, 35, 50, 70, 100, 150, 200)
CENTRES = (0.02, 0.05, 0.5, 0.95, 0.98)
REPLICATIONS = (2, 3, 6, None)
"""None: endless, so that an item's score is its chance."""
EFFECTS = (0.0, 0.5, 1.5, 4.0, -1.5)
LEVELS = (0.95, 0.9)
SEED = 13
COLUMNS = (
    "items",
    "adjusted t: lowest",
    "below .94",
    "plain t: lowest",
    "below .94",
    "width, p = .5",
    "width, all",
    "90 %: lowest",
)


@cache
def design(p: float, effect: float) -> tuple[float, float]:
    """(μ of B, true difference of the arms)."""
    mu = centre_for(p)
    return mu, mean_score(mu + effect) - p


def draw(
    shape: tuple[int, int],
    mu: float,
    effect: float,
    replications: int | None,
    random: np.random.Generator,
) -> np.ndarray:
    """A − B per simulation and item."""
    difficulty = random.normal(0, DIFFICULTY_SD, shape)
    arms = []
    for shift in (0.0, effect):
        logit = mu + difficulty + shift + random.normal(0, INTERACTION_SD, shape)
        chance = 1 / (1 + np.exp(-logit))
        scores = random.binomial(replications, chance) / replications if replications else chance
        arms.append(scores)
    return arms[1] - arms[0]


def t_limits(differences: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """The t interval of each row."""
    n = differences.shape[1]
    centre, se = differences.mean(axis=1), differences.std(axis=1, ddof=1) / np.sqrt(n)
    half = stats.t.ppf(0.5 + level / 2, n - 1) * se
    return centre - half, centre + half


def limits(differences: np.ndarray, level: float, adjusted: bool) -> tuple[np.ndarray, np.ndarray]:
    """The interval of each row of differences, the whole table at once; the first row is checked."""
    rows, n = differences.shape
    pseudo = np.tile(PSEUDO_DIFFERENCES if adjusted else (), (rows, 1))
    low, high = t_limits(np.concatenate([differences, pseudo], axis=1), level)
    for row in np.flatnonzero(np.ptp(differences, axis=1) < 1e-12):
        bound = constant_difference(differences[row], n, level)
        low[row], high[row] = bound.low, bound.high
    if np.ptp(differences[0]) > 0:
        own: Interval = (adjusted_t if adjusted else t_mean)(differences[0], level)
        assert np.allclose([own.low, own.high], [low[0], high[0]])
    return low, high


def row_of(items: int, simulations: int, random: np.random.Generator) -> list[str]:
    """The cells of one row of the table."""
    shares: dict[tuple[bool, float], list[float]] = {}
    ratios: dict[float, list[float]] = {p: [] for p in CENTRES}
    for p, replications, effect in product(CENTRES, REPLICATIONS, EFFECTS):
        mu, truth = design(p, effect)
        differences = draw((simulations, items), mu, effect, replications, random)
        widths = {}
        for adjusted, level in product((True, False), LEVELS):
            low, high = limits(differences, level, adjusted)
            share = float(((low <= truth) & (truth <= high)).mean())
            shares.setdefault((adjusted, level), []).append(share)
            widths[adjusted, level] = float((high - low).mean())
        ratios[p].append(widths[True, 0.95] / widths[False, 0.95])
    cells = [str(items)]
    for adjusted in (True, False):
        covered = shares[adjusted, 0.95]
        cells += [f"{min(covered):.3f}", str(sum(share < 0.94 for share in covered))]
    cells += [f"{np.mean(ratios[0.5]):.2f}", f"{np.mean(list(ratios.values())):.2f}"]
    return [*cells, f"{min(shares[True, 0.9]):.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of t intervals near the ends.")
    parser.add_argument("--simulations", type=int, default=1500)
    simulations = parser.parse_args().simulations
    random = np.random.default_rng(SEED)
    print("| " + " | ".join(COLUMNS) + " |\n" + "| ---: " * len(COLUMNS) + "|")
    for items in ITEMS:
        print("| " + " | ".join(row_of(items, simulations, random)) + " |", flush=True)


if __name__ == "__main__":
    main()
