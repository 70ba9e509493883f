"""One study's graded answers as every chapter of inference.json gets them: cells, grids, costs.

A grid is made once per scorer. The rows, items and clusters of a grid are sorted, so that nothing
depends on their order in the file.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitplot.inference.grid import Bools, Cell, Grid, Ints, Rows
from splitplot.inference.intervals import Floats
from splitplot.inference.table import Table, read_table
from splitplot.waves import waves_of

EVERY = ""
"""In place of a scorer's name: whoever graded the answer. No scorer has an empty name."""

NO_TOKENS = -1
"""What the table's arrays have where the number of output tokens is not known."""


class StudyData:
    """The answers of a study, and what its plan says of them.

    cells: those whose trial is a solver, in plan order. scorers: names; the first is the primary metric.
    datasets: names of the sources of the items, sorted. simulated: whether any answer is.
    """

    def __init__(self, table: Table, plan: Mapping[str, Any]) -> None:
        analysis = plan.get("analysis") or {}
        self.plan = plan
        self.table = table
        self.cells = solver_cells(plan)
        self.alpha = float(analysis.get("alpha", 0.05))
        self.seed = int(analysis.get("seed", 1337))
        self.simulated = bool(table.number["simulated"].any())
        self.scorers = tuple(str(scorer["name"]) for scorer in plan["scorers"])
        self.datasets = tuple(table.text["source"].names)
        self.row_cell = _cell_codes(table, self.cells)
        self.waves = waves_of(plan)
        self._row_wave = _wave_codes(table, self.waves)
        self.block = int(table.number["replication"].max(initial=0)) + 1
        self._grids: dict[tuple[str, int | None], Grid] = {}

    def place(self, running: int) -> tuple[str, int]:
        """The wave, by its name in the plan, and the replication in it of a grid's running number."""
        wave, replication = divmod(running, self.block)
        return self.waves[wave], replication

    @property
    def level(self) -> float:
        """Confidence level of intervals, 1 − α."""
        return 1 - self.alpha

    def grid(self, scorer: str | None = None, wave: int | None = None) -> Grid:
        """The grid of a scorer, by default the first. wave: of that one alone (its place in `waves`); by
        default of all, where each wave is a block of replications."""
        name = self.scorers[0] if scorer is None else scorer
        if (name, wave) not in self._grids:
            self._grids[name, wave] = self._grid(self.table.scorer_rows(name), wave)
        return self._grids[name, wave]

    @cached_property
    def answer_rows(self) -> Bools:
        """Which rows of the table stand for the answers, one for each: see `Table.answer_rows`."""
        return self.table.answer_rows(self.scorers)

    def answers(self) -> Grid:
        """The grid of every answer, for what is no score: amounts, outcomes, the number of items.

        That of the first scorer where it grades every answer.
        """
        first = self.table.scorer_rows(self.scorers[0])
        if np.array_equal(first, self.answer_rows):
            return self.grid()
        if (EVERY, None) not in self._grids:
            self._grids[EVERY, None] = self._grid(self.answer_rows, None)
        return self._grids[EVERY, None]

    def _grid(self, chosen: Bools, wave: int | None) -> Grid:
        rows = chosen & (self.row_cell >= 0)
        rows &= self._row_wave >= 0 if wave is None else self._row_wave == wave
        origin = np.flatnonzero(rows)
        replication = self.table.number["replication"][origin]
        running = self._row_wave[origin] * self.block + replication
        return _grid(self.table, origin, self.row_cell, self.cells, running)

    def dataset_of(self, grid: Grid) -> Ints:
        """Per item of the grid: its position in `datasets`, shape (n_items,), −1 where it has none.

        Where rows of one item disagree the smallest position is taken: no order of rows can matter.
        """
        source = self.table.text["source"].code[self._origin(grid)]
        smallest = np.full(len(grid.items), len(self.datasets), dtype=np.int64)
        known = source >= 0
        np.minimum.at(smallest, grid.rows.item[known], source[known])
        return np.where(smallest == len(self.datasets), -1, smallest)

    def numbers(self, name: str, grid: Grid) -> Floats:
        """A column of the table for every row of `grid.rows`, in their order; NaN where unknown.

        name: tokens_in, tokens_out, usd, latency_s, confidence or support.
        """
        column = self.table.number[name][self._origin(grid)].astype(np.float64)
        if name == "tokens_out":
            column = np.where(column == NO_TOKENS, np.nan, column)
        values: Floats = column
        return values

    def routes(self, grid: Grid) -> NDArray[np.object_]:
        """By which route each row of `grid.rows` was answered, "" where it is not known."""
        column = self.table.text["route"]
        names = np.array([*column.names, ""], dtype=object)
        found: NDArray[np.object_] = names[column.code[self._origin(grid)]]
        return found

    def usd_per_answer(self) -> Floats:
        """Per cell: mean cost of an answer in US dollars over those with a known one, NaN without any."""
        grid = self.answers()
        return cell_means(self.numbers("usd", grid), grid.rows.cell, len(self.cells))

    def cell_mean_items(
        self, cell: int, variant: str = "strict", scorer: str | None = None
    ) -> tuple[Ints, Floats]:
        """The items of a cell with a kept answer, and their mean scores over replications."""
        scores = self.grid(scorer).scores(cell, variant)
        kept = np.flatnonzero(scores.count)
        return kept, scores.mean[kept]

    @staticmethod
    def _origin(grid: Grid) -> Ints:
        assert grid.rows.origin is not None, "a grid of a study keeps where its rows came from"
        return grid.rows.origin


