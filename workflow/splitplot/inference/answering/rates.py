"""One condition by itself: its rates with intervals, the states of its answers, what they cost."""

from typing import Any

import numpy as np

from splitplot.inference.answering.answers import LOST
from splitplot.inference.answering.endpoints import ENDPOINTS, Rated, state_counts
from splitplot.inference.answering.setting import Setting
from splitplot.inference.cells import cell_interval
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.data import cell_means
from splitplot.inference.intervals import Floats


def arm(setting: Setting, condition: str) -> dict[str, Any]:
    """The condition as in inference.json."""
    answers, cells = setting.answers, setting.cells(condition)
    here = np.isin(answers.cell, cells)
    came = here & (answers.state != LOST)
    items = np.unique(answers.item[came])
    known = answers.answerable
    rates: dict[str, Any] = {one.name: None for one in ENDPOINTS}
    missing: dict[str, str] = {}
    for one in setting.rated:
        name = one.endpoint.name
        rates[name], why = rate(setting, one, cells)
        if why is not None:
            missing[name] = why
    usd = _mean(setting, answers.usd, cells)
    return {
        "condition": condition,
        "n_items": int(items.size),
        "n_answerable": None if known is None else int(known[items].sum()),
        "n_unanswerable": None if known is None else int((~known[items]).sum()),
        "n_answers": int(came.sum()),
        "rates": rates,
        "no_rate": missing,
        "states": state_counts(answers.state[here]),
        "usd_per_1000": None if usd is None else 1000 * usd,
        "tokens_in_mean": _mean(setting, answers.tokens_in, cells),
    }


def rate(
    setting: Setting, one: Rated, cells: list[int]
) -> tuple[dict[str, Any] | None, str | None]:
    """Mean over items of the mean over cells of the mean over replications, with its interval; or why there
    is none."""
    total = np.zeros(len(one.grid.items))
    used = np.zeros(len(one.grid.items), dtype=np.int64)
    for cell in cells:
        scores = one.grid.scores(cell, "strict")
        kept = scores.count > 0
        total += np.where(kept, scores.mean, 0.0)
        used += kept
    item = np.flatnonzero(used)
    if not item.size:
        return None, "none of its answers came"
    values = total[item] / used[item]
    if one.endpoint.flipped:
        values = 1 - values
    cluster = one.grid.labels(item, values)
    try:
        interval = cell_interval(values, cluster=cluster, level=setting.data.level)
    except (TooFewClusters, ValueError) as problem:
        return None, str(problem)
    n_clusters = item.size if cluster is None else np.unique(cluster).size
    return interval.to_json() | {"n_items": int(item.size), "n_clusters": int(n_clusters)}, None


def _mean(setting: Setting, values: Floats, cells: list[int]) -> float | None:
    """Mean over cells of the mean over items of the mean over the answers with a known value."""
    answers, n = setting.answers, len(setting.answers.items)
    means = []
    for cell in cells:
        here = answers.cell == cell
        by_item = cell_means(values[here], answers.item[here], n)
        if np.isfinite(by_item).any():
            means.append(float(np.nanmean(by_item)))
    return float(np.mean(means)) if means and len(means) == len(cells) else None
