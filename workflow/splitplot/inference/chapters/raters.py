"""Chapter `raters`: how far the study's raters agree, and whether its verdicts hold by each of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from splitplot.canonical import digest
from splitplot.errors import ConfigError, near_miss
from splitplot.inference import agreement
from splitplot.inference.asked import FIRST_SCORER, Asked, asked_of_plan
from splitplot.inference.chapters.components import SOURCES, WORDS
from splitplot.inference.checks import Flag
from splitplot.inference.components.crossed import ITEM, RUN, Term
from splitplot.inference.components.rater_design import CELL, RaterDesign, rater_design
from splitplot.inference.components.raters import (
    ANSWER,
    RATER,
    decompose_raters,
    rater_sums,
)
from splitplot.inference.components.shares import EMS, FEW_LEVELS, Source
from splitplot.inference.data import StudyData
from splitplot.inference.intervals import Floats, is_binary, is_bounded
from splitplot.inference.rated import Rated, rated_answers
from splitplot.inference.rater_contrasts import ByRaters, by_raters, one_more
from splitplot.inference.resampling.intervals import MIN_UNITS
from splitplot.inference.wording import (
    POINTS,
    SCORE_UNITS,
    Unit,
    counted,
    level_text,
    listed,
    percent,
    quoted,
)

ALPHA = "Krippendorff's alpha"
AC1 = "Gwet's AC1"
NOUNS = WORDS | {RATER: "rater", ANSWER: "answer", CELL: "cell"}
LABELS: dict[Term, str] = SOURCES | {
    (RATER,): "rater: some give more than others to every answer",
    (ITEM, RATER): "item × rater: raters differ in which questions they find solved",
    (ANSWER, RATER): "answer × rater: what is left, raters disagree about single answers",
}


def chapter(
    data: StudyData, spoken: Mapping[str, str] | None = None
) -> tuple[dict[str, Any] | None, list[Flag]]:
    """What `analysis.raters` asks for; None where it names nobody, or where the scales differ.

    spoken: name of a contrast → the word of its verdict, beside which this chapter stands.
    """
    raters = named_raters(data)
    if not raters:
        return None, []
    rated = rated_answers(data, raters)
    if reason := _apart(rated):
        return None, [Flag("raters_refused", "study", f"Raters are not compared: {reason}.")]
    unit = _unit(rated)
    seed = int(digest([data.seed, "raters"]), 16)
    left = int((~rated.complete).sum())
    words = spoken or {}
    contrasts = [
        by_raters(data, rated, asked, words.get(asked.name))
        for asked in rated_contrasts(data, raters)
    ]
    agreed, flags = _agreement(rated, data.level, seed)
    shares, more = _components(rated, unit, data.level, seed)
    flags += more
    if left:
        flags.append(
            Flag(
                "raters_incomplete",
                "study",
                f"{counted(left, 'answer')} of {rated.complete.size:,} lack a score of some rater: the mean "
                "of the raters, raters like these and their variance are of the others.",
            )
        )
    flags += [flag for one in contrasts for flag in _stops(one)]
    content = {
        "raters": list(raters),
        "n_answers": int(rated.complete.size),
        "left_out": left,
        "levels": _levels(rated),
        "agreement": agreed,
        "components": shares,
        "contrasts": [one.to_json(unit) for one in contrasts],
        "sentences": [*_level_sentence(rated, unit), *([agreed["sentence"]] if agreed else [])],
    }
    return content, flags


def named_raters(data: StudyData) -> tuple[str, ...]:
    """The raters of the plan. Raises ConfigError for one that is no scorer of it."""
    raters = tuple((data.plan.get("analysis") or {}).get("raters") or ())
    for name in raters:
        if name not in data.scorers:
            raise ConfigError(
                f'analysis.raters: unknown scorer "{name}"{near_miss(name, list(data.scorers))}'
            )
    return raters


def purchase_note(data: StudyData, asked: Asked) -> str | None:
    """What another rater would do for a contrast, and why that is no purchase; None where no rater of the
    study judges it."""
    raters = named_raters(data)
    if asked not in rated_contrasts(data, raters):
        return None
    rated = rated_answers(data, raters)
    if _apart(rated):
        return None
    return one_more(data, rated, asked, _unit(rated))


def rated_contrasts(data: StudyData, raters: Sequence[str]) -> list[Asked]:
    """The declared contrasts that one of the raters judges."""
    primaries = (data.plan.get("analysis") or {}).get("primary") or []
    asked = asked_of_plan(primaries, data.cells) if primaries else []
    first = data.scorers[0]
    return [a for a in asked if (first if a.metric == FIRST_SCORER else a.metric) in raters]


def _unit(rated: Rated) -> Unit:
    return POINTS if is_bounded(rated.strict[~np.isnan(rated.strict)]) else SCORE_UNITS


def _apart(rated: Rated) -> str | None:
    """Why the scores are not on one scale, as a clause: some within 0 to 1, others beyond."""
    within: list[str] = []
    beyond: list[str] = []
    for name, scores in zip(rated.raters, rated.strict.T, strict=True):
        known = scores[~np.isnan(scores)]
        if known.size:
            (within if is_bounded(known) else beyond).append(quoted(name))
    if not within or not beyond:
        return None
    verb = "grades" if len(beyond) == 1 else "grade"
    return f"{listed(within)} stayed within 0 to 1, and {listed(beyond)} {verb} on another scale"


def _levels(rated: Rated) -> list[dict[str, Any]]:
    """Every rater's mean over the answers that all graded, and how many it could not read."""
    kept, read = rated.complete, rated.read
    found = []
    for column, name in enumerate(rated.raters):
        graded = ~np.isnan(rated.strict[:, column])
        unread = graded & read & np.isnan(rated.observed[:, column])
        found.append(
            {
                "rater": name,
                "n_answers": int(graded.sum()),
                "mean": float(rated.strict[kept, column].mean()) if kept.any() else None,
                "unread_share": float(unread.sum() / graded.sum()) if graded.any() else None,
            }
        )
    return found


