"""What misread answers do to the rates of false answers: how often declining is taken for answering, and the
rates and differences corrected for it where the study's own labels are of both conditions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np

from splitplot.inference.answering.endpoints import FALSE_ANSWERS, Rated
from splitplot.inference.answering.gaps import Entry
from splitplot.inference.answering.setting import Setting
from splitplot.inference.arms import build_arms
from splitplot.inference.chapters.audit import audits_of, errors, errors_in_words, reading_of
from splitplot.inference.checks import MIN_ITEMS, Flag
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.fieller import Means, joint_means
from splitplot.inference.grid import Bools, Grid
from splitplot.inference.intervals import Interval, is_binary, t_quantile, z_quantile
from splitplot.inference.rogan_gladen import (
    Corrected,
    Read,
    Reading,
    corrected_difference,
    corrected_rate,
    youden_low,
)
from splitplot.inference.wording import POINTS, counted, level_text, percent, quoted

LEAST_LABELS = 30
"""Labelled texts that decline, and that answer, of each condition: with fewer there is no correction."""

READ = ("ok", "abstained", "refused")
"""Outcomes of answers of which it was read whether they answer."""


@dataclass(frozen=True)
class _Correction:
    """reason: why there is none. read: rates as they are read on the same answers, (condition, control)."""

    reason: str | None
    read: tuple[float, float] | None = None
    arms: tuple[Corrected, Corrected] | None = None
    difference: Interval | None = None


def misreadings(
    setting: Setting, contrasts: list[Entry]
) -> tuple[dict[str, Any] | None, list[Flag]]:
    """The `misread` of the chapter and its flags; None where nothing is measured of false answers.

    contrasts: those of the chapter.
    """
    one = setting.endpoint(FALSE_ANSWERS)
    if one is None:
        return None, []
    found = audits_of(setting.data.plan)
    name = "shipped" if found["own"] is None else "own"
    tried = found[name]
    readings = {arm["condition"]: arm["confusion"] for arm in tried["by_condition"]}
    corrected, flags = [], list[Flag]()
    if readings:
        said = {e["condition"]: e for e in contrasts if e["endpoint"] == FALSE_ANSWERS}
        for condition in setting.others:
            found_here = _correct(setting, one, condition, readings)
            corrected.append(_entry(setting, condition, found_here))
            flags += _flag(setting, said[condition], found_here)
    return {
        "set": name,
        **tried["declining"],
        "by_condition": [
            {"condition": condition, **_counts(rows), **errors(rows)}
            for condition, rows in readings.items()
        ],
        "contrasts": corrected,
        "sentence": _sentence(setting, tried, name, any(c["difference"] for c in corrected)),
    }, flags


def _correct(
    setting: Setting, one: Rated, condition: str, readings: Mapping[str, Any]
) -> _Correction:
    pair, labelled = (condition, setting.control), list[Reading]()
    for arm in pair:
        reading = reading_of(readings[arm]) if arm in readings else Reading(0, 0, 0, 0)
        if min(reading.answers, reading.declines) < LEAST_LABELS:
            return _Correction(
                f"{LEAST_LABELS} labelled answers that decline and {LEAST_LABELS} that answer are needed of "
                f"each condition, and of {quoted(arm)} there are {reading.declines:,} and {reading.answers:,}"
            )
        if youden_low(reading) <= 0:
            return _Correction(
                f"by the labels of {quoted(arm)} reading may tell nothing of who answers"
            )
        labelled.append(reading)
    grid = _read_alone(setting, one)
    arms = build_arms(grid, setting.pairs(condition), "strict", "strict")
    if arms.item.size < MIN_ITEMS:
        return _Correction(f"only {counted(arms.item.size, 'item')} with an answer read in both")
    a, b = 1 - arms.a, 1 - arms.b
    cluster = grid.labels(arms.item, a - b)
    try:
        means = joint_means(a, b, cluster=cluster, names=("rate", "rate of the control"))
    except TooFewClusters as problem:
        return _Correction(str(problem))
    level, n = setting.data.level, float(arms.item.size)
    alone = cluster is None and is_binary(a) and is_binary(b)
    quantile = z_quantile(level) if alone else t_quantile(level, means.df)
    units = n if cluster is None else float(np.unique(cluster).size)
    rates = (means.x, means.y)
    worth = [
        n if alone else _worth(rate, variance, units)
        for rate, variance in zip(rates, (means.var_x, means.var_y), strict=True)
    ]
    try:
        first, second = (
            corrected_rate(Read(rate, size, quantile), reading, level)
            for rate, size, reading in zip(rates, worth, labelled, strict=True)
        )
    except ValueError as problem:
        return _Correction(str(problem))
    gap = corrected_difference(first, second, _correlation(means), level)
    return _Correction(None, rates, (first, second), gap)


def _read_alone(setting: Setting, one: Rated) -> Grid:
    """The endpoint's grid with the answers alone that were read: what is cut off or empty was not."""
    grid = one.grid
    assert grid.rows.origin is not None
    outcome = setting.data.table.text["outcome"]
    read: Bools = np.isin(np.array(outcome.names, dtype=object), READ)
    here = read[outcome.code[grid.rows.origin]]
    rows = replace(grid.rows, strict=np.where(here, grid.rows.strict, np.nan))
    return Grid(grid.cells, grid.items, grid.declared, rows, grid.content)


