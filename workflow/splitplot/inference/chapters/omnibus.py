"""Chapter `omnibus`: are all levels of a factor alike? One entry per factor with three levels or more."""

from typing import Any

import numpy as np

from splitplot.canonical import digest
from splitplot.inference.asked import FIRST_SCORER, asked_of_plan
from splitplot.inference.chapters.ranking import Levels, level_table
from splitplot.inference.checks import MIN_CLUSTERS, MIN_ITEMS, Flag
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.data import StudyData
from splitplot.inference.intervals import Interval, is_bounded
from splitplot.inference.omnibus import OmnibusTest, omnibus_tests
from splitplot.inference.paired import paired_difference
from splitplot.inference.wording import POINTS, SCORE_UNITS, counted, p_text, percent, quoted

FACTORS = ("model", "sampling", "condition")
MIN_LEVELS = 3
"""Two levels are a contrast, and are spoken of there."""


def chapter(data: StudyData) -> tuple[list[dict[str, Any]], list[Flag]]:
    """The tests of every factor with MIN_LEVELS levels or more, for every metric of a declared contrast."""
    primaries = (data.plan.get("analysis") or {}).get("primary") or []
    asked = asked_of_plan(primaries, data.cells)
    names = [FIRST_SCORER, *(one.metric for one in asked)]
    entries, flags = [], []
    for metric in dict.fromkeys(
        data.scorers[0] if name == FIRST_SCORER else name for name in names
    ):
        if metric not in data.scorers:
            continue
        for factor in FACTORS:
            if len({cell.level(factor) for cell in data.cells}) < MIN_LEVELS:
                continue
            found, problem = _entries(data, factor, metric)
            entries += found
            if problem:
                where = f"{factor}, {metric}"
                text = f"Whether all {factor}s are alike was not tested: {problem}."
                flags.append(Flag("no_omnibus", where, text))
    return entries, flags


def _entries(data: StudyData, factor: str, metric: str) -> tuple[list[dict[str, Any]], str | None]:
    levels = level_table(data, factor, metric)
    n = int(levels.item.size)
    if n < MIN_ITEMS:
        return [], f"{counted(n, 'item')} answered by all, at least {MIN_ITEMS} are needed"
    if levels.cluster is not None and np.unique(levels.cluster).size < MIN_CLUSTERS:
        return [], f"the items come from fewer than {MIN_CLUSTERS} clusters"
    seed = int(digest([data.seed, "omnibus", factor, metric]), 16)
    try:
        tests = omnibus_tests(levels.scores, cluster=levels.cluster, seed=seed)
    except (ValueError, TooFewClusters) as problem:
        return [], str(problem)
    gap = _largest_gap(levels, data.alpha, seed)
    return [_json(levels, metric, test, gap) for test in tests], None


def _largest_gap(levels: Levels, alpha: float, seed: int) -> tuple[str, str, Interval] | None:
    """The highest against the lowest level, with an interval that holds for all pairs (Bonferroni)."""
    means = levels.scores.mean(axis=0)
    best, worst = int(np.argmax(means)), int(np.argmin(means))
    if best == worst:
        return None
    pairs = means.size * (means.size - 1) // 2
    try:
        interval = paired_difference(
            levels.scores[:, best],
            levels.scores[:, worst],
            cluster=levels.cluster,
            level=1 - alpha / pairs,
            seed=seed,
        )
    except (ValueError, TooFewClusters):
        return None
    return levels.names[best], levels.names[worst], interval


def _json(
    levels: Levels, metric: str, test: OmnibusTest, gap: tuple[str, str, Interval] | None
) -> dict[str, Any]:
    return {
        "factor": levels.factor,
        "levels": list(levels.names),
        "metric": metric,
        "test": test.test,
        "statistic": test.statistic,
        "df": list(test.df) if test.df else None,
        "p_value": test.p_value,
        "n_items": test.n_items,
        "means": [float(mean) for mean in levels.scores.mean(axis=0)],
        "largest_gap": {"a": gap[0], "b": gap[1], "difference": gap[2].to_json()} if gap else None,
        "sentence": _sentence(levels, test, gap),
    }


def _sentence(levels: Levels, test: OmnibusTest, gap: tuple[str, str, Interval] | None) -> str:
    k, factor = len(levels.names), levels.factor
    bounded = is_bounded(levels.scores.ravel())
    means = levels.scores.mean(axis=0)
    low, high = (percent(v) if bounded else f"{v:,.3g}" for v in (means.min(), means.max()))
    text = (
        f"The means of the {k} {factor}s run from {low} to {high} on {counted(test.n_items, 'item')}; "
        f"{p_text(test.p_value)} if all {k} were alike on items like these ({test.test})."
    )
    if gap is None:
        return text
    a, b, interval = gap
    unit = (POINTS if bounded else SCORE_UNITS).fitted(
        interval.estimate, interval.low, interval.high
    )
    pairs = k * (k - 1) // 2
    return (
        f"{text} The largest gap, {quoted(a)} over {quoted(b)}, is {unit.amount(interval.estimate)} "
        f"({unit.limits(interval)}, allowing for all {pairs} pairs)."
    )
