"""One contrast at each scope: these items, items, prompts, datasets like these; and where a claim ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from splitplot.inference.arms import Arms
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.evidence import DATASETS, FIXED, ITEMS, PROMPTS
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.intervals import Interval
from splitplot.inference.meta import hartung_knapp, reml_tau2, standard_error
from splitplot.inference.noise import RunNoise, these_items_interval, these_items_p_value
from splitplot.inference.paired import paired_difference
from splitplot.inference.prompt_table import differences_by_prompt
from splitplot.inference.scopes import TooFewPrompts, p_value, prompts_interval
from splitplot.inference.verdict import decide
from splitplot.inference.wording import counted, listed, quoted
from splitplot.inference.words import (
    BETTER,
    BETTER_SIZE_OPEN,
    DIFFERENCE,
    EQUIVALENT,
    NON_INFERIOR,
    WORSE,
    WORSE_SIZE_OPEN,
)

ORDER = (FIXED, ITEMS, PROMPTS, DATASETS)
"""From the narrowest to the widest: what is claimed for a wider one says more."""

MIN_DATASETS = 2
MIN_DATASET_ITEMS = 20
"""A dataset with fewer common items is left out: it has no verdict of its own either."""

WORDS = {
    FIXED: "on exactly these questions",
    ITEMS: "on questions like these",
    PROMPTS: "on questions and prompts like these",
    DATASETS: "on datasets like these",
}


@dataclass(frozen=True)
class Scoped:
    """A contrast at one scope. difference, equivalence: at 1 − α and 1 − 2α; None where `reason` says why."""

    scope: str
    difference: Interval | None
    equivalence: Interval | None
    p_value: float | None = None
    test: str | None = None
    reason: str | None = None

    def word(self, margin: float, aim: str = DIFFERENCE) -> str | None:
        """What the intervals alone say; None without any."""
        if self.difference is None or self.equivalence is None:
            return None
        return decide(self.difference, self.equivalence, margin, aim)

    def to_json(self, margin: float, aim: str = DIFFERENCE) -> dict[str, Any]:
        """As in inference.json."""
        return {
            "scope": self.scope,
            "difference": self.difference.to_json() if self.difference else None,
            "verdict": self.word(margin, aim),
            "reason": self.reason,
        }


def these_items(estimate: float, noise: RunNoise, levels: tuple[float, float]) -> Scoped:
    """Exactly these items: run-to-run noise alone."""
    outer, inner = (these_items_interval(estimate, noise, level) for level in levels)
    return Scoped(
        FIXED,
        outer,
        inner,
        these_items_p_value(estimate, noise),
        "t on run-to-run noise",
        noise.reason if outer is None else None,
    )


def items(arms: Arms, cluster: Ints | None, levels: tuple[float, float], seed: int) -> Scoped:
    """Items like these: the default interval of the design. The test is `paired_comparison`'s."""
    try:
        outer, inner = (
            paired_difference(arms.a, arms.b, cluster=cluster, level=level, seed=seed)
            for level in levels
        )
    except (TooFewClusters, ValueError) as problem:
        return Scoped(ITEMS, None, None, reason=str(problem))
    return Scoped(ITEMS, outer, inner)


def prompts(
    grid: Grid, pairs: Sequence[tuple[int, int]], a: str, b: str, levels: tuple[float, float]
) -> Scoped:
    """Items and prompts like these, both being samples; over the items answered under every prompt."""
    item, differences, names = differences_by_prompt(grid, pairs, a, b)
    if not item.size:
        return Scoped(PROMPTS, None, None, reason="no item was answered under every prompt")
    cluster = grid.labels(item, differences.mean(axis=1))
    try:
        outer, inner = (
            prompts_interval(differences, cluster=cluster, level=level) for level in levels
        )
    except (TooFewPrompts, TooFewClusters, ValueError) as problem:
        return Scoped(PROMPTS, None, None, reason=str(problem))
    test = f"t of two-way mean squares, {counted(len(names), 'prompt')}"
    return Scoped(PROMPTS, outer, inner, p_value(outer), test)


def datasets(
    grid: Grid,
    arms: Arms,
    dataset: Ints,
    levels: tuple[float, float],
    seed: int,
) -> Scoped:
    """Datasets like these: random-effects mean with Hartung and Knapp's interval.

    dataset: code per common item, shape (n_items,).
    """
    effects, errors = [], []
    for code in np.unique(dataset[dataset >= 0]):
        here = dataset == code
        if here.sum() < MIN_DATASET_ITEMS:
            continue
        own = items(
            Arms(arms.a[here], arms.b[here], arms.item[here], None, None, int(here.sum())),
            grid.labels(arms.item[here], (arms.a - arms.b)[here]),
            levels,
            seed,
        )
        if own.difference is not None:
            effects.append(own.difference.estimate)
            errors.append(standard_error(own.difference))
    if len(effects) < MIN_DATASETS:
        return Scoped(
            DATASETS,
            None,
            None,
            reason=f"{counted(len(effects), 'dataset')} with at least {MIN_DATASET_ITEMS} common items "
            f"and an interval; at least {MIN_DATASETS} are needed",
        )
    tau2, variances = reml_tau2(effects, errors), np.square(errors)
    outer, inner = (hartung_knapp(effects, variances, tau2, level)[0] for level in levels)
    test = f"Hartung-Knapp t over {counted(len(effects), 'dataset')}"
    return Scoped(DATASETS, outer, inner, p_value(outer), test)


def where_it_ends(
    found: Sequence[Scoped],
    margin: float,
    a: str,
    b: str,
    better: str = "is better",
    aim: str = DIFFERENCE,
) -> str | None:
    """At which scope the claim stops holding, in a sentence; None where there are not two to compare.

    found: from the narrowest scope to the widest. a, b: names of the arms.
    better: what an arm is or does of which the words say that it is better.
    """
    known = [
        (one.scope, _claim(one.word(margin, aim), a, b, better)) for one in found if one.difference
    ]
    if len(known) < 2:
        return None
    scope, claim = known[0]
    if claim is None:
        return None
    last = scope
    for later, other in known[1:]:
        if other != claim:
            then = (
                f"{WORDS[later]} the data cannot tell"
                if other is None
                else (f"{WORDS[later]} {other}")
            )
            return f"{_capital(WORDS[last])} {claim}; {then}."
        last = later
    return f"The same claim holds {_scopes(known)}: {claim}."


def _claim(word: str | None, a: str, b: str, better: str) -> str | None:
    if word in (BETTER, BETTER_SIZE_OPEN):
        return f"{quoted(a)} {better} than {quoted(b)}"
    if word in (WORSE, WORSE_SIZE_OPEN):
        return f"{quoted(b)} {better} than {quoted(a)}"
    if word == NON_INFERIOR:
        return f"{quoted(a)} is not worse than {quoted(b)} by the margin"
    return (
        f"{quoted(a)} and {quoted(b)} are the same within the margin"
        if word == EQUIVALENT
        else None
    )


def _scopes(known: Sequence[tuple[str, str | None]]) -> str:
    return listed([WORDS[scope] for scope, _ in known])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
