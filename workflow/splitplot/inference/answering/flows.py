"""What became of the answers of the control under each condition, pair by pair, and some of those that
changed. A pair is the same item, trial and replication; which replications pair is arbitrary."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from splitplot.canonical import digest
from splitplot.inference.answering.answers import LOST, STATES
from splitplot.inference.answering.setting import Setting
from splitplot.inference.grid import Ints

MOST_FLIPS = 5
"""Changed answers that are named for each condition and direction."""


def flows(setting: Setting) -> list[dict[str, Any]]:
    """Counts from the control's state to the condition's, by answerable and unanswerable items. answerable
    is None where it is not known."""
    known = setting.answers.answerable
    found = []
    for condition in setting.others:
        item, before, after, _, _ = _paired(setting, condition)
        for kind in (True, False) if known is not None else (None,):
            here = np.ones(item.size, dtype=np.bool_) if known is None else known[item] == kind
            if not here.any():
                continue
            found.append(
                {
                    "condition": condition,
                    "control": setting.control,
                    "n_pairs": int(here.sum()),
                    "answerable": kind,
                    "from_to": _table(before[here], after[here]),
                }
            )
    return found


def flips(setting: Setting) -> list[dict[str, Any]]:
    """For every condition and direction up to MOST_FLIPS answers whose state changed, chosen by the hash of
    the item's id: a sample that nobody picked. One of each item before a second of any."""
    answers = setting.answers
    order = {item: digest(["flip", item]) for item in answers.items}
    found = []
    for condition in setting.others:
        item, before, after, cell, replication = _paired(setting, condition)
        for first, start in enumerate(STATES):
            for second, end in enumerate(STATES):
                places = np.flatnonzero((before == first) & (after == second))
                if first == second or not places.size:
                    continue
                flipped = _one_item_first(
                    (
                        order[answers.items[item[place]]],
                        answers.items[item[place]],
                        setting.data.cells[cell[place]].trial,
                        int(replication[place]),
                    )
                    for place in places
                )
                found += [
                    {
                        "condition": condition,
                        "control": setting.control,
                        "direction": f"{start}→{end}",
                        "item_id": name,
                        "trial_id": trial,
                        "wave": setting.data.place(number)[0],
                        "replication": setting.data.place(number)[1],
                    }
                    for _, name, trial, number in flipped[:MOST_FLIPS]
                ]
    return found


def _one_item_first(
    changed: Iterable[tuple[str, str, str, int]],
) -> list[tuple[str, str, str, int]]:
    """Sorted, with the first answer of every item before the second of any."""
    seen: dict[str, int] = {}
    ranked = []
    for one in sorted(changed):
        seen[one[1]] = seen.get(one[1], 0) + 1
        ranked.append((seen[one[1]], one))
    return [one for _, one in sorted(ranked)]


def _table(before: Ints, after: Ints) -> dict[str, dict[str, int]]:
    """Counts by the names of both states; those without any are left out."""
    counts = np.zeros((len(STATES), len(STATES)), dtype=np.int64)
    np.add.at(counts, (before, after), 1)
    return {
        start: {end: int(n) for end, n in zip(STATES, row, strict=True) if n}
        for start, row in zip(STATES, counts, strict=True)
        if row.any()
    }


def _paired(setting: Setting, condition: str) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Per pair of answers that both came: item, state in the control and in the condition, the condition's
    cell, replication; sorted by cell, item and replication."""
    answers = setting.answers
    most = int(answers.replication.max()) + 1 if answers.replication.size else 1
    key = answers.item * most + answers.replication
    columns: list[tuple[Ints, ...]] = []
    for cell, control in setting.pairs(condition):
        own, other = np.flatnonzero(answers.cell == cell), np.flatnonzero(answers.cell == control)
        _, first, second = np.intersect1d(key[own], key[other], return_indices=True)
        own, other = own[first], other[second]
        came = (answers.state[own] != LOST) & (answers.state[other] != LOST)
        own, other = own[came], other[came]
        columns.append(
            (
                answers.item[own],
                answers.state[other],
                answers.state[own],
                answers.cell[own],
                answers.replication[own],
            )
        )
    empty = np.zeros(0, dtype=np.int64)
    item, before, after, cells, replication = (
        np.concatenate([empty, *(column[index] for column in columns)]) for index in range(5)
    )
    return item, before, after, cells, replication
