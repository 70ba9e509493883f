"""The whole analysis on simulated answers: what rehearsal.json says. Sends nothing, reads no answer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from splitplot.canonical import digest
from splitplot.errors import ConfigError
from splitplot.inference import contrasts
from splitplot.inference.asked import Asked, asked_of_plan
from splitplot.inference.data import solver_cells
from splitplot.inference.intervals import clopper_pearson
from splitplot.inference.summary import summarise
from splitplot.inference.verdict import speak
from splitplot.inference.words import NO_VERDICT
from splitplot.items.item import Item
from splitplot.looks import looks_of
from splitplot.rehearsal.answers import Layout, as_grid, draw_study, write_table
from splitplot.rehearsal.money import money_of
from splitplot.rehearsal.pilot import Assumed, assumptions
from splitplot.rehearsal.study import (
    MOST_CONTRASTS,
    NOT_SCORES,
    Wanted,
    cluster_codes,
    graded_items,
    power_of_study,
)

SCHEMA = 1
"""Version of rehearsal.json."""

STUDIES, FEWEST_STUDIES, ANSWERS = 100, 5, 200_000
"""Whole studies simulated per scenario; fewer where items × contrasts × studies would be above ANSWERS."""


def rehearse(
    plan: Mapping[str, Any],
    items: Sequence[Item],
    root: Path,
    ledger: Path,
    wanted: Wanted | None = None,
) -> dict[str, Any]:
    """The content of rehearsal.json: plain values; the same plan, items and pilot, the same content.

    wanted: sizes and draws of the grid. power: as `splitplot power` has it. whole: verdicts of whole
    simulated studies as they are declared, where no contrast has a true gap, and where each has the
    one that it was planned for. inference: the content of inference.json for one of the latter.
    Raises ConfigError where there is nothing to compare, or the pilot is wrong.
    """
    cells = solver_cells(plan)
    asked = asked_of_plan(plan["analysis"].get("primary") or [], cells)
    if not asked:
        raise ConfigError(
            f"{plan['study_file']}: one cell is nothing to compare, so there is nothing to rehearse; add "
            "a condition, a model or a sampling"
        )
    asked = asked if asked[0].primary else asked[:MOST_CONTRASTS]
    assumed = assumptions(plan, root, asked)
    layout = Layout(
        cells,
        tuple(int(cell["replications"]) for cell in plan["cells"]),
        asked,
        [one.components for one in assumed],
        len(items),
        cluster_codes(items),
    )
    gaps = [_planned_gap(one, what) for one, what in zip(asked, assumed, strict=True)]
    return {
        "schema": SCHEMA,
        "study": plan["study"],
        "question": plan["question"],
        "simulated": True,
        "power": power_of_study(plan, items, root, ledger, wanted),
        "whole": [
            _whole(plan, layout, items, "no true gap", [0.0] * len(gaps)),
            _whole(plan, layout, items, "the gaps planned for", gaps),
        ],
        "inference": _once(plan, layout, items, gaps, ledger),
    }


def _planned_gap(asked: Asked, assumed: Assumed) -> float:
    """The gap that the study is for. A contrast in tokens or dollars has none on the scale of scores."""
    if asked.metric in NOT_SCORES:
        return 0.0
    return asked.margin if assumed.gap is None else assumed.gap


def _whole(
    plan: Mapping[str, Any],
    layout: Layout,
    items: Sequence[Item],
    name: str,
    gaps: Sequence[float],
) -> dict[str, Any]:
    """How often each contrast got each verdict, all of them together, with Holm and every check."""
    rng = _rng(plan, name)
    per_study = max(1, layout.n_items * len(layout.asked))
    studies = max(FEWEST_STUDIES, min(STUDIES, ANSWERS // per_study))
    alpha, seed = float(plan["analysis"]["alpha"]), int(plan["analysis"]["seed"])
    ids = [item.id for item in items]
    graded = {
        index: _places(plan, one.metric, items)
        for index, one in enumerate(layout.asked)
        if one.metric not in NOT_SCORES
    }
    scored = [index for index, places in graded.items() if len(places) > 1]
    words: dict[int, Counter[str]] = {index: Counter() for index in scored}
    reasons: dict[int, str] = {}
    for _ in range(studies):
        scores = draw_study(layout, gaps, rng)
        grids = {key: as_grid(layout, ids, scores, key) for key in set(graded.values())}
        answered = contrasts.families(
            [
                contrasts.answer(grids[graded[index]], layout.asked[index], alpha, seed, True)
                for index in scored
            ],
            pooled=plan["analysis"].get("family") == "study",
        )
        for index, one in zip(scored, answered, strict=True):
            verdict = speak(one.evidence)
            words[index][verdict.word] += 1
            if verdict.word == NO_VERDICT and verdict.reasons:
                reasons[index] = verdict.reasons[0]
    return {
        "scenario": name,
        "studies": studies,
        "contrasts": [
            {
                "name": layout.asked[index].name,
                "gap": gaps[index],
                "words": {word: _share(n, studies) for word, n in words[index].most_common()},
                "reason": reasons.get(index),
            }
            for index in scored
        ],
    }


def _places(plan: Mapping[str, Any], metric: str, items: Sequence[Item]) -> tuple[int, ...]:
    """The places among `items` of those that the scorer of this metric grades."""
    known = {item.id for item in graded_items(plan, metric, items)}
    return tuple(place for place, item in enumerate(items) if item.id in known)


def _once(
    plan: Mapping[str, Any],
    layout: Layout,
    items: Sequence[Item],
    gaps: Sequence[float],
    ledger: Path,
) -> dict[str, Any]:
    """inference.json of one simulated study, by way of a table in a temporary folder."""
    rng = _rng(plan, "once")
    expected = {(one.trial, one.condition): one for one in money_of(plan, items, ledger).answers}
    with TemporaryDirectory() as folder:
        table = Path(folder) / "item_responses.parquet"
        scores = draw_study(layout, gaps, rng)
        write_table(table, plan, layout, items, scores, expected, rng)
        # A study that may stop early is not asked in looks here: all of its items are answered.
        known = {"planned_items": len(items)} if looks_of(dict(plan)) else {}
        return summarise(table, dict(plan) | known, None)


def _rng(plan: Mapping[str, Any], name: str) -> np.random.Generator:
    return np.random.default_rng(int(digest([plan["analysis"]["seed"], "rehearsal", name]), 16))


def _share(count: int, whole: int) -> dict[str, float]:
    interval = clopper_pearson(count, whole)
    return {"share": interval.estimate, "low": interval.low, "high": interval.high}
