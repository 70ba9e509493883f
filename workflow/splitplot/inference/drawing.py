"""Drawing the scores of both arms from assumed components: a model whose moments are exactly these.

Over items an arm's expected score p has a beta distribution, the two arms (and the items of a cluster)
joined by normal variables behind them (a Gaussian copula, Nataf 1962): z → Φ(z) → quantile of the beta.
The correlations of z are solved for, so that the covariances of p are those asked for. Answers with
`graininess` 1 are right with probability p; else they are beta around p with that share of p(1 − p).
One model thus serves right or wrong answers and graded ones, on the scale in which a pilot reports.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np

from splitplot.inference.assumptions import Components, Size, arm_means, item_moments
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats

REACH, STEPS = 8.0, 4097
"""The table of quantiles covers ±8 standard deviations of z."""

ORDERS = 96
"""Terms of the Hermite series of a quantile function; what they leave is one more term."""

LEAST = 1e-9


@dataclass(frozen=True)
class Drawn:
    """Item scores of both arms: shape (draws, items) each.

    run_a, run_b: variance of each score from run to run, as estimated from its answers; None without
    replications.
    """

    a: Floats
    b: Floats
    run_a: Floats | None
    run_b: Floats | None


@dataclass(frozen=True, eq=False)
class Marginal:
    """The distribution of p over items: its quantiles at z, and their Hermite coefficients."""

    mean: float
    variance: float
    quantiles: Floats
    series: Floats

    def at(self, z: Floats) -> Floats:
        """p for standard normal z, any shape."""
        place = (np.clip(z, -REACH, REACH) + REACH) * ((STEPS - 1) / (2 * REACH))
        low = np.minimum(place.astype(np.int64), STEPS - 2)
        share = place - low
        values: Floats = self.quantiles[low] * (1 - share) + self.quantiles[low + 1] * share
        return values


@dataclass(frozen=True)
class Latent:
    """Correlations of z: of the two arms of an item; of items of a cluster, in A, in B, and across."""

    arms: float
    cluster_a: float
    cluster_b: float
    cluster_arms: float


@lru_cache(maxsize=256)
def marginal(mean: float, variance: float) -> Marginal:
    """The beta distribution with this mean and variance; at its ends all equal, or all 0 or 1."""
    from scipy.special import betainccinv, betaincinv, ndtr, ndtri

    z = np.linspace(-REACH, REACH, STEPS)
    share = variance / (mean * (1 - mean))
    if share < LEAST:
        quantiles = np.full(STEPS, mean)
    elif share > 1 - 1e-6:
        quantiles = np.clip((z - float(ndtri(1 - mean))) / (z[1] - z[0]) + 0.5, 0.0, 1.0)
    else:
        a, b = mean * (1 / share - 1), (1 - mean) * (1 / share - 1)
        below = betaincinv(a, b, ndtr(np.minimum(z, 0.0)))
        quantiles = np.where(z <= 0, below, betainccinv(a, b, ndtr(-np.maximum(z, 0.0))))
    weight = np.exp(-(z**2) / 2)
    weight /= weight.sum()
    before, now = np.zeros(STEPS), np.ones(STEPS)
    series = np.empty(ORDERS)
    for order in range(ORDERS):  # normalised Hermite polynomials: E[h_j h_k] = 1 where j = k
        series[order] = np.einsum("i,i,i->", weight, quantiles, now)
        before, now = now, (z * now - sqrt(order) * before) / sqrt(order + 1)
    return Marginal(mean, variance, quantiles, series)


def correlation_for(one: Marginal, other: Marginal, covariance: float) -> float:
    """The correlation of z that gives p's of these marginals this covariance, by bisection.

    Cov = Σ c_k c'_k ρ^k (Mehler's formula), rising in ρ. At most 1, which is as far as it can go.
    """
    if covariance <= 0:
        return 0.0
    products = one.series[1:] * other.series[1:]
    left = (max(0.0, m.variance - float((m.series[1:] ** 2).sum())) for m in (one, other))
    products = np.append(products, sqrt(next(left) * next(left)))
    orders = np.arange(1, products.size + 1)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if float((products * middle**orders).sum()) < covariance:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def arms_of(c: Components, gap: float) -> tuple[Marginal, Marginal, Latent]:
    """The marginals of A and B and the correlations behind them."""
    (mean_a, mean_b), (of_a, of_b, covariance) = arm_means(c, gap), item_moments(c, gap)
    a, b = marginal(mean_a, of_a), marginal(mean_b, of_b)
    rho = correlation_for(a, b, covariance)
    share = c.cluster_share
    own_a, own_b = correlation_for(a, a, share * of_a), correlation_for(b, b, share * of_b)
    across = min(correlation_for(a, b, share * covariance), sqrt(own_a * own_b))
    return a, b, Latent(rho, own_a, own_b, across)


def expected_scores(
    c: Components, gap: float, size: Size, rng: np.random.Generator, draws: int
) -> tuple[Floats, Floats]:
    """p of every item in A and B, shape (draws, items) each."""
    a, b, latent = arms_of(c, gap)
    if size.cluster is None:
        z_a, z_b = _pair(rng, latent.arms, (draws, size.items))
        return a.at(z_a), b.at(z_b)
    own_a, own_b, across = latent.cluster_a, latent.cluster_b, latent.cluster_arms
    codes = np.unique(size.cluster, return_inverse=True)[1]
    between = across / sqrt(own_a * own_b) if own_a and own_b else 0.0
    rest = (1 - own_a) * (1 - own_b)
    within = min(1.0, (latent.arms - across) / sqrt(rest)) if rest > LEAST else 0.0
    common_a, common_b = _pair(rng, between, (draws, int(codes.max()) + 1))
    alone_a, alone_b = _pair(rng, within, (draws, size.items))
    return (
        a.at(sqrt(own_a) * common_a[:, codes] + sqrt(1 - own_a) * alone_a),
        b.at(sqrt(own_b) * common_b[:, codes] + sqrt(1 - own_b) * alone_b),
    )


def single_answers(p: Floats, count: int, grain: float, rng: np.random.Generator) -> Floats:
    """`count` answers around each p, shape (count, *p.shape). grain: `Components.graininess`."""
    shape = (count, *p.shape)
    if grain > 1 - 1e-6:
        return (rng.random(shape) < p).astype(np.float64)
    if grain < LEAST:
        return np.broadcast_to(p, shape)
    inside = np.clip(p, LEAST, 1 - LEAST)
    strength = 1 / grain - 1
    return rng.beta(inside * strength, (1 - inside) * strength, size=shape)


def answers(p: Floats, count: int, grain: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Mean of `count` answers around each p, and the sample variance over them (0 for one answer).

    As `single_answers`; right or wrong answers are counted, not kept. Shapes as p.
    """
    if grain > 1 - 1e-6:
        mean = rng.binomial(count, p) / count
        return mean, mean * (1 - mean) * (count / max(1, count - 1))
    scores = single_answers(p, count, grain, rng)
    spread = scores.var(axis=0, ddof=1) if count > 1 else np.zeros_like(p)
    return scores.mean(axis=0), spread


