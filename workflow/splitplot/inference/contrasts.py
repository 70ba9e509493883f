"""From the grid to what inference.json says of one contrast: estimate, noise, sensitivity, verdict, flags."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splitplot.errors import ConfigError
from splitplot.inference.arms import Arms, averaged_over, build_arms, paired_cells
from splitplot.inference.asked import MISSING_RULES, Asked, contrast_seed
from splitplot.inference.checks import LOSS_DIFFERS, LOST_NOTED, TRUNCATION_GAP, Flag, flags
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.evidence import FIXED, ITEMS, Arm, Evidence, Rival
from splitplot.inference.grid import Grid
from splitplot.inference.intervals import Floats, is_binary, is_bounded
from splitplot.inference.mcnemar import mcnemar_exact
from splitplot.inference.multiplicity import holm
from splitplot.inference.noise import (
    RunNoise,
    items_needed,
    smallest_detectable,
    these_items_interval,
    these_items_p_value,
)
from splitplot.inference.paired import PairedResult, paired_comparison
from splitplot.inference.sensitivity import Alternatives
from splitplot.inference.verdict import decide, speak
from splitplot.inference.wording import quoted
from splitplot.inference.words import NO_VERDICT


@dataclass(frozen=True)
class Answered:
    """Everything about a contrast but what depends on the other contrasts.

    averaged_over: as in `Evidence`, with the names of the levels.
    """

    asked: Asked
    evidence: Evidence
    comparison: PairedResult | None
    replications: int
    sensitivity: tuple[Rival, ...]
    averaged_over: str | None


def answer(grid: Grid, asked: Asked, alpha: float, seed: int, simulated: bool) -> Answered:
    """Estimate one contrast and its sensitivity analyses. Raises ConfigError for unknown names."""
    where = f'analysis.primary "{asked.name}"'
    if asked.missing not in MISSING_RULES:
        raise ConfigError(
            f'{where}: unknown missing rule "{asked.missing}"; allowed: {", ".join(MISSING_RULES)}'
        )
    pairs = paired_cells(grid.cells, asked.factor, asked.a, asked.b, where)
    other = Alternatives(grid, pairs, alpha, contrast_seed(seed, asked), asked.scope)
    arms = build_arms(grid, pairs, asked.missing, asked.missing)
    comparison, problem = _compare(other, arms)
    noise = _noise(other, asked, arms)
    first, second = _arm(other, asked.label_a, arms.a, 0), _arm(other, asked.label_b, arms.b, 1)
    differential = _differential_loss(other)
    n_items, n_clusters = int(arms.item.size), int(np.unique(grid.cluster[arms.item]).size)
    binary = n_items > 0 and is_binary(arms.a) and is_binary(arms.b)
    bounded = n_items > 0 and is_bounded(arms.a) and is_bounded(arms.b)
    clustered = n_clusters < n_items
    evidence = Evidence(
        a=first,
        b=second,
        difference=comparison.difference if comparison else None,
        equivalence=comparison.equivalence if comparison else None,
        margin=asked.margin,
        margin_is_default=asked.margin_is_default,
        scope=asked.scope,
        alpha=alpha,
        bounded=bounded,
        binary=binary,
        clustered=clustered,
        n_items=n_items,
        n_union=arms.n_union,
        n_clusters=n_clusters,
        wins=comparison.wins if comparison else 0,
        losses=comparison.losses if comparison else 0,
        noise=noise,
        p_value=comparison.p_value if comparison else None,
        differential_loss=differential,
        missing_interval=problem if pairs else _no_partner(asked),
        averaged_over=averaged_over(grid.cells, asked.factor, pairs),
        simulated=simulated,
    )
    if comparison is not None:
        se, df = comparison.difference.se, comparison.difference.df
        evidence = replace(
            evidence,
            smallest_detectable=smallest_detectable(se, alpha, df),
            items_needed=items_needed(
                se, n_items, asked.margin, alpha, exact=binary and not clustered
            ),
        )
    if asked.scope == FIXED and comparison is not None and noise.se_run is not None:
        estimate = comparison.difference.estimate
        evidence = replace(
            evidence,
            difference=these_items_interval(estimate, noise, 1 - alpha),
            equivalence=these_items_interval(estimate, noise, 1 - 2 * alpha),
            p_value=these_items_p_value(estimate, noise),
            smallest_detectable=smallest_detectable(noise.se_run, alpha),
            items_needed=None,
        )
    evidence = replace(evidence, rivals=_rivals(other, asked, evidence))
    replications = max((grid.replications(cell) for pair in pairs for cell in pair), default=0)
    panel = other.panel(arms, asked.missing, asked.label_a, first.lost + second.lost > 0)
    over = averaged_over(grid.cells, asked.factor, pairs, named=True)
    return Answered(asked, evidence, comparison, replications, tuple(panel), over)


def families(answers: Sequence[Answered]) -> list[Answered]:
    """The answers with p-values adjusted by Holm within each family: the comparisons of one metric."""
    adjusted = list(answers)
    for metric in dict.fromkeys(one.asked.metric for one in answers):
        members = [i for i, one in enumerate(answers) if one.asked.metric == metric]
        p_values = holm([answers[i].evidence.p_value for i in members])
        for i, p in zip(members, p_values, strict=True):
            evidence = replace(answers[i].evidence, p_adjusted=p, family=len(members))
            adjusted[i] = replace(answers[i], evidence=evidence)
    return adjusted


def to_json(answered: Answered) -> tuple[dict[str, Any], list[Flag]]:
    """The contrast as inference.json has it, and its flags."""
    asked, e, found = answered.asked, answered.evidence, answered.comparison
    verdict = speak(e)
    return {
        "name": asked.name,
        "factor": asked.factor,
        "a": asked.a,
        "b": asked.b,
        "metric": asked.metric,
        "scope": asked.scope,
        "averaged_over": answered.averaged_over,
        "missing": asked.missing,
        "margin": asked.margin,
        "margin_is_default": asked.margin_is_default,
        "primary": asked.primary,
        "n_items": e.n_items,
        "n_clusters": e.n_clusters,
        "replications": answered.replications,
        "difference": e.difference.to_json() if e.difference else None,
        "equivalence": e.equivalence.to_json() if e.equivalence else None,
        "p_value": e.p_value,
        "p_adjusted": e.p_adjusted,
        "mid_p": found.mid_p if found else None,
        "test": (found.test if asked.scope == ITEMS else "z on run-to-run noise")
        if found
        else None,
        "discordant": {"a_only": found.discordant[0], "b_only": found.discordant[1]}
        if found and found.discordant
        else None,
        "wins": e.wins,
        "ties": e.n_items - e.wins - e.losses,
        "losses": e.losses,
        "noise": {
            "se_run": e.noise.se_run,
            "half_width": e.noise.half_width,
            "reason": e.noise.reason,
        },
        "smallest_detectable": e.smallest_detectable,
        "items_needed": e.items_needed,
        "lost_share": {"a": e.a.lost, "b": e.b.lost},
        "truncated_share": {"a": e.a.truncated, "b": e.b.truncated},
        "sensitivity": [
            _sensitivity_json(rival, e.margin, verdict.word) for rival in answered.sensitivity
        ],
        "verdict": verdict.word,
        "reasons": list(verdict.reasons),
        "sentence": verdict.sentence,
    }, flags(e, asked.name)


def _compare(other: Alternatives, arms: Arms) -> tuple[PairedResult | None, str | None]:
    """The comparison, or why there can be none."""
    if arms.item.size == 0:
        return None, "no item was answered by both"
    cluster = other.cluster(arms)
    try:
        result = paired_comparison(
            arms.a, arms.b, cluster=cluster, alpha=other.alpha, seed=other.seed
        )
    except (TooFewClusters, ValueError) as problem:
        return None, str(problem)
    return result, None


def _arm(other: Alternatives, name: str, scores: Floats, side: int) -> Arm:
    cells = [pair[side] for pair in other.pairs]
    mean = float(scores.mean()) if scores.size else 0.0
    grid = other.grid
    return Arm(name, mean, grid.share("lost", cells), grid.share("truncated", cells))


def _differential_loss(other: Alternatives) -> float:
    """McNemar's exact p on "an answer of this item was lost": do the arms lose other items?"""
    a, b = (other.grid.lost_items([pair[side] for pair in other.pairs]) for side in (0, 1))
    return mcnemar_exact(int((a & ~b).sum()), int((b & ~a).sum()))


