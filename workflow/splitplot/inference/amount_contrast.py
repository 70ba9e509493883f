"""A declared contrast of tokens, dollars or seconds: from a study's data to what a verdict is spoken on.

The ratio of sums A/B is turned into log(B/A): above 0 where A takes less, alike in both directions, with
a margin of −log(1 − m) for a saving of m. So the words of a verdict mean what they mean for scores.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from splitplot.errors import ConfigError
from splitplot.inference.amounts import (
    LATENCY,
    SCOPES,
    USD,
    Amount,
    amount_of,
    log_margin,
    saved,
)
from splitplot.inference.arms import Arms, averaged_over, paired_cells
from splitplot.inference.asked import Asked, contrast_seed
from splitplot.inference.checks import LOST_NOTED, MAX_LOST
from splitplot.inference.clusters import TooFewClusters, cr2_mean
from splitplot.inference.contrasts import (
    Answered,
    arm_of,
    confounded,
    differential_loss,
    no_partner,
)
from splitplot.inference.data import StudyData
from splitplot.inference.evidence import FIXED, ITEMS, Evidence
from splitplot.inference.intervals import EQUAL, Floats, Interval, is_bounded, t_mean
from splitplot.inference.noise import RunNoise, items_needed, run_noise, smallest_detectable
from splitplot.inference.scoped import Scoped
from splitplot.inference.sensitivity import Alternatives
from splitplot.inference.taken import Taken, by_item, column_of, run_variances, taken
from splitplot.inference.wording import listed, percent, quoted

BATCH = "batch"
SPOKEN_SCOPES = (FIXED, ITEMS)


def answer_amount(data: StudyData, asked: Asked) -> Answered:
    """Estimate one contrast of an amount. Raises ConfigError for unknown names."""
    amount = amount_of(asked.metric, data.scorers)
    where = f'analysis.primary "{asked.name}"'
    if amount is None:
        raise ConfigError(f'{where}: "{asked.metric}" is no amount')
    if not 0 < asked.margin < 1:
        raise ConfigError(
            f"{where}: margin {asked.margin:g}: a margin of {asked.metric} is a share that is saved, "
            "above 0 and below 1"
        )
    grid = data.grid()
    pairs = paired_cells(grid.cells, asked.factor, asked.a, asked.b, where)
    other = Alternatives(grid, pairs, data.alpha, contrast_seed(data.seed, asked), asked.scope)
    found = taken(grid, amount, by_item(data, grid, column_of(amount)), pairs)
    noise = _noise(data, other, amount, found)
    spoken = SPOKEN_SCOPES if found.possible else ()
    scopes = tuple(found.at(scope, noise, other.levels, other.seed) for scope in spoken)
    own = next((one for one in scopes if one.scope == asked.scope), None)
    e = _evidence(data, other, asked, amount, found, noise, own)
    e = replace(e, missing_interval=own.reason if own else None if pairs else no_partner(asked))
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
        reason = (
            "no item took more or less in another replication, so it is too small to be detected"
        )
        return replace(noise, reason=reason)
    return noise


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
    n_clusters = int(np.unique(grid.cluster[found.item]).size)
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
        barred=tuple(_barred(data, other, asked, amount, found)),
        noted=tuple(_noted(data, other, asked, amount)),
    )


def _barred(
    data: StudyData, other: Alternatives, asked: Asked, amount: Amount, found: Taken
) -> list[str]:
    """Why a ratio of this amount would mean nothing, a clause each, with what to do."""
    if not other.pairs:
        return []
    barred = []
    if asked.scope not in SPOKEN_SCOPES:
        barred.append(
            f"a ratio of {amount.noun} has no interval for {asked.scope} like these; declare one of: "
            f"{', '.join(SCOPES)}"
        )
    for side, label in enumerate((asked.label_a, asked.label_b)):
        barred += _arm_barred(data, other, amount, side, label)
    if amount.name == LATENCY:
        routes = [_routes(data, other, side) for side in (0, 1)]
        if BATCH in routes[0] + routes[1]:
            barred.append(
                "the seconds of answers by batch are those of a queue; send them with route realtime"
            )
        elif routes[0] != routes[1]:
            barred.append(
                f"the arms were asked by different routes ({listed(routes[0])} against "
                f"{listed(routes[1])}), whose seconds cannot be compared; send both by the same one"
            )
    if found.right_a is not None and found.right_b is not None:
        for right, label in ((found.right_a, asked.label_a), (found.right_b, asked.label_b)):
            barred += _denominator_barred(right, found, label, data.level)
    return barred


def _arm_barred(
    data: StudyData, other: Alternatives, amount: Amount, side: int, label: str
) -> list[str]:
    """What is wrong with an arm's amounts: most are not known, or all are 0."""
    came = _answers(data, other, side, amount)
    if not came.size:
        return []
    unknown = float(np.isnan(came).mean())
    noun = "dollars" if column_of(amount) == USD else amount.noun
    if unknown > MAX_LOST:
        why = "give its price in config/models.yaml" if noun == "dollars" else "use another metric"
        return [
            f"the {noun} of {percent(unknown)} of the answers of {quoted(label)} are not known; {why}"
        ]
    known = came[~np.isnan(came)]
    if (known < 0).any():
        return [f"some {noun} of {quoted(label)} are below 0, which no answer can take"]
    if not known.sum() > 0:
        free = ", as its answers are free; use tokens_out" if noun == "dollars" else ""
        return [f"the {noun} of {quoted(label)} are 0, and there is no ratio to 0{free}"]
    return []


