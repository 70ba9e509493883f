"""The mean of one cell (or of any arm by itself) with the default interval of its design."""

import numpy as np
from numpy.typing import ArrayLike

from splitplot.inference.clusters import cr2_mean
from splitplot.inference.intervals import (
    Interval,
    as_scores,
    is_binary,
    is_bounded,
    t_mean,
    t_quantile,
    wilson,
)


def cell_interval(
    scores: ArrayLike, *, cluster: ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """Mean over items: Wilson for independent 0/1 item scores; else from the item-level standard error
    (CR2 with clusters), by `effective_wilson` for scores within 0…1 and Student's t for others.

    scores: per item (mean over its replications), shape (n_items,).
    cluster: label per item, or None where every item stands alone.
    Raises TooFewClusters below 2 clusters, ValueError where no interval exists (one item that is not
    0 or 1; equal scores without a known range).
    """
    values = as_scores(scores)
    if cluster is None and is_binary(values):
        return wilson(int(values.sum()), values.size, level)
    plain = t_mean(values, level) if cluster is None else cr2_mean(values, cluster, level)
    if is_bounded(values) and plain.df is not None:
        return effective_wilson(plain)
    return plain


def effective_wilson(plain: Interval) -> Interval:
    """A t or CR2 interval of a mean within 0…1, redone as Wilson's on the effective number of items.

    n* = p(1−p)/SE² items would give this standard error; Wilson's formula is taken at n* with the t
    quantile of the interval's degrees of freedom (Korn & Graubard 1998; Dean & Pagano 2015). Near 0
    and 1 the t interval is too short on one side and leaves the scale; this one does neither.
    """
    if plain.se is None or plain.df is None:
        raise ValueError("needs a t interval, with its standard error and degrees of freedom")
    p = plain.estimate
    effective = p * (1 - p) / plain.se**2
    t2 = t_quantile(plain.level, plain.df) ** 2
    centre = (p + t2 / (2 * effective)) / (1 + t2 / effective)
    half = np.sqrt(t2 * (p * (1 - p) / effective + t2 / (4 * effective**2))) / (1 + t2 / effective)
    base = "clusters, CR2" if plain.method.startswith("CR2") else "items"
    return Interval(
        p,
        float(centre - half),
        float(centre + half),
        plain.level,
        f"Wilson on effective {base} (t)",
        plain.se,
        plain.df,
    )
