"""Bootstrap of any statistic of weighted units: items, or clusters of them, drawn with replacement."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from splitplot.inference.intervals import EQUAL, Floats

Weights = NDArray[np.int64]
"""How often each unit was drawn, shape (n_units,)."""

DRAWS = 1_000
MIN_UNITS = 50
"""Below so many units percentiles are too narrow, and no interval is given."""


def unit_bootstrap(
    statistic: Callable[[Weights], float], n_units: int, *, level: float = 0.95, seed: int = 0
) -> tuple[float, float] | None:
    """The percentiles of a statistic over resamples of units; None below `MIN_UNITS`, and where no
    resample differs from another: an interval without width would say that nothing is uncertain.

    Arguments as in `unit_draws`.
    """
    values = unit_draws(lambda w: np.array([statistic(w)]), n_units, seed=seed)
    if values is None:
        return None
    return percentiles(values[:, 0], level)


def percentiles(values: Floats, level: float = 0.95) -> tuple[float, float] | None:
    """The limits that leave half of 1 − level on either side; None where all values are the same."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return None if high - low <= EQUAL else (float(low), float(high))


def unit_draws(
    statistic: Callable[[Weights], Floats], n_units: int, *, seed: int = 0
) -> Floats | None:
    """A statistic of each of `DRAWS` resamples, shape (DRAWS, length of the statistic); None below
    `MIN_UNITS`.

    statistic: of the number of times that each unit was drawn; units in an order that does not depend
    on the file. The draws depend on the seed and the number of units alone.
    """
    if n_units < MIN_UNITS:
        return None
    random = np.random.default_rng(seed)
    values = [
        statistic(np.bincount(random.integers(0, n_units, n_units), minlength=n_units))
        for _ in range(DRAWS)
    ]
    return np.array(values, dtype=np.float64)
