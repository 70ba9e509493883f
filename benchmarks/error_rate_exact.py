"""Exact p-values and exact power, where the library draws or has a formula: for error_rates.py.

The sign-flip test of single items takes 9,999 random patterns; `exact_flip_p` has the p-value that they
estimate, over all 2^n of them, thousands of times faster. In the first simulations of every row it is checked
against the library's.
"""

from functools import lru_cache

import numpy as np
from scipy import stats

from splitplot.inference.mcnemar import mcnemar_exact
from splitplot.inference.signflip import sign_flip_test

ALPHA = 0.05
CHECKED = 3
"""Simulations of a row in which `exact_flip_p` is checked against `sign_flip_test`."""


def p_of_items(a: np.ndarray, b: np.ndarray, replications: int, run: int) -> float:
    """The default test of single items."""
    d = a - b
    if replications == 1:
        return mcnemar_p(int((d > 0).sum()), int((d < 0).sum()))
    p = exact_flip_p(d, replications)
    if run < CHECKED:
        library = sign_flip_test(d, seed=run)
        error = 0.0 if library.exact else 6 * np.sqrt(p * (1 - p) / library.patterns) + 2e-4
        assert abs(p - library.p_value) <= error + 1e-9, (p, library)
    return p


def exact_flip_p(differences: np.ndarray, steps: int) -> float:
    """P(|Σ ±d| ≥ |Σ d|) over all sign patterns, for differences that are multiples of 1/steps.

    The distribution of the sum from its characteristic function Π cos(t·d), by the discrete transform.
    """
    d = np.rint(differences * steps).astype(np.int64)
    sizes, counts = np.unique(np.abs(d[d != 0]), return_counts=True)
    reach = int((sizes * counts).sum())
    if reach == 0:
        return 1.0
    length = 2 * reach + 1
    angle = 2 * np.pi * np.arange(length) / length
    transform = np.prod(
        [np.cos(angle * v) ** c for v, c in zip(sizes, counts, strict=True)], axis=0
    )
    chance = np.fft.ifft(transform).real  # of the sum s at place s mod length
    observed = abs(int(d.sum()))
    if observed == 0:
        return 1.0
    return float(min(1.0, 2 * chance[observed : reach + 1].sum()))


@lru_cache(maxsize=100_000)
def mcnemar_p(b: int, c: int) -> float:
    return mcnemar_exact(b, c)


def mcnemar_power(items: int, a_only: float, b_only: float) -> float:
    """Exact power: over the number of discordant items, then over how they fall."""
    discordant, share = a_only + b_only, a_only / (a_only + b_only)
    power = 0.0
    for m in range(items + 1):
        weight = stats.binom.pmf(m, items, discordant)
        if weight > 1e-12:
            # P(X ≤ c) ≤ α/2 for the largest such c, on either side
            c = int(stats.binom.ppf(ALPHA / 2, m, 0.5))
            c -= stats.binom.cdf(c, m, 0.5) > ALPHA / 2
            if c >= 0:
                tails = stats.binom.cdf(c, m, share) + stats.binom.sf(m - c - 1, m, share)
                power += weight * tails
    return float(power)