def draw(c: Components, gap: float, size: Size, rng: np.random.Generator, draws: int) -> Drawn:
    """Item scores of `draws` studies of this size with this true gap."""
    p_a, p_b = expected_scores(c, gap, size, rng, draws)
    a, run_a = _arm(p_a, size.a, c.graininess, rng)
    b, run_b = _arm(p_b, size.b, c.graininess, rng)
    return Drawn(a, b, run_a, run_b) if size.replications > 1 else Drawn(a, b, None, None)


def _arm(
    p: Floats, counts: tuple[int, ...], grain: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The mean over the arm's cells and its run variance, Σ s²/K over the squared number of cells.

    A cell that answers the same again and again counts as one answer without variance.
    """
    total, noise = np.zeros_like(p), np.zeros_like(p)
    for count in counts:
        mean, spread = answers(p, count, grain, rng)
        total += mean
        noise += spread / count
    return total / len(counts), noise / len(counts) ** 2


def _pair(rng: np.random.Generator, rho: float, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    one = rng.standard_normal(shape)
    rest = sqrt(max(0.0, 1 - rho**2))
    return one, rho * one + rest * rng.standard_normal(shape)


def equal_clusters(items: int, size: float) -> Ints | None:
    """Cluster codes of so many items with `size` items to a cluster on average; None below 1.01."""
    if size < 1.01:
        return None
    n_clusters = max(1, round(items / size))
    return np.arange(items, dtype=np.int64) * n_clusters // items
