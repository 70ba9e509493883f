"""Chapter `spent`: how many times the tokens, dollars and seconds of the other arm an arm takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from splitplot.inference.arms import Arms, build_arms, paired_cells
from splitplot.inference.asked import Asked, asked_of_plan, contrast_seed
from splitplot.inference.checks import MIN_ITEMS, Flag
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.data import StudyData, cell_means
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.intervals import Floats, Interval
from splitplot.inference.ratio import compare_ratios, compare_sums
from splitplot.inference.wording import level_text, p_text, quoted

AMOUNTS = {
    "usd": ("dollars", "costs"),
    "tokens_out": ("output tokens", "takes"),
    "latency_s": ("seconds per answer", "takes"),
}
"""What is counted per answer → its name, and the verb of a sentence about it."""

PER_CORRECT = "usd_per_correct"


def chapter(data: StudyData) -> tuple[list[dict[str, Any]], list[Flag]]:
    """An entry per asked contrast and amount that both arms have on at least MIN_ITEMS common items."""
    primaries = (data.plan.get("analysis") or {}).get("primary") or []
    grid = data.grid()
    amounts = {name: _by_item(data, grid, name) for name in AMOUNTS}
    found = []
    for asked in asked_of_plan(primaries, data.cells):
        pairs = paired_cells(grid.cells, asked.factor, asked.a, asked.b, asked.name)
        for name, by_item in amounts.items():
            item, a, b = _arms(by_item, pairs)
            entry = _entry(data, grid, asked, name, item, a, b)
            found += [entry] if entry else []
        entry = _per_correct(data, grid, asked, pairs, amounts["usd"])
        found += [entry] if entry else []
    return found, []


def _by_item(data: StudyData, grid: Grid, name: str) -> Floats:
    """Mean per cell and item over the answers with a known amount, shape (n_cells, n_items)."""
    n_items = len(grid.items)
    place = grid.rows.cell * n_items + grid.rows.item
    means = cell_means(data.numbers(name, grid), place, len(grid.cells) * n_items)
    table: Floats = means.reshape(len(grid.cells), n_items)
    return table


def _arms(by_item: Floats, pairs: Sequence[tuple[int, int]]) -> tuple[Ints, Floats, Floats]:
    """The items that both arms have in every pair of cells, and the means of either arm."""
    first = by_item[[a for a, _ in pairs]].mean(axis=0) if pairs else np.zeros(0)
    second = by_item[[b for _, b in pairs]].mean(axis=0) if pairs else np.zeros(0)
    item = np.flatnonzero(np.isfinite(first) & np.isfinite(second)) if pairs else np.zeros(0, int)
    return item, first[item], second[item]


def _entry(
    data: StudyData,
    grid: Grid,
    asked: Asked,
    name: str,
    item: Ints,
    a: Floats,
    b: Floats,
) -> dict[str, Any] | None:
    if item.size < MIN_ITEMS or not (a.sum() > 0 and b.sum() > 0):
        return None
    try:
        result = compare_sums(
            a,
            b,
            cluster=_cluster(grid, item),
            level=data.level,
            seed=contrast_seed(data.seed, asked),
        )
    except (TooFewClusters, ValueError):
        return None
    noun, verb = AMOUNTS[name]
    return _json(
        asked, name, noun, verb, result.ratio, result.p_value, result.test, item.size, a, b
    )


def _per_correct(
    data: StudyData,
    grid: Grid,
    asked: Asked,
    pairs: Sequence[tuple[int, int]],
    usd: Floats,
) -> dict[str, Any] | None:
    """Dollars per point of score: a ratio of sums in either arm, on the items that both arms have."""
    item, a, b = _arms(usd, pairs)
    scores = build_arms(grid, pairs, "strict", "strict")
    both, at, where = np.intersect1d(item, scores.item, return_indices=True)
    if both.size < MIN_ITEMS:
        return None
    a, b, right = a[at], b[at], Arms(scores.a[where], scores.b[where], both, None, None, both.size)
    if min(a.sum(), b.sum(), right.a.sum(), right.b.sum()) <= 0:
        return None
    try:
        ratio, test = compare_ratios(
            a,
            right.a,
            b,
            right.b,
            cluster=_cluster(grid, both),
            level=data.level,
            seed=contrast_seed(data.seed, asked),
        )
    except (TooFewClusters, ValueError):
        return None
    per_a, per_b = a / right.a.mean(), b / right.b.mean()
    return _json(
        asked,
        PER_CORRECT,
        "dollars per right answer",
        "costs",
        ratio,
        test.p_value,
        test.method,
        both.size,
        per_a,
        per_b,
    )


def _cluster(grid: Grid, item: Ints) -> Ints | None:
    codes = grid.cluster[item]
    return codes if np.unique(codes).size < codes.size else None


def _json(
    asked: Asked,
    name: str,
    noun: str,
    verb: str,
    ratio: Interval,
    p_value: float,
    test: str,
    n_items: int,
    a: Floats,
    b: Floats,
) -> dict[str, Any]:
    sentence = (
        f"{quoted(asked.label_a)} {verb} {ratio.estimate:.2f} times the {noun} of "
        f"{quoted(asked.label_b)} ({level_text(ratio.level)} interval {ratio.low:.2f} to "
        f"{ratio.high:.2f}; {p_text(p_value)} if both took the same)."
    )
    return {
        "contrast": asked.name,
        "amount": name,
        "ratio": ratio.to_json(),
        "p_value": p_value,
        "test": test,
        "n_items": int(n_items),
        "mean_a": float(a.mean()),
        "mean_b": float(b.mean()),
        "sentence": sentence,
    }
