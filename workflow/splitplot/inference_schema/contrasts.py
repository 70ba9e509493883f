"""Contrasts in inference.json: every comparison, its family, and the tests over several levels."""

from typing import Literal

from pydantic import Field

from splitplot.inference_schema.entries import Entry, IntervalEntry, Scope, Word


class OddsRatioEntry(Entry):
    """Odds ratio of the discordant items."""

    estimate: float | None = Field(description="b/c; null where c is 0.")
    low: float = Field(description="Lower limit.")
    high: float | None = Field(description="Upper limit; null where unbounded.")
    level: float = Field(description="Confidence level.")
    method: str = Field(description="Name of the method.")


class EffectsEntry(Entry):
    """Sizes of the difference other than the difference itself."""

    cliffs_delta: IntervalEntry | None = Field(description="Dominance of A over B, −1 to 1.")
    hodges_lehmann: IntervalEntry | None = Field(description="Median of the Walsh averages.")
    d_z: IntervalEntry | None = Field(
        description="Mean difference in standard deviations of the differences; never for 0/1 scores."
    )


class OneSidedEntry(Entry):
    """p-values of one-sided tests against the margin."""

    non_inferiority: float | None = Field(description="Null: A is worse by the margin or more.")
    superiority_by_margin: float | None = Field(
        description="Null: A is not better by more than the margin."
    )
    equivalence: float | None = Field(description="Larger of the two one-sided p-values.")


class Discordant(Entry):
    """0/1 item scores: which arm alone was right."""

    a_only: int = Field(description="Items that A alone got right.")
    b_only: int = Field(description="Items that B alone got right.")


class Noise(Entry):
    """Run-to-run noise of the difference (of an amount: of log(A/B)) at exactly these items."""

    se_run: float | None = Field(description="Standard error from replications alone.")
    half_width: float | None = Field(description="z times that.")
    reason: str | None = Field(description="Why it is unknown, or what it rests on.")


class ArmShares(Entry):
    """A share for each arm."""

    a: float = Field(description="Of arm A.")
    b: float = Field(description="Of arm B.")


class SensitivityEntry(Entry):
    """The same contrast analysed otherwise."""

    name: str = Field(description="What is done otherwise.")
    difference: IntervalEntry = Field(description="A − B.")
    p_value: float | None = Field(None, description="Of its test, where it has one.")
    verdict: Word = Field(description="What this analysis alone would say.")
    holds: bool | None = Field(description="Whether it claims what `alone` does; null without.")


class ScopeEntry(Entry):
    """The contrast at one scope."""

    scope: Scope = Field(description="Population that the interval speaks of.")
    difference: IntervalEntry | None = Field(description="A − B at this scope; null of an amount.")
    ratio: IntervalEntry | None = Field(None, description="A/B of an amount at this scope.")
    verdict: Word | None = Field(description="What the interval alone would say at this scope.")
    reason: str | None = Field(description="Why there is none.")


class Tipping(Entry):
    """How many lost answers would have had to come out otherwise."""

    verdict: Word = Field(description="The claim that would fall.")
    needed: int | None = Field(description="Smallest number of them; null where it always holds.")
    of: int = Field(description="Lost answers.")
    sentence: str = Field(description="The same in words.")


class Bounds(Entry):
    """Lost answers filled in as badly, and as well, for A as the scale allows."""

    low: IntervalEntry = Field(description="All against A.")
    high: IntervalEntry = Field(description="All for A.")
    covering: IntervalEntry = Field(
        description="Covers the difference wherever between these it lies (Imbens & Manski)."
    )


class Lost(Entry):
    """Answers that never came."""

    n_a: int = Field(description="Lost answers of arm A.")
    n_b: int = Field(description="Lost answers of arm B.")
    items: int = Field(description="Items that lost at least one of them.")
    bounds: Bounds | None = Field(None, description="Null for scores beyond 0…1.")
    tipping: Tipping | None = Field(None, description="Null where no filling changes the verdict.")
    differential_p: float | None = Field(
        description="Null hypothesis: both arms lose the same share of the answers."
    )
    differential_test: str | None = Field(description="Name of its test.")


class Conditional(Entry):
    """That the sign of the difference turns with the level of another factor."""

    on: str = Field(description="The other factor.")
    sentence: str = Field(description="In words.")


