"""From a study's graded answers to the evidence after each look, in the order in which items were asked."""

from dataclasses import fields, replace

import numpy as np

from splitplot.inference.arms import Arms, build_arms, paired_cells
from splitplot.inference.asked import FIRST_SCORER, Asked, asked_of_plan
from splitplot.inference.checks import MAX_LOST, MIN_ITEMS, MIN_OVERLAP
from splitplot.inference.data import StudyData
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.intervals import is_bounded
from splitplot.inference.sequential.stopping import Look, LookEvidence, weigh
from splitplot.inference.wording import counted, percent, quoted
from splitplot.looks import look_of_item, looks_of


def look_evidence(data: StudyData, last: int | None = None) -> list[Look]:
    """The looks of which any item was asked, up to the first that settled the question.

    data: a study with `stopping: anytime`; any other is one look. last: no look beyond this one. What
    later looks hold changes nothing in those before them. Empty without a primary contrast.
    """
    declared = asked_of_plan(data.plan["analysis"]["primary"], data.cells)
    primary = [one for one in declared if one.primary]
    total = looks_of(data.plan) or 1
    grids = [data.grid(None if one.metric == FIRST_SCORER else one.metric) for one in primary]
    numbers = {id(grid): look_numbers(grid, total) for grid in grids}
    reached = max((int(n.max()) for n in numbers.values() if n.size), default=0)
    looks: list[Look] = []
    for number in range(1, min(reached, last or total) + 1):
        released = {id(grid): until(grid, numbers[id(grid)], number) for grid in grids}
        evidence = tuple(
            _evidence(one, released[id(grid)], data.alpha, len(primary))
            for one, grid in zip(primary, grids, strict=True)
        )
        items = max((len(grid.items) for grid in released.values()), default=0)
        looks.append(Look(number, items, evidence))
        if looks[-1].settled:
            break
    return looks


def look_numbers(grid: Grid, looks: int) -> Ints:
    """Per item of the grid: the look in which it is asked, from 1, shape (n_items,)."""
    return np.array([look_of_item(item, looks) for item in grid.items], dtype=np.int64)


def until(grid: Grid, look_of: Ints, look: int) -> Grid:
    """The grid with the items up to a look alone."""
    kept = look_of <= look
    place = np.cumsum(kept) - 1
    chosen = kept[grid.rows.item]
    columns = {
        field.name: getattr(grid.rows, field.name)[chosen]
        for field in fields(grid.rows)
        if getattr(grid.rows, field.name) is not None
    }
    rows = replace(grid.rows, **columns | {"item": place[grid.rows.item[chosen]]})
    items = [item for item, keep in zip(grid.items, kept, strict=True) if keep]
    return Grid(grid.cells, items, grid.declared[kept], rows, grid.content[kept])


def _evidence(asked: Asked, grid: Grid, alpha: float, family: int) -> LookEvidence:
    where = f'analysis.primary "{asked.name}"'
    pairs = paired_cells(grid.cells, asked.factor, asked.a, asked.b, where)
    arms = build_arms(grid, pairs, asked.missing, asked.missing)
    bounded = is_bounded(arms.a) and is_bounded(arms.b)
    return weigh(
        asked.name,
        arms.a - arms.b if bounded and not _together(grid) else np.zeros(0),
        margin=asked.margin,
        alpha=alpha,
        family=family,
        barred=_bar(asked, grid, pairs, arms, bounded),
    )


def _together(grid: Grid) -> bool:
    """Whether any item does not stand alone: it shares a cluster, or its content."""
    return grid.clustered or grid.copies.apart > 0


def _bar(
    asked: Asked, grid: Grid, pairs: list[tuple[int, int]], arms: Arms, bounded: bool
) -> str | None:
    """Why this look may not settle the contrast: what would refuse it a verdict, in words."""
    n = int(arms.item.size)
    if not bounded:
        return "scores lie outside 0 to 1"
    if _together(grid):
        return "items share clusters or are copies of each other, and come one by one"
    if n < MIN_ITEMS:
        return f"only {counted(n, 'item')} answered by both, at least {MIN_ITEMS} are needed"
    if n < MIN_OVERLAP * arms.n_union:
        return f"only {n:,} of {counted(arms.n_union, 'item')} answered by both"
    for side, label in enumerate((asked.label_a, asked.label_b)):
        lost = grid.share("lost", [pair[side] for pair in pairs])
        if lost > MAX_LOST:
            return (
                f"{percent(lost)} of the answers of {quoted(label)} are lost, more than "
                f"{MAX_LOST:.0%}"
            )
    return None
