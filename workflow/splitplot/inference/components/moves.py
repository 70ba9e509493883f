"""What changing the prompt or the model does to a score, in one sentence."""

from dataclasses import dataclass

import numpy as np

from splitplot.inference.components.crossed import ITEM, CrossedScores
from splitplot.inference.components.design import MODEL, PROMPT
from splitplot.inference.components.shares import Decomposition
from splitplot.inference.intervals import Floats
from splitplot.inference.scopes import MIN_PROMPTS
from splitplot.inference.wording import Unit, counted, percent


@dataclass(frozen=True)
class Moves:
    """What changing the prompt or the model does to a score. refused: why nothing is said of prompts."""

    prompt: float | None
    model: float | None
    prompts: int
    models: int
    prompt_range: tuple[float, float] | None
    model_range: tuple[float, float] | None
    ranking_changes: float | None

    def sentences(self, unit: Unit) -> list[str]:
        found = []
        if self.prompts == 2 and self.prompt_range:
            gap = self.prompt_range[1] - self.prompt_range[0]
            found.append(
                f"The two prompts differ by {unit.fitted(gap).amount(gap)}; how much prompts like these "
                f"move a score cannot be said of fewer than {MIN_PROMPTS}."
            )
        spoken = [
            _spoken(name, size, levels, span, unit)
            for name, size, levels, span in (
                ("prompt", self.prompt, self.prompts, self.prompt_range),
                ("model", self.model, self.models, self.model_range),
            )
            if size is not None and span is not None
        ]
        if spoken:
            ranking = ""
            if self.ranking_changes is not None:
                ranking = (
                    "; the ranking of the models changes in "
                    f"{percent(self.ranking_changes)} of the prompts"
                )
            found.append(f"Changing {', changing '.join(spoken)}{ranking}.")
        return found


def _spoken(name: str, size: float, levels: int, span: tuple[float, float], unit: Unit) -> str:
    told = unit.fitted(size or None, *span)
    amount = f"about {told.amount(size)}" if size > 0 else "too little to be detected"
    return (
        f"the {name} moves the score by {amount} "
        f"({counted(levels, name)}, means from {told.number(span[0])} to {told.number(span[1])})"
    )


def moves(scores: CrossedScores, found: Decomposition, means: Floats) -> Moves:
    """SD of the score over the levels of a factor at fixed levels of the others: the root of the sum of
    all components that are made of factors and hold this one."""

    def size(factor: str, least: int) -> float | None:
        if factor not in scores.factors or levels_of(scores, factor) < least:
            return None
        parts = [s.variance for s in found.sources if factor in s.term and s.term[0] != ITEM]
        return float(np.sqrt(sum(max(0.0, part) for part in parts)))

    return Moves(
        size(PROMPT, MIN_PROMPTS),
        size(MODEL, 2),
        levels_of(scores, PROMPT),
        levels_of(scores, MODEL),
        level_range(scores, means, (PROMPT,)),
        level_range(scores, means, (MODEL,)),
        _ranking_changes(scores, means),
    )


def levels_of(scores: CrossedScores, factor: str) -> int:
    return scores.n_levels[scores.factors.index(factor)] if factor in scores.factors else 1


def _ranking_changes(scores: CrossedScores, means: Floats) -> float | None:
    """Share of the prompts under which two models stand the other way round than on average over prompts."""
    prompts, models = levels_of(scores, PROMPT), levels_of(scores, MODEL)
    if prompts < MIN_PROMPTS or models < 2 or not scores.complete:
        return None
    axes = [scores.factors.index(name) for name in (PROMPT, MODEL)]
    table = np.moveaxis(means.reshape(scores.n_levels), axes, (0, 1)).reshape(prompts, models, -1)
    by_prompt = table.mean(axis=2)
    overall = by_prompt.mean(axis=0)
    above = overall[:, None] > overall[None, :]
    changed = ((by_prompt[:, :, None] < by_prompt[:, None, :]) & above).any(axis=(1, 2))
    return float(changed.mean())


def cell_means(scores: CrossedScores) -> Floats:
    """Mean over the items that a cell has, shape (n_cells,)."""
    answered = scores.count > 0
    means: Floats = np.where(answered, scores.mean, 0.0).sum(axis=0) / answered.sum(axis=0)
    return means


def level_range(
    scores: CrossedScores, means: Floats, term: tuple[str, ...]
) -> tuple[float, float] | None:
    """Lowest and highest mean over the levels of a factor, cells counting the same; None for others."""
    if len(term) != 1 or term[0] not in scores.factors:
        return None
    level = scores.level[:, scores.factors.index(term[0])]
    of_level = np.bincount(level, weights=means) / np.bincount(level)
    return float(of_level.min()), float(of_level.max())
