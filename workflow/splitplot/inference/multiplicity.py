"""Several comparisons at once: p-values that hold for the whole family."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p-values, in the given order (Holm 1979).

    None (no test was possible) stays None and does not count in the size of the family.
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    reached = 0.0
    for rank, (p, index) in enumerate(known):
        reached = max(reached, min(1.0, p * (len(known) - rank)))
        adjusted[index] = reached
    return adjusted
