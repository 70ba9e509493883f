"""Chapter `calibration`: per cell, whether the confidence of its answers can be trusted, and used."""

from dataclasses import asdict
from typing import Any

import numpy as np

from splitplot.canonical import digest
from splitplot.inference import calibration, selective
from splitplot.inference.chapters.pass_at_k import cell_names
from splitplot.inference.checks import Flag
from splitplot.inference.data import StudyData
from splitplot.inference.grid import Cell, Ints
from splitplot.inference.intervals import Floats, is_bounded
from splitplot.inference.resampling.intervals import MIN_UNITS
from splitplot.inference.wording import POINTS, counted, level_text, percent, quoted

MOST_WITHOUT = 0.1
"""From this share of answers without a confidence on, it is said that calibration leaves them out."""

Ends = tuple[float, float] | None


def chapter(data: StudyData) -> tuple[list[dict[str, Any]], list[Flag]]:
    """Entries of every cell in which an answer has a confidence; empty where the study reads none."""
    grid = data.grid()
    confidence = data.numbers("confidence", grid)
    declared = data.plan.get("confidence") is not None
    strict = grid.rows.strict
    kept = strict[~np.isnan(strict)]
    if np.isnan(confidence).all():
        nothing = Flag("no_confidence", "study", "No answer tells its confidence where it is read.")
        return [], [nothing] if declared and kept.size else []
    if not is_bounded(kept):
        reason = (
            "No calibration: it compares confidence with scores from 0 to 1, and these are not."
        )
        return [], [Flag("calibration_refused", "study", reason)]
    unit = grid.cluster[grid.rows.item] if grid.clustered else grid.rows.item
    entries, flags = [], []
    for index, cell in enumerate(grid.cells):
        here = grid.rows_of(index)
        usable = ~np.isnan(strict[here])
        known = usable & ~np.isnan(confidence[here])
        if not known.any():
            continue
        seed = int(digest([data.seed, "calibration", cell.trial, cell.condition_id]), 16)
        share = float(known.sum() / usable.sum())
        entry = _entry(
            cell, confidence[here][known], strict[here][known], unit[here][known], data.level, seed
        )
        entries.append(entry | {"share_with_confidence": share})
        flags += _flags(cell, entry, share, "cluster" if grid.clustered else "item")
    return entries, flags


def _entry(
    cell: Cell, confidence: Floats, score: Floats, unit: Ints, level: float, seed: int
) -> dict[str, Any]:
    parts = calibration.brier(confidence, score)
    debiased = calibration.ece_debiased(confidence, score, unit)
    plain = calibration.ece(confidence, score)
    ece_ends = calibration.ece_interval(confidence, score, unit, level=level, seed=seed)
    chosen = selective.selective_intervals(confidence, score, unit, level=level, seed=seed)
    intervals = {
        "ece": ece_ends,
        "brier": calibration.brier_interval(confidence, score, unit, level=level, seed=seed),
        "aurc": chosen.aurc,
        "e_aurc": chosen.e_aurc,
        **{f"risk_at_{coverage}": ends for coverage, ends in chosen.risk_at.items()},
    }
    return {
        "cell": cell_names(cell),
        "n": int(confidence.size),
        "n_units": int(np.unique(unit).size),
        "distinct": int(np.unique(np.round(confidence, 12)).size),
        "mean_confidence": float(confidence.mean()),
        "mean_score": float(score.mean()),
        "ece": plain,
        "ece_debiased": max(0.0, debiased),
        "ece_debiased_cut": debiased < 0,
        "bins": [asdict(one) for one in calibration.reliability_bins(confidence, score)],
        "brier": parts.brier,
        "reliability": parts.reliability,
        "resolution": parts.resolution,
        "uncertainty": parts.uncertainty,
        "brier_parts": parts.parts,
        "aurc": selective.aurc(confidence, score),
        "e_aurc": selective.e_aurc(confidence, score),
        "risk_at": {
            str(coverage): selective.risk_at(confidence, score, coverage)
            for coverage in selective.COVERAGES
        },
        "curve": [
            {"coverage": coverage, "risk": risk}
            for coverage, risk in selective.curve(confidence, score)
        ],
        "level": level,
        "intervals": {name: _ends(ends) for name, ends in intervals.items()},
        "sentence": _sentence(cell, confidence, score, plain, ece_ends, level),
    }


def _ends(ends: Ends) -> dict[str, float] | None:
    return None if ends is None else {"low": ends[0], "high": ends[1]}


def _sentence(
    cell: Cell, confidence: Floats, score: Floats, plain: float, ends: Ends, level: float
) -> str:
    sure, right = float(confidence.mean()), float(score.mean())
    gap = sure - right
    amount = POINTS.amount(abs(gap))
    judged = f"{amount} too {'sure' if gap > 0 else 'unsure'} of itself"
    text = (
        f"{quoted(cell.label)} is {percent(sure)} sure on average and scores {percent(right)}, "
        f"{judged if amount != POINTS.amount(0.0) else 'as sure as it should be'}. Over "
        f"{calibration.BINS} bins confidence and score are {POINTS.number(plain)} points apart on average"
    )
    if ends is None:
        return f"{text}."
    unit = POINTS.fitted(ends[1])
    text += f" ({level_text(level)} interval {unit.number(ends[0])} to {unit.number(ends[1])})"
    refuted = "good calibration is refuted" if ends[0] > 0 else "good calibration is not refuted"
    return f"{text}: {refuted}."


def _flags(cell: Cell, entry: dict[str, Any], share: float, noun: str) -> list[Flag]:
    found = []

    def flag(code: str, message: str) -> None:
        found.append(Flag(code, cell.label, message))

    if 1 - share > MOST_WITHOUT:
        flag(
            "confidence_missing",
            f"Only {percent(share)} of the answers tell their confidence: calibration speaks of those "
            "alone.",
        )
    if entry["n_units"] < MIN_UNITS:
        flag(
            "calibration_no_interval",
            f"{counted(entry['n_units'], noun)} with a confidence: no intervals of calibration below "
            f"{MIN_UNITS}.",
        )
    if entry["distinct"] == 1:
        flag(
            "confidence_constant",
            "Every answer tells the same confidence: it cannot sort right from wrong.",
        )
    if entry["ece_debiased_cut"]:
        flag(
            "calibration_cut",
            "Less its bias the calibration error is below 0, and shown as 0: none was detectable.",
        )
    return found
