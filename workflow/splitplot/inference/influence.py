"""How much one item (one cluster) makes of a gap: the mean, or the ratio of sums, without each in turn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitplot.inference.clusters import cluster_sums
from splitplot.inference.intervals import EQUAL, Floats, as_scores

MOST = 0.25
"""A gap that changes by more than this share of itself without one item rests on that item."""

MIN_UNITS = 5
"""With fewer each of them is a fifth of the mean or more: that says nothing about one of them."""


@dataclass(frozen=True)
class Influence:
    """The item (cluster) whose removal changes the mean most.

    first, size: position of its first item, and its number of items. without: the mean (the log ratio) of
    all others. share: |without − mean| / |mean|. above: for how many items (clusters) that is above `MOST`.
    """

    first: int
    size: int
    without: float
    share: float
    above: int


def leave_one_out(total: Floats, size: Floats) -> Floats:
    """The mean without each unit, (ΣS − S_c)/(Σm − m_c), shape (n_units,): exact, nothing is refitted.

    total, size: sum and number of the values of each unit; at least two units.
    """
    without: Floats = (total.sum() - total) / (size.sum() - size)
    return without


def most_influential(differences: ArrayLike, cluster: ArrayLike | None = None) -> Influence | None:
    """The unit whose removal changes the mean difference most; None where none changes it by more than
    `MOST` of itself, below `MIN_UNITS` units, and where the mean is 0.

    differences: A − B per item, shape (n_items,). cluster: label per item; whole clusters are then removed.
    """
    d = as_scores(differences)
    labels = np.arange(d.size) if cluster is None else np.asarray(cluster)
    if np.unique(labels).size < MIN_UNITS:
        return None
    sums = cluster_sums(d, labels)
    return _most(float(d.mean()), leave_one_out(sums.total, sums.size), labels)


def most_influential_ratio(
    a: ArrayLike,
    b: ArrayLike,
    per_a: ArrayLike | None = None,
    per_b: ArrayLike | None = None,
    *,
    cluster: ArrayLike | None = None,
) -> Influence | None:
    """The unit whose removal changes log(ΣB/ΣA) most, as `most_influential` of a mean.

    a, b: amounts per item, ≥ 0, shape (n_items,). per_a, per_b: what they are counted per (right answers):
    log of ΣB/Σper_B over ΣA/Σper_A. `without` is infinite where the rest of an arm took nothing.
    """
    first = as_scores(a)
    labels = np.arange(first.size) if cluster is None else np.asarray(cluster)
    if np.unique(labels).size < MIN_UNITS:
        return None
    full, without = 0.0, np.zeros(np.unique(labels).size)
    for sign, values in ((-1, first), (1, b), (1, per_a), (-1, per_b)):
        if values is None:
            continue
        total = cluster_sums(values, labels).total
        # What is left of a sum of one unit alone is 0, up to float arithmetic.
        rest = total.sum() - total
        rest[rest <= EQUAL * total.sum()] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            full, without = full + sign * float(np.log(total.sum())), without + sign * np.log(rest)
    return _most(full, np.where(np.isnan(without), np.inf, without), labels)


def _most(full: float, without: Floats, labels: NDArray[Any]) -> Influence | None:
    """The unit to name. full: of all units; without: of all others, per unit in the order of the labels."""
    _, first, size = np.unique(labels, return_index=True, return_counts=True)
    if abs(full) <= EQUAL:
        return None
    share = np.abs(without - full) / abs(full)
    above = int((share > MOST).sum())
    if not above:
        return None
    # Of those that change it equally, up to float arithmetic, the first by name.
    top = int(np.flatnonzero(share >= share.max() - EQUAL)[0])
    return Influence(int(first[top]), int(size[top]), float(without[top]), float(share[top]), above)
