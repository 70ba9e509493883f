"""Graded answers as a balanced design of items × cells × replications × raters."""

from dataclasses import dataclass

import numpy as np

from splitplot.inference.components.crossed import collapse
from splitplot.inference.components.design import MODEL, PROMPT, SAMPLING
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats
from splitplot.inference.rated import Rated

CELL = "cell"
"""The one factor where the cells are no complete crossing of the factors that vary."""


@dataclass(frozen=True)
class RaterDesign:
    """scores: shape (n_items, n_cells, replications, n_raters). cluster: code per item, None where every
    item stands alone. items_left_out: items that lack an answer graded by all in some cell.
    """

    scores: Floats
    factors: tuple[str, ...]
    n_levels: tuple[int, ...]
    cluster: Ints | None
    items_left_out: int


def rater_design(rated: Rated) -> RaterDesign | None:
    """The answers that all raters graded, of the items that have all their replications in every cell;
    None below two such items."""
    grid, kept = rated.grid, rated.complete
    cell, item = grid.rows.cell[kept], grid.rows.item[kept]
    if not cell.size:
        return None
    filled, code = np.unique(cell, return_inverse=True)
    count = np.zeros((len(grid.items), filled.size), dtype=np.int64)
    np.add.at(count, (item, code), 1)
    replications = int(count.max())
    whole = (count == replications).all(axis=1)
    if whole.sum() < 2:
        return None
    factors, n_levels, place = _crossing(rated, filled)
    used = whole[item]
    order = np.lexsort((grid.rows.replication[kept][used], place[code[used]], item[used]))
    n_items, n_raters = int(whole.sum()), len(rated.raters)
    scores = rated.strict[kept][used][order]
    labels = grid.cluster[whole]
    codes = np.unique(labels, return_inverse=True)[1]
    return RaterDesign(
        scores.reshape(n_items, filled.size, replications, n_raters),
        factors,
        n_levels,
        codes if np.unique(labels).size < n_items else None,
        int((count.sum(axis=1) > 0).sum()) - n_items,
    )


def _crossing(rated: Rated, filled: Ints) -> tuple[tuple[str, ...], tuple[int, ...], Ints]:
    """Factors, their numbers of levels, and the place of each cell in their nested loops."""
    cells = [rated.grid.cells[index] for index in filled]
    names = [name for name in (MODEL, PROMPT, SAMPLING) if len({c.level(name) for c in cells}) > 1]
    codes = {
        name: {level: k for k, level in enumerate(dict.fromkeys(c.level(name) for c in cells))}
        for name in names
    }
    level = np.array(
        [[codes[name][c.level(name)] for name in names] for c in cells], dtype=np.int64
    ).reshape(len(cells), len(names))
    order = np.lexsort(level.T[::-1]) if names else np.arange(len(cells))
    place = np.empty(len(cells), dtype=np.int64)
    place[order] = np.arange(len(cells))
    nobody = np.zeros(0, dtype=np.int64)
    if collapse(nobody, nobody, [], level[order], tuple(names), 0).complete:
        return tuple(names), tuple(len(codes[name]) for name in names), place
    return (CELL,), (len(cells),), np.arange(len(cells))
