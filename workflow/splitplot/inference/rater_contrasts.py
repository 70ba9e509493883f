"""A contrast by each of several raters, by their mean, and for raters like these."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splitplot.inference.arms import build_arms, paired_cells
from splitplot.inference.asked import FIRST_SCORER, Asked
from splitplot.inference.checks import refusals
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.components.purchase import Precision
from splitplot.inference.contrasts import Answered, answer
from splitplot.inference.data import StudyData
from splitplot.inference.evidence import ITEMS
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.intervals import Floats, Interval, is_constant
from splitplot.inference.rated import Rated
from splitplot.inference.scopes import prompts_interval, two_way
from splitplot.inference.verdict import decide
from splitplot.inference.wording import Unit, counted, listed, quoted
from splitplot.inference.words import (
    BETTER,
    BETTER_SIZE_OPEN,
    EQUIVALENT,
    NON_INFERIOR,
    NOT_BETTER,
    NOT_SETTLED,
    WORSE,
    WORSE_SIZE_OPEN,
    same_claim,
)
from splitplot.looks import ANYTIME

MIN_RATERS = 3
"""Two raters say nothing about raters like these: t has one degree of freedom, 12.7 for 1.96."""

MEAN = "mean of the raters"


@dataclass(frozen=True)
class Judged:
    """The contrast by one rater, or by several. word: what its intervals alone say, None where `reason`
    says why there is no verdict."""

    difference: Interval | None
    word: str | None
    reason: str | None
    n_items: int

    def to_json(self, declared: str | None) -> dict[str, Any]:
        """As in inference.json. declared: the word of the contrast's own rater."""
        return {
            "n_items": self.n_items,
            "difference": self.difference.to_json() if self.difference else None,
            "verdict": self.word,
            "holds": same_claim(self.word, declared) if self.word and declared else None,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class ByRaters:
    """One contrast. declared: the rater that its verdict is by. spoken: that verdict's word, None where it
    is not known here."""

    asked: Asked
    declared: str
    by: dict[str, Judged]
    mean: Judged
    like_these: Judged
    spoken: str | None = None

    @property
    def otherwise(self) -> bool:
        """Whether the verdict claims something else than the declared rater's intervals alone do: among
        several comparisons, or by other analyses, or where it depends on another factor."""
        word = self.by[self.declared].word
        return bool(word and self.spoken) and not same_claim(str(word), str(self.spoken))

    def to_json(self, unit: Unit) -> dict[str, Any]:
        """As in inference.json."""
        word = self.by[self.declared].word
        return {
            "contrast": self.asked.name,
            "margin": self.asked.margin,
            "declared": self.declared,
            "rows": [{"rater": name, **one.to_json(word)} for name, one in self.by.items()],
            "mean": self.mean.to_json(word),
            "like_these": self.like_these.to_json(word),
            "sentence": sentence(self, unit),
        }


def by_raters(data: StudyData, rated: Rated, asked: Asked, spoken: str | None = None) -> ByRaters:
    """The contrast with the scores of each rater in turn, everything else as declared. asked.metric is one
    of the raters, or the first scorer is. spoken: the word of its verdict."""
    declared = declared_rater(data, asked)
    by = {
        rater: _judged(
            _answer(
                data,
                data.grid(rater),
                asked if rater == declared else replace(asked, metric=rater),
            )
        )
        for rater in rated.raters
    }
    together = _answer(data, rated.grid, replace(asked, metric=MEAN))
    like, _ = _like_these(data, rated, asked, _over_items(data, rated, asked, together))
    return ByRaters(asked, declared, by, _judged(together), like, spoken)


def declared_rater(data: StudyData, asked: Asked) -> str:
    """The scorer whose scores a contrast compares."""
    return data.scorers[0] if asked.metric == FIRST_SCORER else asked.metric


def sentence(found: ByRaters, unit: Unit) -> str:
    """By which raters the verdict holds, at which it stops, and whether it reaches raters like these."""
    word = found.by[found.declared].word
    first = quoted(found.declared)
    if word is None:
        told = [f"There is no verdict by {first} that others could share."]
    elif found.otherwise:
        by_intervals = _holding(found, word)
        told = [
            f"The verdict is {found.spoken} for reasons other than the raters; by their intervals alone: "
            f"{by_intervals[0].lower()}{by_intervals[1:]}"
        ]
    else:
        told = [_holding(found, word)]
    like = found.like_these
    if like.difference is None or like.word is None:
        told.append(f"For raters like these there is no verdict: {like.reason}.")
    else:
        own = unit.fitted(like.difference.low, like.difference.high)
        alone = " by the interval alone" if found.otherwise else ""
        told.append(
            f"For questions and raters like these{alone}, {_claim(like.word, found.asked)}: the difference "
            f"is {own.span(like.difference)}."
        )
    most = max(one.n_items for one in found.by.values())
    if 0 < found.mean.n_items < most:
        read = "read" if found.asked.missing == "observed" else "graded"
        both = " and for raters like these" if like.difference is not None else ""
        told.append(
            f"For their mean{both} only {found.mean.n_items:,} of {counted(most, 'item')} were {read} by all "
            "raters."
        )
    return " ".join(told)


def one_more(data: StudyData, rated: Rated, asked: Asked, unit: Unit) -> str:
    """Why another rater is no line of the purchase table, and what it would do for raters like these."""
    together = _over_items(data, rated, asked)
    judged, now = _like_these(data, rated, asked, together)
    text = (
        "One more rater of every answer is no line of this table: the interval is that of the scores of "
        f"{quoted(declared_rater(data, asked))}, which no other rater changes."
    )
    if now is None:
        reason = judged.reason or "the raters' part of the variance is not detectable"
        return f"{text} What it would do for raters like these is not known: {reason}."
    half = now.projected(now.items, now.replications, now.prompts + 1)
    if half is None or not now.prompt + now.item_prompt:
        return (
            f"{text} For raters like these it would change little: the raters' part of the variance is not "
            "detectable."
        )
    own = unit.fitted(now.half_width, half)
    return (
        f"{text} For raters like these a rater more ({now.prompts + 1}) would take the interval from "
        f"±{own.number(now.half_width)} to ±{own.amount(half)}; it costs what grading "
        f"{counted(int(rated.complete.sum()), 'answer')} once more costs, and no answer."
    )


def _holding(found: ByRaters, word: str) -> str:
    """The raters by whom the declared verdict holds, and the others by what they say."""
    names = list(found.by)
    others: dict[str, list[str]] = {}
    for name, one in found.by.items():
        if one.word is None:
            others.setdefault("there is no verdict", []).append(name)
        elif not same_claim(one.word, word):
            others.setdefault(_claim(one.word, found.asked), []).append(name)
    said = _claim(word, found.asked)
    if not others:
        return f"By each of the {len(names)} raters, {said}."
    apart = {name for group in others.values() for name in group}
    alike = [found.declared, *(n for n in names if n not in apart and n != found.declared)]
    parts = [f"by {_named(group)}, {text}" for text, group in others.items()]
    ends = "" if found.otherwise else ": there the verdict stops holding"
    return f"By {_named(alike)}, {said}; {'; '.join(parts)}{ends}."


def _named(raters: Sequence[str]) -> str:
    return listed([quoted(name) for name in raters])


def _claim(word: str, asked: Asked) -> str:
    a, b = quoted(asked.label_a), quoted(asked.label_b)
    return {
        BETTER: f"{a} is better than {b}",
        BETTER_SIZE_OPEN: f"{a} is better than {b}",
        WORSE: f"{b} is better than {a}",
        WORSE_SIZE_OPEN: f"{b} is better than {a}",
        EQUIVALENT: f"{a} and {b} are the same within the margin",
        NON_INFERIOR: f"{a} is not worse than {b} by the margin",
        NOT_BETTER: "the data cannot tell which is better",
        NOT_SETTLED: "the data cannot tell which is better",
    }[word]


def _answer(data: StudyData, grid: Grid, asked: Asked) -> Answered:
    """The contrast on a grid, with everything that the study declares of it."""
    analysis = data.plan.get("analysis") or {}
    primaries = len(analysis.get("primary") or [])
    return answer(
        grid,
        asked,
        data.alpha,
        data.seed,
        data.simulated,
        dataset_of=data.dataset_of(grid) if len(data.datasets) > 1 else None,
        random_prompts="condition" in analysis.get("random", ()),
        peeking=primaries if analysis.get("stopping") == ANYTIME else None,
        panel=False,
    )


def _over_items(
    data: StudyData, rated: Rated, asked: Asked, together: Answered | None = None
) -> Answered:
    """The contrast by the mean of the raters on items like these, whatever its own scope.

    together: the same at its own scope, where that is known.
    """
    if together is not None and asked.scope == ITEMS:
        return together
    return _answer(data, rated.grid, replace(asked, metric=MEAN, scope=ITEMS))


def _judged(answered: Answered) -> Judged:
    e, barred = answered.evidence, refusals(answered.evidence)
    if barred or e.difference is None or e.equivalence is None:
        return Judged(e.difference, None, "; ".join(barred) or e.missing_interval, e.n_items)
    return Judged(
        e.difference, decide(e.difference, e.equivalence, e.margin, e.aim), None, e.n_items
    )


def _like_these(
    data: StudyData, rated: Rated, asked: Asked, together: Answered
) -> tuple[Judged, Precision | None]:
    """Items and raters both being samples, crossed: the interval of `scopes.prompts_interval`, and what its
    variance is made of. together: the contrast by the mean of the raters on items like these; what bars its
    verdict bars this.
    """
    mean = _judged(together)

    def refused(reason: str, n_items: int = 0) -> tuple[Judged, None]:
        return Judged(None, None, reason, n_items), None

    if len(rated.raters) < MIN_RATERS:
        return refused(
            f"{len(rated.raters)} raters cannot speak for others, at least {MIN_RATERS} are needed"
        )
    if together.evidence.anytime:
        return refused(f"with stopping {quoted(ANYTIME)} only one rater's scores are watched")
    item, table = differences_by_rater(rated, asked)
    if item.size < 2:
        return refused("fewer than two items were graded by all in both arms", item.size)
    if is_constant(table.ravel()):
        return refused(
            "all raters gave all items the same difference, and "
            f"{len(rated.raters)} raters cannot bound what others would give",
            item.size,
        )
    cluster = rated.grid.labels(item, table.mean(axis=1))
    try:
        outer, inner = (
            replace(interval, method=interval.method.replace("prompts", "raters"))
            for interval in (
                prompts_interval(table, cluster=cluster, level=level)
                for level in (data.level, 1 - 2 * data.alpha)
            )
        )
    except (TooFewClusters, ValueError) as problem:
        return refused(str(problem), item.size)
    barred = mean.word is None
    judged = Judged(
        outer,
        None if barred else decide(outer, inner, asked.margin, asked.aim),
        mean.reason if barred else None,
        item.size,
    )
    return judged, None if not outer.se else _precision(table, cluster, outer, together)


def differences_by_rater(rated: Rated, asked: Asked) -> tuple[Ints, Floats]:
    """A − B per item and rater, shape (n_items, n_raters), of the answers that all raters graded."""
    pairs = paired_cells(rated.grid.cells, asked.factor, asked.a, asked.b, asked.name)
    table = np.full((len(rated.grid.items), len(rated.raters)), np.nan)
    for column in range(len(rated.raters)):
        arms = build_arms(rated.grid_of(column), pairs, asked.missing, asked.missing)
        table[arms.item, column] = arms.a - arms.b
    item = np.flatnonzero(np.isfinite(table).all(axis=1))
    return item, table[item]


def _precision(
    table: Floats, cluster: Ints | None, interval: Interval, together: Answered
) -> Precision:
    """The parts of the variance, the raters in place of prompts; what is below 0 is 0."""
    items, raters = table.shape
    parts = two_way(table, cluster)
    return Precision(
        items=items,
        replications=together.replications,
        prompts=raters,
        cells=2 * len(together.other.pairs),
        half_width=(interval.high - interval.low) / 2,
        level=interval.level,
        item=max(0.0, parts.items - parts.residual) * items,
        run=None,
        prompt=max(0.0, parts.prompts - parts.residual) * raters,
        item_prompt=parts.residual * items * raters,
    )
