"""A declared contrast of tokens, dollars or seconds: from a study's data to what a verdict is spoken on.

The ratio of sums A/B is turned into log(B/A): above 0 where A takes less, alike in both directions, with
a margin of −log(1 − m) for a saving of m. So the words of a verdict mean what they mean for scores.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from splitplot.amounts import PER_CORRECT, Amount, amount_of, log_margin, saved
from splitplot.errors import ConfigError
from splitplot.inference.amount_checks import SPOKEN_SCOPES, barred, noted
from splitplot.inference.arms import Arms, averaged_over, paired_cells
from splitplot.inference.asked import Asked, contrast_seed
from splitplot.inference.contrasts import (
    Answered,
    arm_of,
    confounded,
    copies_noted,
    differential_loss,
    no_partner,
)
from splitplot.inference.cut_off import (
    SUPPOSING,
    counted_otherwise,
    cut_items,
    cut_off_bars,
    is_cut_off,
)
from splitplot.inference.data import StudyData
from splitplot.inference.evidence import FIXED, ITEMS, TRUNCATED, Evidence, Rival
from splitplot.inference.intervals import EQUAL, Interval, is_constant
from splitplot.inference.noise import RunNoise, items_needed, run_noise, smallest_detectable
from splitplot.inference.scoped import Scoped
from splitplot.inference.sensitivity import Alternatives
from splitplot.inference.taken import Taken, by_item, column_of, run_variances, taken
from splitplot.inference.wording import quoted
from splitplot.inference.words import DIFFERENCE


def answer_amount(data: StudyData, asked: Asked) -> Answered:
    """Estimate one contrast of an amount. Raises ConfigError for unknown names."""
    amount = amount_of(asked.metric, data.scorers)
    where = f'analysis.primary "{asked.name}"'
    if amount is None:
        raise ConfigError(f'{where}: "{asked.metric}" is no amount')
    if asked.aim != DIFFERENCE:
        raise ConfigError(
            f'{where}: aim "{asked.aim}" is for scores; leave `aim` out for {asked.metric}'
        )
    if not 0 < asked.margin < 1:
        raise ConfigError(
            f"{where}: margin {asked.margin:g}: a margin of {asked.metric} is a share that is saved, "
            "above 0 and below 1"
        )
    # What counts per right answer is of those that the first scorer grades.
    grid = data.grid() if amount.name == PER_CORRECT else data.answers()
    pairs = paired_cells(grid.cells, asked.factor, asked.a, asked.b, where)
    other = Alternatives(grid, pairs, data.alpha, contrast_seed(data.seed, asked), asked.scope)
    found = taken(grid, amount, by_item(data, grid, column_of(amount)), pairs)
    noise = _noise(data, other, amount, found)
    spoken = SPOKEN_SCOPES if found.possible else ()
    scopes = tuple(found.at(scope, noise, other.levels, other.seed) for scope in spoken)
    if found.proportional:
        same = _same_ratio(asked, amount, found)
        scopes = tuple(replace(s, reason=same) if s.scope == ITEMS else s for s in scopes)
    own = next((one for one in scopes if one.scope == asked.scope), None)
    e = _evidence(data, other, asked, amount, found, noise, own)
    e = replace(e, missing_interval=own.reason if own else None if pairs else no_partner(asked))
    e = _cut_off(data, other, e, amount, found)
    return Answered(
        asked,
        e,
        None,
        max((grid.replications(cell) for pair in pairs for cell in pair), default=0),
        (),
        averaged_over(grid.cells, asked.factor, pairs, named=True),
        other,
        Arms(found.a, found.b, found.item, None, None, found.n_union),
        found.cluster,
        own.test if own else None,
        scopes,
        taken=found,
    )


def amount_entry(answered: Answered) -> dict[str, Any]:
    """What the entry of an amount has otherwise than that of a score."""
    e, found = answered.evidence, answered.taken
    assert e.amount is not None and found is not None
    seen = e.smallest_detectable
    means = found.means() if found.possible else (None, None)
    return {
        "effect": "ratio",
        "difference": None,
        "equivalence": None,
        "ratio": _ratio_json(e.difference),
        "ratio_equivalence": _ratio_json(e.equivalence),
        "means": {"a": means[0], "b": means[1]},
        "wins": None if found.right_a is not None else e.wins,
        "ties": None if found.right_a is not None else e.n_items - e.wins - e.losses,
        "losses": None if found.right_a is not None else e.losses,
        "smallest_detectable": None if seen is None else saved(seen),
        "scopes": [
            {
                "scope": one.scope,
                "difference": None,
                "ratio": _ratio_json(one.difference),
                "verdict": one.word(e.margin),
                "reason": one.reason,
            }
            for one in answered.scopes
        ],
    }


def _ratio_json(saving: Interval | None) -> dict[str, Any] | None:
    """A/B as in inference.json, from log(B/A). se stays that of the logarithm."""
    if saving is None:
        return None
    estimate, low, high = (float(np.exp(-v)) for v in (saving.estimate, saving.high, saving.low))
    return replace(saving, estimate=estimate, low=low, high=high).to_json()


def _noise(data: StudyData, other: Alternatives, amount: Amount, found: Taken) -> RunNoise:
    """Run-to-run noise of log(A/B) at these items."""
    if not found.possible:
        return RunNoise(None, None, "there is no ratio for it to move")
    grid, pairs = other.grid, other.pairs
    a, b = run_variances(data, grid, amount, pairs, found)
    planned = [grid.replications(cell) for pair in pairs for cell in pair]
    noise = run_noise(
        a,
        b,
        level=1 - data.alpha,
        deterministic=all(grid.deterministic(cell) for pair in pairs for cell in pair),
        replications=max(2, min(planned, default=2)),
    )
    if noise.se_run is None and a is not None and b is not None:
        mean_a, mean_b = found.means()
        reason = (
            f"no item took more or less in another replication (the ratio is {mean_a / mean_b:.3g} in "
            "each), so it is too small to be detected"
        )
        return replace(noise, reason=reason)
    return noise


def _same_ratio(asked: Asked, amount: Amount, found: Taken) -> str:
    """That the arms have one ratio on all items, which one, and what to make of it."""
    (a, b), first, second = found.means(), quoted(asked.label_a), quoted(asked.label_b)
    if abs(a / b - 1) < EQUAL:
        alone = f", {a:.4g} {amount.noun} each" if is_constant(found.a) else ""
        what = f"{first} and {second} {amount.same} on every item (a ratio of 1{alone})"
    else:
        what = (
            f"{first} takes {a / b:.3g} times the {amount.noun} of {second} on every item "
            f"({a:.4g} against {b:.4g} on average)"
        )
    return (
        f"{what}, so nothing shows how far the ratio could be another on items like these; where it is "
        "fixed, as by a form that every answer has, that is the result and needs no interval, else look "
        "at how the amounts were recorded, or add items on which it differs"
    )


def _cut_off(
    data: StudyData, other: Alternatives, e: Evidence, amount: Amount, found: Taken
) -> Evidence:
    """The evidence with what answers that were cut off make of it: rivals, or that they bar a verdict."""
    if not is_cut_off(e) or not found.item.size:
        return e
    grid, pairs = other.grid, other.pairs
    cut_a, cut_b = (cut_items(grid, [pair[side] for pair in pairs])[found.item] for side in (0, 1))
    bars = cut_off_bars(e, int((~cut_a & ~cut_b).sum()))
    rivals = []
    for name, counted in counted_otherwise(found, cut_a, cut_b).items():
        noise = _noise(data, other, amount, counted) if e.scope == FIXED else e.noise
        one = counted.at(e.scope, noise, other.levels, other.seed)
        if one.difference is None or one.equivalence is None:
            continue
        rivals.append(
            Rival(name, one.difference, one.equivalence, TRUNCATED, SUPPOSING[name], one.p_value)
        )
    return replace(e, barred=tuple(dict.fromkeys((*e.barred, *bars))), rivals=tuple(rivals))


def _evidence(
    data: StudyData,
    other: Alternatives,
    asked: Asked,
    amount: Amount,
    found: Taken,
    noise: RunNoise,
    own: Scoped | None,
) -> Evidence:
    grid, n = other.grid, int(found.item.size)
    means = found.means() if found.possible else (0.0, 0.0)
    interval = own.difference if own else None
    margin = log_margin(asked.margin)
    se = interval.se if interval else None
    more = int((found.a > found.b + EQUAL).sum())
    fewer = int((found.a < found.b - EQUAL).sum())
    n_clusters = n if found.cluster is None else int(np.unique(found.cluster).size)
    return Evidence(
        a=replace(arm_of(other, asked.label_a, found.a, 0), mean=means[0]),
        b=replace(arm_of(other, asked.label_b, found.b, 1), mean=means[1]),
        difference=interval,
        equivalence=own.equivalence if own else None,
        margin=margin,
        margin_is_default=asked.margin_is_default,
        scope=asked.scope,
        alpha=data.alpha,
        bounded=False,
        binary=False,
        clustered=n_clusters < n,
        n_items=n,
        n_union=found.n_union,
        n_clusters=n_clusters,
        wins=more,
        losses=fewer,
        noise=noise,
        p_value=own.p_value if own else None,
        differential_loss=differential_loss(other),
        smallest_detectable=smallest_detectable(se, data.alpha, interval.df if interval else None),
        items_needed=items_needed(se, n, margin, data.alpha) if asked.scope == ITEMS else None,
        averaged_over=averaged_over(grid.cells, asked.factor, other.pairs),
        simulated=data.simulated,
        confounded=confounded(other, asked),
        amount=amount,
        barred=tuple(dict.fromkeys(barred(data, other, asked, amount, found))),
        copies_held=grid.holds_copies(found.item, found.cluster),
        noted=(
            *noted(data, other, asked, amount, found),
            *copies_noted(grid, found.item, found.cluster),
        ),
    )
