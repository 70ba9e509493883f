"""The same contrast on every answered item, where not all were answered by both arms.

The default uses the items in common. A mixed model takes in the others, if answers are missing at random
given the item and the cell; taking the arms as unpaired uses them too and gives away the pairing.
"""

from collections.abc import Sequence

import numpy as np

from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.components.crossed import collapse
from splitplot.inference.components.reml import reml
from splitplot.inference.evidence import Rival
from splitplot.inference.grid import Bools, Grid, Ints
from splitplot.inference.intervals import Floats, Interval, t_quantile
from splitplot.inference.unpaired import unpaired_difference

FACTORS = ("model", "sampling", "condition")
Levels = tuple[float, float]


def all_answered(
    grid: Grid,
    pairs: Sequence[tuple[int, int]],
    variant: str,
    levels: Levels,
    cluster: Ints | None = None,
) -> list[Rival]:
    """By REML over all answered cells (items that stand alone), and with the arms as unpaired.

    variant: of `grid.VARIANTS`. levels: of the interval and of the one for equivalence. cluster: code of
    every item of the grid, by default the grid's own. An analysis that the data do not allow is absent.
    """
    codes = grid.cluster if cluster is None else cluster
    clustered = np.unique(codes).size < codes.size
    alone = [] if clustered else _mixed(grid, pairs, variant, levels)
    return alone + _unpaired(grid, pairs, variant, levels, codes if clustered else None)


def _mixed(
    grid: Grid, pairs: Sequence[tuple[int, int]], variant: str, levels: Levels
) -> list[Rival]:
    """Mean of arm A's cells minus that of arm B's, with items and their interactions as random effects."""
    cells = [cell for pair in pairs for cell in pair]
    factors = [
        name for name in FACTORS if len({grid.cells[cell].level(name) for cell in cells}) > 1
    ]
    codes = []
    for name in factors:
        names = list(dict.fromkeys(grid.cells[cell].level(name) for cell in cells))
        codes.append([names.index(grid.cells[cell].level(name)) for cell in cells])
    if not factors:
        return []
    item, place, score = [], [], []
    for position, cell in enumerate(cells):
        rows = grid.rows_of(cell)
        values = grid.row_scores(cell, variant)
        kept = ~np.isnan(values)
        item.append(grid.rows.item[rows][kept])
        place.append(np.full(int(kept.sum()), position))
        score.append(values[kept])
    answered, of = np.unique(np.concatenate(item), return_inverse=True)
    weight = np.tile([1.0, -1.0], len(pairs)) / len(pairs)
    try:
        fit = reml(
            collapse(
                of, np.concatenate(place), np.concatenate(score), np.array(codes).T, tuple(factors)
            )
        )
    except ValueError:
        return []
    variance = float(weight @ fit.covariance @ weight)
    if not fit.agree or not variance > 0:
        return []
    return _rivals(
        "mixed model of every answered item (REML)",
        "item-factorised REML, t",
        float(weight @ fit.fixed),
        float(np.sqrt(variance)),
        float(answered.size - 1),
        levels,
    )


def _unpaired(
    grid: Grid,
    pairs: Sequence[tuple[int, int]],
    variant: str,
    levels: Levels,
    cluster: Ints | None,
) -> list[Rival]:
    item_a, a = _complete(grid, [pair[0] for pair in pairs], variant)
    item_b, b = _complete(grid, [pair[1] for pair in pairs], variant)
    clusters: tuple[Ints | None, Ints | None] = (None, None)
    if cluster is not None:
        clusters = (cluster[item_a], cluster[item_b])
    try:
        outer, inner = (
            unpaired_difference(a, b, cluster_a=clusters[0], cluster_b=clusters[1], level=level)
            for level in levels
        )
    except (TooFewClusters, ValueError):
        return []
    return [Rival("every answered item, the arms as unpaired", outer, inner)]


def _complete(grid: Grid, cells: Sequence[int], variant: str) -> tuple[Ints, Floats]:
    """The items with an answer in every one of the cells, and their means over them."""
    scores = [grid.scores(cell, variant) for cell in cells]
    here: Bools = np.all([one.count > 0 for one in scores], axis=0)
    item = np.flatnonzero(here)
    means: Floats = np.mean([one.mean[item] for one in scores], axis=0)
    return item, means


def _rivals(
    name: str, method: str, estimate: float, se: float, df: float, levels: Levels
) -> list[Rival]:
    found = []
    for level in levels:
        half = t_quantile(level, df) * se
        found.append(Interval(estimate, estimate - half, estimate + half, level, method, se, df))
    return [Rival(name, found[0], found[1])]
