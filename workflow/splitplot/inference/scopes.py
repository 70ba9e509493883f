"""A difference for prompts like these: items and prompts are both samples, crossed.

An interval that counts only the items covers too little, and less with every item: the prompts stay
the same few. One that counts only the prompts does as badly where items take to the arms differently.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitplot.errors import SplitplotError
from splitplot.inference.clusters import cluster_sums, cr2_standard_error, satterthwaite_df
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import Floats, Interval, is_constant, t_quantile
from splitplot.inference.signflip import constant_difference

MIN_PROMPTS = 3
"""Two prompts say nothing about prompts like these: t has one degree of freedom, 12.7 for 1.96."""


class TooFewPrompts(SplitplotError):
    """Fewer than `MIN_PROMPTS` prompts: no interval for prompts like these exists."""


@dataclass(frozen=True)
class TwoWay:
    """The variance of a mean over items × prompts, by what it comes from.

    items, prompts: squared standard errors of the mean if only items (only prompts) were resampled, each
    of which contains `residual`. df_*: their degrees of freedom. mean: over all items and prompts.
    """

    mean: float
    items: float
    prompts: float
    residual: float
    df_items: float
    df_prompts: float

    @property
    def variance(self) -> float:
        """items + prompts − residual, and never less than one of the parts, all of which it exceeds."""
        both = self.items + self.prompts - self.residual
        return max(both, self.items, self.prompts, self.residual)

    @property
    def df(self) -> float:
        """Satterthwaite's, and never less than the smaller of the two."""
        parts = self.items**2 / self.df_items + self.prompts**2 / self.df_prompts
        parts += self.residual**2 / (self.df_items * self.df_prompts)
        floor = min(self.df_items, self.df_prompts)
        return max(self.variance**2 / parts, floor) if parts > 0 else floor


def prompts_interval(
    differences: ArrayLike, *, cluster: ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """Mean of A − B with an interval for items and prompts like these: two-way mean squares, t.

    SE² = (MS_item + MS_prompt − MS_residual)/(I·P), at least max(MS_item, MS_prompt)/(I·P), with
    Satterthwaite degrees of freedom (Searle, Casella & McCulloch 1992), at least P − 1; and never narrower
    than t over items or t over prompts, which each leave out one of the two samples. Without these bounds
    the type I error with three prompts goes from .003 to .074 (docs/methods_components.md). `se` and `df`
    are those of whichever t interval is shown.

    differences: A − B per item and prompt, shape (n_items, n_prompts), no NaN.
    cluster: label per item; items are then resampled by cluster (CR2).
    Raises TooFewPrompts below 3 prompts, TooFewClusters below 2 clusters, ValueError for NaN, one item,
        or equal differences on a scale without ends.
    """
    table = _table(differences)
    if table.shape[1] < MIN_PROMPTS:
        raise TooFewPrompts(
            f"{table.shape[1]} prompts: at least {MIN_PROMPTS} are needed to speak of prompts like these; "
            "add prompts, or choose the scope items"
        )
    if is_constant(table.ravel()):
        if np.abs(table).max() > 1:
            raise ValueError(
                "all differences are equal and have no known range: no interval exists"
            )
        return constant_difference(table.mean(axis=0), table.shape[1], level)
    parts = two_way(table, cluster)
    candidates = (
        (parts.variance, parts.df),
        (parts.prompts, parts.df_prompts),
        (parts.items, parts.df_items),
    )
    half, variance, df = max(
        (t_quantile(level, df) * float(np.sqrt(variance)), variance, df)
        for variance, df in candidates
    )
    return Interval(
        parts.mean,
        parts.mean - half,
        parts.mean + half,
        level,
        "t over items and prompts",
        float(np.sqrt(variance)),
        df,
    )


def two_way(differences: ArrayLike, cluster: ArrayLike | None = None) -> TwoWay:
    """The parts of the variance; arguments as in `prompts_interval`, from 2 prompts on."""
    table = _table(differences)
    n_items, n_prompts = table.shape
    of_item, of_prompt = table.mean(axis=1), table.mean(axis=0)
    mean = float(table.mean())
    residual = table - of_item[:, None] - of_prompt[None, :] + mean
    labels: ArrayLike = np.arange(n_items) if cluster is None else cluster
    sums = cluster_sums(of_item, labels)
    _, index = np.unique(np.asarray(labels), return_inverse=True)
    by_cluster = _summed(residual, index.ravel(), sums.size.size)
    weight = 1 / (1 - sums.size / n_items)
    left = float((weight[:, None] * by_cluster**2).sum()) / (n_items * n_prompts) ** 2
    return TwoWay(
        mean,
        cr2_standard_error(sums)[1] ** 2,
        float(of_prompt.var(ddof=1)) / n_prompts,
        left * n_prompts / (n_prompts - 1),
        satterthwaite_df(sums.size),
        float(n_prompts - 1),
    )


def p_value(interval: Interval) -> float | None:
    """Two-sided p of a difference of 0, from the t statistic behind the interval; None without one."""
    from scipy.special import stdtr

    if not interval.se or interval.df is None:
        return None
    return float(2 * stdtr(interval.df, -abs(interval.estimate) / interval.se))


def _table(differences: ArrayLike) -> Floats:
    table = np.asarray(differences, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 2:
        raise ValueError("need a table of at least two items × two prompts")
    if not np.isfinite(table).all():
        raise ValueError("NaN or infinity; keep the items that were answered under every prompt")
    return table


def _summed(table: Floats, index: Ints, units: int) -> Floats:
    """Column sums by unit, shape (n_units, n_columns)."""
    total = np.zeros((units, table.shape[1]))
    np.add.at(total, index, table)
    return total