class Selected(Entry):
    """The contrast's first arm was chosen as the best of several."""

    of: int = Field(description="Number of arms.")
    winner: str = Field(description="The arm with the highest mean.")
    against: str = Field(description="What it is compared with.")
    difference: IntervalEntry = Field(description="Adjusted for the choice.")
    sentence: str = Field(description="In words.")


class AmountMeans(Entry):
    """What an answer takes, or a right one, in either arm."""

    a: float | None = Field(description="In arm A.")
    b: float | None = Field(description="In arm B.")


class ContrastEntry(Entry):
    """One contrast A − B."""

    name: str = Field(description="Name of the contrast.")
    factor: str = Field(description="condition, model, sampling or trial.")
    a: str = Field(description="Level of arm A.")
    b: str = Field(description="Level of arm B.")
    metric: str = Field(
        description="`score`, the name of a scorer, or an amount that answers take."
    )
    scope: Scope = Field(description="Population that the verdict speaks of.")
    averaged_over: str | None = Field(description="Levels of other factors, in words.")
    missing: Literal["strict", "observed"] = Field(description="Rule for unusable answers.")
    margin: float = Field(
        description="Smallest difference that matters; of an amount the share that is saved."
    )
    margin_is_default: bool = Field(description="Whether nobody chose it.")
    primary: bool = Field(description="Declared in the frozen plan.")
    family: str | None = Field(description="Name of its family in `families`.")
    effect: Literal["difference", "ratio"] = Field(
        "difference",
        description="What the verdict goes by: `difference`, or of an amount `ratio`.",
    )
    aim: Literal["difference", "non-inferiority"] = Field(
        "difference", description="What the contrast is to show."
    )
    events: str | None = Field(
        None,
        description="What a score of 0 is, in words, where the sentences speak of that and fewer are better.",
    )
    n_items: int = Field(description="Items with a kept answer in both arms.")
    n_clusters: int = Field(description="Clusters among them.")
    replications: int = Field(description="Most answers per item in a cell.")
    difference: IntervalEntry | None = Field(
        description="At 1 − α, for the scope; null of an amount."
    )
    equivalence: IntervalEntry | None = Field(description="At 1 − 2α; null of an amount.")
    ratio: IntervalEntry | None = Field(
        None,
        description="A/B of an amount at 1 − α, for the scope: below 1 where A takes less. `se` is that "
        "of the logarithm.",
    )
    ratio_equivalence: IntervalEntry | None = Field(None, description="The same at 1 − 2α.")
    means: AmountMeans | None = Field(None, description="What either arm takes, of an amount.")
    simultaneous: IntervalEntry | None = Field(
        description="Holds together with those of its family (max-T)."
    )
    p_value: float | None = Field(description="Two-sided, of a difference of 0 or a ratio of 1.")
    p_adjusted: float | None = Field(
        description="Adjusted within the family; of non-inferiority from twice the one-sided p."
    )
    adjustment: Literal["Holm", "Benjamini-Hochberg", "none"] = Field(
        description="How it is adjusted."
    )
    mid_p: float | None = Field(description="McNemar's mid-p, for 0/1 item scores.")
    test: str | None = Field(description="Name of the test.")
    one_sided: OneSidedEntry = Field(description="Tests against the margin.")
    discordant: Discordant | None = Field(description="For 0/1 item scores.")
    odds_ratio: OddsRatioEntry | None = Field(description="For 0/1 item scores that stand alone.")
    wins: int | None = Field(
        description="Items on which A is above B, or takes more; null where one item has no such number."
    )
    ties: int | None = Field(description="Items on which they are level.")
    losses: int | None = Field(description="Items on which A is below B.")
    effects: EffectsEntry = Field(description="Other sizes of effect.")
    noise: Noise = Field(description="Run-to-run noise.")
    smallest_detectable: float | None = Field(
        description="True gap found 8 times in 10, by itself at alpha; of an amount the share that is saved."
    )
    items_needed: int | None = Field(
        description="Items for the margin at 80 % power, by itself at alpha."
    )
    lost_share: ArmShares = Field(description="Share of answers that never came.")
    truncated_share: ArmShares = Field(description="Share of answers cut off at the token limit.")
    lost: Lost | None = Field(description="What lost answers could change; null without any.")
    alone: Word | None = Field(
        description="What its own intervals say, before other comparisons and analyses are counted."
    )
    sensitivity: list[SensitivityEntry] = Field(description="The same contrast, otherwise.")
    scopes: list[ScopeEntry] = Field(description="The contrast at every scope of the design.")
    stops_holding: str | None = Field(description="At which scope the verdict ends, in words.")
    conditional: Conditional | None = Field(description="Where the sign turns.")
    selected: Selected | None = Field(description="Where A is the best of several.")
    flags: list[str] = Field(description="Codes of the flags about it.")
    verdict: Word = Field(description="The verdict.")
    reasons: list[str] = Field(description="What it rests on, a sentence each.")
    sentence: str = Field(description="The verdict in words.")


