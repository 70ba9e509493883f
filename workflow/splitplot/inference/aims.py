"""The one-sided tests of a contrast against its margin, and the one that a contrast of non-inferiority is
judged by."""

from splitplot.inference.arms import Arms
from splitplot.inference.evidence import ITEMS, Evidence
from splitplot.inference.grid import Ints
from splitplot.inference.onesided import OneSided, one_sided_from_interval, one_sided_tests
from splitplot.inference.signflip import sign_flip_test
from splitplot.inference.taken import Taken


def against_margin(
    e: Evidence, arms: Arms, cluster: Ints | None, taken: Taken | None, seed: int
) -> OneSided | None:
    """The tests that invert the interval of the contrast's scope; None for a confidence sequence, and where
    there is no interval."""
    if e.difference is None or e.anytime:
        return None
    try:
        if e.scope == ITEMS and taken is not None:
            return taken.against_margin(e.difference, e.margin, seed)
        if e.scope == ITEMS:
            return one_sided_tests(arms.a, arms.b, e.margin, cluster=cluster, seed=seed)
        return one_sided_from_interval(e.difference, e.margin)
    except ValueError:
        return None


def p_of_loss(e: Evidence, arms: Arms, cluster: Ints | None, seed: int) -> float | None:
    """One-sided p of "A is worse by the margin or more". None where there is no such test.

    Below α/2 exactly where the lower limit of the two-sided interval at 1 − α is above −margin. An interval
    without width (no noise at all) decides by itself. Where copies are held together the sign-flip test
    of whole contents, of d + margin, has to agree: the larger p counts.
    """
    if e.difference is None:
        return None
    found = against_margin(e, arms, cluster, None, seed)
    if found is None:
        return None if e.anytime else float(e.difference.low <= -e.margin)
    p_value = found.non_inferiority
    if e.copies_held and e.scope == ITEMS:
        moved = arms.a - arms.b + e.margin
        test = sign_flip_test(moved, cluster=cluster, seed=seed)
        flipped = test.p_value / 2 if moved.mean() > 0 else 1 - test.p_value / 2
        p_value = max(p_value, flipped)
    return p_value
