"""From item_responses.parquet and the plan to inference.json: the one place here that reads a file.

Reads the columns it needs and never the text of a response. The result depends on what the rows say,
not on their order: rows, items and clusters are sorted before anything is summed or drawn.
"""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from splitplot.errors import ConfigError, near_miss
from splitplot.inference import contrasts, health, methods
from splitplot.inference.asked import FIRST_SCORER, asked_of_plan
from splitplot.inference.checks import Flag
from splitplot.inference.data import StudyData, load_data
from splitplot.inference.grid import Bools, Grid

SCHEMA = 2


def summarise(table: Path, plan: dict[str, Any], frozen: dict[str, Any] | None) -> dict[str, Any]:
    """The content of inference.json (schema 2): plain JSON values, no NaN.

    table: item_responses.parquet. plan: plan.json. frozen: what is known of the plan at the first reading
        ({"analysis_digest", "first_read_at", "status", "extended_after_read"}), None if nothing was kept.
    Raises ConfigError where the plan names a metric, factor or level that does not exist, or the table
        lacks a column.
    """
    data = load_data(table, plan)
    analysis = plan.get("analysis") or {}
    alpha, seed = data.alpha, data.seed

    def grid_of(metric: str, where: str) -> Grid:
        scorer = data.scorers[0] if metric == FIRST_SCORER else metric
        if scorer not in data.scorers:
            raise ConfigError(
                f'{where}: unknown metric "{metric}"{near_miss(metric, [FIRST_SCORER, *data.scorers])}'
            )
        return data.grid(scorer)

    grid = grid_of(FIRST_SCORER, "scorers")
    first_rows = data.table.scorer_rows(data.scorers[0])
    simulated = data.simulated
    asked = asked_of_plan(analysis.get("primary") or [], data.cells)
    answers = contrasts.families(
        [
            contrasts.answer(
                grid_of(one.metric, f'analysis.primary "{one.name}"'), one, alpha, seed, simulated
            )
            for one in asked
        ]
    )
    flags = _study_flags(data, first_rows)
    conditions, cell_flags = health.conditions(grid, 1 - alpha)
    flags += cell_flags
    spoken = []
    for one in answers:
        entry, found = contrasts.to_json(one)
        spoken.append(entry)
        flags += found
    standing = dict(frozen) if frozen else _untouched(plan)
    flags += _frozen_flags(standing)
    summary = {
        "schema": SCHEMA,
        "study": plan["study"],
        "alpha": alpha,
        "simulated": simulated,
        "n_items": len(grid.items),
        "n_clusters": grid.n_clusters,
        "clustered": grid.clustered,
        "conditions": conditions,
        "contrasts": spoken,
        "health": _health(data, first_rows, grid),
        "flags": [flag.to_json() for flag in dict.fromkeys(flags)],
        "methods": methods.used(conditions, spoken),
        "frozen": standing,
    }
    plain: dict[str, Any] = _plain(summary)
    return plain


def _study_flags(data: StudyData, first_rows: Bools) -> list[Flag]:
    """Flags about the items and rows as a whole."""
    flags = []
    read = data.table
    if data.simulated:
        flags.append(
            Flag("simulated", "study", "Answers are simulated: nothing here is about a model.")
        )
    duplicates, versions = health.item_identity(
        read.text["item_id"].code[first_rows], read.text["item_hash"].code[first_rows]
    )
    if duplicates:
        flags.append(
            Flag(
                "duplicate_items",
                "study",
                f"{duplicates:,} items repeat the content of another item: they count as if they were new.",
            )
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
    outside = int((data.row_cell[first_rows] < 0).sum())
    if outside:
        flags.append(
            Flag(
                "rows_outside_plan",
                "study",
                f"{outside:,} rows of cells not in the plan are left out.",
            )
        )
    return flags


def _health(data: StudyData, first_rows: Bools, grid: Grid) -> dict[str, Any]:
    read, cell = data.table, data.row_cell
    kept = first_rows & (cell >= 0)
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
