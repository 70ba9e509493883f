"""From item_responses.parquet and the plan to inference.json: the one place here that reads a file.

Reads the columns it needs and never the text of a response. The result depends on what the rows say,
not on their order: rows, items and clusters are sorted before anything is summed or drawn.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from splitplot.amounts import AMOUNTS, amount_of
from splitplot.errors import ConfigError, near_miss
from splitplot.inference import contrasts, health, methods
from splitplot.inference.amount_contrast import answer_amount
from splitplot.inference.answering.shown import shown
from splitplot.inference.asked import FIRST_SCORER, Asked, asked_of_plan, explored
from splitplot.inference.chapters import (
    answering,
    audit,
    calibration,
    components,
    datasets,
    drift,
    interaction,
    omnibus,
    pareto,
    pass_at_k,
    placebo,
    purchase,
    ranking,
    raters,
    spent,
    stopping,
)
from splitplot.inference.checks import Flag
from splitplot.inference.contrasts import Answered
from splitplot.inference.data import StudyData, load_data
from splitplot.inference.entry import contrast_entry
from splitplot.inference.evidence import ITEMS
from splitplot.inference.grid import Grid
from splitplot.inference.measures import measured, neutral

Chapter = Callable[[StudyData], tuple[Any, list[Flag]]]

SCHEMA = 2


CHAPTERS: dict[str, Chapter] = {
    "omnibus": omnibus.chapter,
    "components": components.chapter,
    "purchase": purchase.chapter,
    "ranking": ranking.chapter,
    "raters": raters.chapter,
    "pareto": pareto.chapter,
    "spent": spent.chapter,
    "datasets": datasets.chapter,
    "calibration": calibration.chapter,
    "pass_at_k": pass_at_k.chapter,
    "placebo": placebo.chapter,
    "stopping": stopping.chapter,
    "drift": drift.chapter,
    "answering": answering.chapter,
    "audit": audit.chapter,
}
"""Key of inference.json → what makes it, in the order of the file."""


def summarise(table: Path, plan: dict[str, Any], frozen: dict[str, Any] | None) -> dict[str, Any]:
    """The content of inference.json (schema 2): plain JSON values, no NaN.

    table: item_responses.parquet. plan: plan.json. frozen: what is known of the plan at the first reading
        ({"analysis_digest", "first_read_at", "status", "extended_after_read"}), None if nothing was kept.
    Raises ConfigError where the plan names a metric, factor or level that does not exist, or the table
        lacks a column.
    """
    data = load_data(table, plan)
    analysis = plan.get("analysis") or {}
    grid, every = data.grid(), data.answers()
    asked = measured(asked_of_plan(analysis.get("primary") or [], data.cells), plan)
    more, unexplored = explored(
        asked, data.cells, data.scorers, neutral(plan), shown(plan, data.cells)
    )
    more = measured(more, plan)
    answers = _answers(data, asked)
    answers += [one for one in _answers(data, more, panel=False) if one.comparison is not None]
    pooled = analysis.get("family") == "study"
    answers = contrasts.families(answers, seed=data.seed, simultaneous=True, pooled=pooled)
    turning, turning_flags = interaction.chapter(data)
    # Levels that are a sample of others are in the interval of their scope: no verdict rests on one.
    fixed = [entry for entry in turning if entry["with"] not in analysis.get("random", ())]
    flags = _study_flags(data, unexplored, every)
    conditions, cell_flags = health.conditions(grid, data.level)
    flags += cell_flags + turning_flags
    spoken, exploration, of_primaries, of_explored = [], [], list[Flag](), list[Flag]()
    for index, one in enumerate(answers):
        depends = interaction.conditional_on(fixed, one.asked.name) if index < len(asked) else None
        entry, found = contrast_entry(
            contrasts.conditional(one, depends),
            depends=depends,
            selected=_selected(data, one),
        )
        if index < len(asked):
            spoken.append(entry)
            of_primaries += found
        else:
            exploration.append(entry)
            of_explored += found
    flags += of_primaries + health.of_exploration(of_explored, of_primaries)
    chapters: dict[str, Any] = {}
    words = {entry["name"]: entry["verdict"] for entry in spoken}
    needing: dict[str, Chapter] = {
        "raters": partial(raters.chapter, spoken=words),
        "answering": partial(answering.chapter, spoken=spoken),
    }
    for name, chapter in (CHAPTERS | needing).items():
        chapters[name], found = chapter(data)
        flags += found
    standing = dict(frozen) if frozen else _untouched(plan)
    flags += _frozen_flags(standing)
    summary = {
        "schema": SCHEMA,
        "study": plan["study"],
        "alpha": data.alpha,
        "simulated": data.simulated,
        "n_items": len(every.items),
        "n_clusters": every.n_clusters,
        "clustered": every.clustered,
        "conditions": conditions,
        "contrasts": spoken,
        "exploration": exploration,
        "families": contrasts.family_entries(answers),
        "interaction": turning,
        **chapters,
        "health": _health(data, every),
        "flags": [flag.to_json() for flag in dict.fromkeys(flags)],
        "frozen": standing,
    }
    summary["methods"] = methods.used(summary)
    plain: dict[str, Any] = _plain(summary)
    return plain


def _answers(data: StudyData, asked: Sequence[Asked], *, panel: bool = True) -> list[Answered]:
    """Every contrast by itself. panel: whether with its sensitivity analyses."""
    analysis = data.plan.get("analysis") or {}
    primaries = sum(one.primary for one in asked)
    found = []
    for one in asked:
        if amount_of(one.metric, data.scorers) is not None:
            found.append(answer_amount(data, one))
            continue
        grid = data.grid(_scorer(data, one))
        answered = contrasts.answer(
            grid,
            one,
            data.alpha,
            data.seed,
            data.simulated,
            dataset_of=data.dataset_of(grid) if len(data.datasets) > 1 else None,
            random_prompts="condition" in analysis.get("random", ()),
            peeking=primaries if analysis.get("stopping") == "anytime" and primaries else None,
            panel=panel,
        )
        found.append(answered)
    return found


def _scorer(data: StudyData, asked: Asked) -> str:
    """The scorer that a contrast's metric means."""
    if asked.metric == FIRST_SCORER:
        return data.scorers[0]
    if asked.metric not in data.scorers:
        raise ConfigError(
            f'analysis.primary "{asked.name}": unknown metric "{asked.metric}"'
            f"{near_miss(asked.metric, [FIRST_SCORER, *data.scorers, *AMOUNTS])}"
        )
    return asked.metric


