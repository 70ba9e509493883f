"""Simulated passages of three questions, of which one has no answer, asked under three system prompts of
known effect: for answering_truth.py.

How hard a question is for an arm, in logits: h = passage (sd 1) + question (sd 0.7) + passage × arm (sd 1.2).
It abstains on an answerable question with logit a + h, else is right with logit r − h; it answers an
unanswerable one with logit f + h. What is true of an arm is an integral over h, which is normal.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

PASSAGE_SD, QUESTION_SD, ARM_SD = 1.0, 0.7, 1.2
SD = float(np.sqrt(PASSAGE_SD**2 + QUESTION_SD**2 + ARM_SD**2))
RIGHT = 0.6
"""Exact match of the control on answerable questions."""

F1_OF_WRONG = ((0.0, 0.25, 0.5), (0.5, 0.3, 0.2))
"""Token F1 of a wrong answer, and how often it is that."""

UNSUPPORTED = {"right": 0.05, "wrong": 0.4, "false": 0.6}
"""Share of answers with less than half of them in the passage."""

SYSTEM_USD = {"control": 0.0001, "treatment": 0.0004, "placebo": 0.0004}
PASSAGE_USD, OUTPUT_USD = 0.0003, 0.0005
VERBOSITY = {"control": 1.0, "treatment": 1.5, "placebo": 1.0}
LENGTH_SD = 0.8
"""Dollars of a call: system prompt + passage (lognormal) + output (lognormal) where it answers."""

ARMS = ("control", "treatment", "placebo")
ENDPOINTS = ("false_answers", "exact_match", "f1", "abstention", "unsupported")
ANSWERABLE = np.array([True, True, False])
"""The questions of a passage."""

SHARE = float(ANSWERABLE.mean())
"""Of the questions that have an answer."""

LOSS = 0.1
"""The margin of exact match, and what the treatment loses of it where it is at the margin."""

MARGIN = 0.02
"""Of false answers."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Arm:
    """Logits of an arm of a question of mean difficulty: a of abstaining, f of answering falsely."""

    a: float
    f: float


@dataclass(frozen=True)
class Answered:
    """What an arm does with every question of every passage, shape (passages, 3). f1, support: NaN where
    there is none."""

    abstains: Bools
    right: Bools
    f1: Floats
    support: Floats
    usd: Floats


def logistic(logit: Floats) -> Floats:
    values: Floats = 1 / (1 + np.exp(-logit))
    return values


@cache
def _nodes() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    return SD * nodes, weights / weights.sum()


def rate(logit: float) -> float:
    """Mean of logistic(logit + h) over h, by Gauss-Hermite quadrature."""
    h, weights = _nodes()
    return float(logistic(logit + h) @ weights)


def exact_match(a: float, r: float) -> float:
    """Mean chance of answering, and rightly."""
    h, weights = _nodes()
    return float(((1 - logistic(a + h)) * logistic(r - h)) @ weights)


@cache
def logit_for(share: float) -> float:
    """The logit at which `rate` is that share."""
    from scipy.optimize import brentq

    return float(brentq(lambda logit: rate(logit) - share, -20, 20, xtol=1e-13))


@cache
def right_logit() -> float:
    """r, at which a control that abstains on a tenth of the answerable questions has RIGHT."""
    from scipy.optimize import brentq

    a = logit_for(0.1)
    return float(brentq(lambda r: exact_match(a, r) - RIGHT, -20, 20, xtol=1e-13))


@cache
def abstaining_away(loss: float) -> float:
    """a, at which so much of the control's exact match is lost by abstaining."""
    from scipy.optimize import brentq

    r = right_logit()
    return float(brentq(lambda a: exact_match(a, r) - RIGHT + loss, -20, 20, xtol=1e-13))


def arms_of(
    false_answers: float, *, abstention: float | None = None, loss: float = 0.0
) -> list[Arm]:
    """Control, treatment and placebo. false_answers: of the treatment; the control's are 0.4.

    abstention: of the treatment on answerable questions, the control's is 0.1; or loss: of its exact match.
    """
    control = Arm(logit_for(0.1), logit_for(0.4))
    a = abstaining_away(loss) if abstention is None else logit_for(abstention)
    return [control, Arm(a, logit_for(false_answers)), control]


