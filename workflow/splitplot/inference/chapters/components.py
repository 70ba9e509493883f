"""Chapter `components`: where the variance of the scores comes from, in shares and in sentences."""

from typing import Any

import numpy as np

from splitplot.canonical import digest
from splitplot.inference.asked import FIRST_SCORER, asked_of_plan
from splitplot.inference.checks import Flag
from splitplot.inference.components.crossed import ITEM, RUN, CrossedScores, Term
from splitplot.inference.components.design import (
    MODEL,
    PROMPT,
    SAMPLING,
    Design,
    affordable,
    crossed_design,
)
from splitplot.inference.components.logistic import logistic_sensitivity
from splitplot.inference.components.moves import cell_means, level_range, levels_of, moves
from splitplot.inference.components.shares import (
    COMBINATIONS,
    FEW_LEVELS,
    Decomposition,
    decompose,
)
from splitplot.inference.data import StudyData
from splitplot.inference.intervals import is_bounded, z_quantile
from splitplot.inference.resampling.intervals import MIN_UNITS
from splitplot.inference.wording import POINTS, SCORE_UNITS, Unit, counted, listed

WORDS = {
    MODEL: "model",
    PROMPT: "prompt",
    SAMPLING: "sampling settings",
    ITEM: "item",
    COMBINATIONS: "combinations of factors",
}
SOURCES: dict[Term, str] = {
    (ITEM,): "item: some questions are harder than others",
    (RUN,): "run: the same model answers the same question differently",
}


def chapter(data: StudyData) -> tuple[dict[str, Any] | None, list[Flag]]:
    """Components of the first scorer's scores; None where the design has nothing to share out."""
    design = crossed_design(data.grid())
    if design is None:
        return None, []
    seed = int(digest([data.seed, "components", data.scorers[0]]), 16)
    used = affordable(design, seed)
    try:
        found = decompose(used.scores, cluster=used.cluster, level=data.level, seed=seed)
    except ValueError as problem:
        return None, [Flag("components_refused", "study", f"No shares of variance: {problem}.")]
    if not found.agree:
        a, b = found.log_likelihoods or (0.0, 0.0)
        return None, [
            Flag(
                "components_not_converged",
                "study",
                "No shares of variance: two optimisers ended at different log-likelihoods "
                f"({a:.3f} and {b:.3f}).",
            )
        ]
    return _content(data, design, found, used.scores.n_items, seed)


def _content(
    data: StudyData, design: Design, found: Decomposition, n_used: int, seed: int
) -> tuple[dict[str, Any], list[Flag]]:
    scores = design.scores
    means = cell_means(scores)
    unit = (
        POINTS
        if is_bounded(design.grid.rows.strict[~np.isnan(design.grid.rows.strict)])
        else SCORE_UNITS
    )
    noise = _noise(scores, found, data.level)
    moved = moves(scores, found, means, cluster=design.cluster, level=data.level, seed=seed)
    units = scores.n_items if design.cluster is None else int(design.cluster.max()) + 1
    warnings = _warnings(scores, found, units)
    steady = sum(design.grid.deterministic(cell) for cell in design.cells)
    if 0 < steady < len(design.cells):
        warnings.append(
            f"{steady} of {counted(len(design.cells), 'cell')} answer the same every time: run-to-run "
            "noise is an average over all cells, and larger in the others."
        )
    if n_used < scores.n_items:
        warnings.append(
            f"Too many cells with holes for all items: shares from a random sample of {n_used:,} of "
            f"{scores.n_items:,}."
        )
    logistic, why = _logistic(data, design)
    if why:
        warnings.append(why)
    rows = [
        {
            "name": " × ".join(source.term),
            "label": _label(source.term, found.run_known),
            "variance": max(0.0, source.variance),
            "share": source.share,
            "low": source.low,
            "high": source.high,
            "detectable": source.detectable,
            "descriptive": source.descriptive,
            "range": level_range(scores, means, source.term),
        }
        for source in found.sources
    ]
    content = {
        "metric": data.scorers[0],
        "method": found.method,
        "balanced": found.balanced,
        "n_rows": scores.n_rows,
        "n_items": scores.n_items,
        "rows": rows,
        "sentences": [
            *_noise_sentence(scores, found, noise, unit, data.level),
            *moved.sentences(unit),
        ],
        "noise_half_width": noise,
        "prompt_sd": moved.prompt.sd if moved.prompt else None,
        "model_sd": moved.model.sd if moved.model else None,
        "ranking_changes": moved.ranking_changes,
        "logistic": logistic,
        "warnings": warnings,
    }
    flags = [
        Flag(
            "component_not_detectable",
            "study",
            f"The variance of {_spoken(source.term)} is not detectable: its estimate is not above 0.",
        )
        for source in found.sources
        if not source.detectable
    ]
    return content, flags


def _noise(scores: CrossedScores, found: Decomposition, level: float) -> float | None:
    """z·√(2w/(I·K)): how far apart two runs of one cell are, w the run variance. None where unknown."""
    run = found.of(RUN)
    if not found.run_known or run is None or not run.detectable:
        return None
    per_cell = scores.n_rows / scores.n_cells
    return z_quantile(level) * float(np.sqrt(2 * run.variance / per_cell))


def _noise_sentence(
    scores: CrossedScores, found: Decomposition, noise: float | None, unit: Unit, level: float
) -> list[str]:
    if noise is not None:
        replications = scores.n_rows / int((scores.count > 0).sum())
        each = "once" if replications < 1.5 else f"{round(replications)} times"
        return [
            f"Running the same model twice changes its score by up to about ±"
            f"{unit.fitted(noise).amount(noise)} by chance alone ({round(100 * level)} times in 100), "
            f"with {counted(scores.n_items, 'item')} answered {each}."
        ]
    if not found.run_known:
        return [
            "How much a score changes from run to run is not known: every question was asked once. "
            "Add replications."
        ]
    return [
        "No answer changed its score between replications: run-to-run noise was not detectable."
    ]


def _spoken(term: Term) -> str:
    return " × ".join(WORDS.get(part, part) for part in term)


def _label(term: Term, run_known: bool) -> str:
    if term == (RUN,) and not run_known:
        return (
            "run, and the highest interaction with the item: one replication cannot tell them apart"
        )
    return SOURCES.get(term, _spoken(term))


def _warnings(scores: CrossedScores, found: Decomposition, units: int) -> list[str]:
    told = []
    if units < MIN_UNITS:
        told.append(
            f"{units} items or clusters to draw from: below {MIN_UNITS} the shares have no intervals."
        )
    if not found.run_known:
        told.append(
            "One replication: run-to-run noise is not separate from the highest interaction."
        )
    few = [WORDS[name] for name in scores.factors if levels_of(scores, name) < FEW_LEVELS]
    if few:
        told.append(
            f"Few levels ({listed(few)}): their shares describe these levels and have no intervals; "
            "the range of the level means says more."
        )
    if not scores.complete:
        told.append(
            "Not every combination of levels was asked: variances that this leaves mixed up are not shown, "
            "and count under the terms that are."
        )
    return told


def _logistic(data: StudyData, design: Design) -> tuple[dict[str, Any] | None, str | None]:
    primaries = (data.plan.get("analysis") or {}).get("primary") or []
    for asked in asked_of_plan(primaries, data.cells):
        if asked.metric in (FIRST_SCORER, data.scorers[0]):
            return logistic_sensitivity(design, asked, data.level)
    return None, None
