"""Families of comparisons: one per question and metric, frozen with the plan, adjusted as a whole.

| kind | members | adjustment | says |
|---|---|---|---|
| primary | the declared comparisons of a metric | Holm | no false claim at all |
| exploratory | all others | Benjamini-Hochberg | few false ones among those singled out |

Primary comparisons of several metrics are not pooled (harmless metrics would dilute the one that matters,
or share its α) unless the plan says so, where they are answered together: `family: study`. A metric's
comparisons are never split (each piece would get an α of its own). What is explored is read as one list, so
it is adjusted over all metrics. Both kinds get max-T intervals, of one metric always.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splitplot.canonical import digest
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.intervals import Floats, Interval
from splitplot.inference.multiplicity import benjamini_hochberg, holm, holm_with_aims
from splitplot.inference.resampling.simultaneous import Simultaneous, simultaneous_intervals

PRIMARY, EXPLORATORY = "primary", "exploratory"
HOLM, BH, NONE = "Holm", "Benjamini-Hochberg", "none"


@dataclass(frozen=True)
class Compared:
    """One comparison, as its family needs it.

    differences: A − B per item of the metric's grid, shape (n_items,), NaN where the item is not common;
        None where no interval over items is to be given (another scope). p_value: None without a test.
    bounded: whether both arms' scores lie within 0…1. non_inferiority: whether that is what it is to show;
        p_value is then twice the one-sided one.
    """

    name: str
    metric: str
    primary: bool
    differences: Floats | None
    p_value: float | None
    bounded: bool = False
    non_inferiority: bool = False


@dataclass(frozen=True)
class Family:
    """Comparisons that are judged together. members: positions in what was given; p_adjusted,
    intervals: of each member, in that order. simultaneous: None where no two of them have differences
    to be taken together; problem: then why, where it is not for their number.
    size: tests that p_adjusted counts; pooled: those of other metrics among them."""

    metric: str
    kind: str
    adjustment: str
    members: tuple[int, ...]
    p_adjusted: tuple[float | None, ...]
    intervals: tuple[Interval | None, ...]
    simultaneous: Simultaneous | None
    problem: str | None = None
    size: int = 0
    pooled: bool = False

    @property
    def name(self) -> str:
        """How reports name it: "primary, score"."""
        return f"{self.kind}, {self.metric}"

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """As in inference.json. names: of everything that was given to `families`."""
        max_t = self.simultaneous
        return {
            "name": self.name,
            "metric": self.metric,
            "kind": self.kind,
            "adjustment": self.adjustment,
            "over": "study" if self.pooled else "metric",
            "size": self.size,
            "contrasts": [names[i] for i in self.members],
            "simultaneous": {
                "method": max_t.method,
                "critical": max_t.critical,
                "level_each": max_t.level_each,
                "draws": max_t.draws,
            }
            if max_t
            else None,
        }


def families(
    compared: Sequence[Compared],
    clusters: Mapping[str, ArrayLike | None],
    *,
    level: float = 0.95,
    seed: int,
    pooled: bool = False,
) -> list[Family]:
    """The comparisons in families, adjusted: primary ones first, metrics in the order of appearance.

    clusters: per metric, a label per item, or None where every item stands alone.
    seed: of the plan; a family's draws derive from it and from the names of its comparisons.
    pooled: whether the primary comparisons of all metrics are adjusted as one; exploratory ones always are.
    """
    grouped: dict[tuple[str, str], list[int]] = {}
    for kind in (PRIMARY, EXPLORATORY):
        for i, one in enumerate(compared):
            if one.primary == (kind == PRIMARY):
                grouped.setdefault((one.metric, kind), []).append(i)
    found = []
    for (metric, kind), members in grouped.items():
        together = members
        if pooled or kind == EXPLORATORY:
            together = [i for i, one in enumerate(compared) if one.primary == (kind == PRIMARY)]
        family = _family(
            compared, members, together, metric, kind, clusters.get(metric), level, seed
        )
        found.append(replace(family, pooled=len(together) > len(members)))
    return found


def adjusted(
    p_values: Sequence[float | None], kind: str, non_inferiority: Sequence[bool] = ()
) -> tuple[list[float | None], str]:
    """p-values adjusted for a family of this kind, and by what: "none" for a single test.

    non_inferiority: as of `Compared`, one each; none for a family without that aim.
    """
    if sum(p is not None for p in p_values) < 2:
        return list(p_values), NONE
    if kind == PRIMARY:
        aims = any(non_inferiority)
        return holm_with_aims(p_values, non_inferiority) if aims else holm(p_values), HOLM
    return benjamini_hochberg(p_values), BH


def _family(
    compared: Sequence[Compared],
    members: Sequence[int],
    together: Sequence[int],
    metric: str,
    kind: str,
    cluster: ArrayLike | None,
    level: float,
    seed: int,
) -> Family:
    p_values = [compared[i].p_value for i in together]
    aims = [compared[i].non_inferiority for i in together]
    of_all, adjustment = adjusted(p_values, kind, aims)
    p_of = dict(zip(together, of_all, strict=True))
    # In the order of the names: the draws do not depend on the order of the plan.
    with_differences = sorted(
        (i for i in members if compared[i].differences is not None), key=lambda i: compared[i].name
    )
    found: dict[int, Interval | None] = {}
    simultaneous, problem = None, None
    if len(with_differences) > 1:
        content = [seed, "family", metric, kind, [compared[i].name for i in with_differences]]
        try:
            simultaneous = simultaneous_intervals(
                np.stack([np.asarray(compared[i].differences) for i in with_differences], axis=1),
                cluster,
                bounded=[compared[i].bounded for i in with_differences],
                level=level,
                seed=int(digest(content), 16),
            )
            found = dict(zip(with_differences, simultaneous.intervals, strict=True))
        except (TooFewClusters, ValueError) as refused:
            problem = str(refused)
    return Family(
        metric,
        kind,
        adjustment,
        tuple(members),
        tuple(p_of[i] for i in members),
        tuple(found.get(i) for i in members),
        simultaneous,
        problem,
        sum(p is not None for p in p_values),
    )
