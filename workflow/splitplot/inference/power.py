"""Before the data: how often each verdict would be spoken, how wide its interval would be.

Studies are drawn from assumed components (`drawing`) and go through the estimators and the decision that
answers will go through; closed forms of the same assumptions stand beside what is drawn (`assumptions`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from splitplot.canonical import digest
from splitplot.inference.assumptions import (
    Components,
    Size,
    components,
    detectable,
    half_width,
    items_for_equivalence,
    items_for_gap,
)
from splitplot.inference.checks import refusals
from splitplot.inference.drawing import Drawn, draw
from splitplot.inference.evidence import FIXED, ITEMS, Arm, Evidence
from splitplot.inference.intervals import (
    Floats,
    Interval,
    clopper_pearson,
    is_binary,
    z_quantile,
)
from splitplot.inference.mcnemar import mcnemar_exact
from splitplot.inference.noise import POWER, RunNoise, run_noise, these_items_interval
from splitplot.inference.paired import paired_difference
from splitplot.inference.verdict import decide
from splitplot.inference.words import (
    DIFFERENCE,
    DIRECTIONAL,
    NO_VERDICT,
    NON_INFERIORITY,
    NOT_SETTLED,
)

__all__ = ["Chances", "Claim", "Components", "Point", "chances", "components", "point"]

DRAWS = 400
"""Simulated studies per size and true gap: a chance of one half is then known to ±5 points."""

BLOCK = 2_000_000
"""Item scores of one arm held in memory at a time."""


@dataclass(frozen=True)
class Claim:
    """What decides: the margin, the error rate, the scope, how many contrasts share α (Holm), and whether
    a difference is to be shown or non-inferiority."""

    margin: float
    alpha: float = 0.05
    scope: str = ITEMS
    family: int = 1
    aim: str = DIFFERENCE


@dataclass(frozen=True)
class Chances:
    """How often each verdict was spoken at one true gap.

    counts: word → simulated studies. ahead, behind: studies in which A is reliably above B, below B,
    whatever the word (EQUIVALENT may be both). half_width: mean half of the interval's width, None where
    no interval exists. covered: share of the intervals with the true gap in them. refused: why there
    is no verdict, where there is none.
    """

    gap: float
    draws: int
    counts: dict[str, int]
    ahead: int
    behind: int
    half_width: float | None
    covered: float | None
    refused: str | None = None

    @property
    def found(self) -> float:
        """Share that see which arm is ahead: A for a gap above 0, B for one below."""
        return (self.ahead if self.gap >= 0 else self.behind) / self.draws

    @property
    def false_alarms(self) -> float:
        """Share that see an arm ahead that is not: either at a gap of 0, else the wrong one."""
        if self.gap == 0:
            return (self.ahead + self.behind) / self.draws
        return (self.behind if self.gap > 0 else self.ahead) / self.draws

    def to_json(self) -> dict[str, Any]:
        """Plain values; each share with its Monte Carlo interval (Clopper-Pearson, 95 %)."""
        words = {}
        for word, count in sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0])):
            words[word] = _share(count, self.draws)
        return {
            "gap": self.gap,
            "draws": self.draws,
            "words": words,
            "found": _share(round(self.found * self.draws), self.draws),
            "false_alarms": _share(round(self.false_alarms * self.draws), self.draws),
            "half_width": self.half_width,
            "covered": self.covered,
            "refused": self.refused,
        }


@dataclass(frozen=True)
class Decided:
    """One study: its word, which arm is reliably ahead (1: A, −1: B, 0: neither), its interval."""

    word: str
    ahead: int
    difference: Interval | None


@dataclass(frozen=True)
class Point:
    """One size of a contrast: chances at the true gaps asked for, widths, the smallest gap it can see.

    detectable: found 8 times in 10 by the closed form; detectable_drawn: by the simulation, None where
    no gap on the scale is.
    """

    size: Size
    chances: tuple[Chances, ...]
    half_width: float
    detectable: float | None
    detectable_drawn: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, as in rehearsal.json."""
        return {
            "items": self.size.items,
            "replications": self.size.replications,
            "clusters": None if self.size.cluster is None else np.unique(self.size.cluster).size,
            "half_width": self.half_width,
            "detectable": self.detectable,
            "detectable_drawn": self.detectable_drawn,
            "at": [one.to_json() for one in self.chances],
        }


