"""Is the gap between two arms the same at every level of another factor? Simple effects and a joint test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.intervals import EQUAL, Interval, is_bounded
from splitplot.inference.paired import paired_comparison, paired_difference
from splitplot.inference.wald import JointTest, helmert, joint_zero_test
from splitplot.inference.wording import POINTS, SCORE_UNITS, Unit, counted, listed, p_text, quoted

NAMED = 4
"""Up to this many levels are all named in a sentence; of more, the two ends."""


ONE_SIDE_OPEN = (
    "That the gaps differ is shown, but not that one of them truly goes the other way: no two intervals "
    "lie on opposite sides of 0."
)


@dataclass(frozen=True)
class ArmsAt:
    """Both arms at one level of the other factor, on the items that both answered there.

    a, b: score per item; item: its number, by which the levels are matched; shape (n_items,) each.
    """

    level: str
    a: ArrayLike
    b: ArrayLike
    item: ArrayLike


@dataclass(frozen=True)
class SimpleEffect:
    """A − B at one level, by the default estimator; None where it has no interval, or was not tested."""

    level: str
    n_items: int
    difference: Interval | None
    p_value: float | None


@dataclass(frozen=True)
class Interaction:
    """sign_differs: some estimates are above 0 and some below. conditional: and the joint test says that
    the gaps are not all the same: then no verdict holds over the whole factor. turns_round: an interval is
    above 0 and another below, which two gaps of one sign rarely show, where `sign_differs` is a coin toss
    wherever one of the gaps is 0. joint: None where there is none, `reason` then says why."""

    simple: tuple[SimpleEffect, ...]
    joint: JointTest | None
    reason: str | None
    sign_differs: bool
    conditional: bool
    turns_round: bool
    unit: Unit

    def to_json(self) -> dict[str, Any]:
        """Without names and sentence, as in inference.json."""
        joint = self.joint
        return {
            "simple": [
                {
                    "level": one.level,
                    "n_items": one.n_items,
                    "difference": one.difference.to_json() if one.difference else None,
                    "p_value": one.p_value,
                }
                for one in self.simple
            ],
            "joint": {
                "test": joint.test,
                "statistic": joint.statistic,
                "df": list(joint.df),
                "p_value": joint.p_value,
                "n_items": joint.n_items,
            }
            if joint
            else None,
            "sign_differs": self.sign_differs,
            "conditional": self.conditional,
            "turns_round": self.turns_round,
        }


def interaction(
    arms: Sequence[ArmsAt],
    *,
    cluster: ArrayLike | None = None,
    alpha: float = 0.05,
    seed: int = 0,
    tests: bool = True,
) -> Interaction:
    """Simple effects at every level, and the test that they are all the same, for items like these.

    arms: one entry per level, at least two. cluster: code by item number, shape (n_items_of_study,), or
    None. tests: whether the simple effects get p-values of their own, a permutation test each.
    The joint test takes the items that have a difference at every level: the contrasts of their
    vectors of differences by `wald.joint_zero_test`; being differences within items, they ask nothing
    about how hard items are or how the levels correlate.
    """
    if len(arms) < 2:
        raise ValueError("an interaction needs at least two levels")
    codes = None if cluster is None else np.asarray(cluster)
    simple = tuple(_simple(one, codes, alpha, seed, tests) for one in arms)
    turns_round = _turns_round(arms, codes, alpha, seed)
    joint, reason = _joint(arms, codes)
    estimates = [one.difference.estimate for one in simple if one.difference]
    sign_differs = any(e > EQUAL for e in estimates) and any(e < -EQUAL for e in estimates)
    conditional = sign_differs and joint is not None and joint.p_value < alpha
    bounded = all(
        is_bounded(np.asarray(v, dtype=np.float64)) for one in arms for v in (one.a, one.b)
    )
    known = [one.difference for one in simple if one.difference]
    sizes = [value for one in known for value in (one.estimate, one.low, one.high)]
    unit = (POINTS if bounded else SCORE_UNITS).fitted(*sizes)
    return Interaction(simple, joint, reason, sign_differs, conditional, turns_round, unit)


def interaction_sentence(
    found: Interaction, a: str, b: str, factor: str, alpha: float = 0.05
) -> str:
    """What was found, in words. a, b: names of the arms; factor: "model", whose levels are compared."""
    unit, known = found.unit, [one for one in found.simple if one.difference]
    gap = f"the gap between {quoted(a)} and {quoted(b)}"
    if not known:
        return f"Whether {gap} depends on the {factor} cannot be tested: {found.reason}."
    ordered = sorted(known, key=lambda one: -_estimate(one))
    if found.joint is None:
        return (
            f"Whether {gap} depends on the {factor} cannot be tested: {found.reason}. "
            f"It was {_ends(ordered, unit)}."
        )
    levels = counted(len(found.simple), factor)
    test = f"{p_text(found.joint.p_value)} if the gap were the same for all {levels}"
    if found.conditional:
        ahead = [one for one in ordered if _estimate(one) > EQUAL]
        behind = [one for one in reversed(ordered) if _estimate(one) < -EQUAL]
        text = (
            f"The answer depends on the {factor}: {quoted(a)} was ahead of {quoted(b)} with "
            f"{_named(ahead, unit, 1.0)}, and behind with {_named(behind, unit, -1.0)} ({test})."
        )
        return text if found.turns_round else f"{text} {ONE_SIDE_OPEN}"
    if found.joint.p_value < alpha:
        side = (
            f"{quoted(a)} was {'ahead' if _estimate(ordered[0]) > EQUAL else 'behind'} with each"
            if not found.sign_differs and abs(_estimate(ordered[-1])) > EQUAL
            else "no sign changes between them"
        )
        return (
            f"T{gap[1:]} is not the same for every {factor} ({test}): it was "
            f"{_ends(ordered, unit)}; {side}."
        )
    return f"Whether {gap} depends on the {factor} is not settled ({test}): it was {_ends(ordered, unit)}."


def _simple(
    one: ArmsAt, codes: np.ndarray | None, alpha: float, seed: int, tests: bool
) -> SimpleEffect:
    item = np.asarray(one.item)
    cluster, n = _clusters(codes, item), int(item.size)
    try:
        if not tests:
            interval = paired_difference(one.a, one.b, cluster=cluster, level=1 - alpha, seed=seed)
            return SimpleEffect(one.level, n, interval, None)
        found = paired_comparison(one.a, one.b, cluster=cluster, alpha=alpha, seed=seed)
    except (ValueError, TooFewClusters):
        return SimpleEffect(one.level, n, None, None)
    return SimpleEffect(one.level, n, found.difference, found.p_value)


def _turns_round(arms: Sequence[ArmsAt], codes: np.ndarray | None, alpha: float, seed: int) -> bool:
    """Whether an interval lies above 0 and another below, at 1 − 2α/levels: with gaps of one sign (or 0)
    the chance of an interval on the other side is α/levels each, α in all."""
    signs = set()
    for one in arms:
        cluster = _clusters(codes, np.asarray(one.item))
        level = 1 - min(2 / len(arms), 1.0) * alpha
        try:
            found = paired_difference(one.a, one.b, cluster=cluster, level=level, seed=seed)
        except (ValueError, TooFewClusters):
            continue
        signs.add((found.low > 0) - (found.high < 0))
    return {1, -1} <= signs


def _joint(arms: Sequence[ArmsAt], codes: np.ndarray | None) -> tuple[JointTest | None, str | None]:
    common = np.asarray(arms[0].item)
    for one in arms[1:]:
        common = np.intersect1d(common, np.asarray(one.item))
    if common.size < 2:
        return None, f"{counted(int(common.size), 'item')} answered by both at every level"
    columns = []
    for one in arms:
        item = np.asarray(one.item)
        order = np.argsort(item, kind="stable")
        place = order[np.searchsorted(item[order], common)]
        columns.append((np.asarray(one.a, dtype=float) - np.asarray(one.b, dtype=float))[place])
    try:
        found = joint_zero_test(helmert(np.stack(columns, axis=1)), _clusters(codes, common))
    except TooFewClusters as problem:
        return None, str(problem)
    if isinstance(found, JointTest):
        return found, None
    return None, "no item has a different gap at another level" if "no item" in found else found


def _clusters(codes: np.ndarray | None, item: np.ndarray) -> np.ndarray | None:
    """Cluster codes of these items, None where each stands alone."""
    if codes is None or np.unique(codes[item]).size == item.size:
        return None
    here: np.ndarray = codes[item]
    return here


def _estimate(one: SimpleEffect) -> float:
    return one.difference.estimate if one.difference else 0.0


def _ends(ordered: Sequence[SimpleEffect], unit: Unit) -> str:
    """Each gap with its interval; of many levels the largest and the smallest."""
    if len(ordered) <= NAMED:
        return listed([_size(one, unit) for one in ordered])
    return f"from {_size(ordered[0], unit)} to {_size(ordered[-1], unit)}"


def _size(one: SimpleEffect, unit: Unit) -> str:
    assert one.difference is not None
    gap, limits = unit.amount(one.difference.estimate), unit.limits(one.difference)
    return f"{gap} ({limits}) with {quoted(one.level)}"


def _named(levels: Sequence[SimpleEffect], unit: Unit, sign: float) -> str:
    """The levels with how far the arm is ahead, or, for a sign of −1, behind."""
    shown = []
    for one in levels[:NAMED]:
        assert one.difference is not None
        interval = one.difference if sign > 0 else one.difference.mirrored()
        by = f"by {unit.amount(interval.estimate)} ({unit.limits(interval)})"
        shown.append(f"{quoted(one.level)} {by}")
    if len(levels) > NAMED:
        shown.append(f"{len(levels) - NAMED} more")
    return listed(shown)