def load_data(table: Path, plan: Mapping[str, Any]) -> StudyData:
    """Read item_responses.parquet. Raises ConfigError where it lacks a column."""
    return StudyData(read_table(table), plan)


def solver_cells(plan: Mapping[str, Any]) -> tuple[Cell, ...]:
    """The cells of the plan whose trial is a solver, in plan order."""
    trials = {trial["id"]: trial for trial in plan["trials"]}
    conditions = {condition["id"]: condition for condition in plan["conditions"]}
    return tuple(
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
    )


def cell_means(values: Floats, cell: Ints, n_cells: int) -> Floats:
    """Mean of the known values of each cell, shape (n_cells,); NaN for a cell without any."""
    known = ~np.isnan(values)
    count = np.bincount(cell[known], minlength=n_cells)
    total = np.bincount(cell[known], weights=values[known], minlength=n_cells)
    return np.where(count == 0, np.nan, total / np.maximum(count, 1))


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


def _signatures(read: Table, origin: Ints) -> Ints:
    """Equal numbers for answers that look identical; answers of unknown length look like no other."""
    outcome, tokens = read.text["outcome"], read.number["tokens_out"][origin]
    alike = (tokens + 1) * (len(outcome.names) + 1) + outcome.code[origin]
    signatures: Ints = np.where(tokens == NO_TOKENS, -1 - origin, alike)
    return signatures


def _wave_codes(read: Table, waves: Sequence[str]) -> Ints:
    """Position of each row's wave in the plan; −1 where the plan does not have it."""
    column = read.text["wave"]
    place = {wave: index for index, wave in enumerate(waves)}
    # A table made by other means may have no waves: then all is one.
    lookup = np.array([*(place.get(name, -1) for name in column.names), 0], dtype=np.int64)
    codes: Ints = lookup[column.code]
    return codes


def _grid(read: Table, origin: Ints, cell: Ints, cells: Sequence[Cell], replication: Ints) -> Grid:
    """The rows at `origin`, one for each answer; replication: of each of them."""
    item, cluster, outcome = (read.text[name] for name in ("item_id", "cluster", "outcome"))
    content = read.text["item_hash"]
    item_code = item.code[origin]
    present = np.unique(item_code)
    # The smallest code wins where rows of one item disagree: no row order can matter.
    cluster_of = np.full(len(item.names), len(cluster.names), dtype=np.int64)
    np.minimum.at(cluster_of, item_code, cluster.code[origin])
    content_of = np.full(len(item.names), len(content.names), dtype=np.int64)
    np.minimum.at(content_of, item_code, content.code[origin])
    truncated = outcome.names.index("truncated") if "truncated" in outcome.names else -2
    rows = Rows(
        cell=cell[origin],
        item=np.searchsorted(present, item_code),
        replication=replication,
        strict=read.number["strict"][origin],
        observed=read.number["observed"][origin],
        truncated=outcome.code[origin] == truncated,
        signature=_signatures(read, origin),
        origin=origin,
    )
    names = [item.names[code] for code in present]
    return Grid(cells, names, cluster_of[present], rows, content_of[present])
