"""From item_responses.parquet and the plan to inference.json: the one place here that reads a file.

Reads the columns it needs and never the text of a response. The result depends on what the rows say,
not on their order: rows, items and clusters are sorted before anything is summed or drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitplot.errors import ConfigError, near_miss
from splitplot.inference import contrasts, health, methods
from splitplot.inference.checks import Flag
from splitplot.inference.grid import Bools, Cell, Grid, Ints, Rows

SCHEMA = 1
TEXT_COLUMNS = ("trial_id", "condition_id", "item_id", "item_hash", "cluster", "scorer", "outcome")
NUMBER_COLUMNS = ("replication", "strict", "observed", "tokens_out", "simulated")
FIRST_SCORER = "score"
"""The metric that means: the study's first scorer."""


@dataclass(frozen=True)
class Coded:
    """A text column: the sorted distinct texts, and the position of each row's text among them
    (−1 where it is null)."""

    names: list[str]
    code: Ints


@dataclass(frozen=True)
class Table:
    """The columns read, one entry per row."""

    text: Mapping[str, Coded]
    number: Mapping[str, NDArray[Any]]

    def scorer_rows(self, scorer: str) -> Bools:
        """Which rows are of this scorer."""
        column = self.text["scorer"]
        if scorer not in column.names:
            return np.zeros(column.code.size, dtype=np.bool_)
        rows: Bools = column.code == column.names.index(scorer)
        return rows


def summarise(table: Path, plan: dict[str, Any], frozen: dict[str, Any] | None) -> dict[str, Any]:
    """The content of inference.json (schema 1): plain JSON values, no NaN.

    table: item_responses.parquet. plan: plan.json. frozen: what is known of the plan at the first reading
        ({"analysis_digest", "first_read_at", "status", "extended_after_read"}), None if nothing was kept.
    Raises ConfigError where the plan names a metric, factor or level that does not exist, or the table
        lacks a column.
    """
    read = read_table(table)
    cells = _cells(plan)
    analysis = plan.get("analysis") or {}
    alpha, seed = float(analysis.get("alpha", 0.05)), int(analysis.get("seed", 1337))
    scorers = [scorer["name"] for scorer in plan["scorers"]]
    grids: dict[str, Grid] = {}

    def grid_of(metric: str, where: str) -> Grid:
        scorer = scorers[0] if metric == FIRST_SCORER else metric
        if scorer not in scorers:
            raise ConfigError(
                f'{where}: unknown metric "{metric}"{near_miss(metric, [FIRST_SCORER, *scorers])}'
            )
        if scorer not in grids:
            grids[scorer] = _grid(read, cells, scorer)
        return grids[scorer]

    grid = grid_of(FIRST_SCORER, "scorers")
    first_rows = read.scorer_rows(scorers[0])
    simulated = bool(read.number["simulated"].any())
    asked = contrasts.asked_of_plan(analysis.get("primary") or [], cells)
    answers = contrasts.families(
        [
            contrasts.answer(
                grid_of(one.metric, f'analysis.primary "{one.name}"'), one, alpha, seed, simulated
            )
            for one in asked
        ]
    )
    flags = _study_flags(read, first_rows, cells, simulated)
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
        "health": _health(read, first_rows, grid, cells),
        "flags": [flag.to_json() for flag in dict.fromkeys(flags)],
        "methods": methods.used(conditions, spoken),
        "frozen": standing,
    }
    plain: dict[str, Any] = _plain(summary)
    return plain


