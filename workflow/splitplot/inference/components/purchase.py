"""What more items, runs or prompts would do to the interval of a contrast, and for how much money.

A decision study in the words of generalizability theory (Brennan 2001, ch. 4): the components of the
difference are taken from the study, the numbers of items, replications and prompts are changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Any

from splitplot.inference.intervals import t_quantile, z_quantile

TIERS = (2, 4)
"""Every option of a tier multiplies the answers of the contrast by this: options of one tier cost the
same, so that the narrowest of them buys most per dollar. (Across tiers the smallest purchase always
does: every further answer tells less.)"""


@dataclass(frozen=True)
class Precision:
    """What the variance of a contrast A − B is made of, at its scope.

        variance = item/I + prompt/P + item_prompt/(I·P) + run/(I·K·P)

    item: variance of item differences that no replication removes, times the design effect of clusters,
    which is held fixed. prompt, item_prompt: 0 unless the scope is prompts like these. run: None where
    replications are lacking. items, replications, prompts: as they are. cells: of both arms together.
    half_width: of the interval that the study shows.
    """

    items: int
    replications: int
    prompts: int
    cells: int
    half_width: float
    level: float
    item: float
    run: float | None
    prompt: float = 0.0
    item_prompt: float = 0.0

    @property
    def answers(self) -> int:
        """Answers behind the contrast."""
        return self.items * self.replications * self.cells

    @property
    def run_share(self) -> float | None:
        """Share of the variance that is run-to-run noise; None where that is not known."""
        total = self.variance(self.items, self.replications, self.prompts)
        if self.run is None or total is None or total <= 0:
            return None
        return self.run / (self.items * self.replications * self.prompts) / total

    def variance(self, items: int, replications: int, prompts: int) -> float | None:
        """Variance of the difference for other numbers; None where it rests on unknown run-to-run noise."""
        rest = self.item / items + self.prompt / prompts + self.item_prompt / (items * prompts)
        if self.run is None:
            # The run noise of K replications is inside `item`, and cannot be scaled to another K.
            return rest if replications == self.replications else None
        return rest + self.run / (items * replications * prompts)

    def projected(self, items: int, replications: int, prompts: int) -> float | None:
        """Half-width of the interval for other numbers: that of now times the ratio of standard errors
        and of t quantiles. None where it is not known."""
        then = self.variance(items, replications, prompts)
        now = self.variance(self.items, self.replications, self.prompts)
        if then is None or not now:
            return None
        ratio = sqrt(max(then, 0.0) / now)
        return (
            self.half_width
            * ratio
            * self._quantile(items, prompts, then)
            / self._quantile(self.items, self.prompts, now)
        )

    def _quantile(self, items: int, prompts: int, variance: float) -> float:
        """t with Satterthwaite degrees of freedom over items and prompts. Where only runs vary, always the
        same: more runs have more of them, so the projection is on the cautious side."""
        if self.item == 0 and self.prompt == 0 and self.item_prompt == 0:
            return z_quantile(self.level)
        if prompts < 2 or (self.prompt == 0 and self.item_prompt == 0):
            return t_quantile(self.level, items - 1)
        noise = variance - self.item / items - self.prompt / prompts
        of_items, of_prompts = self.item / items + noise, self.prompt / prompts + noise
        spread = of_items**2 / (items - 1) + of_prompts**2 / (prompts - 1)
        spread += noise**2 / ((items - 1) * (prompts - 1))
        smallest = min(items, prompts) - 1
        return t_quantile(self.level, max(variance**2 / spread if spread else smallest, smallest))


@dataclass(frozen=True)
class Option:
    """One purchase. half_width, narrower: None where what more runs do is not known. tier: answers in
    multiples of now's. available: there are items to be had from the study's own sources."""

    option: str
    items: int
    replications: int
    prompts: int
    answers: int
    extra_items: int
    extra_answers: int
    extra_usd: float | None
    half_width: float | None
    narrower: float | None
    narrower_per_usd: float | None
    tier: int
    available: bool


def options(
    now: Precision,
    usd_per_answer: float | None,
    *,
    these_items: bool = False,
    items_left: bool = True,
    random_prompts: bool = False,
) -> list[Option]:
    """The purchases of each tier: more items, more runs, both, more prompts, at the same number of answers.

    these_items: the scope is exactly these items, so more of them answer another question.
    items_left: the study's sources have more items. random_prompts: the scope is prompts like these.
    """
    found: list[Option] = []

    def add(text: str, items: int, replications: int, prompts: int, tier: int) -> None:
        cells = now.cells * prompts // now.prompts
        extra = items * replications * cells - now.answers
        usd = None if usd_per_answer is None else extra * usd_per_answer
        half = now.projected(items, replications, prompts)
        narrower = None if half is None or not now.half_width else 1 - half / now.half_width
        found.append(
            Option(
                text,
                items,
                replications,
                prompts,
                now.answers + extra,
                items - now.items,
                extra,
                usd,
                half,
                narrower,
                None if narrower is None or not usd else narrower / usd,
                tier,
                items_left or items <= now.items,
            )
        )

    i, k, p = now.items, now.replications, now.prompts
    for tier in TIERS:
        if not these_items:
            add(f"{tier}× the items", tier * i, k, p, tier)
        add(f"{tier}× the replications", i, tier * k, p, tier)
        mixed = floor(tier * i * k / (k + 1))
        if not these_items and mixed > i:
            add("more items, one more replication", mixed, k + 1, p, tier)
        if random_prompts:
            add(f"{tier}× the prompts", i, k, tier * p, tier)
    return found


def best_option(found: list[Option]) -> int | None:
    """Position of the option that narrows the interval most for the price of the smallest tier, among
    those that can be bought; None where none narrows it."""
    open_to = [
        (option.narrower, -index)
        for index, option in enumerate(found)
        if option.tier == TIERS[0] and option.available and option.narrower is not None
    ]
    if not open_to:
        return None
    narrower, index = max(open_to)
    return -index if narrower > 1e-6 else None


def item_price(
    item: float, run: float | None, replications: int, usd_per_run: float
) -> float | None:
    """What one new item may cost to make before K + 1 runs of fewer items are cheaper than K of more:
    K(K + 1)·(item/run)·usd_per_run. None where runs make no difference or are unknown.

    From comparing (item_usd + K·usd)(item + run/K), the price of a given precision, at K and K + 1.
    """
    if not run:
        return None
    return replications * (replications + 1) * item / run * usd_per_run


def next_study(plan: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """A study fragment that buys this option: another study `extends` the file it is written to.

    It extends the study of the plan, sets what the option changes, and takes this study as the pilot.
    More items come from generators (`size`), limited sources (`limit`), a larger sample (`sample.size`) and
    the items of the development policy (`dev_items`); sources that are used up stay as they are. Prompts
    have to be written: they are not part of it. row: an entry of `purchase.rows`.
    """
    fragment: dict[str, Any] = {
        "extends": plan["study_file"],
        "replications": int(row["replications"]),
        "analysis": {"pilot": {"from": plan["study"]}},
    }
    before = int(row["items"]) - int(row["extra_items"])
    if row["extra_items"] > 0 and before > 0:
        factor = row["items"] / before
        sample = plan.get("sample")
        if plan.get("item_limit"):
            wanted = ceil(plan["item_limit"] * factor)
            fragment["budget"] = {"dev_items": wanted}
            if sample and sample["size"] < wanted:
                fragment["sample"] = {"size": wanted}
        elif sample:
            fragment["sample"] = {"size": ceil(sample["size"] * factor)}
        else:
            fragment["items"] = [_grown(source, factor) for source in plan["items"]]
    return fragment


def items_left(plan: Mapping[str, Any]) -> bool:
    """Whether some source of the plan may have more items: a generator, a limit, a sample, the development
    policy."""
    return bool(plan.get("item_limit") or plan.get("sample")) or any(
        source.get("kind") == "generate" or source.get("limit") for source in plan.get("items", [])
    )


def _grown(source: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A source of the plan as a study has it, with more items where it can have more."""
    written = {
        key: value
        for key, value in source.items()
        if key != "kind" and value is not None and value not in ([], {})
    }
    for key in ("size", "limit"):
        if key in written:
            written[key] = ceil(written[key] * factor)
    return written
