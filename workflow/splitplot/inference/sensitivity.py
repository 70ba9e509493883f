"""The same contrast analysed otherwise: other rules for missing answers, other intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitplot.inference.arms import Arms, build_arms
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.evidence import Rival
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.intervals import is_bounded
from splitplot.inference.paired import paired_difference, t_difference
from splitplot.inference.signflip import sign_flip_interval

SIGN_FLIP_ITEMS = 1_000
"""Up to this many items the panel shows the sign-flip interval: beyond, it is the t interval."""


@dataclass(frozen=True)
class Alternatives:
    """One contrast, as pairs of cells of a grid, open to other analyses. Where one of them is not
    possible for the data (too few clusters, no range) it is absent from what is returned."""

    grid: Grid
    pairs: Sequence[tuple[int, int]]
    alpha: float
    seed: int

    @property
    def levels(self) -> tuple[float, float]:
        """Levels of the interval of the difference and of the one for equivalence."""
        return 1 - self.alpha, 1 - 2 * self.alpha

    def cluster(self, arms: Arms) -> Ints | None:
        """Cluster codes of the common items, or None where every item stands alone."""
        codes = self.grid.cluster[arms.item]
        return codes if np.unique(codes).size < codes.size else None

    def under(self, name: str, a: str, b: str | None = None) -> list[Rival]:
        """The default estimator under variants a and b of `grid.VARIANTS` for the two arms (b: as a)."""
        arms = build_arms(self.grid, self.pairs, a, b or a)
        if not arms.item.size:
            return []
        cluster = self.cluster(arms)
        try:
            intervals = [
                paired_difference(arms.a, arms.b, cluster=cluster, level=level, seed=self.seed)
                for level in self.levels
            ]
        except (TooFewClusters, ValueError):
            return []
        return [Rival(name, *intervals)]

    def bounds(self, label: str) -> list[Rival]:
        """Lost answers filled in as badly, and as well, for arm a as scores within 0…1 allow (Manski)."""
        return [
            *self.under(f"lost answers all against {label}", "lost_wrong", "lost_right"),
            *self.under(f"lost answers all for {label}", "lost_right", "lost_wrong"),
        ]

    def panel(self, arms: Arms, missing: str, label: str, lost: bool) -> list[Rival]:
        """All that applies. missing: the rule of the default analysis. lost: whether anything was."""
        cells = [cell for pair in self.pairs for cell in pair]
        found: list[Rival] = []
        if missing == "observed":
            found += self.under("unusable answers counted as wrong", "strict")
        else:
            found += self.under("observed answers only", "observed")
        if self.grid.share("truncated", cells):
            found += self.under("truncated answers left out", "untruncated")
        if any(self.grid.replications(cell) > 1 for cell in cells):
            found += self.under("first replication only", "first")
        if lost:
            found += self.under("lost answers counted as wrong", "lost_wrong")
            if arms.item.size and is_bounded(arms.a) and is_bounded(arms.b):
                found += self.bounds(label)
        return found + self.other_intervals(arms)

    def other_intervals(self, arms: Arms) -> list[Rival]:
        """The same scores by t and by sign-flip; with clusters, as if there were none."""
        if arms.item.size < 2:
            return []
        found: list[Rival] = []
        a, b, levels, seed = arms.a, arms.b, self.levels, self.seed
        try:
            own = [paired_difference(a, b, level=level, seed=seed) for level in levels]
            if self.cluster(arms) is not None:
                return [Rival("clusters ignored", *own)]
            student = [t_difference(a, b, level) for level in levels]
            if student[0].method != own[0].method:
                found.append(Rival("t interval over items", *student))
            if arms.item.size <= SIGN_FLIP_ITEMS and own[0].method != "sign-flip inversion":
                flipped = [sign_flip_interval(a - b, level=level, seed=seed) for level in levels]
                if flipped[0].method != student[0].method:
                    found.append(Rival("sign-flip interval", *flipped))
        except ValueError:
            return found
        return found