class Simultaneous(Entry):
    """Intervals that hold together."""

    method: str = Field(description="How the critical value was found.")
    critical: float | None = Field(
        description="Critical value of max |T|; null where nothing varies."
    )
    level_each: float = Field(description="Level at which each alone has this width.")
    draws: int = Field(description="Random draws behind it.")


class Family(Entry):
    """Comparisons whose p-values are adjusted together."""

    name: str = Field(description="Name of the family.")
    metric: str = Field(description="Metric of its contrasts.")
    kind: Literal["primary", "exploratory"] = Field(description="Declared, or not.")
    adjustment: Literal["Holm", "Benjamini-Hochberg", "none"] = Field(description="Method.")
    over: Literal["metric", "study"] = Field(
        "metric",
        description="Whether p-values are adjusted within the metric, or with the contrasts of its kind of "
        "all metrics.",
    )
    size: int = Field(
        0, description="Tests that p-values are adjusted for: contrasts without one do not count."
    )
    contrasts: list[str] = Field(description="Names of all its contrasts.")
    simultaneous: Simultaneous | None = Field(description="Null for a single contrast.")


class Gap(Entry):
    """A difference of two levels."""

    a: str = Field(description="The higher level.")
    b: str = Field(description="The lower level.")
    difference: IntervalEntry = Field(description="a − b, allowing for all pairs.")


class Omnibus(Entry):
    """A test that all levels of a factor are alike."""

    factor: str = Field(description="The factor.")
    levels: list[str] = Field(description="Its levels.")
    metric: str = Field(description="Name of the scorer.")
    test: str = Field(description="Name of the test.")
    statistic: float = Field(description="Its statistic.")
    df: list[float] | None = Field(description="Degrees of freedom; null for a permutation test.")
    p_value: float = Field(description="Its p-value.")
    n_items: int = Field(description="Items answered at every level.")
    means: list[float] = Field(description="Mean of every level.")
    largest_gap: Gap | None = Field(description="The largest difference, with its interval.")
    sentence: str = Field(description="In words.")


class Simple(Entry):
    """The contrast at one level of another factor."""

    level: str = Field(description="The level.")
    n_items: int = Field(description="Common items there.")
    difference: IntervalEntry | None = Field(description="A − B there.")
    p_value: float | None = Field(description="Of a difference of 0 there.")


class Joint(Entry):
    """A test that the differences are the same at all levels."""

    test: str = Field(description="Name of the test.")
    statistic: float = Field(description="F.")
    df: list[float] = Field(description="Its degrees of freedom.")
    p_value: float = Field(description="Its p-value.")
    n_items: int = Field(description="Items with a difference at every level.")


class InteractionEntry(Entry):
    """Whether a contrast is the same at every level of another factor."""

    contrast: str = Field(description="Name of the contrast.")
    metric: str = Field(description="Its metric.")
    factor: str = Field(description="Its factor.")
    with_: str = Field(alias="with", description="The other factor.")
    simple: list[Simple] = Field(description="The contrast at every level of it.")
    joint: Joint | None = Field(description="Null where there is no test.")
    sign_differs: bool = Field(description="Some estimates are above 0 and some below.")
    conditional: bool = Field(description="And the joint test says that they are not all the same.")
    turns_round: bool = Field(description="And intervals on both sides of 0 leave it out.")
    sentence: str = Field(description="In words.")
