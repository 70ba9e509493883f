"""Every answer of a study once, with what became of it, from the rows that several scorers have of it.

An answer is an item in a cell in a replication. Items that cannot be answered are those that the scorer
`no_false_answer` grades, open-book ones those that `supported` does: nothing is read but the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitplot.inference.data import StudyData
from splitplot.inference.grid import Bools, Grid, Ints, Rows
from splitplot.inference.intervals import Floats
from splitplot.inference.measures import kinds

EXACT, F1, ABSTENTION = "qa_em", "qa_f1", "abstention"
NO_FALSE_ANSWER, SUPPORTED = "no_false_answer", "supported"
GRADING = (EXACT, F1, ABSTENTION, NO_FALSE_ANSWER, SUPPORTED)
"""Kinds of scorers that the chapter is made of; the first scorer of each kind counts."""

RIGHT, WRONG, ABSTAINED, REFUSED = "right", "wrong", "abstained", "refused"
HELD_BACK, FALSE_ANSWER, UNUSABLE, ANSWERED = "held_back", "false_answer", "unusable", "answered"
STATES = (RIGHT, HELD_BACK, ABSTAINED, REFUSED, UNUSABLE, WRONG, FALSE_ANSWER, ANSWERED)
"""What an answer can be. `answered` only where no exact match says whether it is right."""

LOST = -1
HALF = 0.5
"""From this score on an answer counts as right, or as held back."""


def grading(plan: Mapping[str, Any]) -> dict[str, str]:
    """Kind → name of the first scorer of that kind."""
    found: dict[str, str] = {}
    for name, kind in kinds(plan).items():
        if kind in GRADING:
            found.setdefault(kind, name)
    return found


@dataclass(frozen=True)
class Answers:
    """All answers, sorted by cell, item and replication, one entry each.

    items: ids, sorted. cell, item: positions. state: position in STATES, or LOST. refused: told so by
    any scorer. usd, tokens_in: NaN where unknown. answerable, open_book: per item, None where no scorer
    of the study tells. declared, content: per item, as of `Grid`.
    """

    items: list[str]
    cell: Ints
    item: Ints
    replication: Ints
    state: Ints
    refused: Bools
    usd: Floats
    tokens_in: Floats
    answerable: Bools | None
    open_book: Bools | None
    declared: Ints
    content: Ints

    def grid(self, data: StudyData, values: Floats) -> Grid:
        """A grid of these answers with a number each; NaN where there is none."""
        rows = Rows(
            self.cell,
            self.item,
            self.replication,
            values,
            values,
            np.zeros(self.cell.size, dtype=np.bool_),
            -1 - np.arange(self.cell.size),
        )
        return Grid(data.cells, self.items, self.declared, rows, self.content)

    def share_of(self, data: StudyData, true: Bools) -> Grid:
        """A grid of 1 where something is so and 0 where not, over the answers that came."""
        return self.grid(data, np.where(self.state == LOST, np.nan, true.astype(np.float64)))

    def positions(self, names: tuple[str, ...]) -> Ints:
        """Where items of another grid are among these."""
        place = {name: index for index, name in enumerate(self.items)}
        return np.array([place[name] for name in names], dtype=np.int64)


def answers_of(data: StudyData) -> Answers:
    """The answers that any of the grading scorers has a row of."""
    names = grading(data.plan)
    grids = {kind: data.grid(name) for kind, name in names.items()}
    items = sorted({item for grid in grids.values() for item in grid.items})
    where = {item: index for index, item in enumerate(items)}
    replications = max(
        (int(grid.rows.replication.max()) + 1 for grid in grids.values() if grid.rows.cell.size),
        default=1,
    )
    declared = np.zeros(len(items), dtype=np.int64)
    content = np.full(len(items), -1, dtype=np.int64)
    keys: dict[str, Ints] = {}
    for kind, grid in grids.items():
        own = np.array([where[item] for item in grid.items], dtype=np.int64)
        declared[own], content[own] = grid.declared, grid.content
        rows = grid.rows
        of_item = own[rows.item] if rows.item.size else rows.item
        keys[kind] = (rows.cell * len(items) + of_item) * replications + rows.replication
    every = np.unique(np.concatenate([*keys.values(), np.zeros(0, dtype=np.int64)]))
    replication, rest = every % replications, every // replications
    item, cell = rest % max(1, len(items)), rest // max(1, len(items))
    columns = {kind: _column(data, grid, keys[kind], every) for kind, grid in grids.items()}
    answerable = _graded(items, grids.get(NO_FALSE_ANSWER))
    open_book = _graded(items, grids.get(SUPPORTED))
    if answerable is not None:
        answerable = ~answerable
    state = _states(columns, None if answerable is None else answerable[item], every.size)
    refused = np.zeros(every.size, dtype=np.bool_)
    for column in columns.values():
        refused |= column.outcome == "refused"
    return Answers(
        items,
        cell,
        item,
        replication,
        state,
        refused,
        _first(columns, "usd", every.size),
        _first(columns, "tokens_in", every.size),
        answerable,
        open_book,
        declared,
        content,
    )


@dataclass(frozen=True)
class _Column:
    """What one scorer says of every answer: outcome ("" where it has no row), strict score, amounts."""

    outcome: NDArray[np.object_]
    strict: Floats
    usd: Floats
    tokens_in: Floats


def _column(data: StudyData, grid: Grid, key: Ints, every: Ints) -> _Column:
    own, first = np.unique(key, return_index=True)  # of a replication that is there twice the first
    place = np.searchsorted(every, own)
    assert grid.rows.origin is not None
    coded = data.table.text["outcome"]
    names = np.array([*coded.names, ""], dtype=object)
    outcome = np.full(every.size, "", dtype=object)
    outcome[place] = names[coded.code[grid.rows.origin[first]]]
    numbers = {"strict": grid.rows.strict}
    numbers |= {name: data.numbers(name, grid) for name in ("usd", "tokens_in")}
    filled = {}
    for name, values in numbers.items():
        filled[name] = np.full(every.size, np.nan)
        filled[name][place] = values[first]
    return _Column(outcome, filled["strict"], filled["usd"], filled["tokens_in"])


def _first(columns: Mapping[str, _Column], name: str, n: int) -> Floats:
    """The number that the first scorer with one has: it is the answer's, alike in all of its rows."""
    found = np.full(n, np.nan)
    for kind in GRADING:
        if kind in columns:
            found = np.where(np.isnan(found), getattr(columns[kind], name), found)
    return found


