"""Simulated items and answers with a known truth, for error_rates.py.

logit P(right) = μ + difficulty (sd 1.5, of which a third of the variance is shared by a cluster where there
are clusters) + effect of the arm + item × arm interaction (sd 0.5, shared likewise). Truth is the mean
over the population of items, by numerical integration.
"""

from functools import cache

import numpy as np

DIFFICULTY_SD, INTERACTION_SD, EFFECT = 1.5, 0.5, 0.5
CLUSTER_SHARE = 1 / 3

Labels = np.ndarray | None


def logistic(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def mean_score(mu: float) -> float:
    """Mean of logistic(μ + N(0, total sd)) by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    total_sd = np.hypot(DIFFICULTY_SD, INTERACTION_SD)
    return float(logistic(mu + total_sd * nodes) @ weights / weights.sum())


@cache
def centre_for(p: float) -> float:
    """The μ at which the population mean is p, by bisection."""
    low, high = -15.0, 15.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_score(middle) < p else (low, middle)
    return low


def cluster_labels(items: int, clusters: int, random: np.random.Generator) -> np.ndarray:
    """Unequal clusters: every one has an item, the others fall where they like."""
    sizes = random.dirichlet(np.full(clusters, 3.0))
    rest = random.choice(clusters, size=items - clusters, p=sizes)
    return np.sort(np.concatenate([np.arange(clusters), rest]))


def spread(sd: float, items: int, labels: Labels, random: np.random.Generator) -> np.ndarray:
    """Normal with this sd per item; with clusters a part of the variance is theirs."""
    own = random.normal(0, sd, items)
    if labels is None:
        return own
    shared = random.normal(0, sd, int(labels.max()) + 1)[labels]
    return np.sqrt(1 - CLUSTER_SHARE) * own + np.sqrt(CLUSTER_SHARE) * shared


def chances(
    mu: float, effects: tuple[float, ...], items: int, labels: Labels, random: np.random.Generator
) -> list[np.ndarray]:
    """Per arm the chance of every item to be answered right."""
    difficulty = spread(DIFFICULTY_SD, items, labels, random)
    return [
        logistic(mu + difficulty + effect + spread(INTERACTION_SD, items, labels, random))
        for effect in effects
    ]


def means(
    chance: list[np.ndarray], replications: int, random: np.random.Generator
) -> list[np.ndarray]:
    """Item means of as many answers."""
    return [random.binomial(replications, p) / replications for p in chance]
