"""What a study of this design could conclude, per contrast, items and replications: chances and dollars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from splitplot.amounts import AMOUNTS
from splitplot.errors import ConfigError
from splitplot.inference.arms import averaged_over, paired_cells
from splitplot.inference.asked import FIRST_SCORER, Asked, asked_of_plan
from splitplot.inference.assumptions import LEAST_MEAN, Size
from splitplot.inference.data import solver_cells
from splitplot.inference.drawing import equal_clusters
from splitplot.inference.evidence import FIXED, ITEMS
from splitplot.inference.grid import Cell, Ints
from splitplot.inference.power import DRAWS, Claim, items_wanted, point
from splitplot.inference.wording import counted
from splitplot.items.copies import find_copies
from splitplot.items.item import Item
from splitplot.rehearsal.money import Money, money_of
from splitplot.rehearsal.pilot import Assumed, assumptions

REPLICATIONS = (1, 2, 3, 5)
SMALL_STUDY, LARGE_STUDY = 1_000, 5_000
"""Up to so many items a study is shown beside larger ones; from so many on, beside smaller ones alone."""

GROWN, AROUND, SHRUNK = (0.5, 1, 2, 4, 8), (0.1, 0.25, 0.5, 1, 2), (0.1, 0.25, 0.5, 1)
MOST_CONTRASTS = 6
"""Contrasts shown where none was declared: all pairs could be hundreds."""

NOT_SCORES = tuple(AMOUNTS)
"""Metrics without the scale from 0 to 1 on which answers are drawn."""

MOST_ITEMS, MOST_REPLICATIONS = 200_000, 100
FEWEST_DRAWS, MOST_DRAWS = 20, 20_000


@dataclass(frozen=True)
class Wanted:
    """What is asked for beside the study's own design; None stands for the grids above."""

    items: Sequence[int] | None = None
    replications: Sequence[int] | None = None
    gap: float | None = None
    draws: int = DRAWS


def power_of_study(
    plan: Mapping[str, Any],
    items: Sequence[Item],
    root: Path,
    ledger: Path,
    wanted: Wanted | None = None,
) -> dict[str, Any]:
    """The answer of `splitplot power`, as plain values: the same files and wishes, the same answer.

    plan: plan.json. items: of the study. root: of the workflow, where the pilot's results are.
    ledger: results/ledger, for the length of answers so far.
    Raises ConfigError where wishes or the pilot make no sense.
    """
    wish = wanted or Wanted()
    _check(wish)
    cells = solver_cells(plan)
    contrasts = asked_of_plan(plan["analysis"].get("primary") or [], cells)
    shown = contrasts if contrasts and contrasts[0].primary else contrasts[:MOST_CONTRASTS]
    money, codes = money_of(plan, items, ledger), cluster_codes(items)
    own = max((int(cell["replications"]) for cell in plan["cells"]), default=1)
    return {
        "study": plan["study"],
        "alpha": float(plan["analysis"]["alpha"]),
        "draws": wish.draws,
        "items": len(items),
        "replications": own,
        "items_per_cluster": per_cluster(codes),
        "cells": len(cells),
        "may_stop_early": plan["analysis"].get("stopping", "fixed") != "fixed",
        "contrasts_left": len(contrasts) - len(shown),
        "money": money.to_json(),
        "contrasts": [
            _block(
                plan, cells, one, assumed, items, own, money, wish, together(plan, contrasts, one)
            )
            for one, assumed in zip(shown, assumptions(plan, root, shown), strict=True)
        ],
    }


def size_of(
    cells: Sequence[Cell],
    pairs: Sequence[tuple[int, int]],
    replications: int,
    cluster: Ints | None,
    n: int,
) -> Size:
    """The size of a contrast between these pairs of cells. At temperature 0 an answer is assumed to be
    the same again and again, so replications add nothing there."""

    def answers(side: int) -> tuple[int, ...]:
        return tuple(1 if cells[pair[side]].sampling_is_greedy else replications for pair in pairs)

    return Size(n, answers(0), answers(1), replications, cluster)