def read_table(path: Path) -> Table:
    """The needed columns of the item-response table; texts as codes. Raises ConfigError if one is absent."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = [*TEXT_COLUMNS, *NUMBER_COLUMNS]
    present = pq.read_schema(path).names
    absent = [name for name in wanted if name not in present]
    if absent:
        raise ConfigError(
            f"{path}: columns missing: {', '.join(absent)}; "
            "this is not an item-response table of version 1; make it anew"
        )
    # Texts that repeat are read as dictionaries: a million rows stay at four bytes each.
    data = pq.read_table(path, columns=wanted, read_dictionary=list(TEXT_COLUMNS))
    text = {name: _coded(data.column(name).cast(_dictionary(pa))) for name in TEXT_COLUMNS}
    number: dict[str, NDArray[Any]] = {
        "replication": _filled(data.column("replication"), 0, np.int64),
        "strict": _filled(data.column("strict"), np.nan, np.float64),
        "observed": _filled(data.column("observed"), np.nan, np.float64),
        "tokens_out": _filled(data.column("tokens_out"), -1, np.int64),
        "simulated": _filled(data.column("simulated"), False, np.bool_),
    }
    return Table(text, number)


def _dictionary(pa: Any) -> Any:
    return pa.dictionary(pa.int32(), pa.string())


def _coded(column: Any) -> Coded:
    """Codes in the order of the sorted texts, so that they do not depend on the order of the rows."""
    import pyarrow.compute as pc

    array = column.unify_dictionaries().combine_chunks()
    chunks = array.chunks if hasattr(array, "chunks") else [array]
    if not chunks:
        return Coded([], np.zeros(0, dtype=np.int64))
    texts = chunks[0].dictionary.to_pylist()
    codes = np.concatenate(
        [pc.fill_null(chunk.indices, -1).to_numpy(zero_copy_only=False) for chunk in chunks]
    ).astype(np.int64)
    used = np.unique(codes[codes >= 0])
    names = sorted({texts[code] for code in used})
    position = {name: index for index, name in enumerate(names)}
    lookup = np.array([position.get(text, -1) for text in texts] + [-1], dtype=np.int64)
    return Coded(names, lookup[codes])


def _filled(column: Any, empty: Any, dtype: Any) -> NDArray[Any]:
    """The column as an array, nulls (and NaN scores) as `empty`."""
    import pyarrow.compute as pc

    values: NDArray[Any] = pc.fill_null(column, empty).to_numpy().astype(dtype)
    return values


def _cells(plan: Mapping[str, Any]) -> list[Cell]:
    """The cells of the plan whose trial is a solver, in plan order."""
    trials = {trial["id"]: trial for trial in plan["trials"]}
    conditions = {condition["id"]: condition for condition in plan["conditions"]}
    return [
        Cell(
            cell["trial"],
            trials[cell["trial"]]["model"],
            trials[cell["trial"]]["sampling"],
            cell["condition"],
            conditions[cell["condition"]]["name"],
            (trials[cell["trial"]].get("parameters") or {}).get("temperature") == 0,
        )
        for cell in plan["cells"]
        if trials[cell["trial"]].get("role", "solver") == "solver"
    ]


def _cell_codes(read: Table, cells: Sequence[Cell]) -> Ints:
    """Position of each row's cell in the plan, −1 where the plan does not have it."""
    trial, condition = read.text["trial_id"], read.text["condition_id"]
    lookup = np.full((len(trial.names) + 1, len(condition.names) + 1), -1, dtype=np.int64)
    for index, cell in enumerate(cells):
        if cell.trial in trial.names and cell.condition_id in condition.names:
            row, column = trial.names.index(cell.trial), condition.names.index(cell.condition_id)
            lookup[row, column] = index
    codes: Ints = lookup[trial.code, condition.code]
    return codes


def _grid(read: Table, cells: Sequence[Cell], scorer: str) -> Grid:
    """The rows of one scorer in the plan's cells."""
    cell = _cell_codes(read, cells)
    kept = read.scorer_rows(scorer) & (cell >= 0)
    item, cluster, outcome = (read.text[name] for name in ("item_id", "cluster", "outcome"))
    item_code = item.code[kept]
    present = np.unique(item_code)
    # The smallest code wins where rows of one item disagree about its cluster: no row order can matter.
    cluster_of = np.full(len(item.names), len(cluster.names), dtype=np.int64)
    np.minimum.at(cluster_of, item_code, cluster.code[kept])
    truncated = outcome.names.index("truncated") if "truncated" in outcome.names else -2
    rows = Rows(
        cell=cell[kept],
        item=np.searchsorted(present, item_code),
        replication=read.number["replication"][kept],
        strict=read.number["strict"][kept],
        observed=read.number["observed"][kept],
        truncated=outcome.code[kept] == truncated,
        signature=(read.number["tokens_out"][kept] + 1) * (len(outcome.names) + 1)
        + outcome.code[kept],
    )
    return Grid(cells, [item.names[code] for code in present], cluster_of[present], rows)


def _study_flags(
    read: Table, first_rows: Bools, cells: Sequence[Cell], simulated: bool
) -> list[Flag]:
    """Flags about the items and rows as a whole."""
    flags = []
    if simulated:
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
    outside = int((_cell_codes(read, cells)[first_rows] < 0).sum())
    if outside:
        flags.append(
            Flag(
                "rows_outside_plan",
                "study",
                f"{outside:,} rows of cells not in the plan are left out.",
            )
        )
    return flags


def _health(read: Table, first_rows: Bools, grid: Grid, cells: Sequence[Cell]) -> dict[str, Any]:
    cell = _cell_codes(read, cells)
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
