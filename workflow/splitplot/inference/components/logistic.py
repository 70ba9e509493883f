"""The logistic model of a study's first contrast, as inference.json has it."""

from typing import Any

import numpy as np

from splitplot.inference.arms import paired_cells
from splitplot.inference.asked import Asked
from splitplot.inference.components.agq import NODES, agq, marginal_difference, marginal_means
from splitplot.inference.components.design import Design
from splitplot.inference.wording import POINTS, quoted


def logistic_sensitivity(
    design: Design, asked: Asked, level: float = 0.95
) -> tuple[dict[str, Any] | None, str | None]:
    """A contrast of 0/1 scores by the logistic model, in points; or why there is none, in words.

    (None, None) where the scores are not 0/1 or the contrast has no cells here.
    """
    scores = design.scores
    kept = design.grid.rows.strict[~np.isnan(design.grid.rows.strict)]
    if not np.isin(kept, (0.0, 1.0)).all():
        return None, None
    where = {cell: position for position, cell in enumerate(design.cells)}
    pairs = [
        (where[a], where[b])
        for a, b in paired_cells(design.grid.cells, asked.factor, asked.a, asked.b, asked.name)
        if a in where and b in where
    ]
    if not pairs:
        return None, None
    try:
        fit = agq(np.rint(scores.mean * scores.count), scores.count)
    except (ValueError, np.linalg.LinAlgError) as problem:
        return None, f"No logistic model: {problem}."
    if not fit.agree:
        return None, "No logistic model: two starts ended at different likelihoods."
    weight = np.zeros(scores.n_cells)
    for a, b in pairs:
        weight[a] += 1 / len(pairs)
        weight[b] -= 1 / len(pairs)
    difference = marginal_difference(fit, weight, level)
    points = POINTS.fitted(difference.estimate, difference.low, difference.high)
    means, _ = marginal_means(fit)
    return {
        "method": f"logistic, item random intercept, adaptive quadrature with {NODES} nodes",
        "contrast": asked.name,
        "difference": difference.to_json(),
        "log_odds_difference": float(weight @ fit.beta),
        "item_sd": fit.sigma,
        "item_detectable": not fit.at_boundary,
        "cells": [
            {"label": design.grid.cells[cell].label, "log_odds": float(beta), "mean": float(mean)}
            for cell, beta, mean in zip(design.cells, fit.beta, means, strict=True)
        ],
        "sentence": (
            f"On the log-odds scale, with items of different difficulty: {quoted(asked.label_a)} minus "
            f"{quoted(asked.label_b)} is {points.number(difference.estimate)} points "
            f"({level:.0%} interval {points.span(difference)}), if items differ in difficulty alone."
        ),
    }, None