def _worth(rate: float, variance: float, units: float) -> float:
    """Items that stand alone of which the rate would have this variance; `units` where nothing varies."""
    spread = rate * (1 - rate)
    return spread / variance if variance > 0 and spread > 0 else units


def _correlation(means: Means) -> float:
    if means.var_x <= 0 or means.var_y <= 0:
        return 0.0
    return means.cov / sqrt(means.var_x * means.var_y)


def _entry(setting: Setting, condition: str, found: _Correction) -> dict[str, Any]:
    rates = [None, None] if found.arms is None else [arm.interval.to_json() for arm in found.arms]
    return {
        "condition": condition,
        "control": setting.control,
        "read_rate": None if found.read is None else found.read[0],
        "read_control_rate": None if found.read is None else found.read[1],
        "rate": rates[0],
        "control_rate": rates[1],
        "difference": None if found.difference is None else found.difference.to_json(),
        "reason": found.reason,
        "sentence": setting.said(_said(setting, condition, found)),
    }


def _said(setting: Setting, condition: str, found: _Correction) -> str:
    a, b = quoted(condition), quoted(setting.control)
    if found.arms is None or found.read is None or found.difference is None:
        return f"The false answers of {a} and {b} are not corrected for misreading: {found.reason}."
    gap = found.difference
    unit = POINTS.fitted(gap.estimate, gap.low, gap.high)
    read = " and ".join(percent(rate) for rate in found.read)
    true = " and ".join(percent(arm.interval.estimate) for arm in found.arms)
    return (
        f"Corrected for misreading by the labels of each, {a} and {b} answer {true} of the unanswerable "
        f"questions falsely, as read {read}: a difference of {unit.amount(gap.estimate)} "
        f"({level_text(gap.level)} interval {unit.limits(gap)})."
    )


def _flag(setting: Setting, said: Entry, found: _Correction) -> list[Flag]:
    """That a direction which is spoken does not stand the correction."""
    gap, way = found.difference, said["direction"]
    if gap is None or way is None or (gap.high < 0 if way == "lower" else gap.low > 0):
        return []
    text = _said(setting, said["condition"], found)
    message = f"The direction of the difference in false answers rests on misread answers. {text}"
    return [Flag("correction_differs", "study", message)]


def _counts(confusion: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    reading = reading_of(confusion)
    return {"n_answering": reading.answers, "n_declining": reading.declines}


def _sentence(setting: Setting, tried: Mapping[str, Any], name: str, corrected: bool) -> str:
    texts = (
        f"{counted(tried['n'], 'hand-written text')} of the project"
        if name == "shipped"
        else f"{counted(tried['n'], 'labelled answer')} of this study"
    )
    rates = "are as read; corrected ones stand beside them" if corrected else "are as read"
    ask = (
        ""
        if corrected
        else f" A prompt that makes a model decline in other words can change them by itself; {LEAST_LABELS} "
        f"labelled answers that decline and {LEAST_LABELS} that answer of each condition would correct them."
    )
    return setting.said(
        f"Rates of false answers {rates}: on {texts} {errors_in_words(tried['declining'])}.{ask}"
    )
