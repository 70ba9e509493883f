"""From the grid to all that is known of one contrast: estimate, scopes, noise, rivals, sensitivity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splitplot.errors import ConfigError
from splitplot.inference.aims import p_of_loss
from splitplot.inference.arms import Arms, averaged_over, build_arms, paired_cells
from splitplot.inference.asked import MISSING_RULES, Asked, contrast_seed
from splitplot.inference.checks import LOSS_DIFFERS, LOST_NOTED, TRUNCATION_GAP
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.evidence import DATASETS, FIXED, ITEMS, PROMPTS, Arm, Evidence, Rival
from splitplot.inference.families import PRIMARY, Compared, Family
from splitplot.inference.families import families as adjusted_families
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.intervals import Floats, Interval, is_binary, is_bounded
from splitplot.inference.mcnemar import mcnemar_detectable, mcnemar_exact, mcnemar_items
from splitplot.inference.noise import POWER, RunNoise, items_needed, smallest_detectable
from splitplot.inference.paired import PairedResult, paired_comparison
from splitplot.inference.scoped import ORDER, Scoped
from splitplot.inference.sensitivity import Alternatives
from splitplot.inference.sequential.peeking import under_peeking
from splitplot.inference.taken import Taken
from splitplot.inference.verdict import decide
from splitplot.inference.wording import counted, quoted
from splitplot.inference.words import EQUIVALENT, NON_INFERIORITY, NOT_BETTER


@dataclass(frozen=True)
class Answered:
    """Everything about a contrast but what depends on the other contrasts, until `families` adds that.

    other: the contrast, open to other analyses. arms: what was compared, and `cluster` its labels.
    averaged_over: as in `Evidence`, with the
    names of the levels. scopes: from the narrowest to the widest that the design supports. family,
    simultaneous: of the family it is judged in. taken: of an amount, whose `arms` are no scores.
    """

    asked: Asked
    evidence: Evidence
    comparison: PairedResult | None
    replications: int
    sensitivity: tuple[Rival, ...]
    averaged_over: str | None
    other: Alternatives
    arms: Arms
    cluster: Ints | None
    test: str | None
    scopes: tuple[Scoped, ...] = ()
    family: Family | None = None
    simultaneous: Interval | None = None
    taken: Taken | None = None


def answer(
    grid: Grid,
    asked: Asked,
    alpha: float,
    seed: int,
    simulated: bool,
    *,
    dataset_of: Ints | None = None,
    random_prompts: bool = False,
    peeking: int | None = None,
    panel: bool = True,
) -> Answered:
    """Estimate one contrast and its sensitivity analyses. Raises ConfigError for unknown names.

    dataset_of: dataset per item of the grid, None for a study of one. random_prompts: the conditions
        stand for others like them. peeking: number of primary contrasts of a study that may stop early.
    panel: whether to make the sensitivity analyses too.
    """
    where = f'analysis.primary "{asked.name}"'
    if asked.missing not in MISSING_RULES:
        raise ConfigError(
            f'{where}: unknown missing rule "{asked.missing}"; allowed: {", ".join(MISSING_RULES)}'
        )
    pairs = paired_cells(grid.cells, asked.factor, asked.a, asked.b, where)
    seed = contrast_seed(seed, asked)
    other = Alternatives(grid, pairs, alpha, seed, asked.scope, dataset_of)
    arms = build_arms(grid, pairs, asked.missing, asked.missing)
    comparison, problem = _compare(other, arms)
    evidence = _evidence(other, asked, arms, comparison, simulated)
    evidence = replace(evidence, missing_interval=problem if pairs else no_partner(asked))
    found = _scopes(other, asked, arms, comparison, random_prompts) if pairs else ()
    test = comparison.test if comparison else None
    if asked.scope != ITEMS and comparison is not None:
        own = next((one for one in found if one.scope == asked.scope), None)
        evidence = _at_scope(evidence, own)
        test = own.test if own else None
    fixed_sample = None
    if peeking is not None and asked.scope == ITEMS and not grid.copies.apart:
        evidence, fixed_sample = under_peeking(evidence, arms.a, arms.b, peeking)
    if evidence.anytime:
        test = "e-process"
        # Intervals of the other scopes are for a number of items that was fixed beforehand.
        found = (Scoped(ITEMS, evidence.difference, evidence.equivalence, evidence.p_value, test),)
    evidence = replace(evidence, rivals=_rivals(other, asked, evidence))
    if asked.aim == NON_INFERIORITY:
        cluster = other.cluster(arms) if arms.item.size else None
        evidence = replace(evidence, p_loss=p_of_loss(evidence, arms, cluster, other.seed))
    lost = evidence.a.lost + evidence.b.lost > 0
    events = asked.measure.events if asked.measure else None
    analyses = other.panel(arms, asked.missing, asked.label_a, lost, events) if panel else []
    return Answered(
        asked,
        evidence,
        comparison,
        max((grid.replications(cell) for pair in pairs for cell in pair), default=0),
        tuple([fixed_sample] if fixed_sample else []) + tuple(analyses),
        averaged_over(grid.cells, asked.factor, pairs, named=True),
        other,
        arms,
        other.cluster(arms) if arms.item.size else None,
        test,
        found,
    )


def families(
    answers: Sequence[Answered],
    *,
    seed: int = 0,
    simultaneous: bool = False,
    pooled: bool = False,
) -> list[Answered]:
    """The answers with p-values adjusted within each family: primary ones by Holm, the exploratory
    ones by Benjamini and Hochberg.

    pooled: whether the primary ones of all metrics are one family, as the exploratory ones always are.

    simultaneous: whether to find intervals that hold together too; seed: the plan's, for those.
    """
    compared = [
        Compared(
            one.asked.name,
            one.asked.metric,
            one.asked.primary,
            _differences(one) if simultaneous and one.asked.scope == ITEMS else None,
            one.evidence.p_family,
            one.evidence.bounded,
            one.asked.aim == NON_INFERIORITY,
        )
        for one in answers
    ]
    clusters = _family_clusters(answers)
    level = 1 - answers[0].evidence.alpha if answers else 0.95
    found = list(answers)
    for family in adjusted_families(compared, clusters, level=level, seed=seed, pooled=pooled):
        for index, p, interval in zip(
            family.members, family.p_adjusted, family.intervals, strict=True
        ):
            evidence = replace(
                found[index].evidence,
                p_adjusted=p,
                family=max(1, family.size),
                adjustment=family.adjustment.replace("-", "–"),
            )
            one = replace(found[index], evidence=evidence, family=family, simultaneous=interval)
            found[index] = _together(one) if family.kind == PRIMARY else one
    return found


def _family_clusters(answers: Sequence[Answered]) -> dict[str, Ints | None]:
    """Per metric the cluster of every item of its grid, copies held together where they are for one of its
    contrasts; None where every item stands alone."""
    found: dict[str, Ints | None] = {}
    for metric in dict.fromkeys(one.asked.metric for one in answers):
        same = [one for one in answers if one.asked.metric == metric]
        compared = [one.arms for one in same if one.comparison is not None]
        codes = same[0].other.grid.codes(*((arms.item, arms.a - arms.b) for arms in compared))
        found[metric] = codes if np.unique(codes).size < codes.size else None
    return found


def _together(answered: Answered) -> Answered:
    """The answer with intervals at α over the number of comparisons of its family (Bonferroni)."""
    e, arms, missing = answered.evidence, answered.arms, answered.asked.missing
    if e.family < 2 or e.anytime or e.difference is None:
        return answered
    stricter = replace(answered.other, alpha=e.alpha / e.family)
    if answered.taken is None:
        found = stricter.at(answered.asked.scope, arms, missing, missing)
    else:
        found = answered.taken.at(answered.asked.scope, e.noise, stricter.levels, stricter.seed)
    if found.difference is None or found.equivalence is None:
        return answered
    both = (found.difference, found.equivalence)
    return replace(answered, evidence=replace(e, together=both))


def family_entries(answers: Sequence[Answered]) -> list[dict[str, Any]]:
    """The families of these answers, as in inference.json."""
    names = [one.asked.name for one in answers]
    distinct = {one.family.name: one.family for one in answers if one.family}
    return [family.to_json(names) for family in distinct.values()]


def conditional(answered: Answered, found: Mapping[str, str] | None) -> Answered:
    """The answer with what its sign depends on, as {"on", "sentence"}; as it is where on nothing, and at
    scopes and under a stopping rule of which the tests behind it do not speak."""
    if found is None or answered.asked.scope != ITEMS or answered.evidence.anytime:
        return answered
    return replace(answered, evidence=replace(answered.evidence, conditional=found["sentence"]))


def _differences(answered: Answered) -> Floats | None:
    """A − B per item of the grid, NaN where it is not common; None where nothing can be compared."""
    if answered.comparison is None:
        return None
    values = np.full(len(answered.other.grid.items), np.nan)
    values[answered.arms.item] = answered.arms.a - answered.arms.b
    return values


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


def _evidence(
    other: Alternatives,
    asked: Asked,
    arms: Arms,
    comparison: PairedResult | None,
    simulated: bool,
) -> Evidence:
    """What the default analysis over items like these says, without its rivals."""
    grid, alpha = other.grid, other.alpha
    cluster, n_items = other.cluster(arms), int(arms.item.size)
    n_clusters = n_items if cluster is None else int(np.unique(cluster).size)
    binary = n_items > 0 and is_binary(arms.a) and is_binary(arms.b)
    clustered = n_clusters < n_items
    se, df = (comparison.difference.se, comparison.difference.df) if comparison else (None, None)
    return Evidence(
        a=arm_of(other, asked.label_a, arms.a, 0),
        b=arm_of(other, asked.label_b, arms.b, 1),
        difference=comparison.difference if comparison else None,
        equivalence=comparison.equivalence if comparison else None,
        margin=asked.margin,
        margin_is_default=asked.margin_is_default,
        scope=asked.scope,
        alpha=alpha,
        bounded=n_items > 0 and is_bounded(arms.a) and is_bounded(arms.b),
        binary=binary,
        clustered=clustered,
        n_items=n_items,
        n_union=arms.n_union,
        n_clusters=n_clusters,
        wins=comparison.wins if comparison else 0,
        losses=comparison.losses if comparison else 0,
        noise=_noise(other, asked, arms),
        p_value=comparison.p_value if comparison else None,
        differential_loss=differential_loss(other),
        smallest_detectable=_detectable(comparison, alpha)
        if binary and not clustered
        else smallest_detectable(se, alpha, df),
        items_needed=_items_for(comparison, asked.margin, alpha)
        if binary and not clustered
        else items_needed(se, n_items, asked.margin, alpha),
        averaged_over=averaged_over(grid.cells, asked.factor, other.pairs),
        simulated=simulated,
        confounded=confounded(other, asked),
        copies_held=grid.holds_copies(arms.item, cluster),
        noted=copies_noted(grid, arms.item, cluster),
        aim=asked.aim,
        measure=asked.measure,
    )


def copies_noted(grid: Grid, item: Ints, cluster: Ints | None) -> tuple[tuple[str, str], ...]:
    """That copies count as one cluster in this contrast, though not in every one."""
    if grid.copies.joined or cluster is None or not grid.holds_copies(item, cluster):
        return ()
    left = counted(int(np.unique(cluster).size), "cluster")
    text = (
        f"Much of what tells the arms apart are copies of items: here they count as one cluster, which "
        f"leaves {left} of {item.size:,} items."
    )
    return (("copies_joined", text),)


def confounded(other: Alternatives, asked: Asked) -> str | None:
    """What two trials differ in, where it is not one thing."""
    if asked.factor != "trial" or not other.pairs:
        return None
    first, second = (other.grid.cells[cell] for cell in other.pairs[0])
    differing = [name for name in ("model", "sampling") if first.level(name) != second.level(name)]
    return " and ".join(differing) if len(differing) > 1 else None


def _detectable(found: PairedResult | None, alpha: float) -> float | None:
    """The gap that McNemar's exact test on so many items, of which so many tell, finds 8 times in 10."""
    if found is None or not found.wins + found.losses:
        return None
    return mcnemar_detectable(
        found.n_items, (found.wins + found.losses) / found.n_items, alpha, POWER
    )


