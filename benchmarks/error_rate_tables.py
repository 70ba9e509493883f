"""The rows of error_rates.py: per table its settings, and what one simulation of a setting counts.

Every default is called as the workflow calls it, but for the test of single items (error_rate_exact.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
from error_rate_exact import ALPHA, CHECKED, mcnemar_power, p_of_items
from error_rate_worlds import (
    EFFECT,
    centre_for,
    chances,
    cluster_labels,
    mean_score,
    means,
)
from scipy import stats

from splitplot.inference.cells import cell_interval
from splitplot.inference.meta import pool
from splitplot.inference.multiplicity import holm
from splitplot.inference.noise import items_needed, run_noise, run_variance, these_items_interval
from splitplot.inference.paired import paired_comparison, paired_difference
from splitplot.inference.ratio import compare_sums
from splitplot.inference.resampling.simultaneous import simultaneous_intervals
from splitplot.inference.scopes import prompts_interval
from splitplot.inference.signflip import sign_flip_test

Random = np.random.Generator
Counts = dict[str, float]
"""Per column 1 or 0 (or a number to be averaged) of one simulation; none: not counted."""


@dataclass(frozen=True)
class Table:
    """names: of a setting's values. nominal: per counted column its nominal rate, None for one that has
    none. share: of the simulations asked for that this table makes. make: (setting) → one simulation.
    """

    names: tuple[str, ...]
    settings: list[tuple[Any, ...]]
    nominal: dict[str, float | None]
    make: Callable[..., Callable[[Random, int], Counts]]
    share: float = 1.0


def covers(interval: Any, truth: float) -> bool:
    return bool(interval.low <= truth <= interval.high)


def of_items(items: int, p: float, replications: int) -> Callable[[Random, int], Counts]:
    """A cell, and two arms that do not and that do differ."""
    mu = centre_for(p)
    shifted = mean_score(mu + EFFECT) - p

    def simulate(random: Random, run: int) -> Counts:
        chance = chances(mu, (0.0, 0.0, EFFECT), items, None, random)
        cell, same, better = means(chance, replications, random)
        null = paired_difference(same, cell)
        return {
            "cell mean": covers(cell_interval(cell), p),
            "difference 0": covers(null, 0.0),
            "difference shifted": covers(paired_difference(better, cell), shifted),
            "false alarms": p_of_items(same, cell, replications, run) < ALPHA,
            "never differ": bool((same == cell).all()),
        }

    return simulate


def of_clusters(
    clusters: int, p: float, replications: int, items: int
) -> Callable[[Random, int], Counts]:
    """The same with clusters of unequal sizes."""
    mu = centre_for(p)
    shifted = mean_score(mu + EFFECT) - p

    def simulate(random: Random, run: int) -> Counts:
        labels = cluster_labels(items, clusters, random)
        chance = chances(mu, (0.0, 0.0, EFFECT), items, labels, random)
        cell, same, better = means(chance, replications, random)
        null = paired_difference(same, cell, cluster=labels)
        test = sign_flip_test(same - cell, cluster=labels, seed=run)
        shift = paired_difference(better, cell, cluster=labels)
        return {
            "cell mean": covers(cell_interval(cell, cluster=labels), p),
            "difference 0": covers(null, 0.0),
            "difference shifted": covers(shift, shifted),
            "false alarms": test.p_value < ALPHA,
            "never differ": bool((same == cell).all()),
        }

    return simulate


def of_free_scales(items: int, shape: str) -> Callable[[Random, int], Counts]:
    """Scores without ends: normal, or differences as skewed as an exponential."""

    def simulate(random: Random, run: int) -> Counts:
        b = random.normal(0, 3, items)
        noise = random.normal(0, 2, items) if shape == "normal" else random.exponential(2, items)
        a = b + noise - (0.0 if shape == "normal" else 2.0)
        found = paired_comparison(a, b, seed=run)
        return {
            "difference 0": covers(found.difference, 0.0),
            "false alarms": found.p_value < ALPHA,
        }

    return simulate


def of_these_items(items: int, p: float, replications: int) -> Callable[[Random, int], Counts]:
    """Exactly these items: their true difference, another one for every set of items."""
    mu = centre_for(p)

    def simulate(random: Random, run: int) -> Counts:
        chance = chances(mu, (0.0, EFFECT), items, None, random)
        scores = [random.random((items, replications)) < arm[:, None] for arm in chance]
        variance = [
            run_variance(np.full(items, replications), arm.var(axis=1, ddof=1)) for arm in scores
        ]
        noise = run_noise(variance[1], variance[0])
        estimate = float(scores[1].mean() - scores[0].mean())
        interval = these_items_interval(estimate, noise)
        truth = float((chance[1] - chance[0]).mean())
        found: Counts = {"no noise seen": interval is None}
        return found if interval is None else found | {"difference": covers(interval, truth)}

    return simulate


def of_prompts(prompts: int, items: int) -> Callable[[Random, int], Counts]:
    """Prompts like these: every prompt has an effect of its own (sd 3 points) on A − B, every item one
    (sd 20), and every item under a prompt noise (sd 50)."""

    def simulate(random: Random, run: int) -> Counts:
        d = random.normal(0, 0.03, prompts) + random.normal(0, 0.2, (items, 1))
        d = d + random.normal(0, 0.5, (items, prompts))
        naive = d.mean(axis=1)
        half = stats.t.ppf(0.975, items - 1) * naive.std(ddof=1) / np.sqrt(items)
        return {
            "difference 0": covers(prompts_interval(d), 0.0),
            "items alone": abs(float(naive.mean())) <= half,
        }

    return simulate


def of_datasets(datasets: int, tau: float) -> Callable[[Random, int], Counts]:
    """Datasets like these: true differences with sd τ, standard errors of 1 to 4 points."""

    def simulate(random: Random, run: int) -> Counts:
        se = random.uniform(0.01, 0.04, datasets)
        effects = random.normal(0, tau, datasets)
        pooled = pool(random.normal(effects, se), se)
        found = {"mean 0": covers(pooled.random, 0.0)}
        if pooled.prediction is not None:
            found["next dataset"] = covers(pooled.prediction, float(random.normal(0, tau)))
        return found

    return simulate


def of_ratios(items: int, clusters: int) -> Callable[[Random, int], Counts]:
    """Tokens: lognormal, items differ by a factor of e^0.8, arms on an item by e^0.5; true ratio 1 or 1.3."""

    def simulate(random: Random, run: int) -> Counts:
        labels = cluster_labels(items, clusters, random) if clusters else None
        length = random.normal(5, 0.8, items)
        if labels is not None:
            length = length + random.normal(0, 0.5, clusters)[labels]
        a, b = (np.exp(length + random.normal(0, 0.5, items)) for _ in range(2))
        null = compare_sums(a, b, cluster=labels, seed=run)
        more = compare_sums(1.3 * a, b, cluster=labels, seed=run) if run < CHECKED else None
        if more is not None:  # the interval moves with the ratio
            assert np.isclose(more.ratio.low, 1.3 * null.ratio.low)
        return {"ratio 1": covers(null.ratio, 1.0), "false alarms": null.p_value < ALPHA}

    return simulate


def of_ten_models(items: int, replications: int) -> Callable[[Random, int], Counts]:
    """Ten models of the same ability, 45 pairs: any claim is false."""
    mu, pairs = centre_for(0.5), list(combinations(range(10), 2))

    def simulate(random: Random, run: int) -> Counts:
        scores = means(chances(mu, (0.0,) * 10, items, None, random), replications, random)
        d = np.stack([scores[a] - scores[b] for a, b in pairs], axis=1)
        p = [p_of_items(scores[a], scores[b], replications, run) for a, b in pairs]
        adjusted = [value for value in holm(p) if value is not None]
        together = simultaneous_intervals(d, bounded=True, draws=10_000, seed=run).intervals
        return {
            "no adjustment": min(p) < ALPHA,
            "Holm": min(adjusted) < ALPHA,
            "max-T": not all(interval and covers(interval, 0.0) for interval in together),
        }

    return simulate


@cache
def needed(p: float, gap: float, replications: int) -> tuple[int, float, float, float]:
    """(items by the formula, the logit that makes the gap, chances that A alone and B alone is right)."""
    mu, low, high = centre_for(p), 0.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_score(mu + middle) - p < gap else (low, middle)
    random = np.random.default_rng(3)
    b, a = chances(mu, (0.0, low), 2_000_000, None, random)
    within = (a * (1 - a) + b * (1 - b)).mean() / replications
    variance = float((a - b).var() + within)
    count = items_needed(np.sqrt(variance / 1000), 1000, gap, ALPHA, exact=replications == 1)
    assert count is not None
    return count, low, float((a * (1 - b)).mean()), float((b * (1 - a)).mean())


def of_power(p: float, gap: float, replications: int) -> Callable[[Random, int], Counts]:
    """Power where the study has the items that the formula asks for."""
    items, effect, a_only, b_only = needed(p, gap, replications)
    exact = mcnemar_power(items, a_only, b_only) if replications == 1 else None
    mu = centre_for(p)

    def simulate(random: Random, run: int) -> Counts:
        b, a = means(chances(mu, (0.0, effect), items, None, random), replications, random)
        found = {"items": items, "power": p_of_items(a, b, replications, run) < ALPHA}
        return found if exact is None else found | {"exact power": exact}

    return simulate


TABLES = {
    "items": Table(
        ("items", "p", "K"),
        list(product((20, 50, 100, 200, 500, 2000), (0.05, 0.5, 0.95), (1, 2, 3, 5))),
        {
            "cell mean": 0.95,
            "difference 0": 0.95,
            "difference shifted": 0.95,
            "false alarms": 0.05,
            "never differ": None,
        },
        of_items,
    ),
    "clusters": Table(
        ("clusters", "p", "K", "items"),
        [
            (clusters, p, k, 10 * clusters)
            for clusters, p, k in product((4, 6, 8, 12, 20, 40), (0.05, 0.5, 0.95), (1, 3))
        ],
        {
            "cell mean": 0.95,
            "difference 0": 0.95,
            "difference shifted": 0.95,
            "false alarms": 0.05,
            "never differ": None,
        },
        of_clusters,
    ),
    "free scales": Table(
        ("items", "differences"),
        list(product((20, 49, 50, 200, 1000), ("normal", "skewed"))),
        {"difference 0": 0.95, "false alarms": 0.05},
        of_free_scales,
        0.4,
    ),
    "these items": Table(
        ("items", "p", "K"),
        list(product((20, 50, 200, 1000), (0.05, 0.5, 0.95), (2, 3, 5))),
        {"difference": 0.95, "no noise seen": None},
        of_these_items,
    ),
    "prompts": Table(
        ("prompts", "items"),
        list(product((3, 5, 10, 20), (50, 200, 1000))),
        {"difference 0": 0.95, "items alone": None},
        of_prompts,
    ),
    "datasets": Table(
        ("datasets", "τ"),
        list(product((2, 3, 5, 10, 20), (0.0, 0.03))),
        {"mean 0": 0.95, "next dataset": 0.95},
        of_datasets,
    ),
    "ratios": Table(
        ("items", "clusters"),
        [(20, 0), (50, 0), (200, 0), (500, 0), (60, 6), (120, 12), (200, 20)],
        {"ratio 1": 0.95, "false alarms": 0.05},
        of_ratios,
        0.5,
    ),
    "ten models": Table(
        ("items", "K"),
        list(product((50, 200, 500), (1, 3))),
        {"no adjustment": None, "Holm": 0.05, "max-T": 0.05},
        of_ten_models,
        0.2,
    ),
    "power": Table(
        ("p", "gap", "K"),
        list(product((0.5, 0.8), (0.05, 0.1, 0.2), (1, 3))),
        {"items": None, "power": 0.8, "exact power": 0.8},
        of_power,
    ),
}


def settings_of(names: list[str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """(table, setting) of every row."""
    for name in names:
        for setting in TABLES[name].settings:
            yield name, setting