def _denominator_barred(right: Floats, found: Taken, label: str, level: float) -> list[str]:
    """Whether what is divided by may be 0 as far as the data tell: then no ratio is bounded (Fieller)."""
    if right.size < 2:
        return []
    if not is_bounded(right):
        return ["right answers are counted by scores within 0 to 1, and these lie outside"]
    none = (
        f"{quoted(label)} was so rarely right that its share may be 0, and no cost per right answer"
    )
    if not right.sum() > 0:
        return [f"{quoted(label)} was never right, so it has no cost per right answer; use usd"]
    try:
        share = (
            t_mean(right, level) if found.cluster is None else cr2_mean(right, found.cluster, level)
        )
    except (TooFewClusters, ValueError):
        return []
    return [f"{none} is bounded then; use usd, or add items"] if share.low <= 0 else []


def _noted(
    data: StudyData, other: Alternatives, asked: Asked, amount: Amount
) -> list[tuple[str, str]]:
    """What must be said beside a ratio of this amount."""
    noted = []
    if amount.name == LATENCY:
        noted.append(
            (
                "latency",
                "Seconds are those of the hour at which each answer was made, be it for another study: a "
                "provider's load, limits on the rate and other requests under way are in them.",
            )
        )
    if column_of(amount) == USD:
        routes = [_routes(data, other, side) for side in (0, 1)]
        if routes[0] != routes[1]:
            noted.append(
                (
                    "routes_differ",
                    f"{quoted(asked.label_a)} went by {listed(routes[0])}, {quoted(asked.label_b)} by "
                    f"{listed(routes[1])}: dollars are those paid, and batches are cheaper whatever is "
                    "compared.",
                )
            )
    for side, label in enumerate((asked.label_a, asked.label_b)):
        came = _answers(data, other, side, amount)
        unknown = float(np.isnan(came).mean()) if came.size else 0.0
        if LOST_NOTED < unknown <= MAX_LOST:
            noted.append(
                (
                    "amounts_unknown",
                    f"What {percent(unknown)} of the answers of {quoted(label)} took is not known; they "
                    "are left out.",
                )
            )
    return noted


def _answers(data: StudyData, other: Alternatives, side: int, amount: Amount) -> Floats:
    """The amounts of an arm's answers that came, NaN where unknown."""
    values = data.numbers(column_of(amount), other.grid)
    cells = dict.fromkeys(pair[side] for pair in other.pairs)
    return np.concatenate(
        [
            np.zeros(0),
            *(values[other.grid.rows_of(cell)][~other.grid.lost(cell)] for cell in cells),
        ]
    )


def _routes(data: StudyData, other: Alternatives, side: int) -> list[str]:
    """The routes of an arm's answers that came, sorted."""
    grid = other.grid
    codes = data.routes(grid)
    cells: Sequence[int] = list(dict.fromkeys(pair[side] for pair in other.pairs))
    found = [codes[grid.rows_of(cell)][~grid.lost(cell)] for cell in cells]
    return sorted({name for one in found for name in one if name})