def _items_for(found: PairedResult | None, margin: float, alpha: float) -> int | None:
    """Items at which McNemar's exact test finds the margin 8 times in 10, if as many tell as here."""
    if found is None or not found.wins + found.losses or not 0 < margin <= 1:
        return None
    telling = max((found.wins + found.losses) / found.n_items, margin)
    return mcnemar_items((telling + margin) / 2, (telling - margin) / 2, alpha, POWER)


def _scopes(
    other: Alternatives,
    asked: Asked,
    arms: Arms,
    comparison: PairedResult | None,
    random_prompts: bool,
) -> tuple[Scoped, ...]:
    """The contrast at every scope that the design speaks of, from the narrowest to the widest."""
    if not arms.item.size:
        return ()
    supported = {
        FIXED: True,
        ITEMS: True,
        PROMPTS: random_prompts and asked.factor != "condition",
        DATASETS: other.dataset_of is not None,
    }
    found = []
    for scope in ORDER:
        if scope == ITEMS and comparison is not None:
            one = Scoped(
                ITEMS,
                comparison.difference,
                comparison.equivalence,
                comparison.p_value,
                comparison.test,
            )
            found.append(one)
        elif supported[scope] or scope == asked.scope:
            found.append(other.at(scope, arms, asked.missing, asked.missing))
    return tuple(found)


