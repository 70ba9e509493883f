"""Unsupported claims by other thresholds of support than the scorer's: whether the result hangs on it."""

from dataclasses import replace
from typing import Any

import numpy as np

from splitplot.inference.answering.endpoints import UNSUPPORTED, Rated
from splitplot.inference.answering.setting import Setting
from splitplot.inference.grid import Grid

THRESHOLDS = (0.25, 0.4, 0.5, 0.6, 0.75, 0.9)
"""Shares of an answer that the passage has to support."""


def thresholds(setting: Setting) -> list[dict[str, Any]]:
    """The difference in unsupported claims at every threshold; empty where no answer has a support.

    An answer that was scored and has a support counts as supported from the threshold on; any other counts
    as in the scorer's own analysis (who abstains claims nothing, what is unusable counts as wrong).
    """
    one = setting.endpoint(UNSUPPORTED)
    if one is None:
        return []
    grid = one.grid
    support = setting.data.numbers("support", grid)
    scored = np.isfinite(support) & np.isfinite(grid.rows.observed)
    if not scored.any():
        return []
    found = []
    for threshold in THRESHOLDS:
        strict = np.where(scored, (support >= threshold).astype(np.float64), grid.rows.strict)
        rows = replace(grid.rows, strict=strict, observed=strict)
        again = Grid(grid.cells, grid.items, grid.declared, rows, grid.content)
        at = Rated(one.endpoint, again, one.metric, one.whole)
        for condition in setting.others:
            gap = setting.gap_on(at, condition, None, tested=False)
            if gap is None:
                continue
            found.append(
                {
                    "threshold": threshold,
                    "condition": condition,
                    "control": setting.control,
                    "difference": gap.difference.to_json(),
                    "rate_arm": gap.rate,
                    "rate_control": gap.control_rate,
                }
            )
    return found