def _level_sentence(rated: Rated, unit: Unit) -> list[str]:
    if not rated.complete.any():
        return []
    means = rated.strict[rated.complete].mean(axis=0)
    low, high = int(means.argmin()), int(means.argmax())
    gap = float(means[high] - means[low])
    if gap <= 1e-12:
        return ["All raters give the same mean score."]
    return [
        f"{quoted(rated.raters[high])} gives most and {quoted(rated.raters[low])} least: their mean scores "
        f"of the same answers are {unit.fitted(gap).amount(gap)} apart."
    ]


def _agreement(rated: Rated, level: float, seed: int) -> tuple[dict[str, Any] | None, list[Flag]]:
    """Agreement on the answers that at least one rater could read: the others are wrong by rule."""
    kept = rated.read
    table = rated.strict[kept]
    known = table[~np.isnan(table)]
    if not ((~np.isnan(table)).sum(axis=1) >= 2).any():
        return None, []
    binary = is_binary(known)
    grid = rated.grid
    item = grid.rows.item[kept]
    unit = np.unique(grid.cluster[item] if grid.clustered else item, return_inverse=True)[1]
    measure = agreement.alpha_measure(table, interval=not binary)
    most = agreement.prevalence(table) if binary else None
    ac1 = None
    if binary and most is not None and most > agreement.PREVALENT:
        ac1 = _measured(AC1, agreement.ac1_measure(table, (0.0, 1.0)), unit, level, seed)
    found = {
        "scale": "nominal" if binary else "interval",
        "n_answers": int(((~np.isnan(table)).sum(axis=1) >= 2).sum()),
        "n_units": int(unit.max()) + 1,
        "alpha": _measured(ALPHA, measure, unit, level, seed),
        "ac1": ac1,
        "observed": agreement.observed_agreement(table) if binary else None,
        "prevalence": most,
    }
    flags = []
    if found["alpha"] is None:
        flags.append(
            Flag(
                "agreement_undefined",
                "study",
                "All raters gave all answers the same score: without variation there is no alpha.",
            )
        )
    return found | {"sentence": _agreement_sentence(found)}, flags


def _measured(
    name: str, measure: agreement.Measure, unit: Any, level: float, seed: int
) -> dict[str, Any] | None:
    value = measure.value
    if value is None:
        return None
    ends = agreement.agreement_interval(measure, unit, level=level, seed=seed)
    low, high = ends or (None, None)
    return {"estimate": value, "low": low, "high": high, "level": level, "method": name}


def _agreement_sentence(found: dict[str, Any]) -> str:
    told = [f"On {counted(found['n_answers'], 'answer')}"]
    if found["observed"] is not None:
        told.append(f"two raters give the same score {percent(found['observed'])} of the time;")
    alpha = found["alpha"]
    if alpha is None:
        return f"{' '.join(told)} there is no alpha, since no score differs from another."
    text = f"{' '.join(told)} Krippendorff's alpha is {_with_ends(alpha)}."
    if found["ac1"] is not None:
        text += (
            f" One score makes {percent(found['prevalence'])} of all, where alpha is low however rarely "
            f"raters disagree: Gwet's AC1 is {_with_ends(found['ac1'])}."
        )
    return text


