"""What a drawn study finds, straight from the library's functions and hundreds of times faster than by the
whole study: for answering_truth.py, which compares the two.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from answering_worlds import ANSWERABLE, LOSS, MARGIN, SHARE, Answered, Arm, Floats, draw

from splitplot.inference.cells import cell_interval
from splitplot.inference.evidence import Arm as Side
from splitplot.inference.evidence import Evidence
from splitplot.inference.families import Compared, families
from splitplot.inference.fieller import Means, fieller, joint_means
from splitplot.inference.intervals import Interval
from splitplot.inference.mcnemar import mcnemar_exact
from splitplot.inference.noise import RunNoise
from splitplot.inference.onesided import one_sided_tests
from splitplot.inference.paired import paired_difference
from splitplot.inference.verdict import speak
from splitplot.inference.words import BETTER, BETTER_SIZE_OPEN, DIFFERENCE, NON_INFERIORITY

ALPHA = 0.05
DECLARED = 3
"""The declared contrasts, one family."""

Scores = tuple[Floats, Floats | None]
"""Score and passage of every question that a scorer grades; no passages where it has one question of each."""


def observe_directly(arms: list[Arm], passages: int, random: np.random.Generator) -> dict[str, Any]:
    """The same as `answering_study.observe` of the same draw."""
    answered = draw(arms, passages, random)
    scores = {arm: scores_of(one) for arm, one in answered.items()}
    gaps = {
        arm: {name: _gap(name, scores[arm], scores["control"]) for name in scores[arm]}
        for arm in ("treatment", "placebo")
    }
    means, declared = means_of(answered), _declared(scores)
    return {
        "gaps": {arm: {name: ends(gap) for name, gap in of.items()} for arm, of in gaps.items()},
        "rates": {
            arm: {name: ends(_rate(name, *values)) for name, values in of.items()}
            for arm, of in scores.items()
        },
        "declared": declared,
        "price": _price(means, declared["false answers"]["verdict"]),
        "means": vars(means),
    }


def scores_of(arm: Answered) -> dict[str, Scores]:
    """Rate → the scores behind it. That of false answers and of unsupported claims is one less the mean."""
    passages = arm.right.shape[0]
    of_two, of_all = (np.repeat(np.arange(passages), n) for n in (2, 3))
    return {
        "false_answers": (_flat(arm.abstains[:, ~ANSWERABLE]), None),
        "exact_match": (_flat(arm.right[:, ANSWERABLE]), of_two),
        "f1": (_flat(arm.f1[:, ANSWERABLE]), of_two),
        "abstention": (_flat(arm.abstains), of_all),
        "unsupported": (_flat(~(arm.support < 0.5)), of_all),
    }


def means_of(answered: dict[str, Answered]) -> Means:
    """Per question of the study: dollars of the treatment beyond the control's, and false answers that it
    avoids."""
    control, treatment = answered["control"], answered["treatment"]
    extra = (treatment.usd - control.usd).ravel()
    saved = treatment.abstains.astype(np.float64) - control.abstains
    saved = np.where(ANSWERABLE, np.nan, saved).ravel()
    passage = np.repeat(np.arange(control.usd.shape[0]), ANSWERABLE.size)
    m, u = joint_means(extra, saved, cluster=passage), 1 - SHARE
    return replace(m, y=u * m.y, var_y=u * u * m.var_y, cov=u * m.cov)


def ends(interval: Interval) -> list[float]:
    """Its limits."""
    return [interval.low, interval.high]


def _flat(values: Floats) -> Floats:
    return values.astype(np.float64).ravel()


def _gap(name: str, of: dict[str, Scores], control: dict[str, Scores]) -> Interval:
    """Rate of the arm less the control's."""
    found = paired_difference(of[name][0], control[name][0], cluster=of[name][1])
    return found.mirrored() if name in ("false_answers", "unsupported") else found


def _rate(name: str, scores: Floats, passage: Floats | None) -> Interval:
    turned = name in ("false_answers", "unsupported")
    return cell_interval(1 - scores if turned else scores, cluster=passage)


def _declared(scores: dict[str, dict[str, Scores]]) -> dict[str, dict[str, Any]]:
    """Verdicts on the contrasts that are declared in `answering_study.STUDY`."""
    control, treatment = scores["control"], scores["treatment"]
    asked = {
        "false answers": (treatment["false_answers"], control["false_answers"], DIFFERENCE),
        "right answers": (treatment["exact_match"], control["exact_match"], NON_INFERIORITY),
        "placebo": (scores["placebo"]["false_answers"], control["false_answers"], DIFFERENCE),
    }
    every = {name: _evidence(*one) for name, one in asked.items()}
    compared = [
        Compared(
            name,
            "exact_match" if e.aim == NON_INFERIORITY else "no_false_answer",
            True,
            None,
            e.p_family,
            True,
            e.aim == NON_INFERIORITY,
        )
        for name, e in every.items()
    ]
    adjusted: dict[str, float | None] = {}
    for family in families(compared, {}, seed=0, pooled=True):
        names = [compared[i].name for i in family.members]
        adjusted |= dict(zip(names, family.p_adjusted, strict=True))
    found = {}
    for name, e in every.items():
        assert e.difference is not None
        verdict = speak(replace(e, p_adjusted=adjusted[name]))
        found[name] = {
            "low": e.difference.low,
            "high": e.difference.high,
            "verdict": verdict.word,
            "p_adjusted": adjusted[name],
        }
    return found


def _evidence(ours: Scores, theirs: Scores, aim: str) -> Evidence:
    (a, passage), (b, _) = ours, theirs

    def at(level: float) -> Interval:
        return paired_difference(a, b, cluster=passage, level=level)

    wins, losses = int((a > b).sum()), int((a < b).sum())
    margin = LOSS if aim == NON_INFERIORITY else MARGIN
    n_clusters = a.size if passage is None else np.unique(passage).size
    p_value, p_loss = None, None  # of exact match only the loss is tested
    if aim == NON_INFERIORITY:
        p_loss = one_sided_tests(a, b, margin, cluster=passage).non_inferiority
    else:
        p_value = mcnemar_exact(wins, losses)
    return Evidence(
        Side("arm", float(a.mean()), 0.0, 0.0),
        Side("control", float(b.mean()), 0.0, 0.0),
        difference=at(1 - ALPHA),
        equivalence=at(1 - 2 * ALPHA),
        margin=margin,
        margin_is_default=False,
        scope="items",
        alpha=ALPHA,
        bounded=True,
        binary=True,
        clustered=passage is not None,
        n_items=a.size,
        n_union=a.size,
        n_clusters=int(n_clusters),
        wins=wins,
        losses=losses,
        noise=RunNoise(None, None, "one replication"),
        p_value=p_value,
        p_loss=p_loss,
        aim=aim,
        family=DECLARED,
        together=(at(1 - ALPHA / DECLARED), at(1 - 2 * ALPHA / DECLARED)),
    )


def _price(means: Means, verdict: str) -> list[float] | None:
    """As the chapter gives one: where fewer false answers are spoken of, and it costs more."""
    if verdict not in (BETTER, BETTER_SIZE_OPEN) or means.x <= 0:
        return None
    found = fieller(means)
    return None if found is None else [max(0.0, found.low), found.high]