def _graded(items: list[str], grid: Grid | None) -> Bools | None:
    """Per item whether a scorer has rows of it; None without the scorer."""
    if grid is None:
        return None
    own = set(grid.items)
    return np.array([item in own for item in items], dtype=np.bool_)


def _states(columns: Mapping[str, _Column], answerable: Bools | None, n: int) -> Ints:
    """The state of every answer, by the first scorer of this order that grades it."""
    state = np.full(n, STATES.index(UNUSABLE), dtype=np.int64)
    came = np.zeros(n, dtype=np.bool_)
    for column in columns.values():
        came |= (column.outcome != "") & ~np.isnan(column.strict)
    left = np.ones(n, dtype=np.bool_)
    if answerable is not None:
        column = columns[NO_FALSE_ANSWER]
        here = ~answerable
        kept_back = np.isin(column.outcome, ("refused", "abstained"))
        kept_back |= (column.outcome == "ok") & (column.strict >= HALF)
        state[here & kept_back] = STATES.index(HELD_BACK)
        state[here & ~kept_back & (column.outcome == "ok")] = STATES.index(FALSE_ANSWER)
        left &= ~here
    for kind, high, low in (
        (EXACT, RIGHT, WRONG),
        (ABSTENTION, ABSTAINED, ANSWERED),
        (F1, ANSWERED, ANSWERED),
        (SUPPORTED, ANSWERED, ANSWERED),
    ):
        if kind not in columns:
            continue
        column = columns[kind]
        here = left & (column.outcome != "")
        for word in (ABSTAINED, REFUSED):
            state[here & (column.outcome == word)] = STATES.index(word)
        ok = here & (column.outcome == "ok")
        state[ok & (column.strict >= HALF)] = STATES.index(high)
        state[ok & ~(column.strict >= HALF)] = STATES.index(low)
        left &= ~here
    return np.where(came, state, LOST)