def per_cluster(codes: Ints | None) -> float:
    """Items of a cluster on average; 1 where every item stands alone."""
    return 1.0 if codes is None else codes.size / (int(codes.max()) + 1)


def cluster_codes(items: Sequence[Item]) -> Ints | None:
    """The clusters of the study's items as they are, copies held together as in the analysis; None where
    every item stands alone."""
    names = [item.cluster if item.cluster is not None else f"\0{item.id}" for item in items]
    joined = find_copies(names, [item.hash for item in items]).cluster
    if joined is not None:
        names = [f"{number:09}" for number in joined]
    codes = np.unique(np.array(names, dtype=object), return_inverse=True)[1].astype(np.int64)
    return codes if codes.size and int(codes.max()) + 1 < codes.size else None


def scorer_of(plan: Mapping[str, Any], metric: str) -> dict[str, Any] | None:
    """The scorer that a contrast's metric names; None for what is no scorer (tokens, dollars)."""
    scorers: list[dict[str, Any]] = plan["scorers"]
    if metric == FIRST_SCORER:
        return scorers[0]
    return next((scorer for scorer in scorers if scorer["name"] == metric), None)


def graded_items(plan: Mapping[str, Any], metric: str, items: Sequence[Item]) -> list[Item]:
    """The items that the scorer of this metric grades; all of them for what is no scorer."""
    from splitplot.scoring.registry import scorer_domain

    scorer = scorer_of(plan, metric)
    return list(items) if scorer is None else list(filter(scorer_domain(scorer), items))


def together(plan: Mapping[str, Any], contrasts: Sequence[Asked], one: Asked) -> int:
    """How many contrasts are adjusted together with this one."""
    if plan["analysis"].get("family") == "study" or not one.primary:
        return len(contrasts)
    return sum(other.metric == one.metric for other in contrasts)


def item_grid(own: int, asked: Sequence[int] | None) -> list[int]:
    """The numbers of items to look at, the study's own among them where nothing else was asked for."""
    if asked is not None:
        return sorted(set(asked))
    factors = GROWN if own <= SMALL_STUDY else AROUND if own < LARGE_STUDY else SHRUNK
    return sorted({own if factor == 1 else max(2, _rounded(factor * own)) for factor in factors})


def gaps_of(asked: Asked, assumed: Assumed, wish: Wanted) -> list[float]:
    """True gaps to look at: 0, the margin, and the one that is assumed; each once."""
    extra = wish.gap if wish.gap is not None else assumed.gap
    return list(dict.fromkeys([0.0, asked.margin, *([] if extra is None else [extra])]))


