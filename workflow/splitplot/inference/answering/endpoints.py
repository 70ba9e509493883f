"""The rates of the chapter: of which scorer and which questions each is, and how it is spoken of."""

from dataclasses import dataclass

import numpy as np

from splitplot.inference.answering.answers import (
    ABSTENTION,
    EXACT,
    F1,
    LOST,
    NO_FALSE_ANSWER,
    STATES,
    SUPPORTED,
    UNUSABLE,
    Answers,
    grading,
)
from splitplot.inference.arms import Arms, build_arms
from splitplot.inference.asked import FIRST_SCORER
from splitplot.inference.data import StudyData
from splitplot.inference.grid import Bools, Grid, Ints, Rows

FALSE_ANSWERS, UNSUPPORTED, EXACT_MATCH, TOKEN_F1 = (
    "false_answers",
    "unsupported",
    "exact_match",
    "f1",
)


@dataclass(frozen=True)
class Endpoint:
    """One rate.

    kind: of the scorer it is of, None where it is of the state of the answers. flipped: it is 1 − the
    score. answerable: of which questions, None for all that are graded. needed: whether it is left out where
    it is not known which are answerable. verb: what an arm does, in words.
    """

    name: str
    kind: str | None
    lower_is_better: bool | None
    verb: str
    flipped: bool = False
    answerable: bool | None = None
    needed: bool = True


ENDPOINTS = (
    Endpoint(
        EXACT_MATCH,
        EXACT,
        False,
        "matches a reference answer exactly",
        answerable=True,
        needed=False,
    ),
    Endpoint(TOKEN_F1, F1, False, "scores", answerable=True, needed=False),
    Endpoint(FALSE_ANSWERS, NO_FALSE_ANSWER, True, "answers unanswerable questions", flipped=True),
    Endpoint(UNSUPPORTED, SUPPORTED, True, "makes unsupported claims", flipped=True),
    Endpoint(ABSTENTION, ABSTENTION, None, "abstains"),
    Endpoint(
        "abstention_answerable",
        ABSTENTION,
        True,
        "abstains on answerable questions",
        answerable=True,
    ),
    Endpoint(
        "abstention_unanswerable",
        ABSTENTION,
        False,
        "abstains on unanswerable questions",
        answerable=False,
    ),
    Endpoint("refusals", None, True, "refuses"),
    Endpoint(UNUSABLE, None, True, "gives unusable answers"),
)
"""In the order of the chapter. Abstaining is good or bad only once it is known whether there is an answer;
and where there is none, exact match is abstaining under another name: it is of answerable questions here."""


@dataclass(frozen=True)
class Rated:
    """An endpoint of a study. grid: with its scores, of its items alone. metric: as contrasts of it are
    called in a plan; whole: whether its items are all that the scorer grades, as those of such a contrast."""

    endpoint: Endpoint
    grid: Grid
    metric: str
    whole: bool

    def arms(self, pairs: list[tuple[int, int]], only: Bools | None = None) -> Arms:
        """Scores (not rates) of both arms on the common items of the endpoint. only: per item of the grid."""
        arms = build_arms(self.grid, pairs, "strict", "strict")
        if only is None:
            return arms
        kept = only[arms.item]
        return Arms(arms.a[kept], arms.b[kept], arms.item[kept], None, None, arms.n_union)


def rated(data: StudyData, answers: Answers) -> list[Rated]:
    """The endpoints that the study's scorers measure, in the order of ENDPOINTS."""
    names = grading(data.plan)
    found = []
    for one in ENDPOINTS:
        if one.kind is None:
            so = answers.refused if one.name == "refusals" else _unusable(answers)
            grid = answers.share_of(data, so)
            found.append(Rated(one, grid, one.name, False))
            continue
        unknown = one.answerable is not None and answers.answerable is None
        if one.kind not in names or (unknown and one.needed):
            continue
        name = names[one.kind]
        grid = data.grid(name)
        kept = np.ones(len(grid.items), dtype=np.bool_)
        if one.answerable is not None and answers.answerable is not None:
            kept = answers.answerable[answers.positions(grid.items)] == one.answerable
        if not kept.any():
            continue
        whole = bool(kept.all()) and (one.answerable is None or not one.needed)
        metric = FIRST_SCORER if name == data.scorers[0] else name
        of_it = grid if kept.all() else part_of(grid, kept)
        found.append(Rated(one, of_it, metric if whole else one.name, whole))
    return found


def part_of(grid: Grid, kept: Bools) -> Grid:
    """The grid of some of the items alone. kept: per item."""
    rows, place = grid.rows, np.cumsum(kept) - 1
    here = kept[rows.item]
    columns = {name: getattr(rows, name) for name in Rows.__dataclass_fields__}
    chosen = {name: values[here] for name, values in columns.items() if values is not None}
    names = [name for name, one in zip(grid.items, kept, strict=True) if one]
    return Grid(
        grid.cells,
        names,
        grid.declared[kept],
        Rows(**(chosen | {"item": place[chosen["item"]]})),
        grid.content[kept],
    )


def _unusable(answers: Answers) -> Bools:
    unusable: Bools = answers.state == STATES.index(UNUSABLE)
    return unusable


def state_counts(state: Ints) -> dict[str, int]:
    """How many answers are in each state, the lost ones last; states without any are left out."""
    counts = {name: int((state == code).sum()) for code, name in enumerate(STATES)}
    return {name: n for name, n in (counts | {"lost": int((state == LOST).sum())}).items() if n}