def truth(arm: Arm, name: str) -> dict[str, float]:
    """The rates of an arm in the population of passages, by their names in inference.json, and the mean
    dollars of a call."""
    false, abstained = rate(arm.f), rate(arm.a)
    right = exact_match(arm.a, right_logit())
    wrong = 1 - abstained - right
    values, chances = F1_OF_WRONG
    claims = SHARE * (right * UNSUPPORTED["right"] + wrong * UNSUPPORTED["wrong"])
    answers = SHARE * (1 - abstained) + (1 - SHARE) * false
    return {
        "false_answers": false,
        "exact_match": right,
        "f1": right + wrong * float(np.dot(values, chances)),
        "abstention": SHARE * abstained + (1 - SHARE) * (1 - false),
        "unsupported": claims + (1 - SHARE) * false * UNSUPPORTED["false"],
        "usd": SYSTEM_USD[name] + PASSAGE_USD + OUTPUT_USD * VERBOSITY[name] * answers,
    }


WORLDS = {
    "halved": arms_of(0.2, abstention=0.2),
    "at the margin": arms_of(0.2, loss=LOSS),
    "nothing gained": arms_of(0.4, loss=LOSS),
}
"""Name → arms. The control answers 40 % of the unanswerable questions and abstains on 10 % of the others,
and the placebo is the control. The treatment answers 20 %, 20 %, 40 %, and abstains on 20 % of the others, or
on so many that exact match falls by the margin."""


def truths(arms: list[Arm]) -> dict[str, dict[str, float]]:
    """Arm → rate → its value in the population."""
    return {name: truth(arm, name) for name, arm in zip(ARMS, arms, strict=True)}


def draw(arms: list[Arm], passages: int, random: np.random.Generator) -> dict[str, Answered]:
    """The answers of every arm to the same new passages."""
    shape = (passages, ANSWERABLE.size)
    shared = random.normal(0, PASSAGE_SD, (passages, 1)) + random.normal(0, QUESTION_SD, shape)
    length = _lognormal(random, (passages, 1))
    found = {}
    for name, arm in zip(ARMS, arms, strict=True):
        h = shared + random.normal(0, ARM_SD, (passages, 1))
        abstains = random.random(shape) < logistic(arm.a + h)
        false = random.random(shape) < logistic(arm.f + h)
        abstains = np.where(ANSWERABLE, abstains, ~false)
        right = (random.random(shape) < logistic(right_logit() - h)) & ~abstains & ANSWERABLE
        f1 = np.where(right, 1.0, random.choice(*F1_OF_WRONG[:1], p=F1_OF_WRONG[1], size=shape))
        chance = np.where(right, UNSUPPORTED["right"], UNSUPPORTED["wrong"])
        chance = np.where(ANSWERABLE, chance, UNSUPPORTED["false"])
        support = random.random(shape) / 2 + np.where(random.random(shape) < chance, 0, 0.5)
        output = OUTPUT_USD * VERBOSITY[name] * _lognormal(random, shape)
        found[name] = Answered(
            abstains,
            right,
            np.where(abstains, 0.0, f1),
            np.where(abstains, np.nan, support),
            SYSTEM_USD[name] + PASSAGE_USD * length + np.where(abstains, 0.0, output),
        )
    return found


def _lognormal(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Mean 1."""
    values: Floats = np.exp(random.normal(-(LENGTH_SD**2) / 2, LENGTH_SD, shape))
    return values


def icc(values: Floats) -> float:
    """Correlation of two questions of the same passage. values: shape (passages, questions)."""
    centred = values - values.mean()
    k = values.shape[1]
    pairs = (centred.sum(axis=1) ** 2 - (centred**2).sum(axis=1)).mean() / (k * (k - 1))
    return float(pairs / (centred**2).mean())
