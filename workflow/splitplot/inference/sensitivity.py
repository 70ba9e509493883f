"""The same contrast analysed otherwise: other rules for missing answers, other intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitplot.inference.arms import Arms, build_arms
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.evidence import FIXED, ITEMS, LOST, TRUNCATED, UNUSABLE, Rival
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.intervals import Interval, is_bounded
from splitplot.inference.noise import RunNoise, run_noise, these_items_interval
from splitplot.inference.paired import paired_difference, t_difference
from splitplot.inference.signflip import sign_flip_interval
from splitplot.inference.wording import quoted

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
    scope: str = ITEMS

    @property
    def levels(self) -> tuple[float, float]:
        """Levels of the interval of the difference and of the one for equivalence."""
        return 1 - self.alpha, 1 - 2 * self.alpha

    def cluster(self, arms: Arms) -> Ints | None:
        """Cluster codes of the common items, or None where every item stands alone."""
        codes = self.grid.cluster[arms.item]
        return codes if np.unique(codes).size < codes.size else None

    def under(
        self,
        name: str,
        a: str,
        b: str | None = None,
        *,
        about: str | None = None,
        supposing: str = "",
    ) -> list[Rival]:
        """The default estimator under variants a and b of `grid.VARIANTS` for the two arms (b: as a).

        about, supposing: as in `Rival`.
        """
        arms = build_arms(self.grid, self.pairs, a, b or a)
        if not arms.item.size:
            return []
        intervals = self._intervals(arms)
        if intervals is None:
            return []
        return [Rival(name, intervals[0], intervals[1], about=about, supposing=supposing)]

    def noise(self, arms: Arms) -> RunNoise:
        """Run-to-run noise of the difference of these arms."""
        still = all(self.grid.deterministic(cell) for pair in self.pairs for cell in pair)
        return run_noise(arms.run_a, arms.run_b, level=1 - self.alpha, deterministic=still)

    def truncation(self, missing: str) -> list[Rival]:
        """Truncated answers counted the other way than under the rule `missing`."""
        if missing == "observed":
            return self.under(
                "unusable answers counted as wrong",
                "strict",
                about=UNUSABLE,
                supposing="with unusable answers counted as wrong",
            )
        return self.under(
            "truncated answers left out",
            "untruncated",
            about=TRUNCATED,
            supposing="with cut-off answers left out",
        )

    def bounds(self, label: str) -> list[Rival]:
        """Lost answers filled in as badly, and as well, for arm a as scores within 0…1 allow (Manski)."""
        found: list[Rival] = []
        for side, a, b in (
            ("against", "lost_wrong", "lost_right"),
            ("for", "lost_right", "lost_wrong"),
        ):
            found += self.under(
                f"lost answers all {side} {quoted(label)}",
                a,
                b,
                about=LOST,
                supposing=f"if every lost answer had gone {side} {quoted(label)}",
            )
        return found

    def panel(self, arms: Arms, missing: str, label: str, lost: bool) -> list[Rival]:
        """All that applies. missing: the rule of the default analysis. lost: whether anything was."""
        cells = [cell for pair in self.pairs for cell in pair]
        found: list[Rival] = []
        if missing == "observed":
            found += self.truncation(missing)
        else:
            found += self.under("observed answers only", "observed")
        if self.grid.share("truncated", cells):
            found += self.truncation("strict")
        if any(self.grid.replications(cell) > 1 for cell in cells):
            found += self.under("first replication only", "first")
        if lost:
            found += self.under("lost answers counted as wrong", "lost_wrong")
            if arms.item.size and is_bounded(arms.a) and is_bounded(arms.b):
                found += self.bounds(label)
        return found + self.other_intervals(arms)

    def other_intervals(self, arms: Arms) -> list[Rival]:
        """The same scores by t and by sign-flip; with clusters, as if there were none."""
        if arms.item.size < 2 or self.scope == FIXED:
            return []
        found: list[Rival] = []
        a, b, levels, seed = arms.a, arms.b, self.levels, self.seed
        try:
            own = [paired_difference(a, b, level=level, seed=seed) for level in levels]
            if self.cluster(arms) is not None:
                return [Rival("clusters ignored", own[0], own[1])]
            student = [t_difference(a, b, level) for level in levels]
            if student[0].method != own[0].method:
                found.append(Rival("t interval over items", student[0], student[1]))
            if arms.item.size <= SIGN_FLIP_ITEMS and own[0].method != "sign-flip inversion":
                flipped = [sign_flip_interval(a - b, level=level, seed=seed) for level in levels]
                if flipped[0].method != student[0].method:
                    found.append(Rival("sign-flip interval", flipped[0], flipped[1]))
        except ValueError:
            return found
        return found

    def _intervals(self, arms: Arms) -> tuple[Interval, Interval] | None:
        """The default intervals of the contrast's scope, at both levels; None where there are none."""
        a, b, (level, inner) = arms.a, arms.b, self.levels
        if self.scope == FIXED:
            estimate, noise = float((a - b).mean()), self.noise(arms)
            outer = these_items_interval(estimate, noise, level)
            narrow = these_items_interval(estimate, noise, inner)
            return (outer, narrow) if outer and narrow else None
        cluster = self.cluster(arms)
        try:
            return (
                paired_difference(a, b, cluster=cluster, level=level, seed=self.seed),
                paired_difference(a, b, cluster=cluster, level=inner, seed=self.seed),
            )
        except (TooFewClusters, ValueError):
            return None
