"""Several comparisons at once: p-values that hold for the whole family.

Holm for the comparisons that were declared (no false claim at all, with probability 1 − α); Benjamini
and Hochberg for screens (of what is singled out, a share of at most α is false on average).
"""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p-values, in the given order (Holm 1979).

    None (no test was possible) stays None and does not count in the size of the family.
    """
    known = _in_order(p_values)
    adjusted: list[float | None] = [None] * len(p_values)
    reached = 0.0
    for rank, (p, index) in enumerate(known):
        reached = max(reached, min(1.0, p * (len(known) - rank)))
        adjusted[index] = reached
    return adjusted


def holm_with_aims(
    p_values: Sequence[float | None], non_inferiority: Sequence[bool]
) -> list[float | None]:
    """Adjusted p-values of a family of which some members are to show non-inferiority, in the given order.

    p_values: two-sided, or twice the one-sided p where `non_inferiority`. Such a comparison also speaks of
    its direction, by an interval at α/m, and keeps this share for it: when it is rejected the others get
    nothing of it. With m comparisons, k of them left and r of non-inferiority rejected, the next p is
    compared with α(m − r)/(mk); of non-inferiority that is the one-sided p, never judged above α/2.
    With probability 1 − α there is then no false rejection and no false direction. Let t be wrong to reject
    and s others be of non-inferiority: none of the t is compared with more than α(m − s)/(mt), which makes
    α(m − s)/m for them, and the s directions have sα/m. Without that aim it is Holm's procedure.
    None stays None and does not count.
    """
    halved = [
        p / 2 if p is not None and aim else p
        for p, aim in zip(p_values, non_inferiority, strict=True)
    ]
    known = _in_order(halved)
    adjusted: list[float | None] = [None] * len(p_values)
    reached, rejected, m = 0.0, 0, len(known)
    for rank, (p, index) in enumerate(known):
        reached = max(reached, min(1.0, p * (m - rank) * m / (m - rejected)))
        adjusted[index] = max(reached, min(1.0, 2 * p)) if non_inferiority[index] else reached
        rejected += non_inferiority[index]
    return adjusted


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values that bound the false discovery rate, in the given order (Benjamini & Hochberg 1995).

    The i-th smallest of m becomes the smallest m·p/k over ranks k ≥ i. It holds for independent tests and for
    positively dependent ones (Benjamini & Yekutieli 2001). None stays None and does not count.
    """
    known = _in_order(p_values)
    adjusted: list[float | None] = [None] * len(p_values)
    reached = 1.0
    for rank in range(len(known), 0, -1):
        p, index = known[rank - 1]
        reached = min(reached, p * len(known) / rank)
        adjusted[index] = reached
    return adjusted


def _in_order(p_values: Sequence[float | None]) -> list[tuple[float, int]]:
    """The known p-values with their places, smallest first. Raises ValueError outside 0…1 and for NaN,
    which would sort anywhere: what could not be tested is None."""
    known = [(p, index) for index, p in enumerate(p_values) if p is not None]
    for p, _ in known:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"not a p-value: {p}; a comparison without a test is None")
    return sorted(known)