def point(
    c: Components, size: Size, claim: Claim, gaps: Sequence[float], *, draws: int, seed: int
) -> Point:
    """Chances at each true gap for one size of the study; the same arguments, the same result."""
    found = tuple(chances(c, gap, size, claim, draws=draws, seed=seed) for gap in gaps)
    alpha = claim.alpha
    formula = detectable(c, size, alpha, claim.family) if claim.scope == ITEMS else None
    return Point(
        size,
        found,
        half_width(c, 0.0, size, alpha),
        formula,
        _detectable_drawn(c, size, claim, formula, draws, seed),
    )


def chances(
    c: Components, gap: float, size: Size, claim: Claim, *, draws: int = DRAWS, seed: int = 0
) -> Chances:
    """Draw so many studies with this true gap of A − B and decide each as answers would be decided.

    The intervals are those of `paired_difference` (for the scope of these items, those of run-to-run
    noise) and the word that of `decide`. A direction must hold among the contrasts of the family: at
    α/family, the first step of Holm's procedure, as if no other contrast were found. There McNemar's
    exact test is run as it is; in place of the sign-flip test stands the interval at that level.
    No answer is lost or cut off. Raises ValueError for a gap that does not fit on the scale.
    """
    rng = np.random.default_rng(_seed(seed, c, gap, size, claim))
    known: dict[tuple[int, int], Decided] = {}
    studies: list[Decided] = []
    block = max(1, BLOCK // size.items)
    for start in range(0, draws if size.items > 1 else 0, block):
        drawn = draw(c, gap, size, rng, min(block, draws - start))
        rows = (_row(drawn, index) for index in range(drawn.a.shape[0]))
        studies += [_decided(row, size, claim, known) for row in rows]
    intervals = [study.difference for study in studies if study.difference is not None]
    refused = _refused(size, claim)
    counts = Counter({NO_VERDICT: draws} if refused else (study.word for study in studies))
    return Chances(
        gap,
        draws,
        dict(counts),
        0 if refused else sum(study.ahead > 0 for study in studies),
        0 if refused else sum(study.ahead < 0 for study in studies),
        float(np.mean([(i.high - i.low) / 2 for i in intervals])) if intervals else None,
        float(np.mean([i.low <= gap <= i.high for i in intervals])) if intervals else None,
        refused,
    )


def items_wanted(c: Components, size: Size, claim: Claim, gap: float) -> dict[str, int | None]:
    """Items for 8 chances in 10, by closed form: to see this gap, and to show EQUIVALENT at a gap of 0."""
    if claim.scope != ITEMS:
        return {"to_see": None, "to_show_equal": None}
    return {
        "to_see": items_for_gap(c, gap, size, claim.alpha, claim.family),
        "to_show_equal": items_for_equivalence(c, claim.margin, size, claim.alpha),
    }


def _decided(
    row: Drawn, size: Size, claim: Claim, known: dict[tuple[int, int], Decided]
) -> Decided:
    """One study. known: what was decided for the same 2 × 2 counts of right or wrong answers."""
    if claim.scope == FIXED:
        return _decided_fixed(row, size, claim)
    interval = partial(paired_difference, row.a, row.b, cluster=size.cluster)
    if size.cluster is None and is_binary(row.a) and is_binary(row.b):
        counts = (int((row.a > row.b).sum()), int((row.a < row.b).sum()))
        if counts not in known:
            holds = mcnemar_exact(*counts) <= claim.alpha / claim.family
            known[counts] = _by_intervals(interval, claim, holds)
        return known[counts]
    return _by_intervals(interval, claim, None)


def _decided_fixed(row: Drawn, size: Size, claim: Claim) -> Decided:
    noise = run_noise(row.run_a, row.run_b, level=1 - claim.alpha, deterministic=size.steady)
    estimate = float((row.a - row.b).mean())
    if noise.se_run is None:
        return Decided(NO_VERDICT, 0, None)
    return _by_intervals(
        lambda level: cast(Interval, these_items_interval(estimate, noise, level)), claim, None
    )


def _by_intervals(interval: Callable[..., Interval], claim: Claim, holds: bool | None) -> Decided:
    """The word at the claim's levels. holds: whether an exact test finds a direction among the family;
    None where the interval at α/family stands for it. Alone (family 1) the interval decides."""
    difference = interval(level=1 - claim.alpha)
    word = decide(difference, interval(level=1 - 2 * claim.alpha), claim.margin, claim.aim)
    ahead = int(difference.low > 0) - int(difference.high < 0)
    if claim.aim == NON_INFERIORITY:
        return _on_loss(interval, claim, word, ahead, difference)
    if claim.family > 1 and ahead:
        if holds is None:
            strict = interval(level=1 - claim.alpha / claim.family)
            holds = strict.low > 0 or strict.high < 0
        if not holds:
            return Decided(NOT_SETTLED if word in DIRECTIONAL else word, 0, difference)
    return Decided(word, ahead, difference)


def _on_loss(
    interval: Callable[..., Interval], claim: Claim, word: str, ahead: int, difference: Interval
) -> Decided:
    """The same of non-inferiority: among a family the interval at α/family stands for every word."""
    if claim.family == 1:
        return Decided(word, ahead, difference)
    strict = interval(level=1 - claim.alpha / claim.family)
    ahead = int(strict.low > 0) - int(strict.high < 0)
    word = decide(strict, strict, claim.margin, claim.aim)
    return Decided(word, ahead, difference)


def _refused(size: Size, claim: Claim) -> str | None:
    """Why a study of this size gets no verdict whatever is answered, as `checks.refusals` has it."""
    n = size.items
    some = Interval(0.0, -1.0, 1.0, 1 - claim.alpha, "assumed")
    noise = run_noise(None, None) if size.replications < 2 else RunNoise(1.0, 1.0, None)
    n_clusters = n if size.cluster is None else int(np.unique(size.cluster).size)
    reasons = refusals(
        Evidence(
            a=Arm("A", 0.5, 0.0, 0.0),
            b=Arm("B", 0.5, 0.0, 0.0),
            difference=some,
            equivalence=some,
            margin=claim.margin,
            margin_is_default=False,
            scope=claim.scope,
            alpha=claim.alpha,
            bounded=True,
            binary=False,
            clustered=size.cluster is not None,
            n_items=n,
            n_union=n,
            n_clusters=n_clusters,
            wins=0,
            losses=0,
            noise=noise,
        )
    )
    return "; ".join(reasons) or None


def _detectable_drawn(
    c: Components, size: Size, claim: Claim, formula: float | None, draws: int, seed: int
) -> float | None:
    """The gap found 8 times in 10 among drawn studies: the closed form's, scaled once by what is found
    there, as the normal power curve has it: power π at g means (z_{α/2} + z_π) standard errors."""
    from scipy.special import ndtri

    if formula is None or _refused(size, claim):
        return None
    try:
        found = chances(c, formula, size, claim, draws=draws, seed=seed).found
    except ValueError:
        return None
    critical = z_quantile(1 - claim.alpha / claim.family)
    seen = min(max(found, 0.5 / draws), 1 - 0.5 / draws)
    reached = critical + float(ndtri(seen))
    if reached <= 0:
        return None
    better = formula * (critical + float(ndtri(POWER))) / reached
    return better if better < 1 else None


def _row(drawn: Drawn, index: int) -> Drawn:
    def of(values: Floats | None) -> Floats | None:
        return None if values is None else values[index]

    return Drawn(drawn.a[index], drawn.b[index], of(drawn.run_a), of(drawn.run_b))


def _share(count: int, draws: int) -> dict[str, float]:
    interval = clopper_pearson(count, draws)
    return {"share": interval.estimate, "low": interval.low, "high": interval.high}


def _seed(seed: int, c: Components, gap: float, size: Size, claim: Claim) -> int:
    """From the content alone. The size is not part of it: neighbours in a grid share their luck."""
    assumed = [c.mean, c.item_sd, c.item_arm_sd, c.run_sd, c.cluster_share]
    return int(digest([seed, assumed, gap, claim.scope, size.cluster is not None]), 16)
