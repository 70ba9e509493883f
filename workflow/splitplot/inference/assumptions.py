"""What a study may expect before its data: components of variance on the score scale, and what follows
from them in closed form. The model that draws answers with exactly these components is in `drawing`.

An answer's score lies within 0…1. Item i has an expected score p in each arm; over items p has the
variance item² + item_arm², and between the arms of one item the covariance item². One answer differs
from p with the variance run², on average over items. The components of an arm whose mean is not `mean`
keep their shares of mean·(1 − mean), the largest variance that such scores can have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from splitplot.inference.clusters import satterthwaite_df
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import t_quantile, z_quantile
from splitplot.inference.mcnemar import mcnemar_items
from splitplot.inference.noise import POWER, items_needed, smallest_detectable

DEFAULT_MEAN = 0.5
"""Where scores of right or wrong answers vary most."""

ITEM_SHARE, ITEM_ARM_SHARE = 0.30, 0.35
"""Assumed of an answer's variance without a pilot: 30 % is the item, common to both arms (so answers of
the arms correlate 0.3: for right or wrong answers around one half, 35 items of 100 tell the arms apart
with one answer each); 35 % is the item in one arm, which only more items help against; the rest is run."""

CLUSTER_SHARE = 0.30
"""Assumed share of the variance between items that items of one cluster have in common."""

ROUNDING = 1e-9
LEAST_MEAN = 0.005
"""Means of arms stay so far from 0 and 1."""


@dataclass(frozen=True)
class Components:
    """Variance of the scores of two arms, as standard deviations on the score scale, 0…1.

    mean: of the scores, halfway between the arms. item_sd: of items, common to both arms. item_arm_sd:
    of items within an arm, beyond that. run_sd: of answers to the same item in the same arm.
    cluster_share: part of item² and of item_arm² that is common to the items of a cluster.
    """

    mean: float
    item_sd: float
    item_arm_sd: float
    run_sd: float
    cluster_share: float = CLUSTER_SHARE

    @property
    def largest(self) -> float:
        """The largest variance of scores with this mean: that of right or wrong answers."""
        return self.mean * (1 - self.mean)

    @property
    def shares(self) -> tuple[float, float, float]:
        """Shares of the largest variance: item, item × arm, run."""
        item, arm, run = (
            sd**2 / self.largest for sd in (self.item_sd, self.item_arm_sd, self.run_sd)
        )
        return item, arm, run

    @property
    def graininess(self) -> float:
        """Run variance over its largest, given the items: 1 for right or wrong answers, 0 without noise."""
        item, arm, run = self.shares
        left = 1 - item - arm
        return min(1.0, run / left) if left > ROUNDING else 0.0

    @property
    def binary(self) -> bool:
        """Whether answers are right or wrong: the components exhaust the largest variance."""
        return sum(self.shares) > 1 - 1e-6


def components(
    mean: float | None = None,
    item_sd: float | None = None,
    item_arm_sd: float | None = None,
    run_sd: float | None = None,
    cluster_share: float | None = None,
) -> Components:
    """Components with cautious values for what is not given: the constants above, right or wrong answers.

    A share that is not given takes at most what the given ones leave. Raises ValueError where those
    together are more than scores between 0 and 1 can vary.
    """
    middle = DEFAULT_MEAN if mean is None else mean
    if not LEAST_MEAN <= middle <= 1 - LEAST_MEAN:
        raise ValueError(f"mean {middle:g} must lie between {LEAST_MEAN:g} and {1 - LEAST_MEAN:g}")
    largest = middle * (1 - middle)
    given = sum(sd**2 for sd in (item_sd, item_arm_sd, run_sd) if sd is not None)
    if given > largest * (1 + 1e-6):
        raise ValueError(
            f"item_sd² + item_arm_sd² + run_sd² = {given:.4g} is more than scores from 0 to 1 with mean "
            f"{middle:g} can vary: {middle:g} · {1 - middle:g} = {largest:.4g}"
        )
    left = max(0.0, largest - given)
    wished = {
        "item": ITEM_SHARE * largest if item_sd is None else 0.0,
        "arm": ITEM_ARM_SHARE * largest if item_arm_sd is None else 0.0,
    }
    scale = min(1.0, left / sum(wished.values())) if sum(wished.values()) else 0.0
    item = item_sd**2 if item_sd is not None else scale * wished["item"]
    arm = item_arm_sd**2 if item_arm_sd is not None else scale * wished["arm"]
    run = run_sd**2 if run_sd is not None else max(0.0, largest - item - arm)
    share = CLUSTER_SHARE if cluster_share is None else cluster_share
    return Components(middle, sqrt(item), sqrt(arm), sqrt(run), share)


@dataclass(frozen=True)
class Size:
    """How much is asked in one contrast.

    a, b: independent answers per item in each of the cells that the arm averages: replications, but 1
        where the same question is answered the same again (temperature 0).
    replications: how often each question is asked of each cell.
    cluster: code per item, shape (items,); None where every item stands alone.
    """

    items: int
    a: tuple[int, ...]
    b: tuple[int, ...]
    replications: int = 1
    cluster: Ints | None = None

    @property
    def steady(self) -> bool:
        """Whether both arms answer the same again and again, and this is seen."""
        return self.replications > 1 and set(self.a + self.b) == {1}

    @property
    def single(self) -> bool:
        """Whether an arm's score of an item is one answer: right or wrong answers stay so."""
        return self.a == (1,) and self.b == (1,)