def _block(
    plan: Mapping[str, Any],
    cells: Sequence[Cell],
    asked: Asked,
    assumed: Assumed,
    items: Sequence[Item],
    own: int,
    money: Money,
    wish: Wanted,
    family: int,
) -> dict[str, Any]:
    """One contrast: its assumptions, a point per size, and how many items would do.

    Sizes are numbers of items of the study, which is what is paid for; the chances are those of the items
    among them that the scorer grades.
    """
    graded = graded_items(plan, asked.metric, items)
    share, codes = len(graded) / max(1, len(items)), cluster_codes(graded)
    pairs = paired_cells(cells, asked.factor, asked.a, asked.b, f'contrast "{asked.name}"')
    alpha = float(plan["analysis"]["alpha"])
    claim = Claim(asked.margin, alpha, asked.scope, family, asked.aim)
    head: dict[str, Any] = {
        "name": asked.name,
        "factor": asked.factor,
        "a": asked.label_a,
        "b": asked.label_b,
        "metric": asked.metric,
        "scope": {FIXED: "these items"}.get(asked.scope, asked.scope),
        "margin": asked.margin,
        "margin_is_default": asked.margin_is_default,
        "family": family,
        "averaged_over": averaged_over(cells, asked.factor, pairs, named=True),
        "same_again": _same_again(cells, pairs),
        "graded": {
            "by": (scorer_of(plan, asked.metric) or {}).get("name"),
            "items": len(graded),
            "of": len(items),
        },
        "assumed": assumed.to_json(),
    }
    n_clusters = None if codes is None else int(codes.max()) + 1
    refused = _not_simulated(asked, pairs, len(graded), len(items), n_clusters)
    if refused:
        return head | {"refused": refused, "points": [], "wanted": []}
    gaps = gaps_of(asked, assumed, wish)
    if max(gaps) > 1 - 2 * LEAST_MEAN:
        raise ConfigError(f"a gap of {max(gaps):g} does not fit into scores from 0 to 1")
    grain = per_cluster(codes)
    replications = sorted(set(wish.replications or (*REPLICATIONS, own)))
    points: list[dict[str, Any]] = []
    for n in item_grid(len(items), wish.items):
        scored = len(graded) if n == len(items) else max(2, round(share * n))
        cluster = codes if n == len(items) else equal_clusters(scored, min(grain, scored / 2))
        for k in replications:
            size = size_of(cells, pairs, k, cluster, scored)
            seed = plan["analysis"]["seed"]
            found = point(assumed.components, size, claim, gaps, draws=wish.draws, seed=seed)
            points.append(found.to_json() | {"items": n} | money.of(n, k))
    target = gaps[-1] if len(gaps) > 2 else asked.margin
    wanted = []
    for k in replications:
        size = size_of(cells, pairs, k, codes, len(graded))
        needed = items_wanted(assumed.components, size, claim, target)
        whole = {key: None if n is None else ceil(n / share) for key, n in needed.items()}
        wanted.append({"replications": k, "gap": target, **whole})
    return head | {
        "refused": None,
        "gaps": gaps,
        "points": points,
        "wanted": wanted,
    }


def _not_simulated(
    asked: Asked,
    pairs: Sequence[tuple[int, int]],
    graded: int,
    n_items: int,
    n_clusters: int | None,
) -> str | None:
    """Why a contrast cannot be looked at before the data.

    graded: items that its scorer grades, of n_items. n_clusters: of the graded; None where each stands alone.
    """
    if not pairs:
        return "no cell has a partner that differs in this factor alone"
    if asked.metric in NOT_SCORES:
        return (
            f"the metric {asked.metric} has no scale from 0 to 1, on which answers are drawn here"
        )
    if graded == 0 or graded == 1 < n_items:
        return f"its scorer grades {counted(graded, 'item')} of the study"
    if n_clusters == 1:
        return f"all {graded} items that its scorer grades are of one cluster"
    if asked.scope not in (ITEMS, FIXED):
        return (
            f"the scope “{asked.scope}” rests on how much {asked.scope} differ, of which nothing is "
            "assumed here; its intervals are wider than those over items"
        )
    return None


def _same_again(cells: Sequence[Cell], pairs: Sequence[tuple[int, int]]) -> str | None:
    """ "all" or "some" where cells of the contrast are asked at temperature 0."""
    still = [cells[index].sampling_is_greedy for pair in pairs for index in pair]
    return "all" if still and all(still) else "some" if any(still) else None


def _check(wish: Wanted) -> None:
    def within(name: str, values: Sequence[float] | None, least: float, most: float) -> None:
        for value in values or ():
            if not least <= value <= most:
                raise ConfigError(f"--{name} {value:g}: must be from {least:g} to {most:,g}")

    within("items", wish.items, 2, MOST_ITEMS)
    within("replications", wish.replications, 1, MOST_REPLICATIONS)
    within("draws", [wish.draws], FEWEST_DRAWS, MOST_DRAWS)
    within("gap", None if wish.gap is None else [wish.gap], 0.0001, 1 - 2 * LEAST_MEAN)


def _rounded(value: float) -> int:
    """Two significant figures, as nobody plans 1,319 · 2 items."""
    digits = max(0, len(str(int(value))) - 2)
    return int(round(value / 10**digits) * 10**digits)
