"""Chapter `datasets`: each contrast on each dataset by itself, and what the datasets say together."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from splitplot.inference.arms import Arms, build_arms, paired_cells
from splitplot.inference.asked import FIRST_SCORER, Asked, asked_of_plan, contrast_seed
from splitplot.inference.checks import Flag
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.data import StudyData
from splitplot.inference.grid import Grid
from splitplot.inference.intervals import Interval, is_bounded
from splitplot.inference.meta import (
    DOMINANT_WEIGHT,
    FEW_DATASETS,
    Pooled,
    largest_weight,
    pool,
    standard_error,
)
from splitplot.inference.paired import paired_difference
from splitplot.inference.scoped import MIN_DATASET_ITEMS
from splitplot.inference.wording import (
    POINTS,
    SCORE_UNITS,
    Unit,
    counted,
    level_text,
    listed,
    p_text,
    percent,
    quoted,
)


@dataclass(frozen=True)
class _Row:
    """One dataset: its items answered by both arms, and the difference on them."""

    name: str
    n_items: int
    difference: Interval


def chapter(data: StudyData) -> tuple[list[dict[str, Any]], list[Flag]]:
    """One entry per contrast of a scorer with at least two datasets; empty where there is one dataset."""
    if len(data.datasets) < 2:
        return [], []
    entries: list[dict[str, Any]] = []
    flags: list[Flag] = []
    for asked in asked_of_plan((data.plan.get("analysis") or {}).get("primary") or [], data.cells):
        if asked.metric != FIRST_SCORER and asked.metric not in data.scorers:
            continue
        entry, found = _entry(data, asked)
        flags += found
        if entry is not None:
            entries.append(entry)
    return entries, flags


def _entry(data: StudyData, asked: Asked) -> tuple[dict[str, Any] | None, list[Flag]]:
    grid = data.grid(None if asked.metric == FIRST_SCORER else asked.metric)
    pairs = paired_cells(grid.cells, asked.factor, asked.a, asked.b, asked.name)
    arms = build_arms(grid, pairs, asked.missing, asked.missing)
    rows, flags = _rows(data, grid, asked, arms)
    if len(rows) < 2:
        return None, flags
    unit = (POINTS if is_bounded(arms.a) and is_bounded(arms.b) else SCORE_UNITS).fitted(
        *(end for row in rows for end in (row.difference.low, row.difference.high))
    )
    found = _pool(rows, data.level)
    if len(rows) < FEW_DATASETS:
        flags.append(
            Flag(
                "few_datasets",
                asked.name,
                f"{len(rows)} datasets: how far datasets differ is hardly known, and what is said of "
                "datasets like these rests on it.",
            )
        )
    heaviest, weight = largest_weight([standard_error(row.difference) for row in rows])
    if len(rows) > 2 and weight > DOMINANT_WEIGHT:
        flags.append(
            Flag(
                "dataset_dominates",
                asked.name,
                f"{quoted(rows[heaviest].name)} has {percent(weight)} of the weight of {len(rows)} datasets: "
                "where one outweighs the others like this, intervals for datasets like these leave out "
                "the truth more often than they should.",
            )
        )
    entry = {
        "contrast": asked.name,
        "rows": [
            {"dataset": row.name, "n_items": row.n_items, "difference": row.difference.to_json()}
            for row in rows
        ],
        "fixed": found.fixed.to_json(),
        "random": found.random.to_json() if found.random else None,
        "prediction": found.prediction.to_json() if found.prediction else None,
        "tau": float(np.sqrt(found.tau2)),
        "q": found.q,
        "q_df": found.q_df,
        "q_p": found.q_p,
        "i2": found.i2,
        "i2_low": found.i2_low,
        "i2_high": found.i2_high,
        "leave_one_out": _leave_one_out(rows, data.level),
        "sentence": _sentence(asked, rows, found, unit),
    }
    return entry, flags


def _rows(data: StudyData, grid: Grid, asked: Asked, arms: Arms) -> tuple[list[_Row], list[Flag]]:
    """The datasets with enough common items and an interval; of the others, why they are left out."""
    dataset = data.dataset_of(grid)[arms.item]
    seed = contrast_seed(data.seed, asked)
    rows, left_out = [], []
    for code, name in enumerate(data.datasets):
        here = dataset == code
        count = int(here.sum())
        if count < MIN_DATASET_ITEMS:
            left_out.append(f"{quoted(name)} ({counted(count, 'common item')})")
            continue
        try:
            difference = paired_difference(
                arms.a[here],
                arms.b[here],
                cluster=grid.labels(arms.item[here], (arms.a - arms.b)[here]),
                level=data.level,
                seed=seed,
            )
        except (TooFewClusters, ValueError) as problem:
            left_out.append(f"{quoted(name)} ({problem})")
            continue
        rows.append(_Row(name, count, difference))
    if not left_out:
        return rows, []
    return rows, [
        Flag(
            "datasets_left_out",
            asked.name,
            f"Left out where datasets are taken together, for want of {MIN_DATASET_ITEMS} common items or "
            f"of an interval: {listed(left_out)}.",
        )
    ]


def _pool(rows: list[_Row], level: float) -> Pooled:
    return pool(
        [row.difference.estimate for row in rows],
        [standard_error(row.difference) for row in rows],
        level=level,
    )


def _leave_one_out(rows: list[_Row], level: float) -> list[dict[str, Any]]:
    """The pooled difference without each dataset in turn; empty below three."""
    if len(rows) < 3:
        return []
    found = []
    for index, row in enumerate(rows):
        pooled = _pool(rows[:index] + rows[index + 1 :], level)
        found.append(
            {
                "without": row.name,
                "fixed": pooled.fixed.to_json(),
                "random": pooled.random.to_json() if pooled.random else None,
                "tau": float(np.sqrt(pooled.tau2)),
            }
        )
    return found


def _sentence(asked: Asked, rows: list[_Row], found: Pooled, unit: Unit) -> str:
    assert found.random is not None and found.q_p is not None
    a, b = quoted(asked.label_a), quoted(asked.label_b)
    level = level_text(found.random.level)
    above = sum(row.difference.estimate > 0 for row in rows)
    text = (
        f"{a} is above {b} on {above} of {len(rows)} datasets. For datasets like these the difference is "
        f"{unit.amount(found.random.estimate)} on average ({level} interval {unit.limits(found.random)}); "
        f"on exactly these datasets taken together {unit.amount(found.fixed.estimate)} "
        f"({unit.limits(found.fixed)})."
    )
    spread = f"I² {percent(found.i2)}"
    if found.i2_low is not None and found.i2_high is not None:
        spread += f", {level} interval {percent(found.i2_low)} to {percent(found.i2_high)}"
    if found.tau2 > 0:
        fine = unit.fitted(float(np.sqrt(found.tau2)))
        text += (
            f" True differences vary from dataset to dataset with a standard deviation of "
            f"{fine.amount(float(np.sqrt(found.tau2)))} ({spread}; Q test of equal differences "
            f"{p_text(found.q_p)})."
        )
    else:
        text += (
            f" That they differ from dataset to dataset was not detectable ({spread}; "
            f"{p_text(found.q_p)})."
        )
    if found.prediction is not None and _beyond(found.prediction, unit):
        text += " What to expect of one further dataset, these are too few to say."
    elif found.prediction is not None:
        text += (
            f" On one further dataset the true difference is expected within "
            f"{unit.span(found.prediction)}."
        )
    return text


def _beyond(interval: Interval, unit: Unit) -> bool:
    """Whether an interval of a difference of scores within 0…1 goes beyond what such a difference can be."""
    return unit.factor == POINTS.factor and (interval.low < -1 or interval.high > 1)
