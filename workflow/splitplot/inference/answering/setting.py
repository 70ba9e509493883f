"""What every part of the chapter shares: the answers, the conditions, and how two of them are compared."""

from dataclasses import dataclass, replace

import numpy as np

from splitplot.control import control_of
from splitplot.inference.answering.answers import Answers, answers_of
from splitplot.inference.answering.endpoints import Rated, rated
from splitplot.inference.arms import Arms, paired_cells
from splitplot.inference.asked import Asked, contrast_seed
from splitplot.inference.checks import refusals
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.contrasts import answer
from splitplot.inference.data import StudyData
from splitplot.inference.evidence import Evidence
from splitplot.inference.grid import Bools
from splitplot.inference.intervals import EQUAL, Interval
from splitplot.inference.measures import measured
from splitplot.inference.paired import paired_comparison, paired_difference
from splitplot.inference.wording import POINTS


@dataclass(frozen=True)
class Gap:
    """The rate of a condition less that of the control.

    arms: scores of the condition (a) and the control (b). rate, control_rate: means over common items.
    wins, losses: items on which the condition's score is above, below.
    """

    difference: Interval
    p_value: float | None
    n_items: int
    n_clusters: int
    arms: Arms
    rate: float
    control_rate: float
    wins: int
    losses: int


@dataclass(frozen=True)
class Compared:
    """A condition against the control by one endpoint, and what keeps a direction from being spoken.

    gap: None where there is no interval. reasons: a clause each; empty where a direction may be spoken.
    """

    gap: Gap | None
    reasons: tuple[str, ...]


class Setting:
    """One study, as the chapter sees it. conditions: names in plan order; control: one of them."""

    def __init__(self, data: StudyData) -> None:
        self.data = data
        self.answers: Answers = answers_of(data)
        self.conditions = list(dict.fromkeys(cell.condition for cell in data.cells))
        self.control = control_of(data.plan, self.conditions)
        self.rated: list[Rated] = rated(data, self.answers)
        self._compared: dict[tuple[str, str, str], Compared] = {}

    @property
    def others(self) -> list[str]:
        """The conditions that are compared with the control."""
        return [name for name in self.conditions if name != self.control]

    def pairs(self, condition: str) -> list[tuple[int, int]]:
        """Pairs of cells of a condition and the control, of one trial each."""
        where = f"answering: {condition}"
        return paired_cells(self.data.cells, "condition", condition, self.control, where)

    def cells(self, condition: str) -> list[int]:
        """The cells of a condition in the trials that every condition has; without such a trial all."""
        trials = [
            {cell.trial for cell in self.data.cells if cell.condition == name}
            for name in self.conditions
        ]
        common = set.intersection(*trials)
        return [
            index
            for index, cell in enumerate(self.data.cells)
            if cell.condition == condition and (not common or cell.trial in common)
        ]

    def endpoint(self, name: str) -> Rated | None:
        """The endpoint of that name, None where no scorer measures it."""
        return next((one for one in self.rated if one.endpoint.name == name), None)

    def compared(self, one: Rated, condition: str, missing: str = "strict") -> Compared:
        """The difference on all of an endpoint's items with its test, as a contrast of the plan would be
        estimated and refused. missing: the rule for unusable answers. Kept."""
        key = (one.endpoint.name, condition, missing)
        if key not in self._compared:
            self._compared[key] = self._compare(one, condition, missing)
        return self._compared[key]

    def gap(self, one: Rated, condition: str) -> Gap | None:
        """The difference on all of an endpoint's items; None where there is no interval."""
        return self.compared(one, condition).gap

    def _compare(self, one: Rated, condition: str, missing: str) -> Compared:
        asked = Asked(
            f"{condition} − {self.control}",
            "condition",
            condition,
            self.control,
            metric=one.metric,
            missing=missing,
            label_a=condition,
            label_b=self.control,
        )
        [asked] = measured([asked], self.data.plan)
        found = answer(
            one.grid, asked, self.data.alpha, self.data.seed, self.data.simulated, panel=False
        )
        # What is counted is a rate here: "alone right on so many items" would not be said of it.
        e = replace(found.evidence, binary=False)
        arms, flipped = found.arms, one.endpoint.flipped
        if e.difference is None or found.comparison is None:
            return Compared(None, tuple(refusals(e)))
        rate, control_rate = (
            float(1 - mean if flipped else mean) for mean in (arms.a.mean(), arms.b.mean())
        )
        gap = Gap(
            e.difference.mirrored() if flipped else e.difference,
            e.p_value,
            e.n_items,
            e.n_clusters,
            arms,
            rate,
            control_rate,
            e.wins,
            e.losses,
        )
        return Compared(gap, tuple(refusals(e)) or _contradicted(e, flipped))

    def gap_on(
        self, one: Rated, condition: str, only: Bools | None, *, least: int = 1, tested: bool = True
    ) -> Gap | None:
        """The difference on some of an endpoint's items; None where fewer than `least` are common, or without
        an interval.

        only: per item of the endpoint's grid, which to take; None for all. Seed and estimator are those of a
        contrast of the same metric, so its numbers are the same. tested: whether with a p-value, which of
        clusters and of several answers per item takes thousands of permutations.
        """
        arms = one.arms(self.pairs(condition), only)
        if arms.item.size < least:
            return None
        seed, d = self.seed(one.metric, condition), arms.a - arms.b
        cluster = one.grid.labels(arms.item, d)
        alpha, p_value = self.data.alpha, None
        try:
            if tested:
                found = paired_comparison(arms.a, arms.b, cluster=cluster, alpha=alpha, seed=seed)
                difference, p_value = found.difference, found.p_value
            else:
                difference = paired_difference(
                    arms.a, arms.b, cluster=cluster, level=1 - alpha, seed=seed
                )
        except (TooFewClusters, ValueError):
            return None
        flipped = one.endpoint.flipped
        rate, control_rate = (
            float(1 - mean if flipped else mean) for mean in (arms.a.mean(), arms.b.mean())
        )
        return Gap(
            difference.mirrored() if flipped else difference,
            p_value,
            int(d.size),
            int(d.size if cluster is None else np.unique(cluster).size),
            arms,
            rate,
            control_rate,
            int((d > EQUAL).sum()),
            int((d < -EQUAL).sum()),
        )

    def seed(self, metric: str, condition: str) -> int:
        """That of the contrast of the condition with the control by a metric."""
        asked = Asked("", "condition", condition, self.control, metric=metric)
        return contrast_seed(self.data.seed, asked)

    def said(self, sentence: str) -> str:
        """A sentence, tagged where answers are simulated."""
        return f"[Simulated answers] {sentence}" if self.data.simulated else sentence


def _contradicted(e: Evidence, flipped: bool) -> tuple[str, ...]:
    """The analyses with which a verdict would have to agree, and which lack the interval's direction."""
    found: list[str] = []
    if e.difference is None or e.difference.low <= 0 <= e.difference.high:
        return ()
    up = e.difference.low > 0
    for rival in e.rivals:
        if (rival.difference.low > 0) if up else (rival.difference.high < 0):
            continue
        shown = rival.difference.mirrored() if flipped else rival.difference
        unit = POINTS.fitted(shown.low, shown.high)
        found.append(f"{rival.supposing} the difference would be {unit.span(shown)}")
    return tuple(found)