def _rivals(other: Alternatives, asked: Asked, e: Evidence) -> tuple[Rival, ...]:
    """Analyses with which the verdict has to agree: truncated answers the other way, where the arms
    differ in them; bounds for lost answers, where there are many or differential ones and a bound
    turns the sign."""
    found: list[Rival] = []
    if abs(e.a.truncated - e.b.truncated) > TRUNCATION_GAP:
        found += other.truncation(asked.missing)
    many = max(e.a.lost, e.b.lost) > LOST_NOTED
    if e.difference is not None and e.bounded and (many or e.differential_loss < LOSS_DIFFERS):
        sign = e.difference.estimate
        found += [
            bound for bound in other.bounds(asked.label_a) if bound.difference.estimate * sign <= 0
        ]
    return tuple(found)


def _noise(other: Alternatives, asked: Asked, arms: Arms) -> RunNoise:
    """The noise of the contrast; where one arm alone is deterministic, that this arm adds none."""
    if not arms.item.size:
        return RunNoise(None, None, "no item was answered by both")
    still = [all(other.grid.deterministic(pair[side]) for pair in other.pairs) for side in (0, 1)]
    noise = other.noise(arms)
    if noise.se_run and any(still):
        labels = (asked.label_a, asked.label_b)
        one, rest = (quoted(name) for name in (labels if still[0] else labels[::-1]))
        reason = (
            f"{one} answers the same every time at temperature 0: all of this comes from {rest}"
        )
        return replace(noise, reason=reason)
    return noise


def _sensitivity_json(rival: Rival, margin: float, word: str) -> dict[str, Any]:
    verdict = decide(rival.difference, rival.equivalence, margin)
    return {
        "name": rival.name,
        "difference": rival.difference.to_json(),
        "verdict": verdict,
        "holds": verdict == word if word != NO_VERDICT else None,
    }


def _no_partner(asked: Asked) -> str:
    return (
        f"no cell of {quoted(asked.label_a)} has a partner in {quoted(asked.label_b)} that differs in "
        f"the {asked.factor} alone; run both with the same other settings"
    )
