"""An interval for a mean difference that holds at all numbers of items at once: a confidence sequence."""

from math import log, sqrt

from numpy.typing import ArrayLike

from splitplot.inference.intervals import Interval
from splitplot.inference.sequential.eprocess import Wealth

METHOD = "betting confidence sequence (valid at every look)"
TOLERANCE = 1e-9
MOST_STEPS = 200


def confidence_sequence(differences: ArrayLike, level: float = 0.95) -> Interval:
    """Interval for the mean of differences within −1…1; the chance that it ever misses is 1 − level at most.

    differences: per item, shape (n_items,); of items in random order.
    It holds the means against which `mixture_log_e` stays below log 1/(1 − level) (Waudby-Smith & Ramdas
    2024, Theorem 1): it excludes 0 exactly when that e-process, for 0/1 scores the KT e-process, has
    reached its threshold. Each factor of the wealth is log-convex in the mean, so their products and their
    mixture are, and the set is an interval; at the mean of the data the wealth is at most 1, so it holds
    the estimate. Limits are exact to 1e-9.
    Without any difference it is −1…1. Raises ValueError as `mixture_log_e`, and for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError("a confidence level lies between 0 and 1")
    wealth = Wealth(differences)
    if not wealth.n:
        return Interval(0.0, -1.0, 1.0, level, METHOD)
    threshold = -log(1 - level)

    low, high = (_limit(wealth, threshold, end) for end in (-1.0, 1.0))
    return Interval(wealth.mean, low, high, level, METHOD)


def _limit(wealth: Wealth, threshold: float, end: float) -> float:
    """Where the logarithm of the wealth crosses the threshold on the way from the estimate to the end.

    It is convex, so that Newton's steps from beyond the crossing come down to it and never pass it.
    """
    inside, way = wealth.mean, abs(end - wealth.mean)
    if way <= TOLERANCE or wealth.log_e(end) <= threshold:
        return end
    variance = float((wealth.counts * (wealth.values - inside) ** 2).sum() / wealth.n)
    step = sqrt(2 * (variance + 1 / wealth.n) * (threshold + log(wealth.n + 1)) / wealth.n)
    here = end
    while step < way:
        here = inside + step if end > inside else inside - step
        if wealth.log_e(here) > threshold:
            break
        step *= 2
    else:  # so near the end that a step must not pass it
        here = end + (inside - end) * 1e-6
        while wealth.log_e(here) <= threshold:
            if abs(here - end) <= TOLERANCE:
                return end
            here = end + (here - end) / 16
    for _ in range(MOST_STEPS):
        value, slope = wealth.log_e_and_slope(here)
        move = (value - threshold) / slope if slope else 0.0
        if value <= threshold or abs(move) <= TOLERANCE / 10:
            break
        here -= move
    return here
