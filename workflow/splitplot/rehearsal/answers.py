"""Simulated answers of a whole study: every cell, item and replication of its plan, as arrays and as a table.

The expected score of an item in a cell is drawn as in `inference.drawing`: a normal variable behind it is
the sum of one of the item and, for each factor that is compared, one of the item at that level. So every
contrast has the item × arm variance that is assumed of it; where several are, the marginals are those of
the first. At temperature 0 the replications of a cell are one answer, again and again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from splitplot.inference.asked import Asked
from splitplot.inference.assumptions import LEAST_MEAN, Components
from splitplot.inference.drawing import correlation_for, marginal, single_answers
from splitplot.inference.grid import Cell, Grid, Ints, Rows
from splitplot.inference.intervals import Floats
from splitplot.items.item import Item, part_of
from splitplot.rehearsal.money import Answer

TOKENS_SPREAD = 0.3
"""Standard deviation of the logarithm of an answer's length: answers of one cell differ in length."""


@dataclass(frozen=True)
class Layout:
    """The cells of a plan with their replications, the contrasts, what is assumed of each, and clusters
    (code per item, None where every item stands alone)."""

    cells: tuple[Cell, ...]
    replications: tuple[int, ...]
    asked: Sequence[Asked]
    assumed: Sequence[Components]
    n_items: int
    cluster: Ints | None


def draw_study(layout: Layout, gaps: Sequence[float], rng: np.random.Generator) -> list[Floats]:
    """Scores of every answer: per cell, shape (replications, items). gaps: true gap of each contrast."""
    first = layout.assumed[0]
    between = first.shares[0] + first.shares[1]
    own = _own_correlations(layout, between)
    behind = [_normals(layout, rng)]
    weights = [sqrt(max(0.0, 1 - sum(own.values())))]
    levels: dict[tuple[str, str], Floats] = {}
    for factor in sorted(own):
        for level in sorted({cell.level(factor) for cell in layout.cells}):
            levels[factor, level] = _normals(layout, rng)
    scores = []
    for cell, replications in zip(layout.cells, layout.replications, strict=True):
        z = weights[0] * behind[0]
        for factor, share in own.items():
            z = z + sqrt(share) * levels[factor, cell.level(factor)]
        mean = _mean(cell, layout, gaps)
        p = marginal(mean, between * mean * (1 - mean)).at(z)
        count = 1 if cell.sampling_is_greedy else replications
        answers = single_answers(p, count, first.graininess, rng)
        scores.append(np.repeat(answers, replications, axis=0) if count == 1 else answers)
    return scores


def as_grid(
    layout: Layout, items: Sequence[str], scores: Sequence[Floats], graded: Sequence[int]
) -> Grid:
    """The grid that the inference works on. Item ids are sorted there as in a table.

    scores: per cell, shape (replications, items). graded: the places of the items that are in the grid.
    """
    kept = np.array(graded, dtype=np.int64)
    items, scores = [items[at] for at in graded], [part[:, kept] for part in scores]
    codes = (np.arange(layout.n_items) if layout.cluster is None else layout.cluster)[kept]
    codes = np.unique(codes, return_inverse=True)[1]
    order = np.argsort(np.array(items, dtype=object), kind="stable")
    place = np.empty(len(items), dtype=np.int64)
    place[order] = np.arange(len(items))
    cell, item, replication, values = [], [], [], []
    for index, part in enumerate(scores):
        k, n = part.shape
        cell.append(np.full(k * n, index, dtype=np.int64))
        item.append(np.tile(place, k))
        replication.append(np.repeat(np.arange(k, dtype=np.int64), n))
        values.append(part.ravel())
    strict = np.concatenate(values)
    rows = Rows(
        np.concatenate(cell),
        np.concatenate(item),
        np.concatenate(replication),
        strict,
        strict,
        np.zeros(strict.size, dtype=np.bool_),
        np.zeros(strict.size, dtype=np.int64),
    )
    return Grid(layout.cells, [items[at] for at in order], codes[order].astype(np.int64), rows)


