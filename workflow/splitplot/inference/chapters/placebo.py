"""Chapter `placebo`: how often this analysis cries wolf on the study's own answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from splitplot.canonical import digest
from splitplot.inference.arms import Arms, build_arms, paired_cells
from splitplot.inference.asked import FIRST_SCORER, Asked, asked_of_plan
from splitplot.inference.checks import MIN_CLUSTERS, MIN_ITEMS, Flag
from splitplot.inference.data import StudyData
from splitplot.inference.evidence import ITEMS
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.intervals import EQUAL, Floats, clopper_pearson
from splitplot.inference.placebo import (
    Alarms,
    Repeats,
    aa_splits,
    default_analysis,
    false_alarms,
    histogram,
    label_swaps,
    runs_within,
    split_halves,
)
from splitplot.inference.wording import counted, percent, quoted

AA, SWAP, SPLIT = "A/A split", "label swap", "split-half"
DEFAULT_RUNS = 200
MAX_CONTRASTS = 3
"""Placebo runs are made for the first so many contrasts, and for the arms of these."""

FLAG_LEVEL = 0.99
"""A rate is flagged where even its 99 % interval lies above α: some of many would at 95 %."""


@dataclass(frozen=True)
class Contrast:
    """A contrast of the plan with its cells, and its item scores."""

    asked: Asked
    grid: Grid
    pairs: list[tuple[int, int]]
    arms: Arms

    @property
    def cluster(self) -> Ints | None:
        """Clusters of the common items, None where every item stands alone."""
        return self.grid.labels(self.arms.item, self.arms.a - self.arms.b)

    @property
    def seed_of(self) -> list[Any]:
        """What the seeds of its runs come from, whichever way round it is asked."""
        asked = self.asked
        return [asked.metric, asked.factor, asked.missing, sorted((asked.a, asked.b))]


def chapter(data: StudyData) -> tuple[dict[str, Any] | None, list[Flag]]:
    """Placebo runs of the study's first contrasts; None where `analysis.placebo_runs` is 0 or nothing
    is compared. What could not be run is under `left_out`, with the reason."""
    asked_runs = int((data.plan.get("analysis") or {}).get("placebo_runs", DEFAULT_RUNS))
    contrasts, left_out = _contrasts(data)
    if asked_runs == 0 or not (contrasts or left_out):
        return None, []
    kinds: list[dict[str, Any]] = []

    def add(kind: str, name: str, made: dict[str, Any] | str) -> None:
        if isinstance(made, str):
            left_out.append({"kind": kind, "name": name, "reason": made})
        else:
            kinds.append({"kind": kind, "name": name, **made})

    for name, side, contrast in _arms(contrasts):
        add(AA, name, _aa(data, contrast, side, name, asked_runs))
    for kind, run in ((SWAP, _swap), (SPLIT, _split)):
        for contrast in contrasts:
            add(kind, contrast.asked.name, run(data, contrast, asked_runs))
    if not kinds and not left_out:
        return None, []
    content = {
        "runs": sum(entry["runs"] for entry in kinds),
        "kinds": kinds,
        "left_out": left_out,
        "sentence": _sentence(kinds, "".join({_where(one.asked) for one in contrasts})),
    }
    return content, _flags(kinds, data.alpha)


def _contrasts(data: StudyData) -> tuple[list[Contrast], list[dict[str, str]]]:
    """The first contrasts that compare scores of items, and what was left out of the others."""
    found: list[Contrast] = []
    left_out: list[dict[str, str]] = []
    primaries = (data.plan.get("analysis") or {}).get("primary") or []
    asked = asked_of_plan(primaries, data.cells)
    for one in asked:
        if len(found) == MAX_CONTRASTS:
            rest = len(asked) - asked.index(one)
            reason = f"placebo runs are made for the first {MAX_CONTRASTS} contrasts"
            left_out.append({"kind": "all", "name": counted(rest, "contrast"), "reason": reason})
            break
        twin = next((other for other in found if _same_arms(one, other.asked)), None)
        if twin is not None:
            reason = (
                f"compares the same arms as {quoted(twin.asked.name)}, whose runs speak for both"
            )
            left_out.append({"kind": "all", "name": one.name, "reason": reason})
            continue
        scorer = None if one.metric == FIRST_SCORER else one.metric
        if scorer is not None and scorer not in data.scorers:
            reason = f"placebo runs are made of scores, not of {one.metric}"
            left_out.append({"kind": "all", "name": one.name, "reason": reason})
            continue
        grid = data.grid(scorer)
        pairs = paired_cells(grid.cells, one.factor, one.a, one.b, one.name)
        found.append(Contrast(one, grid, pairs, build_arms(grid, pairs, one.missing, one.missing)))
    return found, left_out


def _same_arms(one: Asked, other: Asked) -> bool:
    """Whether two contrasts differ in scope, margin or direction alone."""
    same = (one.metric, one.factor, one.missing) == (other.metric, other.factor, other.missing)
    return same and {one.a, one.b} == {other.a, other.b}


def _arms(contrasts: Sequence[Contrast]) -> list[tuple[str, int, Contrast]]:
    """(name, side, contrast) of every arm, once each."""
    found: dict[tuple[str, ...], tuple[str, int, Contrast]] = {}
    for contrast in contrasts:
        asked = contrast.asked
        for side, level, label in ((0, asked.a, asked.label_a), (1, asked.b, asked.label_b)):
            key = (asked.metric, asked.factor, asked.missing, level)
            found.setdefault(key, (label, side, contrast))
    return list(found.values())


def _aa(
    data: StudyData, contrast: Contrast, side: int, name: str, asked_runs: int
) -> dict[str, Any] | str:
    """A/A splits of one arm, or why there are none."""
    asked, grid = contrast.asked, contrast.grid
    cells = [pair[side] for pair in contrast.pairs]
    scores = [_by_replication(grid, cell, asked.missing) for cell in cells]
    split = [np.isfinite(cell).sum(axis=1) >= 2 for cell in scores]
    twice: Ints = np.flatnonzero(np.sum(split, axis=0)) if split else np.zeros(0, dtype=np.int64)
    if not twice.size:
        return "one replication: there is nothing to split; two or more are needed"
    cluster = grid.labels(twice)
    if problem := _too_few(twice.size, cluster):
        return problem
    if not any(
        bool((np.nanmax(cell[rows], axis=1) - np.nanmin(cell[rows], axis=1) > EQUAL).any())
        for cell, rows in zip(scores, split, strict=True)
        if rows.any()
    ):
        return "no replication ever differed from another: both halves are the same in every split"
    level = asked.b if side else asked.a
    seed = _seed(data, AA, [asked.metric, asked.factor, asked.missing, level])
    runs = runs_within(asked_runs, twice.size * len(cells))
    whole = grid.cluster if cluster is not None else None
    analysis = default_analysis(data.alpha, asked.margin, seed)
    alarms = false_alarms(aa_splits(scores, whole, runs, seed), analysis)
    return _alarms_json(
        alarms,
        data.alpha,
        f"split the replications of {quoted(name)} at random into two halves",
        _where(asked),
    )


def _swap(data: StudyData, contrast: Contrast, asked_runs: int) -> dict[str, Any] | str:
    """Label swaps of one contrast, or why there are none."""
    arms, asked, cluster = contrast.arms, contrast.asked, contrast.cluster
    if problem := _too_few(arms.item.size, cluster):
        return problem
    if not (np.abs(arms.a - arms.b) > EQUAL).any():
        return "no item tells the arms apart: there is nothing to swap"
    seed = _seed(data, SWAP, contrast.seed_of)
    runs = runs_within(asked_runs, arms.item.size)
    swaps = label_swaps(arms.a, arms.b, cluster, runs, seed, cluster)
    alarms = false_alarms(swaps, default_analysis(data.alpha, asked.margin, seed))
    unit = "item" if cluster is None else "cluster"
    what = (
        f"swapped {quoted(asked.label_a)} and {quoted(asked.label_b)} at random within each {unit}"
    )
    return _alarms_json(alarms, data.alpha, what, _where(asked))


def _split(data: StudyData, contrast: Contrast, asked_runs: int) -> dict[str, Any] | str:
    """Split-half replication of one contrast, or why there is none."""
    arms, asked, cluster = contrast.arms, contrast.asked, contrast.cluster
    if problem := _too_few(arms.item.size, cluster, halves=2):
        return problem
    seed = _seed(data, SPLIT, contrast.seed_of)
    runs = runs_within(asked_runs, arms.item.size)
    analysis = default_analysis(data.alpha, asked.margin, seed)
    found = split_halves(arms.a, arms.b, cluster, runs, seed, analysis)
    return _repeats_json(found, asked) if found.runs else "no half has an interval"


def _where(asked: Asked) -> str:
    """The scope that the runs are analysed at, told where the contrast asks about another one."""
    return "" if asked.scope == ITEMS else " on items like these"


def _alarms_json(alarms: Alarms, alpha: float, what: str, where: str) -> dict[str, Any] | str:
    if not alarms.runs:
        return "no run has an interval"
    share = alarms.share()
    return {
        "runs": alarms.runs,
        "false_alarms": alarms.false_alarms,
        "share": share.estimate,
        "low": share.low,
        "high": share.high,
        "p_values": histogram(alarms.p_values),
        "verdicts": alarms.verdicts,
        "sentence": f"In {alarms.runs:,} runs that {what}, the analysis claimed a difference{where} in "
        f"{percent(share.estimate)} (the rate behind it: {percent(share.low)} to "
        f"{percent(share.high)}); up to {percent(alpha)} is what it allows itself."
        + _without(alarms.without),
    }


def _repeats_json(found: Repeats, asked: Asked) -> dict[str, Any]:
    share = clopper_pearson(found.contradicted, found.runs)
    sentence = (
        f"In {found.runs:,} random splits of the items into halves, the second half repeated the verdict "
        f"of the first on {quoted(asked.label_a)} and {quoted(asked.label_b)}{_where(asked)} in "
        f"{percent(found.same_verdict / found.runs)} and the sign of the difference in "
        f"{percent(found.same_sign / found.runs)}; "
    )
    if found.claimed:
        sentence += (
            f"the second half confirmed {found.confirmed:,} of {found.claimed:,} directions claimed by "
            f"the first, and claimed the opposite of {found.contradicted:,}."
        )
    else:
        sentence += "no first half claimed a direction."
    return {
        "runs": found.runs,
        "false_alarms": found.contradicted,
        "share": share.estimate,
        "low": share.low,
        "high": share.high,
        "p_values": [],  # not even where nothing is wrong, so not to be shown as if they should be
        "same_verdict": found.same_verdict / found.runs,
        "same_sign": found.same_sign / found.runs,
        "claimed": found.claimed,
        "confirmed": found.confirmed,
        "sentence": sentence + _without(found.without),
    }


def _sentence(kinds: Sequence[dict[str, Any]], where: str) -> str:
    """The one sentence on all runs without a true difference; split halves have one, and do not count."""
    made = [entry for entry in kinds if entry["kind"] != SPLIT]
    runs = sum(entry["runs"] for entry in made)
    if not runs:
        return "No placebo run could be made on these data."
    share = sum(entry["false_alarms"] for entry in made) / runs
    return (
        f"In {runs:,} placebo runs on your data this analysis{where} cried wolf "
        f"{percent(share)} of the time."
    )


def _flags(kinds: Sequence[dict[str, Any]], alpha: float) -> list[Flag]:
    found = []
    for entry in kinds:
        sure = clopper_pearson(entry["false_alarms"], entry["runs"], FLAG_LEVEL)
        if entry["kind"] != SPLIT and sure.low > alpha:
            found.append(
                Flag(
                    "placebo_alarms",
                    entry["name"],
                    f"Placebo runs ({entry['kind']}) cried wolf {percent(entry['share'])} of the time, "
                    f"more than the {percent(alpha)} that the interval promises: on these data it is too "
                    "short. Read claims that rest on it with that in mind.",
                )
            )
    return found


def _too_few(items: int, cluster: Ints | None, halves: int = 1) -> str | None:
    """Why an analysis of these items would end in no verdict; halves: parts that each need enough."""
    if items < halves * MIN_ITEMS:
        return f"{counted(items, 'item')}: at least {halves * MIN_ITEMS} are needed"
    clusters = items if cluster is None else int(np.unique(cluster).size)
    if cluster is not None and clusters < halves * MIN_CLUSTERS:
        return f"{counted(clusters, 'cluster')}: at least {halves * MIN_CLUSTERS} are needed"
    return None


def _by_replication(grid: Grid, cell: int, missing: str) -> Floats:
    """Scores of a cell, shape (n_items, replications), NaN where there is none."""
    here = grid.rows_of(cell)
    replication = grid.rows.replication[here]
    width = int(replication.max()) + 1 if replication.size else 1
    scores = np.full((len(grid.items), width), np.nan)
    scores[grid.rows.item[here], replication] = getattr(grid.rows, missing)[here]
    return scores


def _seed(data: StudyData, kind: str, content: list[Any]) -> int:
    return int(digest([data.seed, "placebo", kind, *content]), 16)


def _without(runs: int) -> str:
    return f" {counted(runs, 'run')} had no interval and are left out." if runs else ""