def _at_scope(e: Evidence, own: Scoped | None) -> Evidence:
    """The evidence with the intervals of the contrast's own scope."""
    if own is None:
        return replace(e, difference=None, equivalence=None, p_value=None)
    e = replace(
        e,
        difference=own.difference,
        equivalence=own.equivalence,
        p_value=own.p_value,
        missing_interval=own.reason,
        items_needed=None,
    )
    if own.scope == FIXED:
        return replace(e, smallest_detectable=smallest_detectable(e.noise.se_run, e.alpha))
    interval = own.difference
    seen = smallest_detectable(interval.se, e.alpha, interval.df) if interval else None
    return replace(e, smallest_detectable=seen)


def arm_of(other: Alternatives, name: str, scores: Floats, side: int) -> Arm:
    """One side of the contrast: its mean over the common items, and what became of its answers."""
    cells = [pair[side] for pair in other.pairs]
    mean = float(scores.mean()) if scores.size else 0.0
    grid = other.grid
    shares = (grid.share(what, cells) for what in ("lost", "truncated", "unusable", "doubtful"))
    return Arm(name, mean, *shares)


def differential_loss(other: Alternatives) -> float:
    """McNemar's exact p on "an answer of this item was lost": do the arms lose other items?"""
    a, b = (other.grid.lost_items([pair[side] for pair in other.pairs]) for side in (0, 1))
    return mcnemar_exact(int((a & ~b).sum()), int((b & ~a).sum()))