def write_table(
    path: Path,
    plan: Mapping[str, Any],
    layout: Layout,
    items: Sequence[Item],
    scores: Sequence[Floats],
    expected: Mapping[tuple[str, str], Answer],
    rng: np.random.Generator,
) -> None:
    """The scores as item_responses.parquet, complete and marked as simulated. Every scorer gives the same,
    to the items that it grades.

    expected: (trial, condition) → an answer of the cell, whose tokens and dollars are spread around.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from splitplot.scoring.registry import scorer_domain
    from splitplot.scoring.schema import SCHEMA

    graded = [list(map(scorer_domain(scorer), items)) for scorer in plan["scorers"]]
    trials = {trial["id"]: trial for trial in plan["trials"]}
    parts = [plan["parts"][part_of(item.id, len(plan["parts"]))] for item in items]
    common = {
        "item_id": [item.id for item in items],
        "item_hash": [item.hash for item in items],
        "source": [item.source for item in items],
        "cluster": [item.id if item.cluster is None else item.cluster for item in items],
        "tier": [item.tier for item in items],
        "part": parts,
    }
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for cell, values in zip(layout.cells, scores, strict=True):
            trial, answer = trials[cell.trial], expected[cell.trial, cell.condition_id]
            steady = cell.sampling_is_greedy
            for replication, scored in enumerate(values):
                if replication == 0 or not steady:
                    length = np.exp(TOKENS_SPREAD * rng.standard_normal(len(items)))
                tokens = np.maximum(1, np.round(answer.tokens_out * length)).astype(np.int64)
                usd = None if answer.usd is None else answer.usd * length
                for scorer, grades in zip(plan["scorers"], graded, strict=True):
                    fixed: dict[str, Any] = {
                        "study": plan["study"],
                        "wave": "",
                        "trial_id": cell.trial,
                        "trial_hash": trial["hash"],
                        "model": trial["model"],
                        "model_id": trial["model_id"],
                        "sampling": trial["sampling"],
                        "role": trial.get("role", "solver"),
                        "condition_id": cell.condition_id,
                        "condition": cell.condition,
                        "replication": replication,
                        "scorer": scorer["name"],
                        "scorer_digest": scorer["digest"],
                        "outcome": "ok",
                        "route": "sim",
                        "simulated": True,
                        "tokens_in": max(1, round(answer.tokens_in)),
                    }
                    columns = common | {
                        "score": scored,
                        "strict": scored,
                        "observed": scored,
                        "tokens_out": tokens,
                        "usd": usd,
                    }
                    rows = _table(pa, SCHEMA, len(items), fixed, columns)
                    writer.write_table(rows if all(grades) else rows.filter(pa.array(grades)))


def _table(
    pa: Any, schema: Any, n: int, fixed: Mapping[str, Any], columns: Mapping[str, Any]
) -> Any:
    """A table of n rows: columns as given, values that are the same in all rows, null for the rest."""
    arrays = []
    for field in schema:
        if columns.get(field.name) is not None:
            arrays.append(pa.array(columns[field.name], type=field.type))
        elif field.name in fixed:
            arrays.append(pa.repeat(pa.scalar(fixed[field.name], type=field.type), n))
        else:
            arrays.append(pa.nulls(n, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _mean(cell: Cell, layout: Layout, gaps: Sequence[float]) -> float:
    """The mean of a cell: half of each contrast's gap above or below, by the arm that it belongs to."""
    mean = layout.assumed[0].mean
    for asked, gap in zip(layout.asked, gaps, strict=True):
        level = cell.level(asked.factor)
        mean += gap / 2 * ((level == asked.a) - (level == asked.b))
    return min(max(mean, LEAST_MEAN), 1 - LEAST_MEAN)


def _own_correlations(layout: Layout, between: float) -> dict[str, float]:
    """Per factor that is compared, the share of the normal variable that is of the item at one level."""
    first = layout.assumed[0]
    same = marginal(first.mean, between * first.largest)
    own: dict[str, float] = {}
    for asked, assumed in zip(layout.asked, layout.assumed, strict=True):
        arm = min(between, assumed.shares[1])
        if between > 0 and asked.factor not in own:
            own[asked.factor] = 1 - correlation_for(same, same, (between - arm) * first.largest)
    most = sum(own.values())
    return {factor: share / max(1.0, most) for factor, share in own.items()}


def _normals(layout: Layout, rng: np.random.Generator) -> Floats:
    """A standard normal variable per item, correlated within clusters."""
    alone = rng.standard_normal(layout.n_items)
    if layout.cluster is None:
        return alone
    first = layout.assumed[0]
    variance = (first.shares[0] + first.shares[1]) * first.largest
    one = marginal(first.mean, variance)
    rho = correlation_for(one, one, first.cluster_share * variance)
    common = rng.standard_normal(int(layout.cluster.max()) + 1)[layout.cluster]
    mixed: Floats = sqrt(rho) * common + sqrt(1 - rho) * alone
    return mixed
