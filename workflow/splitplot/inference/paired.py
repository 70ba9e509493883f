"""The difference of two arms answered on the same items: which estimator, its interval, its test.

| design                                 | interval                           | test                 |
|----------------------------------------|------------------------------------|----------------------|
| clusters                               | CR2 with Satterthwaite df          | cluster sign-flip    |
| 0/1 item scores in both arms           | Tango                              | McNemar exact        |
| item means, scores within 0…1          | adjusted t over items              | sign-flip            |
| other scales, fewer than 50 items      | sign-flip inversion                | sign-flip            |
| other scales, 50 items and more        | t over items                       | sign-flip            |
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import cluster_sums, clusters_agree, cr2_mean
from splitplot.inference.intervals import (
    EQUAL,
    Floats,
    Interval,
    as_scores,
    is_binary,
    is_bounded,
    is_constant,
    t_mean,
)
from splitplot.inference.mcnemar import mcnemar_exact, mcnemar_mid_p, tango
from splitplot.inference.signflip import constant_difference, sign_flip_interval, sign_flip_test

T_ITEMS = 50
"""From this many items on, differences on a scale without ends get the t interval."""

PSEUDO_DIFFERENCES = (0.5, -0.5)
"""Added by `adjusted_t`: one more item for each arm, half of the scale apart. With them coverage stays
within a point of nominal near the ends of the scale, where that of the plain t interval falls to .85."""


@dataclass(frozen=True)
class PairedResult:
    """A − B over common items.

    difference: at level 1 − α. equivalence: at level 1 − 2α, for the two one-sided tests of a margin.
    p_value: two-sided, of a difference of 0. mid_p: McNemar's mid-p, for 0/1 item scores only.
    discordant: (items that A alone got right, that B alone got right), for 0/1 item scores only.
    wins, ties, losses: items on which A is above, level with, below B.
    """

    difference: Interval
    equivalence: Interval
    p_value: float
    test: str
    mid_p: float | None
    discordant: tuple[int, int] | None
    wins: int
    ties: int
    losses: int
    n_items: int
    n_clusters: int


def paired_comparison(
    a: ArrayLike,
    b: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    alpha: float = 0.05,
    seed: int = 0,
) -> PairedResult:
    """Compare A with B by the default estimator of the design.

    a, b: score per item (mean over its replications), shape (n_items,), same items in the same order,
        an order that does not depend on the file (by item id). NaN is refused.
    cluster: label per item, or None where every item stands alone.
    Raises ValueError where no interval exists (one item; scores without range that never differ),
        TooFewClusters below 2 clusters.
    """
    first, second = as_scores(a, "a"), as_scores(b, "b")
    if first.shape != second.shape:
        raise ValueError("a and b must be scores of the same items")
    d = first - second
    wins, losses = int((d > EQUAL).sum()), int((d < -EQUAL).sum())
    mid_p, discordant = None, None
    binary = is_binary(first) and is_binary(second)
    if binary:
        discordant = (wins, losses)
    n_clusters = d.size if cluster is None else np.unique(np.asarray(cluster)).size
    if cluster is None and binary:
        p_value, test = mcnemar_exact(wins, losses), "McNemar exact"
        mid_p = mcnemar_mid_p(wins, losses)
    else:
        permutation = sign_flip_test(d, cluster=cluster, seed=seed)
        p_value, test = permutation.p_value, permutation.method
    return PairedResult(
        paired_difference(first, second, cluster=cluster, level=1 - alpha, seed=seed),
        paired_difference(first, second, cluster=cluster, level=1 - 2 * alpha, seed=seed),
        p_value,
        test,
        mid_p,
        discordant,
        wins,
        int(d.size - wins - losses),
        losses,
        int(d.size),
        int(n_clusters),
    )


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of a − b over items, with the default interval for items like these (table above).

    Arguments and errors as in `paired_comparison`.
    """
    first, second = as_scores(a, "a"), as_scores(b, "b")
    d = first - second
    if cluster is not None:
        return _clustered_difference(first, second, cluster, level)
    if is_binary(first) and is_binary(second):
        return tango(int((d > EQUAL).sum()), int((d < -EQUAL).sum()), d.size, level)
    if is_constant(d):
        _refuse_unbounded(first, second)
        return constant_difference(d, d.size, level)
    if is_bounded(first) and is_bounded(second):
        return adjusted_t(d, level)
    if d.size < T_ITEMS:
        return sign_flip_interval(d, level=level, seed=seed)
    return t_mean(d, level)


def adjusted_t(differences: ArrayLike, level: float = 0.95) -> Interval:
    """The t interval after adding an item half a scale in favour of either arm, around the plain mean.

    differences: A − B per item within −1…1, shape (n_items,), not all equal. The idea is that of Agresti
    & Caffo (2000) and of Bonett & Price (2012) for proportions: near the ends of the scale the rare large
    differences are often missing from a sample, and the plain t interval is too short by what they add.
    `estimate` and `se` are those of the differences as they are; `df` is that of the quantile, n + 1.
    """
    scores = as_scores(differences)
    widened = t_mean(np.concatenate([scores, PSEUDO_DIFFERENCES]), level)
    se = float(scores.std(ddof=1) / np.sqrt(scores.size))
    return replace(widened, estimate=float(scores.mean()), method="adjusted t over items", se=se)


def t_difference(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """The t interval of the item differences, whatever the design: for the sensitivity panel."""
    first, second = as_scores(a, "a"), as_scores(b, "b")
    d = first - second
    if is_constant(d):
        _refuse_unbounded(first, second)
        return constant_difference(d, d.size, level)
    return t_mean(d, level)


def _clustered_difference(a: Floats, b: Floats, cluster: ArrayLike, level: float) -> Interval:
    d = a - b
    sums = cluster_sums(d, cluster)
    if clusters_agree(sums):
        _refuse_unbounded(a, b)
        return constant_difference(d, sums.size.size, level)
    return cr2_mean(d, cluster, level)


def _refuse_unbounded(a: Floats, b: Floats) -> None:
    if not (is_bounded(a) and is_bounded(b)):
        raise ValueError("all differences are equal and have no known range: no interval exists")