def _rivals(other: Alternatives, asked: Asked, e: Evidence) -> tuple[Rival, ...]:
    """Analyses with which the verdict has to agree, where the arms differ in answers that may count one way
    or another: truncated ones (where unusable ones are left out: all of them) the other way, of events both
    other ways; and bounds for lost answers, where there are many or differential ones and the verdict would
    be another."""
    found: list[Rival] = []
    counted_as_wrong = "truncated" if asked.measure is None else "doubtful"
    what = "unusable" if asked.missing == "observed" else counted_as_wrong
    if abs(getattr(e.a, what) - getattr(e.b, what)) > TRUNCATION_GAP:
        if asked.measure is None:
            found += other.truncation(asked.missing)
        else:
            found += other.no_events(asked.measure.events, asked.missing)
    many = max(e.a.lost, e.b.lost) > LOST_NOTED
    if e.difference is not None and e.bounded and (many or e.differential_loss < LOSS_DIFFERS):
        found += [bound for bound in other.bounds(asked.label_a) if _turns(e, bound)]
    return tuple(found)


def _turns(e: Evidence, bound: Rival) -> bool:
    """Whether a bound for lost answers counts against the word of the declared analysis: one that claims
    something up to the margin with another word, a direction with another sign."""
    assert e.difference is not None and e.equivalence is not None
    word = decide(e.difference, e.equivalence, e.margin, e.aim)
    if e.aim == NON_INFERIORITY or word in (EQUIVALENT, NOT_BETTER):
        return decide(bound.difference, bound.equivalence, e.margin, e.aim) != word
    return bound.difference.estimate * e.difference.estimate <= 0


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


def no_partner(asked: Asked) -> str:
    """That no cell of one arm can be compared with one of the other."""
    return (
        f"no cell of {quoted(asked.label_a)} has a partner in {quoted(asked.label_b)} that differs in "
        f"the {asked.factor} alone; run both with the same other settings"
    )