def _selected(data: StudyData, answered: Answered) -> dict[str, Any] | None:
    """That one arm is the best of several, with the interval that allows for the choice."""
    asked = answered.asked
    if answered.comparison is None or asked.scope != ITEMS:
        return None
    return ranking.selected(
        data,
        asked.factor,
        asked.a,
        asked.b,
        _scorer(data, asked),
        missing=asked.missing,
        events=asked.measure.events if asked.measure else None,
    )


def _study_flags(data: StudyData, unexplored: int, grid: Grid) -> list[Flag]:
    """Flags about the items and rows as a whole."""
    flags = []
    read = data.table
    if data.simulated:
        flags.append(
            Flag("simulated", "study", "Answers are simulated: nothing here is about a model.")
        )
    if unexplored:
        flags.append(
            Flag(
                "unexplored",
                "study",
                f"{unexplored:,} more pairs could be compared; declare those that matter as primary.",
            )
        )
    copies = health.copies_flag(grid)
    flags += [copies] if copies else []
    _, versions = health.item_identity(
        read.text["item_id"].code[data.answer_rows], read.text["item_hash"].code[data.answer_rows]
    )
    if versions:
        flags.append(
            Flag(
                "item_versions",
                "study",
                f"{versions:,} items have different content in different rows: the cells did not answer "
                "the same questions.",
            )
        )
    outside = int((data.row_cell[data.answer_rows] < 0).sum())
    if outside:
        flags.append(
            Flag(
                "rows_outside_plan",
                "study",
                f"{outside:,} rows of cells not in the plan are left out.",
            )
        )
    return flags


def _health(data: StudyData, grid: Grid) -> dict[str, Any]:
    read, cell = data.table, data.row_cell
    kept = data.answer_rows & (cell >= 0)
    duplicates, _ = health.item_identity(
        read.text["item_id"].code[kept], read.text["item_hash"].code[kept]
    )
    return health.counts(
        grid, cell[kept], read.text["outcome"].names, read.text["outcome"].code[kept], duplicates
    )


def _untouched(plan: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "analysis_digest": (plan.get("digests") or {}).get("analysis"),
        "first_read_at": None,
        "status": "primary",
        "extended_after_read": False,
    }


def _frozen_flags(frozen: Mapping[str, Any]) -> list[Flag]:
    flags = []
    if frozen.get("status") == "exploratory":
        flags.append(
            Flag(
                "plan_changed",
                "study",
                "The analysis plan was changed after answers had been read: all of it is exploratory.",
            )
        )
    if frozen.get("extended_after_read"):
        flags.append(
            Flag(
                "extended_after_read",
                "study",
                "Items, cells or replications are not those of the first reading of the answers: what was "
                "seen then may have guided the change, and intervals and p-values do not allow for that.",
            )
        )
    return flags


def _plain(value: Any) -> Any:
    """JSON values only: numpy scalars become Python's, and what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