def _with_ends(entry: dict[str, Any]) -> str:
    def said(value: float) -> str:
        return f"{value:.2f}".replace("-", "−")

    if entry["low"] is None:
        return said(entry["estimate"])
    ends = f"{said(entry['low'])} to {said(entry['high'])}"
    return f"{said(entry['estimate'])} ({level_text(entry['level'])} interval {ends})"


def _components(
    rated: Rated, unit: Unit, level: float, seed: int
) -> tuple[dict[str, Any] | None, list[Flag]]:
    def refused(reason: str) -> tuple[None, list[Flag]]:
        text = f"No share of the raters in the variance: {reason}."
        return None, [Flag("rater_components_refused", "study", text)]

    design = rater_design(rated)
    if design is None:
        return refused("fewer than two items have every answer graded by all")
    try:
        sums = rater_sums(design.scores, design.factors, design.n_levels)
        sources = decompose_raters(sums, cluster=design.cluster, level=level, seed=seed)
    except ValueError as problem:
        return refused(str(problem))
    n_items, _, replications, n_raters = design.scores.shape
    share = sum(source.share for source in sources if RATER in source.term)
    content = {
        "method": EMS,
        "n_items": n_items,
        "items_left_out": design.items_left_out,
        "replications": replications,
        "rows": [_row(source, design) for source in sources],
        "raters_share": share,
        "sentence": f"Raters who do not agree make {percent(share)} of the variance of single scores.",
        "warnings": _warnings(design, n_raters),
    }
    flags = [
        Flag(
            "component_not_detectable",
            "study",
            f"The variance of {_spoken(source.term)} is not detectable: its estimate is not above 0.",
        )
        for source in sources
        if not source.detectable and RATER in source.term
    ]
    return content, flags


def _row(source: Source, design: RaterDesign) -> dict[str, Any]:
    return {
        "name": " × ".join(source.term),
        "label": _label(source.term, design),
        "variance": max(0.0, source.variance),
        "share": source.share,
        "low": source.low,
        "high": source.high,
        "detectable": source.detectable,
        "descriptive": source.descriptive,
        "range": _range(source.term, design),
    }


def _range(term: Term, design: RaterDesign) -> tuple[float, float] | None:
    """Lowest and highest mean over the levels of a factor or over the raters; None for others."""
    names = (*design.factors, RATER)
    if len(term) != 1 or term[0] not in names:
        return None
    table = design.scores.mean(axis=(0, 2)).reshape(*design.n_levels, -1)
    others = tuple(axis for axis, name in enumerate(names) if name != term[0])
    means: Floats = np.atleast_1d(table.mean(axis=others))
    return float(means.min()), float(means.max())


def _spoken(term: Term) -> str:
    return " × ".join(NOUNS.get(part, part) for part in term)


def _label(term: Term, design: RaterDesign) -> str:
    if design.scores.shape[2] == 1 and term == (RUN,):
        return (
            "run, and the highest interaction with the item: one replication cannot tell them apart"
        )
    return LABELS.get(term, _spoken(term))


def _warnings(design: RaterDesign, n_raters: int) -> list[str]:
    told = []
    n_items = design.scores.shape[0]
    units = n_items if design.cluster is None else int(design.cluster.max()) + 1
    if design.items_left_out:
        told.append(
            f"{counted(design.items_left_out, 'item')} left out: some answer of theirs is missing, or was "
            "not graded by all raters."
        )
    if units < MIN_UNITS:
        told.append(
            f"{units} items or clusters to draw from: below {MIN_UNITS} the shares have no intervals."
        )
    if n_raters < FEW_LEVELS:
        told.append(
            f"{n_raters} raters: what they give on the whole, or to single arms, describes these raters and "
            "has no interval; the range of their means says more."
        )
    if design.factors == (CELL,):
        told.append("Not every combination of levels was asked: cells stand in place of factors.")
    return told


def _stops(one: ByRaters) -> list[Flag]:
    """That a verdict does not hold by every rater; nothing where it rests on more than their intervals."""
    if one.otherwise:
        return []
    word = one.by[one.declared].word
    apart = [
        quoted(name) for name, judged in one.by.items() if judged.to_json(word)["holds"] is False
    ]
    if not apart:
        return []
    text = f"The verdict by {quoted(one.declared)} does not hold by {listed(apart)}."
    return [Flag("raters_disagree", one.asked.name, text)]
