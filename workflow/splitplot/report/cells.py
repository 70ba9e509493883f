"""Which cell a row of any input speaks of, and how the report calls it."""

from collections.abc import Iterable, Mapping
from typing import Any

from splitplot.waves import FIRST, waves_of
from splitplot.waves import shown as shown_wave

Cell = tuple[str, str]
"""Identity of a cell in the report: (trial id, condition name)."""
Place = tuple[int, int]
"""An answer of a cell to an item: (position of its wave in the plan, replication)."""

FACTORS = ("model", "sampling", "condition")
SHOWN_ROWS = 200
"""Rows of a table of cells before it is cut (the whole is in report.json): the page stays small."""


class Cells:
    """Look-ups over the plan: cell of a row, short label of a cell, arm of a contrast."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.trials = {t["id"]: t for t in plan.get("trials", [])}
        self.conditions = {c["id"]: c.get("name", c["id"]) for c in plan.get("conditions", [])}
        self.waves = waves_of(plan)
        self.order = [(c["trial"], self.name(c["condition"])) for c in plan.get("cells", [])]
        named = [self.factors(cell) for cell in self.order]
        self.varying = [f for f in FACTORS if len({row[f] for row in named}) > 1]

    def name(self, condition: str) -> str:
        """The name of a condition given by name or by id."""
        return str(self.conditions.get(condition, condition))

    def of(self, row: Mapping[str, Any]) -> Cell:
        """The cell of a row of inference.json, costs.json or the item-response table."""
        condition = row.get("condition_id") or row.get("condition") or ""
        trial = row.get("trial_id") or row.get("trial") or ""
        if trial not in self.trials:
            same = [
                t
                for t, value in self.trials.items()
                if value.get("model") == row.get("model")
                and value.get("sampling") == row.get("sampling")
            ]
            trial = same[0] if same else trial
        return str(trial), self.name(str(condition))

    def place(self, row: Mapping[str, Any]) -> Place:
        """Which of the answers of its cell to its item a row of the item-response table is."""
        wave = row.get("wave") or FIRST
        index = self.waves.index(wave) if wave in self.waves else len(self.waves)
        return index, int(row.get("replication") or 0)

    def place_words(self, row: Mapping[str, Any]) -> str:
        """The same for people: "replication 2", with the wave where there are several."""
        number = f"replication {int(row.get('replication') or 0) + 1}"
        return (
            f"wave {shown_wave(row.get('wave') or FIRST)}, {number}" if self.waves[1:] else number
        )

    def factors(self, cell: Cell) -> dict[str, str]:
        """Model, sampling and condition of a cell, as the study names them."""
        trial = self.trials.get(cell[0], {})
        return {
            "model": str(trial.get("model", cell[0])),
            "sampling": str(trial.get("sampling", "")),
            "condition": cell[1],
        }

    def label(self, cell: Cell) -> str:
        """The factors that vary in this study, joined: “135m · greedy · direct”."""
        factors = self.factors(cell)
        return " · ".join(factors[f] for f in self.varying) or cell[1]

    def arm(self, contrast: Mapping[str, Any], cell: Cell) -> str | None:
        """“a”, “b” or None: the arm of `contrast` to which the answers of `cell` belong."""
        trial = self.trials.get(cell[0], {})
        factors = self.factors(cell)
        names = {
            "condition": {cell[1]},
            "model": {factors["model"], str(trial.get("model_id"))},
            "sampling": {factors["sampling"]},
            "trial": {cell[0]},
        }.get(str(contrast.get("factor")), set())
        return next((arm for arm in ("a", "b") if contrast.get(arm) in names), None)

    def arm_names(self, contrast: Mapping[str, Any]) -> dict[str, str]:
        """What the two arms are called: a trial by model and sampling, other levels by their own name."""
        names = {}
        for arm in ("a", "b"):
            level = str(contrast.get(arm, arm))
            trial = self.trials.get(level) if contrast.get("factor") == "trial" else None
            names[arm] = f"{trial['model']} ({trial['sampling']})" if trial else level
        return names


def shown(rows: Iterable[Any]) -> tuple[list[Any], int]:
    """The rows that a table of the page holds, and how many are left out."""
    every = list(rows)
    return every[:SHOWN_ROWS], max(0, len(every) - SHOWN_ROWS)
