"""How often the bootstrap intervals of shares of variance hold the true share.

    OPENBLAS_NUM_THREADS=1 python benchmarks/share_intervals.py [--simulations 300]

Items × 6 models × 5 prompts × 2 replications, whole or with one answer in ten lost. The effects of models
and prompts are drawn once and stay: an interval over items speaks of these models and prompts. "small":
item × prompt is a fiftieth of what it is elsewhere. Prints a Markdown table of coverage by share. The
standard error of .95 in 300 simulations is .013.
"""

import argparse
from itertools import product

import numpy as np

from splitplot.inference.components.crossed import collapse
from splitplot.inference.components.shares import decompose

MODELS, PROMPTS, REPLICATIONS = 6, 5, 2
ITEMS = (50, 100, 400)
NAMES = ("item", "item × model", "item × condition", "item × model × condition", "run")
VARIANCES = (0.060, 0.020, 0.010, 0.015, 0.090)
SMALL, LOST, DRAWS, SEED = 0.02, 0.1, 500, 29


def fixed_effects(random: np.random.Generator) -> tuple[np.ndarray, float]:
    """Means of the cells, shape (1, models, prompts, 1), and the variance that they add to the total."""
    model = random.normal(0, 0.1, (1, MODELS, 1, 1))
    prompt = random.normal(0, 0.06, (1, 1, PROMPTS, 1))
    return model + prompt, float(model.var(ddof=1) + prompt.var(ddof=1))


def draw(
    random: np.random.Generator, items: int, effects: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    """Scores, shape (items, models, prompts, replications)."""
    shapes = (
        (items, 1, 1, 1),
        (items, MODELS, 1, 1),
        (items, 1, PROMPTS, 1),
        (items, MODELS, PROMPTS, 1),
        (items, MODELS, PROMPTS, REPLICATIONS),
    )
    parts = (
        random.normal(0, sd, shape) for sd, shape in zip(np.sqrt(variance), shapes, strict=True)
    )
    return effects + sum(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of intervals of shares of variance.")
    parser.add_argument("--simulations", type=int, default=300)
    simulations = parser.parse_args().simulations
    random = np.random.default_rng(SEED)
    effects, factor = fixed_effects(random)
    level = np.array([(m, p) for m in range(MODELS) for p in range(PROMPTS)])
    print("| items | answers | item × prompt | " + " | ".join(NAMES) + " |")
    print("| ---: | --- | --- " + "| ---: " * len(NAMES) + "|")
    for items, lost, small in product(ITEMS, (0.0, LOST), (1.0, SMALL)):
        variance = np.array(VARIANCES) * np.where(np.arange(len(NAMES)) == 2, small, 1.0)
        truth = variance / (variance.sum() + factor)
        hits = np.zeros(len(NAMES))
        for seed in range(simulations):
            scores = draw(random, items, effects, variance)
            item, model, prompt, _ = (axis.ravel() for axis in np.indices(scores.shape))
            kept = random.random(scores.size) >= lost
            cell = model * PROMPTS + prompt
            found = decompose(
                collapse(
                    item[kept],
                    cell[kept],
                    scores.ravel()[kept],
                    level,
                    ("model", "condition"),
                    items,
                ),
                seed=seed,
                draws=DRAWS,
            )
            for index, name in enumerate(NAMES):
                source = found.of(*name.split(" × "))
                assert source is not None and source.low is not None and source.high is not None
                hits[index] += source.low <= truth[index] <= source.high
        shown = " | ".join(f"{rate:.3f}" for rate in hits / simulations)
        answers, size = ("one in ten lost" if lost else "all"), ("small" if small < 1 else "")
        print(f"| {items} | {answers} | {size} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
