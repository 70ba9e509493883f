"""The two arms of a contrast as item scores: balanced over the other factors, paired by item."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from splitplot.errors import ConfigError, near_miss
from splitplot.inference.grid import Cell, Grid, Ints
from splitplot.inference.intervals import Floats
from splitplot.inference.wording import counted, listed

FACTORS = ("condition", "model", "sampling", "trial")
PARTNERS = {
    "condition": ("model", "sampling", "trial"),
    "model": ("sampling", "condition"),
    "sampling": ("model", "condition"),
    "trial": ("condition",),
}
"""Per factor of a contrast, what partners have in common. A trial is a model with a sampling."""

NAMED_LEVELS = 3
"""Up to this many levels are named in "2 samplings (greedy, warm)"; more are only counted."""


@dataclass(frozen=True)
class Arms:
    """a, b: score per common item, shape (n_common,), in item order; item: their positions.

    run_a, run_b: run variance of each score, or None without replications.
    n_union: items with a kept answer in at least one of the arms.
    """

    a: Floats
    b: Floats
    item: Ints
    run_a: Floats | None
    run_b: Floats | None
    n_union: int


def paired_cells(
    cells: Sequence[Cell], factor: str, a: str, b: str, where: str
) -> list[tuple[int, int]]:
    """Pairs of cells (of a, of b) that differ in the factor alone; a cell without a partner is left out.

    For `trial`, a and b are trial ids and the partner shares the condition. where: the contrast, for errors.
    Raises ConfigError for an unknown factor or level.
    """
    if factor not in FACTORS:
        raise ConfigError(f'{where}: unknown factor "{factor}"{near_miss(factor, list(FACTORS))}')
    levels = sorted({cell.level(factor) for cell in cells})
    for level in (a, b):
        if level not in levels:
            raise ConfigError(f'{where}: unknown {factor} "{level}"{near_miss(level, levels)}')
    others = PARTNERS[factor]

    def of_level(level: str) -> dict[tuple[str, ...], int]:
        return {
            tuple(cell.level(other) for other in others): index
            for index, cell in enumerate(cells)
            if cell.level(factor) == level
        }

    first, second = of_level(a), of_level(b)
    return [(index, second[key]) for key, index in first.items() if key in second]


def averaged_over(
    cells: Sequence[Cell], factor: str, pairs: Sequence[tuple[int, int]], *, named: bool = False
) -> str | None:
    """Over which levels of the other factors the pairs of cells go: "2 samplings".

    named: with the names of the levels, where they are few: "2 samplings (greedy, warm)". None
    where there is one pair. Where not every combination is there, the combinations are counted.
    """
    if len(pairs) < 2:
        return None
    levels = {
        other: list(dict.fromkeys(cells[first].level(other) for first, _ in pairs))
        for other in PARTNERS[factor]
        if other != "trial"
    }
    varying = {other: names for other, names in levels.items() if len(names) > 1}
    if prod(len(names) for names in varying.values()) != len(pairs):
        return f"{len(pairs)} combinations of {listed(list(varying))}"
    return listed([_levels(other, names, named) for other, names in varying.items()])


def _levels(factor: str, names: Sequence[str], named: bool) -> str:
    shown = f" ({', '.join(names)})" if named and len(names) <= NAMED_LEVELS else ""
    return f"{counted(len(names), factor)}{shown}"


def build_arms(grid: Grid, pairs: Sequence[tuple[int, int]], a: str, b: str) -> Arms:
    """Item scores of both arms under variants a and b of `grid.VARIANTS` (the same, but for bounds).

    Replications are averaged within item and cell first, then the cells; an item counts in a pair of
    cells only if both have a kept answer of it, so that both arms average over the same cells.
    """
    n = len(grid.items)
    total_a, total_b = np.zeros(n), np.zeros(n)
    run_a, run_b = np.zeros(n), np.zeros(n)
    used = np.zeros(n, dtype=np.int64)
    either = np.zeros(n, dtype=np.bool_)
    replicated = True
    for cell_a, cell_b in pairs:
        first, second = grid.scores(cell_a, a), grid.scores(cell_b, b)
        both = (first.count > 0) & (second.count > 0)
        either |= (first.count > 0) | (second.count > 0)
        used += both
        total_a += np.where(both, first.mean, 0.0)
        total_b += np.where(both, second.mean, 0.0)
        if first.run_variance is None or second.run_variance is None:
            replicated = False
        else:
            run_a += np.where(both, first.run_variance, 0.0)
            run_b += np.where(both, second.run_variance, 0.0)
    item = np.flatnonzero(used)
    m = used[item]
    return Arms(
        total_a[item] / m,
        total_b[item] / m,
        item,
        run_a[item] / m**2 if replicated and pairs else None,
        run_b[item] / m**2 if replicated and pairs else None,
        int(either.sum()),
    )