def arm_means(c: Components, gap: float) -> tuple[float, float]:
    """Mean scores of A and B, `gap` apart around the mean; moved where one of them would leave the scale.

    Raises ValueError for a gap that does not fit into it.
    """
    if abs(gap) > 1 - 2 * LEAST_MEAN:
        raise ValueError(f"a gap of {gap:g} does not fit into scores from 0 to 1")
    half = abs(gap) / 2
    middle = min(max(c.mean, half + LEAST_MEAN), 1 - half - LEAST_MEAN)
    return middle + gap / 2, middle - gap / 2


def run_factor(answers: Sequence[int]) -> float:
    """What averaging leaves of run²: (1/m²) Σ 1/K over the m cells of an arm."""
    return sum(1 / count for count in answers) / len(answers) ** 2


def item_moments(c: Components, gap: float) -> tuple[float, float, float]:
    """Var(p_A), Var(p_B) and Cov(p_A, p_B) over items, on the score scale."""
    mean_a, mean_b = arm_means(c, gap)
    largest_a, largest_b = mean_a * (1 - mean_a), mean_b * (1 - mean_b)
    item, arm, _ = c.shares
    covariance = item * sqrt(largest_a * largest_b)
    return (item + arm) * largest_a, (item + arm) * largest_b, covariance


def difference_variance(c: Components, gap: float, size: Size) -> tuple[float, float]:
    """Variance of one item's difference: (ω², ω² + σ²_A/K_A + σ²_B/K_B) (Miller 2024, section 5).

    ω² is that of p_A − p_B over items. The second is the variance of d_i, which decides the width.
    """
    mean_a, mean_b = arm_means(c, gap)
    run = c.shares[2]
    noise = run * (
        mean_a * (1 - mean_a) * run_factor(size.a) + mean_b * (1 - mean_b) * run_factor(size.b)
    )
    of_a, of_b, covariance = item_moments(c, gap)
    between = max(0.0, of_a + of_b - 2 * covariance)
    return between, between + noise


def difference_se(c: Components, gap: float, size: Size) -> tuple[float, float]:
    """Standard error of the mean difference over items like these, and its degrees of freedom.

    Items of a cluster share `cluster_share` of ω²: the variance grows by it times (Σ m_c²/n − 1) ω²/n.
    """
    between, whole = difference_variance(c, gap, size)
    n = size.items
    if size.cluster is None:
        return sqrt(whole / n), max(1.0, n - 1.0)
    m = np.bincount(size.cluster).astype(np.float64)
    m = m[m > 0]
    shared = c.cluster_share * between * (float((m**2).sum()) / n - 1)
    df = satterthwaite_df(m) if m.size > 1 else 1.0
    return sqrt((whole + shared) / n), df


def half_width(c: Components, gap: float, size: Size, alpha: float) -> float:
    """Expected half-width of the interval at 1 − α: t · SE."""
    se, df = difference_se(c, gap, size)
    return t_quantile(1 - alpha, df) * se


def detectable(c: Components, size: Size, alpha: float, family: int = 1) -> float | None:
    """The true gap that is found 8 times in 10: (t_{α/2} + t_{0.2}) · SE, α shared by the family."""
    se, df = difference_se(c, 0.0, size)
    return smallest_detectable(se, alpha / family, df)


def items_for_gap(
    c: Components, gap: float, size: Size, alpha: float, family: int = 1
) -> int | None:
    """Items that find a true gap 8 times in 10, otherwise as `size` (clusters as large as there).

    n = (t_{α/2} + t_{0.2})² (ω² + σ²_A/K_A + σ²_B/K_B)/gap² (Miller 2024, section 5, with t for z),
    times the variance that clusters add; for single 0/1 answers by the exact power of McNemar's test.
    """
    se, _ = difference_se(c, gap, size)
    if c.binary and size.single and size.cluster is None and gap:
        telling = min(1.0, se**2 * size.items + gap**2)  # the variance of −1, 0, 1 about its mean
        least = min(abs(gap), telling)
        return mcnemar_items((telling + least) / 2, (telling - least) / 2, alpha / family, POWER)
    return items_needed(se * sqrt(size.items), 1, abs(gap), alpha / family)


def items_for_equivalence(c: Components, margin: float, size: Size, alpha: float) -> int | None:
    """Items that find EQUIVALENT 8 times in 10 where the true gap is 0: two one-sided tests at α.

    n = (z_α + z_{0.1})² SE²·n/margin²: both tests must hold, each fails 1 time in 10 (Chow, Shao &
    Wang 2008, section 3.1).
    """
    se, _ = difference_se(c, 0.0, size)
    if not se or margin <= 0:
        return None
    quantiles = z_quantile(1 - 2 * alpha) + z_quantile(POWER)
    return int(np.ceil((quantiles * se / margin) ** 2 * size.items))
