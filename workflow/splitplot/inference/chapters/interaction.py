"""Chapter `interaction`: does the gap of a contrast hold at every level of the other factors?"""

from typing import Any

import numpy as np

from splitplot.inference.arms import PARTNERS, build_arms, paired_cells
from splitplot.inference.asked import (
    FIRST_SCORER,
    MISSING_RULES,
    Asked,
    asked_of_plan,
    contrast_seed,
)
from splitplot.inference.checks import MIN_CLUSTERS, MIN_ITEMS, Flag
from splitplot.inference.data import StudyData
from splitplot.inference.grid import Grid
from splitplot.inference.interaction import ArmsAt, interaction, interaction_sentence
from splitplot.inference.wording import counted

EXPLORED_ITEMS = 1_000
"""With more items the simple effects of contrasts that were not declared get intervals and no permutation
tests: a second each, of which there may be hundreds."""


def chapter(data: StudyData) -> tuple[list[dict[str, Any]], list[Flag]]:
    """An entry per asked contrast and other factor that varies. Contrasts of unknown metrics or levels are
    left to whoever answers them, who says what is wrong."""
    primaries = (data.plan.get("analysis") or {}).get("primary") or []
    entries: list[dict[str, Any]] = []
    flags: list[Flag] = []
    for asked in asked_of_plan(primaries, data.cells):
        metric = data.scorers[0] if asked.metric == FIRST_SCORER else asked.metric
        levels = (
            {cell.level(asked.factor) for cell in data.cells} if asked.factor in PARTNERS else ()
        )
        known = {asked.a, asked.b} <= set(levels) and asked.missing in MISSING_RULES
        if metric not in data.scorers or not known:
            continue
        grid = data.grid(metric)
        seen: list[list[list[tuple[int, int]]]] = []
        for factor in PARTNERS[asked.factor]:
            split = _split(grid, asked, factor)
            # Where every model has a sampling of its own, both factors cut the pairs alike.
            if len(split) < 2 or list(split.values()) in seen:
                continue
            seen.append(list(split.values()))
            entry, problem = _entry(data, grid, asked, factor, split)
            if entry:
                entries.append(entry)
            if problem:
                text = f"Whether the gap depends on the {factor} was not tested: {problem}."
                flags.append(Flag("no_interaction", asked.name, text))
    return entries, flags


def conditional_on(entries: list[dict[str, Any]], contrast: str) -> dict[str, str] | None:
    """What the contrast's entry says under `conditional`: the first factor on which its sign depends."""
    for entry in entries:
        if entry["contrast"] == contrast and entry["conditional"]:
            return {"on": entry["with"], "sentence": entry["sentence"]}
    return None


def _split(grid: Grid, asked: Asked, factor: str) -> dict[str, list[tuple[int, int]]]:
    """The contrast's pairs of cells by their level of the other factor."""
    found: dict[str, list[tuple[int, int]]] = {}
    if factor == "trial":  # a model with a sampling: both are looked at by themselves
        return found
    for pair in paired_cells(grid.cells, asked.factor, asked.a, asked.b, asked.name):
        found.setdefault(grid.cells[pair[0]].level(factor), []).append(pair)
    return found


def _entry(
    data: StudyData,
    grid: Grid,
    asked: Asked,
    factor: str,
    split: dict[str, list[tuple[int, int]]],
) -> tuple[dict[str, Any] | None, str | None]:
    arms = {
        level: build_arms(grid, pairs, asked.missing, asked.missing)
        for level, pairs in split.items()
    }
    common = np.ones(len(grid.items), dtype=np.bool_)
    for one in arms.values():
        common &= np.isin(np.arange(common.size), one.item)
    n = int(common.sum())
    if n < MIN_ITEMS:
        every = f"{counted(n, 'item')} answered by both for every {factor}"
        return None, f"{every}, at least {MIN_ITEMS} are needed"
    gaps = [(one.item, one.a - one.b) for one in arms.values()]
    shared = np.flatnonzero(common)
    turns = np.array([gap[np.isin(item, shared)] for item, gap in gaps])
    cluster = grid.codes(*gaps, *((shared, turn) for turn in turns - turns.mean(axis=0)))
    clustered = np.unique(cluster).size < cluster.size
    if clustered and np.unique(cluster[common]).size < MIN_CLUSTERS:
        return None, f"the items come from fewer than {MIN_CLUSTERS} clusters"
    found = interaction(
        [ArmsAt(level, one.a, one.b, one.item) for level, one in arms.items()],
        cluster=cluster if clustered else None,
        alpha=data.alpha,
        seed=contrast_seed(data.seed, asked),
        tests=asked.primary or n <= EXPLORED_ITEMS,
    )
    names = asked.label_a, asked.label_b
    return {
        "contrast": asked.name,
        "metric": asked.metric,
        "factor": asked.factor,
        "with": factor,
        **found.to_json(),
        "sentence": interaction_sentence(found, *names, factor, data.alpha),
    }, None
