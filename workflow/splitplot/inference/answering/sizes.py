"""What this many unanswerable questions can show of false answers, and how many would show a halving."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from splitplot.inference.answering.endpoints import FALSE_ANSWERS
from splitplot.inference.answering.setting import Gap, Setting
from splitplot.inference.clusters import TooFewClusters, cluster_sums, cr2_standard_error
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats, is_binary
from splitplot.inference.mcnemar import mcnemar_detectable, mcnemar_items, mcnemar_power
from splitplot.inference.noise import POWER, items_needed, smallest_detectable
from splitplot.inference.wording import POINTS, counted, percent, quoted

HALF = 0.5

PRECISION = 1e-9
"""Of a difference that is looked for by halving."""


@dataclass(frozen=True)
class Sizes:
    """smallest: the smallest difference found 8 times in 10, None where none would be. one_way: it is one
    in which no item goes the other way, since those that tell the arms apart here are too few to go by.
    halving: items at which half of the control's rate would be. effect: the design effect of the clusters.
    """

    smallest: float | None
    one_way: bool
    halving: int | None
    effect: float


def power(setting: Setting) -> list[dict[str, Any]]:
    """Per condition; empty without unanswerable questions."""
    one = setting.endpoint(FALSE_ANSWERS)
    if one is None:
        return []
    found = []
    for condition in setting.others:
        gap = setting.gap(one, condition)
        if gap is None:
            continue
        cluster = one.grid.labels(gap.arms.item, gap.arms.a - gap.arms.b)
        found_at = sizes(gap, cluster, setting.data.alpha)
        seen, halving = found_at.smallest, found_at.halving
        found.append(
            {
                "condition": condition,
                "control": setting.control,
                "endpoint": FALSE_ANSWERS,
                "n_items": gap.n_items,
                "smallest_detectable": seen,
                "items_for_halving": halving,
                "one_way": found_at.one_way,
                "design_effect": found_at.effect,
                "sentence": _sentence(setting, condition, gap, found_at),
            }
        )
    return found


def sizes(gap: Gap, cluster: Ints | None, alpha: float) -> Sizes:
    """What this many items can show.

    One answer per item and arm: exact power of McNemar's test, as many items telling the arms apart as here
    (for a halving at least as many as it takes); with clusters at n/design effect items. Else by the
    standard error of the differences, which has the clusters in it. Where too few items tell the arms apart,
    or none does: the smallest difference all one way, `one_way`, at as many items as there are clusters if
    nothing varies.
    """
    a, b, n = gap.arms.a, gap.arms.b, gap.n_items
    halved = HALF * gap.control_rate
    differences = a - b
    effect = design_effect(differences, cluster)
    if is_binary(a) and is_binary(b):
        telling = (gap.wins + gap.losses) / n
        worth = max(1, int(n / effect))
        seen = mcnemar_detectable(worth, telling, alpha, POWER) if telling else None
        share = max(telling, halved)
        needed = (
            mcnemar_items((share + halved) / 2, (share - halved) / 2, alpha, POWER)
            if halved > 0
            else None
        )
        if not telling:  # nothing varies: in the worst case each cluster is one item
            worth, effect = gap.n_clusters, n / gap.n_clusters
        halving = None if needed is None else ceil(needed * effect)
        if seen is not None:
            return Sizes(seen, False, halving, effect)
        return Sizes(one_way(worth, alpha), True, halving, effect)
    se = float(differences.std(ddof=1) / np.sqrt(n)) * np.sqrt(effect) if n > 1 else 0.0
    seen = smallest_detectable(float(se), alpha, gap.difference.df)
    if seen is None:
        return Sizes(one_way(gap.n_clusters, alpha), True, None, effect)
    return Sizes(seen, False, items_needed(float(se), n, halved, alpha), effect)


def one_way(n: int, alpha: float) -> float | None:
    """The smallest share of n items that McNemar's exact test finds 8 times in 10 where all of them tell for
    the same arm: the difference d at which `mcnemar_detectable(n, d)` is d. None where even all would not do.
    """
    if mcnemar_power(n, 1.0, 0.0, alpha) < POWER:
        return None
    low, high = 0.0, 1.0
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (
            (low, middle) if mcnemar_power(n, middle, 0.0, alpha) >= POWER else (middle, high)
        )
    return high


def design_effect(differences: Floats, cluster: Ints | None) -> float:
    """How many times the variance of the mean is that of items that stand alone: CR2 over s²/n (Kish 1965),
    not below 1. 1 without clusters, and where nothing varies."""
    if cluster is None or differences.size < 2:
        return 1.0
    alone = float(differences.var(ddof=1)) / differences.size
    try:
        _, se = cr2_standard_error(cluster_sums(differences, cluster))
    except TooFewClusters:
        return 1.0
    return max(1.0, se**2 / alone) if alone > 0 else 1.0


def _sentence(setting: Setting, condition: str, gap: Gap, found: Sizes) -> str:
    seen, halving = found.smallest, found.halving
    a, b = quoted(condition), quoted(setting.control)
    questions = counted(gap.n_items, "unanswerable question")
    telling = gap.wins + gap.losses
    if seen is None:
        first = (
            f"{questions} answered by {a} and {b} are too few to find any difference 8 times in 10."
        )
    elif found.one_way:
        few = "None" if not telling else f"Only {telling:,}"
        first = (
            f"{few} of {questions} {'tells' if telling < 2 else 'tell'} {a} and {b} apart. A difference of "
            f"{POINTS.amount(seen)} in false answers would be found 8 times in 10, if all of it went one way."
        )
    else:
        first = (
            f"With {questions} answered by both, a difference of {POINTS.amount(seen)} in false answers "
            f"between {a} and {b} would be found 8 times in 10."
        )
    if gap.control_rate == 0:
        return setting.said(f"{first} {b} made none, so there is nothing to halve.")
    if halving is None:
        return setting.said(first)
    rest = "which there are" if halving <= gap.n_items else f"{halving - gap.n_items:,} more"
    return setting.said(
        f"{first} To find that the {percent(gap.control_rate)} of {b} is halved takes about "
        f"{halving:,}, {rest}."
    )
