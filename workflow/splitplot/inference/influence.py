"""How much one item (one cluster) makes of a gap: the mean without each of them in turn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import cluster_sums
from splitplot.inference.intervals import EQUAL, Floats, as_scores

MOST = 0.25
"""A gap that changes by more than this share of itself without one item rests on that item."""

MIN_UNITS = 5
"""With fewer each of them is a fifth of the mean or more: that says nothing about one of them."""


@dataclass(frozen=True)
class Influence:
    """The item (cluster) whose removal changes the mean most.

    first, size: position of its first item, and its number of items. without: the mean of all others.
    share: |without − mean| / |mean|. above: for how many items (clusters) that is above `MOST`.
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
    names, first = np.unique(labels, return_index=True)
    mean = float(d.mean())
    if names.size < MIN_UNITS or abs(mean) <= EQUAL:
        return None
    sums = cluster_sums(d, labels)
    without = leave_one_out(sums.total, sums.size)
    share = np.abs(without - mean) / abs(mean)
    above = int((share > MOST).sum())
    if not above:
        return None
    # Of those that change it equally, up to float arithmetic, the first by name.
    top = int(np.flatnonzero(share >= share.max() - EQUAL)[0])
    return Influence(
        int(first[top]), int(sums.size[top]), float(without[top]), float(share[top]), above
    )
