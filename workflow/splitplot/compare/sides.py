"""One side of a comparison: the plan and the graded answers of a study, of an archive, or of a wave."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.archive.layout import PLAN, TABLE
from splitplot.archive.unpack import unpacked
from splitplot.calls.records import LOST
from splitplot.errors import ConfigError, SplitplotError, near_miss
from splitplot.files import read_json
from splitplot.inference.data import solver_cells
from splitplot.inference.grid import Cell
from splitplot.waves import FIRST, shown, waves_of

REPEATED = ("wave", "trial_id", "condition_id", "item_id", "item_hash", "cluster", "scorer",
            "scorer_digest", "outcome", "provider_model")  # fmt: skip
"""Columns of texts that repeat, read as codes."""
OTHER = ("replication", "strict", "observed", "tokens_out", "key", "provider_id", "started_at",
         "finished_at", "simulated")  # fmt: skip


@dataclass(frozen=True)
class Side:
    """name: as the user gave it. wave: "" where all rows count. table: its rows, the columns above."""

    name: str
    wave: str
    plan: dict[str, Any]
    table: Any

    @property
    def study(self) -> str:
        """Name of the study."""
        return str(self.plan["study"])

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of solvers, in plan order."""
        return solver_cells(self.plan)

    @cached_property
    def trials(self) -> dict[str, dict[str, Any]]:
        """Trials of the plan by id."""
        return {trial["id"]: trial for trial in self.plan["trials"]}

    @cached_property
    def conditions(self) -> dict[str, dict[str, Any]]:
        """Conditions of the plan by id."""
        return {condition["id"]: condition for condition in self.plan["conditions"]}

    def rows(self, cell: Cell) -> Any:
        """The rows of one cell."""
        import pyarrow.compute as pc

        here = pc.and_(
            pc.equal(self.table["trial_id"], cell.trial),
            pc.equal(self.table["condition_id"], cell.condition_id),
        )
        return self.table.filter(here)

    def scorers(self) -> dict[str, str]:
        """Scorer → digest, in plan order."""
        return {str(entry["name"]): str(entry["digest"]) for entry in self.plan["scorers"]}


@contextmanager
def open_side(given: str, root: Path) -> Iterator[Side]:
    """A study by its name, `STUDY@WAVE` (the first wave is called so), or the file of an archive.

    Raises ConfigError for a study without results, and for a wave that it has not; SplitplotError for an
    archive with problems, and for results that are older than the plan.
    """
    if Path(given).is_file():
        with unpacked(Path(given), lambda name: name in (PLAN, TABLE)) as (folder, _):
            yield _read(given, "", folder / PLAN, folder / TABLE)
        return
    study, _, wave = given.partition("@")
    if "@" in given and not wave:
        raise ConfigError(f'"{given}" names no wave; write STUDY@WAVE')
    plan, table = (root / path.format(study=study) for path in (paths.PLAN, paths.TABLE))
    if not (plan.is_file() and table.is_file()):
        known = sorted(
            path.parent.name
            for path in root.glob(paths.TABLE.format(study="*"))
            if (path.parent / PLAN).is_file()
        )
        raise ConfigError(
            f'"{given}" is neither an archive nor a study with results here{near_miss(study, known)}'
        )
    yield _read(given, wave, plan, table)


def _read(name: str, wave: str, plan_path: Path, table_path: Path) -> Side:
    import pyarrow.compute as pc
    from pyarrow import parquet

    try:
        plan: dict[str, Any] = read_json(plan_path)
        solver_cells(plan)
        told = _told(plan)
        present = parquet.read_schema(table_path).names
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{name}: no plan and table of a study: {str(error)[:200]}") from None
    absent = [column for column in (*REPEATED, *OTHER) if column not in present]
    if absent:
        raise ConfigError(f"{name}: the table lacks {', '.join(absent)}; score again")
    table = parquet.read_table(
        table_path, columns=[*REPEATED, *OTHER], read_dictionary=list(REPEATED)
    ).unify_dictionaries()  # each row group has its own, which pyarrow does not group by
    _check_of_plan(name, plan, table, told)
    if wave:
        known = [shown(one) for one in sorted(table["wave"].unique().to_pylist())]
        if wave not in known:
            raise ConfigError(f'{name}: no wave "{wave}"{near_miss(wave, known)}')
        table = table.filter(pc.equal(table["wave"], FIRST if wave == shown(FIRST) else wave))
    return Side(name, wave, plan, table)


COLUMNS = {
    "scorers": ["scorer", "scorer_digest"],
    "cells": ["trial_id", "condition_id"],
    "waves": ["wave"],
}
"""What tells the scorers, cells and waves of a table."""


def _told(plan: dict[str, Any]) -> dict[str, set[tuple[str, ...]]]:
    """The values of COLUMNS in a table of this plan."""
    return {
        "scorers": {(entry["name"], entry["digest"]) for entry in plan["scorers"]},
        "cells": {(cell["trial"], cell["condition"]) for cell in plan["cells"]},
        "waves": {(wave,) for wave in waves_of(plan)},
    }


def _check_of_plan(
    name: str, plan: dict[str, Any], table: Any, told: dict[str, set[tuple[str, ...]]]
) -> None:
    """Raise SplitplotError where the rows are of other scorers, cells or waves than those of the plan.

    The plan is written when a run begins, the table when all is scored: in between, an old score would
    stand under the name of a new scorer.
    """
    for what, columns in COLUMNS.items():
        rows = table.group_by(columns).aggregate([]).to_pylist()
        if {tuple(row[column] for column in columns) for row in rows} != told[what]:
            report = paths.REPORT.format(study=plan["study"])
            raise SplitplotError(
                f"{name}: its results are older than its plan: the {what} of the table are not those of the "
                f"plan; make them with `snakemake --profile local {report}`, then compare again"
            )


def answered(rows: Any) -> Any:
    """Which rows have an answer that reached us."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lost = pc.is_in(rows["outcome"].cast(pa.string()), value_set=pa.array(sorted(LOST)))
    return pc.and_(pc.invert(lost), pc.is_valid(rows["key"]))
