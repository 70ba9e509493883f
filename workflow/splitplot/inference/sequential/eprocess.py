"""Evidence against a mean difference that may be looked at after every item: e-processes.

An e-process starts at 1 and is expected to stay at or below 1, at any stopping time, if the null is true:
it reaches 1/α with probability at most α (Ville 1939), however often and for whatever reason one looks.
"""

from math import ceil, log, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.intervals import EQUAL

NODES_PER_ROOT = 4
"""Nodes of the mixture per √n. Its peak is at least 1/√n wide in the angle of `mixture_log_e`, so that the
midpoint rule is right to 1e-13."""

CHUNK = 4096
"""Distinct differences times all nodes that are in memory at a time."""


def kt_log_e(first: int, second: int) -> float:
    """Natural logarithm of the Krichevsky-Trofimov e-process against "no difference", from discordant items.

    first, second: items on which only the one, only the other arm is right.
    log E = (b+c)·log 2 + log B(b+½, c+½) − log B(½, ½): the likelihood ratio of a coin of any bias,
    mixed by Beta(½, ½) (Krichevsky & Trofimov 1981), to a fair one. Two-sided.
    Raises ValueError for negative counts.
    """
    from scipy.special import betaln

    if first < 0 or second < 0:
        raise ValueError("counts of discordant items cannot be negative")
    return float((first + second) * log(2) + betaln(first + 0.5, second + 0.5) - log(pi))


def mixture_log_e(differences: ArrayLike, mean: float = 0.0) -> float:
    """log E against "the differences have this mean", for differences within −1…1.

    differences: per item, shape (n_items,), independent given the order; their own order does not matter.
    With y = (d+1)/2 and μ = (mean+1)/2 the wealth of one who bets a share w on high and 1 − w on low is
    Π (w·y/μ + (1−w)(1−y)/(1−μ)); E is its mean over w ~ Beta(½, ½): betting (Waudby-Smith & Ramdas 2024)
    with Cover's universal portfolio (Orabona & Jun 2024). On 0/1 scores and mean 0 it is `kt_log_e`.
    Returns inf where the mean is impossible (±1 with any other difference).
    Raises ValueError for differences or a mean outside −1…1.
    """
    return Wealth(differences).log_e(mean)


def anytime_p(log_e: float) -> float:
    """The p-value that an e-value stands for, min(1, 1/E): valid at any stopping time."""
    return float(min(1.0, np.exp(-log_e)))


class Wealth:
    """The wealth of the mixture as a function of the mean that is bet against."""

    def __init__(self, differences: ArrayLike) -> None:
        d = np.asarray(differences, dtype=np.float64)
        if d.ndim != 1 or np.isnan(d).any() or (np.abs(d) > 1 + EQUAL).any():
            raise ValueError("differences must be a list of numbers within -1 to 1")
        # Twelve decimals: float arithmetic leaves equal item means a few units of the last place apart.
        self.values, self.counts = np.unique(np.clip(np.round(d, 12), -1, 1), return_counts=True)
        self.n = d.size
        self.mean = float((self.values * self.counts).sum() / self.n) if self.n else 0.0
        nodes = NODES_PER_ROOT * ceil(sqrt(self.n)) + 8
        # Beta(½, ½) is the law of (1 + cos φ)/2 with a uniform angle φ: midpoints of equal arcs.
        self.share = (1 + np.cos((np.arange(nodes) + 0.5) * pi / nodes)) / 2

    def log_e(self, mean: float) -> float:
        """Its logarithm against this mean; convex in it, and at most 0 at the mean of the data."""
        return self.log_e_and_slope(mean)[0]

    def log_e_and_slope(self, mean: float) -> tuple[float, float]:
        """The logarithm, and its derivative by the mean (0 at ±1, where the logarithm is 0 or infinite)."""
        if not -1 <= mean <= 1:
            raise ValueError("a mean of differences lies within -1 to 1")
        if abs(mean) == 1:
            return (0.0 if not self.n or (self.values == mean).all() else float("inf")), 0.0
        high, low = (1 + self.values) / (1 + mean), (1 - self.values) / (1 - mean)
        total, slope = np.zeros(self.share.size), np.zeros(self.share.size)
        for start in range(0, self.values.size, CHUNK):
            part = slice(start, start + CHUNK)
            count = self.counts[part].astype(np.float64)
            up = np.outer(self.share, high[part])
            down = np.outer(1 - self.share, low[part])
            factor = up + down
            total += np.einsum("ij,j->i", np.log(factor), count)
            change = down / (1 - mean) - up / (1 + mean)
            slope += np.einsum("ij,j->i", change / factor, count)
        peak = float(total.max())
        weight = np.exp(total - peak)
        return peak + float(np.log(weight.mean())), float((weight * slope).sum() / weight.sum())
