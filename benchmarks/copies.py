"""How often a true null is rejected where items are copies of each other, counted as items and as clusters.

    OPENBLAS_NUM_THREADS=1 python benchmarks/copies.py [--simulations 2000]

Right-or-wrong answers of two arms that are equally good on average; difficulty of a content: normal logits.
Prints a Markdown table: the inflation of the variance if copies vary as other items do; share of p ≤ .05 and
of 95% intervals without 0 with the clusters as declared (none, in the first rows); with those of the
library, the share of p ≤ .05, of intervals without 0, and of verdicts with a direction. The standard error
of a share of .05 in 2,000 simulations is .005.
"""

import argparse
from collections.abc import Callable

import numpy as np

from splitplot.inference.clusters import realised_inflation
from splitplot.inference.paired import paired_comparison
from splitplot.items.copies import MOST_INFLATED, Copies, find_copies

World = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Scores of A and B, declared cluster and content, each of shape (n_items,)."""


def chance(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def copied(contents: int, times: int, alone: int, anew: bool = False) -> Callable[..., World]:
    """So many contents several times and others once. anew: every copy is answered by itself, and the
    arms differ from content to content (sd 1 each); else copies get the same answer."""

    def world(random: np.random.Generator) -> World:
        content = np.concatenate(
            [np.repeat(np.arange(contents), times), contents + np.arange(alone)]
        )
        n, groups = content.size, contents + alone
        difficulty = random.normal(0, 1.5, groups)
        scores = []
        for _ in range(2):
            p = chance(difficulty + (random.normal(0, 1, groups) if anew else 0))
            if anew:
                scores.append((random.random(n) < p[content]).astype(float))
            else:
                scores.append((random.random(groups) < p).astype(float)[content])
        return scores[0], scores[1], np.arange(n), content

    return world


def telling(
    pairs: int, alone: int, share: float = 1.0, others: float = 0.0
) -> Callable[..., World]:
    """So many contents twice and others once. share, others: of the contents that are there twice, and of the
    others, those that tell the arms apart, either way as often; copies get the same answer."""

    def world(random: np.random.Generator) -> World:
        content = np.concatenate([np.repeat(np.arange(pairs), 2), pairs + np.arange(alone)])
        tells = random.random(pairs + alone) < np.where(
            np.arange(pairs + alone) < pairs, share, others
        )
        first = random.random(pairs + alone) < 0.5
        a, b = (np.where(tells, wins, True).astype(float)[content] for wins in (first, ~first))
        return a, b, np.arange(content.size), content

    return world


def twice(passages: int, questions: int, share: float) -> Callable[..., World]:
    """Passages that are there again under other names, with a share of their questions the same; arms
    differ from passage to passage (sd 1), and answers to the same question are the same."""

    def world(random: np.random.Generator) -> World:
        n = passages * questions
        passage = np.repeat(np.arange(passages), questions)
        same = random.random(n) < share
        content = np.concatenate([np.arange(n), np.where(same, np.arange(n), n + np.arange(n))])
        cluster = np.concatenate([passage, passages + passage])
        difficulty = random.normal(0, 1, 2 * n)
        scores = []
        for _ in range(2):
            arm = random.normal(0, 1, 2 * passages)
            if share == 1:
                arm[passages:] = arm[:passages]
            of_content = np.zeros(2 * n)
            of_content[content[::-1]] = arm[cluster[::-1]]
            right = random.random(2 * n) < chance(difficulty + of_content)
            scores.append(right.astype(float)[content])
        return scores[0], scores[1], cluster, content

    return world


ROWS: dict[str, Callable[..., World]] = {
    "100 contents, four of each, the same answers": copied(100, 4, 0),
    "the same, each copy answered anew": copied(100, 4, 0, anew=True),
    "40 contents four times, 240 once": copied(40, 4, 240),
    "30 contents twice, 340 once": copied(30, 2, 340),
    "10 contents twice, 380 once": copied(10, 2, 380),
    "20 declared clusters of ten, all there twice as 20 more": twice(20, 10, 1.0),
    "the same, half of the items copied": twice(20, 10, 0.5),
    "4 contents twice, which alone tell the arms apart, 992 once": telling(4, 992),
    "24 contents twice, which alone tell the arms apart, 952 once": telling(24, 952),
    "the same, half of the 24 tell, and 1 in 100 of the others": telling(24, 952, 0.5, 0.01),
}


def held(copies: Copies, difference: np.ndarray, cluster: np.ndarray) -> np.ndarray | None:
    """The clusters that hold copies together, as `Grid.labels` has them; None where none are held."""
    if copies.together is None:
        return None
    together = np.array(copies.together)
    if copies.joined or realised_inflation(difference, together, cluster) > MOST_INFLATED:
        return together
    return None


def rejections(world: Callable[..., World], simulations: int) -> tuple[float, np.ndarray]:
    """Mean inflation, and the five shares."""
    shares, bounds = np.zeros(5), 0.0
    for seed in range(simulations):
        a, b, cluster, content = world(np.random.default_rng(seed))
        copies = find_copies(cluster.tolist(), content.tolist())
        bounds += copies.inflation
        declared = cluster if np.unique(cluster).size < cluster.size else None
        together = held(copies, a - b, cluster)
        for place, labels in ((0, declared), (2, declared if together is None else together)):
            found = paired_comparison(a, b, cluster=labels, seed=seed)
            outside = not found.difference.low <= 0 <= found.difference.high
            shares[place : place + 2] += (found.p_value <= 0.05, outside)
        shares[4] += outside and (together is None or found.p_value <= 0.05)
    return bounds / simulations, shares / simulations


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2_000)
    args = parser.parse_args()
    print("| copies | inflation | as items: test | interval | here: test | interval | direction |")
    print("|---|---|---|---|---|---|---|")
    for name, world in ROWS.items():
        bound, shares = rejections(world, args.simulations)
        told = " | ".join(f"{share:.3f}".removeprefix("0") for share in shares)
        print(f"| {name} | {bound:.2f} | {told} |", flush=True)


if __name__ == "__main__":
    main()
