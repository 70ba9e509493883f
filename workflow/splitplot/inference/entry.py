"""A contrast as inference.json has it: verdict, sizes of effect, tests, scopes, sensitivity."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from splitplot.inference.aims import against_margin
from splitplot.inference.amount_contrast import amount_entry
from splitplot.inference.checks import Flag, flags
from splitplot.inference.contrasts import Answered
from splitplot.inference.effects import effect_sizes
from splitplot.inference.evidence import FIXED, ITEMS, Evidence, Rival
from splitplot.inference.influence import Influence, most_influential, most_influential_ratio
from splitplot.inference.lost import lost_answers
from splitplot.inference.mcnemar import odds_ratio
from splitplot.inference.scoped import where_it_ends
from splitplot.inference.verdict import decide, speak
from splitplot.inference.wording import counted, percent, quoted
from splitplot.inference.words import CONDITIONAL, DIRECTIONAL, same_claim

NO_EFFECTS: dict[str, Any] = dict.fromkeys(("cliffs_delta", "hodges_lehmann", "d_z"))


def contrast_entry(
    answered: Answered,
    *,
    depends: Mapping[str, str] | None = None,
    selected: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], list[Flag]]:
    """The contrast as inference.json has it, and its flags.

    depends: on what its sign does; selected: that one arm is the best of several. Each as it stands in
    the file, None where there is nothing to say.
    """
    asked, e, found = answered.asked, answered.evidence, answered.comparison
    verdict = speak(e)
    remarks = [*flags(e, asked.name), *_influence(answered, verdict.word)]
    alone = (
        decide(e.difference, e.equivalence, e.margin, e.aim)
        if e.difference and e.equivalence
        else None
    )
    family = answered.family
    entry = {
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
        "family": family.name if family else None,
        "effect": "difference",
        "aim": e.aim,
        "events": e.measure.events if e.measure else None,
        "n_items": e.n_items,
        "n_clusters": e.n_clusters,
        "replications": answered.replications,
        "difference": e.difference.to_json() if e.difference else None,
        "equivalence": e.equivalence.to_json() if e.equivalence else None,
        "simultaneous": answered.simultaneous.to_json()
        if answered.simultaneous and not e.anytime
        else None,
        "p_value": e.p_value,
        "p_adjusted": e.p_adjusted,
        "adjustment": family.adjustment if family else "none",
        "mid_p": found.mid_p if found and asked.scope == ITEMS else None,
        "test": answered.test,
        "one_sided": _one_sided(answered),
        "discordant": {"a_only": found.discordant[0], "b_only": found.discordant[1]}
        if found and found.discordant
        else None,
        "odds_ratio": odds_ratio(*found.discordant, 1 - e.alpha).to_json()
        if found and found.discordant and not e.clustered
        else None,
        "wins": e.wins,
        "ties": e.n_items - e.wins - e.losses,
        "losses": e.losses,
        "effects": effect_sizes(
            answered.arms.a, answered.arms.b, cluster=answered.cluster, level=1 - e.alpha
        ).to_json()
        if found
        else NO_EFFECTS,
        "noise": {
            "se_run": e.noise.se_run,
            "half_width": e.noise.half_width,
            "reason": e.noise.reason,
        },
        "smallest_detectable": e.smallest_detectable,
        "items_needed": e.items_needed,
        "lost_share": {"a": e.a.lost, "b": e.b.lost},
        "truncated_share": {"a": e.a.truncated, "b": e.b.truncated},
        "lost": _lost(answered, verdict.word) if e.amount is None else None,
        "alone": alone,
        "sensitivity": [_sensitivity(rival, e, alone) for rival in answered.sensitivity],
        "scopes": [one.to_json(e.margin, e.aim) for one in answered.scopes],
        "stops_holding": _ends(answered) if verdict.word == alone else None,
        "conditional": depends if verdict.word == CONDITIONAL else None,
        "selected": selected if verdict.word in DIRECTIONAL else None,
        "flags": [flag.code for flag in remarks],
        "verdict": verdict.word,
        "reasons": list(verdict.reasons),
        "sentence": verdict.sentence,
    }
    return entry | (amount_entry(answered) if e.amount is not None else {}), remarks


def _ends(answered: Answered) -> str | None:
    """At which scope the claim stops holding, in a sentence."""
    asked, e = answered.asked, answered.evidence
    better = "is better" if e.amount is None else f"is {e.amount.word}"
    if e.measure is not None:
        better = f"makes fewer {e.measure.events}"
    return where_it_ends(answered.scopes, e.margin, asked.label_a, asked.label_b, better, e.aim)


def _lost(answered: Answered, word: str) -> dict[str, Any] | None:
    """What lost answers could change. A tipping point is that of the verdict, or of nothing."""
    asked, e = answered.asked, answered.evidence
    found = lost_answers(
        answered.other,
        asked.label_a,
        asked.label_b,
        missing=asked.missing,
        margin=e.margin,
        difference=None if e.anytime else e.difference,
        equivalence=e.equivalence,
        aim=e.aim,
    )
    if found and found["tipping"] and found["tipping"]["verdict"] != word:
        found["tipping"] = None
    return found


def _influence(answered: Answered, word: str) -> list[Flag]:
    """That one item or cluster changes a claimed gap by much.

    Only where a direction is claimed: near 0 every item is a large share of the gap. And only where the
    estimate is a mean over items, or a ratio of sums over them: not at wider scopes.
    """
    e, arms, took = answered.evidence, answered.arms, answered.taken
    if word not in DIRECTIONAL or e.scope not in (ITEMS, FIXED):
        return []
    if took is None:
        found = most_influential(arms.a - arms.b, answered.cluster)
    else:
        found = most_influential_ratio(
            took.a, took.b, took.right_a, took.right_b, cluster=answered.cluster
        )
    if found is None:
        return []
    name = quoted(answered.other.grid.items[arms.item[found.first]])
    clustered = answered.cluster is not None
    one = f"the {counted(found.size, 'item')} of the cluster of {name}" if clustered else name
    noun = "cluster" if clustered else "item"
    more = found.above - 1
    others = f"; {more:,} more {noun}{'s' * (more > 1)} by over a quarter" if more else ""
    if took is not None:
        message = _influence_on_saving(answered, found, one, noun)
    else:
        unit, gap = e.unit.fitted(found.without), float((arms.a - arms.b).mean())
        message = (
            f"Without {one} the gap would be {unit.amount(found.without)} in place of "
            f"{unit.number(gap)}: one {noun} changes it by {percent(found.share)}"
        )
    return [Flag("influential", answered.asked.name, f"{message}{others}.")]


def _influence_on_saving(answered: Answered, found: Influence, one: str, noun: str) -> str:
    """What a saving would be without one item (cluster), in the words of a gap. Shares of the logarithm."""
    e = answered.evidence
    assert e.difference is not None
    full, unit = e.difference.estimate, e.unit.fitted(found.without)
    ahead, behind = (e.a.name, e.b.name) if full > 0 else (e.b.name, e.a.name)
    saver = ahead if found.without * full > 0 else behind
    if not isfinite(found.without):
        return f"Without {one} there is no ratio of the arms: all rests on one {noun}"
    return (
        f"Without {one} the saving would be {unit.amount(abs(found.without))} with {quoted(saver)}, in place "
        f"of {unit.amount(abs(full))} with {quoted(ahead)}: one {noun} changes it by {percent(found.share)} "
        "(of its logarithm)"
    )


def _one_sided(answered: Answered) -> dict[str, float | None]:
    """The tests that invert the interval of the contrast's scope; none for a confidence sequence."""
    tests = against_margin(
        answered.evidence,
        answered.arms,
        answered.cluster,
        answered.taken,
        answered.other.seed,
    )
    if tests is None:
        return dict.fromkeys(("non_inferiority", "superiority_by_margin", "equivalence"))
    return dict(tests.to_json())


def _sensitivity(rival: Rival, e: Evidence, alone: str | None) -> dict[str, Any]:
    verdict = decide(rival.difference, rival.equivalence, e.margin, e.aim)
    return {
        "name": rival.name,
        "difference": rival.difference.to_json(),
        "p_value": rival.p_value,
        "verdict": verdict,
        "holds": same_claim(verdict, alone) if alone else None,
    }
