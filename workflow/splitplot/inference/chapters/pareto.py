"""Cost against score, cell by cell: who is on the front, and in what share of resamplings."""

from typing import Any

import numpy as np

from splitplot.canonical import digest
from splitplot.inference.chapters.pass_at_k import cell_names
from splitplot.inference.chapters.ranking import CELL, Levels, level_table, mean_json
from splitplot.inference.checks import Flag
from splitplot.inference.data import StudyData
from splitplot.inference.grid import Grid
from splitplot.inference.intervals import Floats, is_bounded
from splitplot.inference.pareto import Front, front
from splitplot.inference.wording import listed, percent, quoted

WHERE = "cost and score"
AXES = {"usd": "US dollars", "tokens_out": "output tokens"}
"""What a cost is counted in, the first that is known in every cell."""

NAMED = 4
"""Up to this many unsettled cells are named."""

SURE = 0.95
"""From this share of resamplings on, a cell is said to be on the front, or (1 − this) not to be."""


def chapter(data: StudyData) -> tuple[dict[str, Any] | None, list[Flag]]:
    """The front of all cells on the primary metric; None with fewer than two cells or no known cost."""
    if len(data.cells) < 2:
        return None, []
    grid, levels = data.grid(), level_table(data, CELL)
    if levels.item.size < 2:
        return None, [Flag("no_pareto", WHERE, "No front of cost and score: no common items.")]
    for axis in AXES:
        spent, answers = _costs(data, grid, axis)
        spent, answers = spent[levels.item], answers[levels.item]
        if (answers.sum(axis=0) > 0).all() and spent.sum() > 0:
            return _entry(data, levels, axis, spent, answers)
    return None, [
        Flag(
            "no_pareto", WHERE, "No front of cost and score: some cell has no answer of known cost."
        )
    ]


def _entry(
    data: StudyData, levels: Levels, axis: str, spent: Floats, answers: Floats
) -> tuple[dict[str, Any], list[Flag]]:
    found = front(
        levels.scores,
        spent,
        answers,
        levels.cluster,
        level=data.level,
        seed=int(digest([data.seed, "pareto", data.scorers[0]]), 16),
    )
    flags = []
    if found.why_not:
        flags.append(Flag("no_membership", WHERE, f"No share of resamplings: {found.why_not}."))
    if axis != "usd":
        text = "No cost in US dollars is known in every cell; output tokens stand for it."
        flags.append(Flag("pareto_in_tokens", WHERE, text))
    order = sorted(range(len(levels.names)), key=lambda i: (found.cost[i], -found.mean[i]))
    rows = [_row(data, levels, found, i) for i in order]
    return {
        "axis": axis,
        "metric": data.scorers[0],
        "level": data.level,
        "n_items": int(levels.item.size),
        "rows": rows,
        "sentence": _sentence(rows, axis, is_bounded(levels.scores)),
    }, flags


def _costs(data: StudyData, grid: Grid, axis: str) -> tuple[Floats, Floats]:
    """Per item and cell: summed known cost of the answers, and how many they are."""
    values = data.numbers(axis, grid)
    known = ~np.isnan(values)
    shape = (len(grid.items), len(grid.cells))
    place = grid.rows.item[known] * shape[1] + grid.rows.cell[known]
    spent, answers = np.zeros(shape[0] * shape[1]), np.zeros(shape[0] * shape[1])
    np.add.at(spent, place, values[known])
    np.add.at(answers, place, 1.0)
    return spent.reshape(shape), answers.reshape(shape)


def _row(data: StudyData, levels: Levels, found: Front, i: int) -> dict[str, Any]:
    """`usd_per_answer` and its interval are in the unit that `axis` names."""
    probability, ends = found.probability, found.cost_interval
    return {
        "name": levels.names[i],
        "cell": cell_names(data.cells[i]),
        "usd_per_answer": float(found.cost[i]),
        "usd_interval": None if ends is None else [float(x) for x in ends[i]],
        "mean": mean_json(levels.scores[:, i], levels.cluster, data.level),
        "member_probability": None if probability is None else float(probability[i]),
        "on_front": bool(found.on_front[i]),
    }


def _sentence(rows: list[dict[str, Any]], axis: str, bounded: bool) -> str:
    on = [row for row in rows if row["on_front"]]
    names = listed(
        [
            f"{quoted(row['name'])} ({_cost(row['usd_per_answer'], axis)}, {_score(row, bounded)})"
            for row in on
        ]
    )
    text = (
        f"From cheap to dear, nothing else is both as cheap and as good as {names}."
        if len(on) > 1
        else f"{names} is the cheapest and the best."
    )
    unsure = [
        row
        for row in rows
        if row["member_probability"] is not None and 1 - SURE < row["member_probability"] < SURE
    ]
    if unsure:
        named = [f"{quoted(r['name'])} ({percent(r['member_probability'])})" for r in unsure]
        who = listed(named) if len(unsure) <= NAMED else f"{len(unsure)} of the cells"
        text += (
            f" Not settled for {who}: on the front for some sets of such items and not for others."
        )
    beaten = sum(not row["on_front"] for row in rows)
    if beaten:
        rest = "the other cell" if beaten == 1 else f"each of the other {beaten} cells"
        text += f" For {rest} there is one that is at least as cheap and at least as good."
    return text


def _cost(value: float, axis: str) -> str:
    return f"{value:.2g} {AXES[axis]}" if axis == "usd" else f"{value:,.0f} {AXES[axis]}"


def _score(row: dict[str, Any], bounded: bool) -> str:
    mean = float(row["mean"]["estimate"])
    return percent(mean) if bounded else f"{mean:.3g}"
