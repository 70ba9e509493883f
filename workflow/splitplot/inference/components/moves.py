"""What changing the prompt or the model does to a score, in one sentence."""

from dataclasses import dataclass

import numpy as np

from splitplot.inference.components.crossed import CrossedScores
from splitplot.inference.components.design import MODEL, PROMPT
from splitplot.inference.components.shares import Decomposition
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats
from splitplot.inference.resampling.intervals import MIN_UNITS
from splitplot.inference.resampling.weights import bootstrap_weights, chunks
from splitplot.inference.scopes import MIN_PROMPTS
from splitplot.inference.wording import Unit, counted, level_text, percent

CHANCE_DRAWS = 500
"""Standard error of the average over them: well below a point."""


@dataclass(frozen=True)
class Size:
    """Standard deviation of a score over the levels of a factor. sd: None where it is not detectable.
    low, high: interval over items like these, at these levels; None below MIN_UNITS items or clusters.
    """

    sd: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Moves:
    """What changing the prompt or the model does to a score; None where nothing is said of it.

    ranking_changes: share of the prompts under which two models change places, only where model × prompt
    is detectable; by_chance: what that share would be on average if the models stood the same way to each
    other under every prompt.
    """

    prompt: Size | None
    model: Size | None
    prompts: int
    models: int
    prompt_range: tuple[float, float] | None
    model_range: tuple[float, float] | None
    ranking_changes: float | None
    by_chance: float | None
    level: float

    def sentences(self, unit: Unit) -> list[str]:
        found = []
        if self.prompts == 2 and self.prompt_range:
            gap = self.prompt_range[1] - self.prompt_range[0]
            found.append(
                f"The two prompts differ by {unit.fitted(gap).amount(gap)} as seen; how much prompts like "
                f"these move a score cannot be said of fewer than {MIN_PROMPTS}."
            )
        spoken = [
            _spoken(name, size, levels, span, unit, self.level)
            for name, size, levels, span in (
                ("prompt", self.prompt, self.prompts, self.prompt_range),
                ("model", self.model, self.models, self.model_range),
            )
            if size is not None and span is not None
        ]
        if spoken:
            ranking = ""
            if self.ranking_changes is not None and self.by_chance is not None:
                ranking = (
                    "; the ranking of the models changes in "
                    f"{percent(self.ranking_changes)} of the prompts (chance alone: "
                    f"{percent(self.by_chance)})"
                )
            found.append(f"Changing {', changing '.join(spoken)}{ranking}.")
        return found


def _spoken(
    name: str, size: Size, levels: int, span: tuple[float, float], unit: Unit, level: float
) -> str:
    told = unit.fitted(size.sd, size.low, size.high, *span)
    means = f"{counted(levels, name)}, means from {told.number(span[0])} to {told.number(span[1])}"
    if size.sd is None:
        return f"the {name} moves the score by too little to be detected ({means})"
    interval = ""
    if size.low is not None and size.high is not None:
        interval = (
            f"{level_text(level)} interval {told.number(size.low)} to {told.number(size.high)}; "
        )
    return f"the {name} moves the score by about {told.amount(size.sd)} ({interval}{means})"


def moves(
    scores: CrossedScores,
    found: Decomposition,
    means: Floats,
    *,
    cluster: Ints | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Moves:
    """SD of the score over the levels of a factor at fixed levels of the others: the root of the sum of
    all components that are made of factors and hold this one.

    Said only where resampling items leaves it above 0: an estimate above 0 alone is what every second
    design without any effect has. means: of `cell_means`. cluster: code per item of `scores`.
    """

    def size(factor: str, least: int) -> Size | None:
        effect = found.effects.get((factor,))
        if effect is None or levels_of(scores, factor) < least:
            return None
        if not effect.detectable:
            return Size(None)
        sd = float(np.sqrt(effect.variance))
        if found.units < MIN_UNITS:
            return Size(sd)
        # The sum without its negative parts may lie above the limits of the sum with them.
        return Size(sd, float(np.sqrt(effect.low)), max(sd, float(np.sqrt(effect.high))))

    both = next((e for term, e in found.effects.items() if {MODEL, PROMPT} == set(term)), None)
    changes = _ranking_changes(scores, means) if both and both.detectable else None
    return Moves(
        size(PROMPT, MIN_PROMPTS),
        size(MODEL, 2),
        levels_of(scores, PROMPT),
        levels_of(scores, MODEL),
        level_range(scores, means, (PROMPT,)),
        level_range(scores, means, (MODEL,)),
        changes,
        None if changes is None else _changes_by_chance(scores, means, cluster, seed),
        level,
    )


def levels_of(scores: CrossedScores, factor: str) -> int:
    return scores.n_levels[scores.factors.index(factor)] if factor in scores.factors else 1


def _ranking_changes(scores: CrossedScores, means: Floats) -> float | None:
    """Share of the prompts under which two models stand the other way round than on average over prompts."""
    prompts, models = levels_of(scores, PROMPT), levels_of(scores, MODEL)
    if prompts < MIN_PROMPTS or models < 2 or not scores.complete:
        return None
    return _changed(_by_prompt(scores, means))


def _by_prompt(scores: CrossedScores, means: Floats) -> Floats:
    """Means over the cells of the other factors, shape (prompts, models)."""
    axes = [scores.factors.index(name) for name in (PROMPT, MODEL)]
    shape = (levels_of(scores, PROMPT), levels_of(scores, MODEL), -1)
    table = np.moveaxis(means.reshape(scores.n_levels), axes, (0, 1)).reshape(shape)
    by_prompt: Floats = table.mean(axis=2)
    return by_prompt


def _changed(by_prompt: Floats) -> float:
    overall = by_prompt.mean(axis=0)
    above = overall[:, None] > overall[None, :]
    changed = ((by_prompt[:, :, None] < by_prompt[:, None, :]) & above).any(axis=(1, 2))
    return float(changed.mean())


def _changes_by_chance(
    scores: CrossedScores, means: Floats, cluster: Ints | None, seed: int
) -> float:
    """The average share if prompts and models only added up: the table without its interaction, moved as
    resampling items (whole clusters) moves the means."""
    seen = _by_prompt(scores, means)
    added = seen.mean(axis=0) + seen.mean(axis=1, keepdims=True) - seen.mean()
    answered = (scores.count > 0).astype(np.float64)
    units = scores.n_items if cluster is None else int(cluster.max()) + 1
    shares = []
    for start, size in chunks(CHANCE_DRAWS):
        for _, weight in bootstrap_weights(units, start, size, seed):
            whole = weight if cluster is None else weight[:, cluster]
            total = np.einsum("di,ic->dc", whole, np.where(answered > 0, scores.mean, 0.0))
            number = np.einsum("di,ic->dc", whole, answered)
            # A cell that no item of a draw has stays as it is.
            drawn = np.where(number > 0, total / np.maximum(number, 1.0), means)
            shares += [_changed(added + _by_prompt(scores, row) - seen) for row in drawn]
    return float(np.mean(shares))


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
