"""False claims of a study that declares a difference and aims of non-inferiority together, one family.

    OPENBLAS_NUM_THREADS=1 python benchmarks/families_of_aims.py [--studies 20000]

Estimates are normal with a standard error of 1 that is known, of one contrast that is to differ and k of
non-inferiority; the verdicts are the product's own (`families`, `speak`). A claim is false where it says a
direction that is not there, or that a loss of the margin or more is none. "Holm" is his procedure on the
same p-values, beside which directions of the k are spoken at α/m.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import NormalDist

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np

from splitplot.inference.evidence import Arm, Evidence
from splitplot.inference.families import Compared, families
from splitplot.inference.intervals import Interval
from splitplot.inference.multiplicity import holm
from splitplot.inference.noise import RunNoise
from splitplot.inference.verdict import speak
from splitplot.inference.words import DIFFERENCE, NON_INFERIOR, NON_INFERIORITY

ALPHA = 0.05
MATTERS = 1.0
"""Margin of the contrast that is to differ: too small for anything to be called equal."""
GAIN, LOSS = "gain", "loss"


@dataclass(frozen=True)
class World:
    """True values in standard errors. difference: of the contrast that is to differ; others: of those of
    non-inferiority; margin: of the latter."""

    name: str
    difference: float
    others: tuple[float, ...]
    margin: float


WORLDS = (
    *(World(f"no gap anywhere, {k} of non-inferiority", 0.0, (0.0,) * k, 5.0) for k in (1, 2, 4)),
    World("the same, margin of 2.2 standard errors", 0.0, (0.0, 0.0), 2.2),
    World("one of 2 worse by the margin", 0.0, (0.0, -5.0), 5.0),
    World("one of 2 worse by the margin, the difference large", 6.0, (0.0, -5.0), 5.0),
    World("three of 4 worse by the margin", 0.0, (0.0, -5.0, -5.0, -5.0), 5.0),
    World("the difference large, 4 without a gap", 6.0, (0.0,) * 4, 5.0),
)


@cache
def quantile(p: float) -> float:
    """Of the standard normal distribution."""
    return NormalDist().inv_cdf(p)


def interval(estimate: float, level: float) -> Interval:
    """The normal interval."""
    half = quantile(0.5 + level / 2)
    return Interval(estimate, estimate - half, estimate + half, level, "normal", 1.0, None)


def evidence(estimate: float, margin: float, aim: str, m: int) -> Evidence:
    """What is known of one contrast, one of m."""
    together = interval(estimate, 1 - ALPHA / m), interval(estimate, 1 - 2 * ALPHA / m)
    return Evidence(
        a=Arm("treatment", 0.6, 0.0, 0.0),
        b=Arm("control", 0.6, 0.0, 0.0),
        difference=interval(estimate, 1 - ALPHA),
        equivalence=interval(estimate, 1 - 2 * ALPHA),
        margin=margin,
        margin_is_default=False,
        scope="items",
        alpha=ALPHA,
        bounded=False,
        binary=False,
        clustered=False,
        n_items=2000,
        n_union=2000,
        n_clusters=2000,
        wins=40,
        losses=20,
        noise=RunNoise(None, None, "one replication"),
        p_value=2 * NormalDist().cdf(-abs(estimate)),
        family=m,
        together=together,
        aim=aim,
        p_loss=NormalDist().cdf(-estimate - margin) if aim == NON_INFERIORITY else None,
    )


def claims(e: Evidence) -> set[str]:
    """What the verdict says: a gain, a loss, that there is no loss of the margin."""
    verdict = speak(e)
    found = {NON_INFERIOR} if verdict.word == NON_INFERIOR else set()
    assert e.difference is not None
    ahead = GAIN if e.difference.estimate > 0 else LOSS
    spoken = verdict.word.startswith(("BETTER", "WORSE")) or "reliably" in verdict.sentence
    beside = verdict.word == NON_INFERIOR and (
        "but better" in verdict.sentence or "it is anything" not in verdict.sentence
    )
    return found | ({ahead} if spoken or beside else set())


def is_false(said: set[str], true: float, margin: float) -> bool:
    """Whether anything of this is not so."""
    return (
        (GAIN in said and true <= 0)
        or (LOSS in said and true >= 0)
        or (NON_INFERIOR in said and true <= -margin)
    )


def simulate(world: World, studies: int, seed: int, *, plain: bool = False) -> tuple[float, float]:
    """Shares of studies with a false claim, and with the direction of the first contrast spoken.
    plain: by Holm's procedure."""
    true = np.array([world.difference, *world.others])
    draws = true + np.random.default_rng(seed).normal(size=(studies, true.size))
    wrong = found = 0
    for estimates in draws:
        said = [claims(e) for e in judged(estimates.tolist(), world.margin, plain)]
        wrong += any(is_false(one, t, world.margin) for one, t in zip(said, true, strict=True))
        found += bool({GAIN, LOSS} & said[0])
    return wrong / studies, found / studies


def judged(estimates: Sequence[float], margin: float, plain: bool) -> list[Evidence]:
    """The contrasts of one study with their adjusted p-values."""
    m = len(estimates)
    aims = [DIFFERENCE, *[NON_INFERIORITY] * (m - 1)]
    margins = [MATTERS, *[margin] * (m - 1)]
    every = [evidence(*one, m) for one in zip(estimates, margins, aims, strict=True)]
    if plain:
        adjusted = dict(enumerate(holm([e.p_family for e in every])))
    else:
        compared = [
            Compared(str(i), str(i), True, None, e.p_family, non_inferiority=e.aim != DIFFERENCE)
            for i, e in enumerate(every)
        ]
        adjusted = {
            index: p
            for family in families(compared, {}, seed=1, pooled=True)
            for index, p in zip(family.members, family.p_adjusted, strict=True)
        }
    return [replace(e, p_adjusted=adjusted[i]) for i, e in enumerate(every)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=20_000)
    studies = parser.parse_args().studies
    print("| true gaps | any false claim | by Holm |\n|---|---|---|")
    for seed, world in enumerate(WORLDS):
        ours, theirs = (simulate(world, studies, seed, plain=plain)[0] for plain in (False, True))
        print(f"| {world.name} | {ours:.4f} | {theirs:.4f} |", flush=True)


if __name__ == "__main__":
    main()
