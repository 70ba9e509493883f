"""The ranking of each factor's levels, and of all cells where several factors vary."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from splitplot.canonical import digest
from splitplot.inference.arms import PARTNERS
from splitplot.inference.cells import cell_interval
from splitplot.inference.checks import MIN_CLUSTERS, MIN_ITEMS, MIN_OVERLAP, Flag
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.data import StudyData
from splitplot.inference.grid import Bools, Cell, Ints
from splitplot.inference.intervals import Floats
from splitplot.inference.ranking import Ranking, rank_arms
from splitplot.inference.selection import select
from splitplot.inference.wording import counted, listed, percent, quoted

CELL = "cell"
"""The factor whose levels are the cells themselves."""

MIN_LEVELS = 3
"""Two levels are a contrast, and are spoken of there."""

MAX_LEVELS = 60
"""60 levels are 1,770 differences; beyond, a ranking says little and costs minutes."""

PLURAL = {"model": "models", "sampling": "samplings", "condition": "conditions", CELL: "cells"}


@dataclass(frozen=True)
class Levels:
    """Levels of a factor answered on the same items. scores: shape (n_items, n_levels), a mean over the
    same cells of the other factors for every level. cluster: code per item, None without clusters.
    n_union: items that any level has an answer of.
    """

    factor: str
    names: tuple[str, ...]
    scores: Floats
    item: Ints
    cluster: Ints | None
    n_union: int


def chapter(data: StudyData) -> tuple[list[dict[str, Any]], list[Flag]]:
    """One ranking per factor with MIN_LEVELS levels or more, on the primary metric."""
    rankings, flags = [], []
    for factor in _factors(data):
        entry, found = _entry(data, level_table(data, factor))
        flags += found
        if entry is not None:
            rankings.append(entry)
    return rankings, flags


def level_table(
    data: StudyData, factor: str, scorer: str | None = None, missing: str = "strict"
) -> Levels:
    """The item scores of every level of `model`, `sampling`, `condition`, `trial` or `cell`.

    missing: what an unusable answer counts as, a name of `asked.MISSING_RULES`.

    A combination of the other factors counts only if every level has it, and an item counts in a
    combination only if every level has a kept answer of it there.
    """
    grid = data.grid(scorer)
    by_level: dict[str, dict[tuple[str, ...], int]] = {}
    labels = _cell_labels(grid.cells)
    for index, cell in enumerate(grid.cells):
        name = labels[index] if factor == CELL else cell.level(factor)
        key = () if factor == CELL else tuple(cell.level(o) for o in PARTNERS[factor])
        by_level.setdefault(name, {})[key] = index
    cells_of = list(by_level.values())
    shared = [key for key in cells_of[0] if all(key in cells for cells in cells_of)]
    n, m = len(grid.items), len(cells_of)
    total, used = np.zeros((n, m)), np.zeros(n, dtype=np.int64)
    seen = np.zeros(n, dtype=np.bool_)
    for key in shared:
        scores = [grid.scores(cells[key], missing) for cells in cells_of]
        kept = np.stack([one.count > 0 for one in scores], axis=1)
        every: Bools = np.all(kept, axis=1, keepdims=True)
        seen |= np.any(kept, axis=1)
        used += every[:, 0]
        total += np.where(every, np.stack([one.mean for one in scores], axis=1), 0.0)
    item = np.flatnonzero(used)
    means = total[item] / used[item, None]
    against = means - means.mean(axis=1, keepdims=True)
    return Levels(
        factor,
        tuple(by_level),
        means,
        item,
        grid.labels(item, *means.T, *against.T),
        int(seen.sum()),
    )


def selected(
    data: StudyData,
    factor: str,
    a: str,
    b: str,
    scorer: str | None = None,
    *,
    missing: str = "strict",
    events: str | None = None,
) -> dict[str, Any] | None:
    """What a contrast's `selected` says: the selection-adjusted lead over the other arm, where one of
    the two is the highest of three levels or more. None where nothing was selected, or no interval exists.

    factor, a, b: as in the contrast (levels, trial ids for `trial`). missing: its rule for unusable
    answers. events: what a score of 0 counts, if anything.
    The interval is simultaneous over all pairs of levels, by the critical value of the ranking: all that is
    said of the winner against one level after the other holds at once, and no rank set contradicts it.
    """
    levels = level_table(data, factor, scorer, missing)
    if len(levels.names) < MIN_LEVELS or _refusal(levels) or not {a, b} <= set(levels.names):
        return None
    means = levels.scores.mean(axis=0)
    best = levels.names[int(np.argmax(means))]
    if best not in (a, b):
        return None
    try:
        found = select(
            levels.scores,
            levels.names,
            levels.cluster,
            reference=b if best == a else a,
            level=data.level,
            seed=_seed(data, "ranking", factor, scorer or data.scorers[0]),
            events=events,
        )
    except (TooFewClusters, ValueError):
        return None
    return found.to_json() if found else None


def mean_json(scores: Floats, cluster: Ints | None, level: float) -> dict[str, Any]:
    """A level's own mean with its default interval; low and high are None where there is none (equal
    scores on a scale without ends, a single cluster), and the method then says why."""
    try:
        return cell_interval(scores, cluster=cluster, level=level).to_json()
    except (TooFewClusters, ValueError) as problem:
        value = {"estimate": float(scores.mean()), "low": None, "high": None, "level": level}
        return value | {"method": f"no interval: {problem}", "se": None, "df": None}


def _cell_labels(cells: Sequence[Cell]) -> list[str]:
    """The factors that vary, joined: "small · steps"; ids where these are not all different."""
    factors = ("model", "sampling", "condition")
    varying = [f for f in factors if len({cell.level(f) for cell in cells}) > 1]
    labels = [" · ".join(cell.level(f) for f in varying) for cell in cells]
    if len(set(labels)) < len(labels):
        return [f"{cell.trial} · {cell.condition_id}" for cell in cells]
    return labels


def _factors(data: StudyData) -> list[str]:
    counts = {
        factor: len({cell.level(factor) for cell in data.cells})
        for factor in ("model", "sampling", "condition")
    }
    found = [factor for factor, count in counts.items() if count >= MIN_LEVELS]
    several = sum(count > 1 for count in counts.values()) > 1
    return [*found, CELL] if several and len(data.cells) >= MIN_LEVELS else found


def _entry(data: StudyData, levels: Levels) -> tuple[dict[str, Any] | None, list[Flag]]:
    where = f"ranking of {PLURAL[levels.factor]}"
    refusal = _refusal(levels)
    if refusal:
        return None, [Flag("no_ranking", where, f"No {where}: {refusal}.")]
    flags: list[Flag] = []
    if levels.item.size < levels.n_union:
        left_out = counted(levels.n_union - levels.item.size, "item")
        flags.append(
            Flag("ranking_items", where, f"{left_out} not answered in all cells, left out of it.")
        )
    try:
        ranking = rank_arms(
            levels.scores,
            levels.cluster,
            level=data.level,
            seed=_seed(data, "ranking", levels.factor, data.scorers[0]),
        )
    except (TooFewClusters, ValueError) as problem:
        return None, [*flags, Flag("no_ranking", where, f"No {where}: {problem}.")]
    if ranking.why_no_p_best:
        flags.append(Flag("no_p_best", where, f"No chance of being best: {ranking.why_no_p_best}."))
    unknown = sum(interval is None for interval in ranking.differences.values())
    if unknown:
        flags.append(
            Flag(
                "ranking_undecided",
                where,
                f"{counted(unknown, 'difference')} without an interval (equal on every item, on a scale "
                "without ends): taken as open.",
            )
        )
    return _json(data, levels, ranking), flags


def _json(data: StudyData, levels: Levels, ranking: Ranking) -> dict[str, Any]:
    rows = []
    for i in ranking.order:
        rows.append(
            {
                "name": levels.names[i],
                "mean": mean_json(levels.scores[:, i], levels.cluster, data.level),
                "rank_low": ranking.rank_low[i],
                "rank_high": ranking.rank_high[i],
                "p_best": ranking.p_best[i] if ranking.p_best else None,
            }
        )
    return {
        "factor": levels.factor,
        "metric": data.scorers[0],
        "n_items": int(levels.item.size),
        "method": ranking.method,
        "level": ranking.level,
        "level_each": ranking.level_each,
        "rows": rows,
        "sentence": _sentence(levels, rows, ranking.level),
    }


def _sentence(levels: Levels, rows: list[dict[str, Any]], level: float) -> str:
    m, what = len(rows), PLURAL[levels.factor]
    first = [str(row["name"]) for row in rows if row["rank_low"] == 1]
    base = f"{m} {what} on {levels.item.size:,} items"
    sure = f"All of these ranks hold at once with {percent(level).replace('.0%', '%')} confidence."
    if len(first) == 1:
        return f"{quoted(first[0])} is first of {base}. {sure}"
    if len(first) == m:
        return f"Which of {base} is first is not settled: each of them may be. {sure}"
    names = listed([quoted(name) for name in first])
    rest = m - len(first)
    others = "the other one is" if rest == 1 else f"the other {rest} are"
    return f"First of {base} may be {names}; {others} not. {sure}"


def _refusal(levels: Levels) -> str | None:
    """Why these levels are not ranked, as a clause."""
    n = levels.item.size
    if len(levels.names) > MAX_LEVELS:
        return f"{len(levels.names)} {PLURAL.get(levels.factor, 'levels')}, more than {MAX_LEVELS}"
    if n < MIN_ITEMS:
        return f"{counted(n, 'item')} answered in all cells, at least {MIN_ITEMS} are needed"
    if n < MIN_OVERLAP * levels.n_union:
        return f"only {n:,} of {levels.n_union:,} items answered in all cells"
    if levels.cluster is not None and np.unique(levels.cluster).size < MIN_CLUSTERS:
        return f"the items come from fewer than {MIN_CLUSTERS} clusters"
    return None


def _seed(data: StudyData, *content: str) -> int:
    return int(digest([data.seed, *content]), 16)
