"""The same contrast analysed otherwise: other rules for missing answers, other intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from splitplot.inference.arms import Arms, build_arms
from splitplot.inference.evidence import (
    DATASETS,
    DOUBTFUL,
    FIXED,
    ITEMS,
    LOST,
    PROMPTS,
    TRUNCATED,
    UNUSABLE,
    Rival,
)
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.holes import all_answered
from splitplot.inference.intervals import is_bounded
from splitplot.inference.noise import RunNoise, run_noise
from splitplot.inference.otherwise import other_estimators
from splitplot.inference.scoped import Scoped, datasets, items, prompts, these_items
from splitplot.inference.wording import quoted


@dataclass(frozen=True)
class Alternatives:
    """One contrast, as pairs of cells of a grid, open to other analyses. Where one of them is not
    possible for the data (too few clusters, no range) it is absent from what is returned."""

    grid: Grid
    pairs: Sequence[tuple[int, int]]
    alpha: float
    seed: int
    scope: str = ITEMS
    dataset_of: Ints | None = None

    @property
    def levels(self) -> tuple[float, float]:
        """Levels of the interval of the difference and of the one for equivalence."""
        return 1 - self.alpha, 1 - 2 * self.alpha

    def cluster(self, arms: Arms) -> Ints | None:
        """Cluster codes of the common items for their differences, or None where every item stands alone."""
        return self.grid.labels(arms.item, arms.a - arms.b)

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
        found = self.at(self.scope, arms, a, b or a)
        if found.difference is None or found.equivalence is None:
            return []
        return [Rival(name, found.difference, found.equivalence, about=about, supposing=supposing)]

    def at(self, scope: str, arms: Arms, a: str, b: str) -> Scoped:
        """The contrast at a scope. arms: those of the variants a and b of `grid.VARIANTS`."""
        if scope == FIXED:
            return these_items(float((arms.a - arms.b).mean()), self.noise(arms), self.levels)
        if scope == PROMPTS:
            return prompts(self.grid, self.pairs, a, b, self.levels)
        if scope == DATASETS and self.dataset_of is not None:
            return datasets(self.grid, arms, self.dataset_of[arms.item], self.levels, self.seed)
        return items(arms, self.cluster(arms), self.levels, self.seed)

    def noise(self, arms: Arms) -> RunNoise:
        """Run-to-run noise of the difference of these arms."""
        still = all(self.grid.deterministic(cell) for pair in self.pairs for cell in pair)
        planned = [self.grid.replications(cell) for pair in self.pairs for cell in pair]
        return run_noise(
            arms.run_a,
            arms.run_b,
            level=1 - self.alpha,
            deterministic=still,
            replications=max(2, min(planned, default=2)),
        )

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

    def no_events(self, events: str, missing: str) -> list[Rival]:
        """Of a score that counts the absence of events: unusable answers counted otherwise than under the
        rule `missing`. Who says nothing or refuses makes no event; an answer that was cut off or cannot be
        read may have been one or not."""
        about = UNUSABLE if missing == "observed" else DOUBTFUL
        variants = [("strict", events)] if missing == "observed" else [("certain", "")]
        found: list[Rival] = []
        for variant, counted in (*variants, ("doubtful_right", f"no {events}")):
            how = f"counted as {counted}" if counted else "left out"
            found += self.under(
                f"cut-off and unreadable answers {how}",
                variant,
                about=about,
                supposing=f"with cut-off and unreadable ones {how}",
            )
        return found

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

    def panel(
        self, arms: Arms, missing: str, label: str, lost: bool, events: str | None = None
    ) -> list[Rival]:
        """All that applies. missing: the rule of the default analysis. lost: whether anything was.
        events: what the score counts the absence of."""
        cells = [cell for pair in self.pairs for cell in pair]
        found: list[Rival] = []
        if missing != "observed":
            found += self.under("observed answers only", "observed")
        elif events is None:
            found += self.truncation(missing)
        if events is not None and (missing == "observed" or self.grid.share("doubtful", cells)):
            found += self.no_events(events, missing)
        if self.grid.share("truncated", cells) and (events is None or missing == "observed"):
            found += self.truncation("strict")
        if any(self.grid.replications(cell) > 1 for cell in cells):
            found += self.under("first replication only", "first")
        if lost:
            found += self.under("lost answers counted as wrong", "lost_wrong")
            if arms.item.size and is_bounded(arms.a) and is_bounded(arms.b):
                found += self.bounds(label)
        if self.scope != ITEMS:
            return found
        if arms.item.size < arms.n_union:
            codes = self.grid.codes((arms.item, arms.a - arms.b))
            found += all_answered(self.grid, self.pairs, missing, self.levels, codes)
        return found + other_estimators(
            arms.a, arms.b, cluster=self.cluster(arms), levels=self.levels, seed=self.seed
        )
