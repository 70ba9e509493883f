"""The schema of inference.json as typed values: for its documentation and its tests, never for a run.

`python -m splitplot.inference_schema --schema` prints the JSON Schema, `--reference` Markdown tables.
Sizes are in units of the score, shares from 0 to 1. No number is NaN or infinite: null says unknown.
"""

import argparse
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Word = Literal[
    "BETTER",
    "BETTER, SIZE OPEN",
    "EQUIVALENT",
    "NOT SETTLED",
    "NOT BETTER BY MARGIN",
    "WORSE",
    "WORSE, SIZE OPEN",
    "CONDITIONAL",
    "NO VERDICT",
]
Scope = Literal["fixed", "items", "prompts", "datasets"]


class Entry(BaseModel):
    """What every part of the file has in common: no key beyond those that are described."""

    model_config = ConfigDict(extra="forbid")


class IntervalEntry(Entry):
    """An estimate with its interval."""

    estimate: float = Field(description="Point estimate.")
    low: float = Field(description="Lower limit.")
    high: float = Field(description="Upper limit.")
    level: float = Field(description="Confidence level, such as 0.95.")
    method: str = Field(description="Name of the method, as in `methods`.")
    se: float | None = Field(description="Standard error behind it; null where there is none.")
    df: float | None = Field(description="Degrees of freedom of Student's t; null where not used.")


class MeanEntry(Entry):
    """A mean with its interval, where one exists."""

    estimate: float = Field(description="The mean.")
    low: float | None = Field(description="Lower limit; null where none exists.")
    high: float | None = Field(description="Upper limit.")
    level: float = Field(description="Confidence level.")
    method: str = Field(description="Name of the method, or why there is no interval.")
    se: float | None = Field(description="Standard error behind it.")
    df: float | None = Field(description="Degrees of freedom.")


class CellEntry(Entry):
    """One cell: a trial under a condition."""

    trial: str = Field(description="Id of the trial.")
    model: str = Field(description="Name of the model.")
    sampling: str = Field(description="Name of the sampling.")
    condition: str = Field(description="Name of the condition.")


class ConditionEntry(CellEntry):
    """The score of one cell."""

    n_items: int = Field(description="Items with a kept answer.")
    items_lost: int = Field(description="Items that lost every answer.")
    replications: int = Field(description="Planned answers per item.")
    n_rows: int = Field(description="Answers, kept and lost.")
    rows_lost: int = Field(description="Answers that never came.")
    deterministic: bool = Field(
        description="At temperature 0 all replications of every item agree."
    )
    strict: IntervalEntry | None = Field(description="Mean with unusable answers as wrong.")
    observed: IntervalEntry | None = Field(description="Mean over usable answers alone.")
    these_items: IntervalEntry | None = Field(
        None, description="Strict mean at exactly these items: run-to-run noise alone."
    )


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
    """Run-to-run noise of the difference at exactly these items."""

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
    difference: IntervalEntry | None = Field(description="A − B at this scope.")
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


class ContrastEntry(Entry):
    """One contrast A − B."""

    name: str = Field(description="Name of the contrast.")
    factor: str = Field(description="condition, model, sampling or trial.")
    a: str = Field(description="Level of arm A.")
    b: str = Field(description="Level of arm B.")
    metric: str = Field(description="`score`, or the name of a scorer.")
    scope: Scope = Field(description="Population that the verdict speaks of.")
    averaged_over: str | None = Field(description="Levels of other factors, in words.")
    missing: Literal["strict", "observed"] = Field(description="Rule for unusable answers.")
    margin: float = Field(description="Smallest difference that matters.")
    margin_is_default: bool = Field(description="Whether nobody chose it.")
    primary: bool = Field(description="Declared in the frozen plan.")
    family: str | None = Field(description="Name of its family in `families`.")
    n_items: int = Field(description="Items with a kept answer in both arms.")
    n_clusters: int = Field(description="Clusters among them.")
    replications: int = Field(description="Most answers per item in a cell.")
    difference: IntervalEntry | None = Field(description="At 1 − α, for the scope.")
    equivalence: IntervalEntry | None = Field(description="At 1 − 2α.")
    simultaneous: IntervalEntry | None = Field(
        description="Holds together with those of its family (max-T)."
    )
    p_value: float | None = Field(description="Two-sided, of a difference of 0.")
    p_adjusted: float | None = Field(description="Adjusted within the family.")
    adjustment: Literal["Holm", "Benjamini-Hochberg", "none"] = Field(
        description="How it is adjusted."
    )
    mid_p: float | None = Field(description="McNemar's mid-p, for 0/1 item scores.")
    test: str | None = Field(description="Name of the test.")
    one_sided: OneSidedEntry = Field(description="Tests against the margin.")
    discordant: Discordant | None = Field(description="For 0/1 item scores.")
    odds_ratio: OddsRatioEntry | None = Field(description="For 0/1 item scores that stand alone.")
    wins: int = Field(description="Items on which A is above B.")
    ties: int = Field(description="Items on which they are level.")
    losses: int = Field(description="Items on which A is below B.")
    effects: EffectsEntry = Field(description="Other sizes of effect.")
    noise: Noise = Field(description="Run-to-run noise.")
    smallest_detectable: float | None = Field(description="True gap found 8 times in 10.")
    items_needed: int | None = Field(description="Items for the margin at 80 % power.")
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


class Component(Entry):
    """One source of variance."""

    name: str = Field(description="Factors of the source; `run` for run-to-run noise.")
    label: str = Field(description="In words.")
    variance: float = Field(description="As estimated; 0 where not detectable.")
    share: float = Field(description="Of the sum of all.")
    low: float | None = Field(description="Lower limit of the share; null where descriptive.")
    high: float | None = Field(description="Upper limit of the share.")
    detectable: bool = Field(description="Whether its estimate is above 0.")
    descriptive: bool = Field(description="Factors with few levels: no population is meant.")
    range: list[float] | None = Field(description="Lowest and highest level mean.")


class LogisticCell(Entry):
    """One cell on the log-odds scale."""

    label: str = Field(description="The cell.")
    log_odds: float = Field(description="At an item of mean difficulty.")
    mean: float = Field(description="Predicted score, averaged over items.")


class Logistic(Entry):
    """The first contrast on the log-odds scale, converted to score units."""

    method: str = Field(description="Name of the method.")
    contrast: str = Field(description="Name of the contrast.")
    difference: IntervalEntry | None = Field(description="A − B from averaged predictions.")
    log_odds_difference: float = Field(description="A − B on the log-odds scale.")
    item_sd: float = Field(description="Standard deviation of item difficulty, in logits.")
    item_detectable: bool = Field(description="Whether it is above 0.")
    cells: list[LogisticCell] = Field(description="Every cell.")
    sentence: str = Field(description="In words.")


class Components(Entry):
    """Where the variance of the scores comes from."""

    metric: str = Field(description="Name of the scorer.")
    method: str = Field(description="Expected mean squares, or REML.")
    balanced: bool = Field(description="Whether every cell has the same items and replications.")
    n_rows: int = Field(description="Answers used.")
    n_items: int = Field(description="Items used.")
    rows: list[Component] = Field(description="Every source.")
    sentences: list[str] = Field(description="Noise; prompt against model.")
    noise_half_width: float | None = Field(
        description="By how much the mean of a cell moves when run again."
    )
    prompt_sd: float | None = Field(
        description="Standard deviation over prompts; null where not detectable."
    )
    model_sd: float | None = Field(
        description="Standard deviation over models; null where not detectable."
    )
    ranking_changes: float | None = Field(
        description="Share of prompts under which the ranking of the models changes; null where "
        "their interaction is not detectable."
    )
    logistic: Logistic | None = Field(description="Sensitivity, for 0/1 scores.")
    warnings: list[str] = Field(description="What was clipped or did not converge.")


class Bought(Entry):
    """Size, precision and price of a study."""

    items: int = Field(description="Items.")
    replications: int = Field(description="Replications.")
    prompts: int = Field(description="Prompts.")
    half_width: float = Field(description="Of the contrast's interval.")
    answers: int = Field(description="Answers in both arms.")
    usd: float | None = Field(description="What they cost.")


class PurchaseRow(Entry):
    """One thing to buy."""

    option: str = Field(description="In words.")
    items: int = Field(description="Items then.")
    replications: int = Field(description="Replications then.")
    prompts: int = Field(description="Prompts then.")
    answers: int = Field(description="Answers then.")
    extra_items: int = Field(description="More items.")
    extra_answers: int = Field(description="More answers.")
    extra_usd: float | None = Field(description="What they would cost.")
    half_width: float | None = Field(description="Projected.")
    narrower: float | None = Field(description="Share by which the interval shrinks.")
    narrower_per_usd: float | None = Field(description="The same per dollar.")
    tier: int = Field(description="Answers in multiples of now's.")
    available: bool = Field(description="Whether the study's sources have the items.")


class Purchase(Entry):
    """What more items, runs or prompts would do to the interval of a contrast."""

    contrast: str = Field(description="Name of the contrast.")
    scope: Scope = Field(description="Scope of its interval.")
    now: Bought = Field(description="As it is.")
    run_share: float | None = Field(description="Share of the variance that more runs remove.")
    item_price: float | None = Field(
        description="Dollars that a new item may cost before more runs are cheaper."
    )
    items_left: bool = Field(description="Whether the sources have more items.")
    rows: list[PurchaseRow] = Field(description="What could be bought.")
    best: int | None = Field(description="Row that narrows most for the smallest price.")
    sentence: str = Field(description="In words.")
    next_study: dict[str, Any] | None = Field(
        description="The study that buys it, as in `next.yaml`."
    )


class Ranked(Entry):
    """One arm of a ranking."""

    name: str = Field(description="The arm.")
    mean: MeanEntry = Field(description="Its mean.")
    rank_low: int = Field(description="Best rank that the data allow.")
    rank_high: int = Field(description="Worst rank that the data allow.")
    p_best: float | None = Field(description="Share of resamplings in which it is first.")


class Ranking(Entry):
    """The levels of a factor, or all cells, in the order of their means."""

    factor: str = Field(description="The factor; `cell` for all cells.")
    metric: str = Field(description="Name of the scorer.")
    n_items: int = Field(description="Items that all have in common.")
    method: str = Field(description="Name of the method.")
    level: float = Field(description="Of all rank sets together.")
    level_each: float = Field(description="Of every difference alone.")
    rows: list[Ranked] = Field(description="From the highest mean to the lowest.")
    sentence: str = Field(description="In words.")


class ParetoRow(Entry):
    """Cost and score of one cell."""

    name: str = Field(description="The cell.")
    cell: CellEntry = Field(description="The cell, by its ids.")
    usd_per_answer: float | None = Field(description="Dollars per answer.")
    usd_interval: list[float] | None = Field(description="Its interval.")
    tokens_per_answer: float | None = Field(
        None, description="Output tokens, where that is the axis."
    )
    mean: MeanEntry = Field(description="Score.")
    member_probability: float | None = Field(
        description="Share of resamplings in which nothing is both as cheap and as good."
    )
    on_front: bool = Field(description="Whether that is so in the data.")


class Pareto(Entry):
    """Cost against score."""

    axis: Literal["usd", "tokens_out"] = Field(description="What cost is.")
    metric: str = Field(description="Name of the scorer.")
    level: float = Field(description="Of the intervals.")
    n_items: int = Field(description="Items that all cells have in common.")
    rows: list[ParetoRow] = Field(description="Every cell, from cheap to dear.")
    sentence: str = Field(description="In words.")


class Spent(Entry):
    """How many times the tokens, dollars or seconds of B arm A takes."""

    contrast: str = Field(description="Name of the contrast.")
    amount: Literal["usd", "tokens_out", "latency_s", "usd_per_correct"] = Field(
        description="What is counted."
    )
    ratio: IntervalEntry = Field(description="Sum of A over sum of B.")
    p_value: float = Field(description="Of a ratio of 1.")
    test: str = Field(description="Name of the test.")
    n_items: int = Field(description="Items that both have.")
    mean_a: float = Field(description="Per item, of A.")
    mean_b: float = Field(description="Per item, of B.")
    sentence: str = Field(description="In words.")


class Dataset(Entry):
    """The contrast on one dataset."""

    dataset: str = Field(description="Source of its items.")
    n_items: int = Field(description="Common items.")
    difference: IntervalEntry = Field(description="A − B.")


class LeftOut(Entry):
    """The pooled difference without one dataset."""

    without: str = Field(description="The dataset.")
    fixed: IntervalEntry = Field(description="Fixed effect.")
    random: IntervalEntry | None = Field(description="Random effects.")
    tau: float = Field(description="Standard deviation over datasets.")


class Datasets(Entry):
    """A contrast across datasets."""

    contrast: str = Field(description="Name of the contrast.")
    rows: list[Dataset] = Field(description="Every dataset.")
    fixed: IntervalEntry = Field(description="Inverse-variance mean: these datasets.")
    random: IntervalEntry | None = Field(description="REML, Hartung-Knapp: datasets like these.")
    prediction: IntervalEntry | None = Field(description="On one further dataset.")
    tau: float = Field(description="Standard deviation of the true differences.")
    q: float = Field(description="Cochran's Q.")
    q_df: int = Field(description="Its degrees of freedom.")
    q_p: float | None = Field(description="Its p-value.")
    i2: float = Field(description="Share of the spread that is not sampling error.")
    i2_low: float | None = Field(description="Its lower limit.")
    i2_high: float | None = Field(description="Its upper limit.")
    leave_one_out: list[LeftOut] = Field(description="Without each dataset in turn.")
    sentence: str = Field(description="In words.")


class Bin(Entry):
    """Answers of like confidence."""

    low: float = Field(description="Confidence above this …")
    high: float = Field(description="… up to this.")
    n: int = Field(description="Answers.")
    confidence: float | None = Field(description="Their mean confidence.")
    accuracy: float | None = Field(description="Their mean score.")


class Ends(Entry):
    """Limits of an interval."""

    low: float = Field(description="Lower limit.")
    high: float = Field(description="Upper limit.")


class Point(Entry):
    """A point of the risk-coverage curve."""

    coverage: float = Field(description="Share of answers given.")
    risk: float = Field(description="One minus their mean score.")


class Calibration(Entry):
    """How far the confidence of a cell's answers can be trusted."""

    cell: CellEntry = Field(description="The cell.")
    n: int = Field(description="Answers with a confidence.")
    n_units: int = Field(description="Items, or clusters, behind them.")
    distinct: int = Field(description="Different values of confidence.")
    share_with_confidence: float = Field(description="Of all usable answers.")
    mean_confidence: float = Field(description="Mean confidence.")
    mean_score: float = Field(description="Mean score.")
    ece: float = Field(description="Expected calibration error over the bins.")
    ece_debiased: float = Field(description="Without what noise adds to it; at least 0.")
    ece_debiased_cut: bool = Field(description="Whether it was below 0.")
    bins: list[Bin] = Field(description="The bins.")
    brier: float = Field(description="Mean squared error of the confidence.")
    reliability: float = Field(description="Murphy's part that calibration would remove.")
    resolution: float = Field(description="Murphy's part that confidence explains.")
    uncertainty: float = Field(description="Murphy's part that is in the scores.")
    brier_parts: str = Field(description="How the parts were taken.")
    aurc: float = Field(description="Area under the risk-coverage curve.")
    e_aurc: float = Field(description="What of it a perfect order would remove.")
    risk_at: dict[str, float] = Field(description="Risk by coverage.")
    curve: list[Point] = Field(description="The curve.")
    level: float = Field(description="Of the intervals.")
    intervals: dict[str, Ends | None] = Field(description="By name of the quantity.")
    sentence: str = Field(description="In words.")


class PassAtK(Entry):
    """That one, or all, of k answers are right."""

    cell: CellEntry = Field(description="The cell.")
    k: int = Field(description="Number of answers.")
    pass_at_k: IntervalEntry = Field(description="At least one of k is right.")
    pass_hat_k: IntervalEntry = Field(description="All k are right.")
    n_items: int = Field(description="Items with k answers or more.")


class PlaceboKind(Entry):
    """Placebo runs of one kind."""

    kind: Literal["A/A split", "label swap", "split-half"] = Field(description="What is done.")
    name: str = Field(description="The arm or contrast it is done to.")
    runs: int = Field(description="Runs.")
    false_alarms: int = Field(description="Runs that claimed a difference that is not there.")
    share: float = Field(description="Their share.")
    low: float = Field(description="Lower limit of the rate behind it (Clopper-Pearson).")
    high: float = Field(description="Upper limit.")
    p_values: list[int] | None = Field(description="How many fall in each twentieth of 0 to 1.")
    verdicts: dict[str, int] | None = Field(
        None, description="Runs by word; not of halves, which may truly differ."
    )
    same_verdict: float | None = Field(None, description="Halves: share with the same word.")
    same_sign: float | None = Field(None, description="Halves: share with the same sign.")
    claimed: int | None = Field(None, description="Halves: first halves that claim a direction.")
    confirmed: int | None = Field(None, description="Halves: how many of the second repeat it.")
    sentence: str = Field(description="In words.")


class PlaceboLeftOut(Entry):
    """Placebo runs that could not be made."""

    kind: str = Field(description="Their kind.")
    name: str = Field(description="The arm or contrast.")
    reason: str = Field(description="Why not.")


class Placebo(Entry):
    """How often this analysis cries wolf on the study's own answers."""

    runs: int = Field(description="Runs of all kinds.")
    kinds: list[PlaceboKind] = Field(description="By kind.")
    left_out: list[PlaceboLeftOut] = Field(description="What could not be run.")
    sentence: str = Field(description="In words.")


class Evidence(Entry):
    """What the answers up to a look say of a primary contrast."""

    contrast: str = Field(description="Name of the contrast.")
    n_items: int = Field(description="Common items.")
    e_value: float | None = Field(description="Evidence against 0; null where beyond a double.")
    log_e: float | None = Field(description="Its natural logarithm.")
    difference: IntervalEntry | None = Field(description="Confidence sequence.")
    settled: bool = Field(description="Whether it settles the contrast.")
    barred: str | None = Field(description="Why it may not settle anything.")


class Look(Entry):
    """One interim analysis."""

    look: int = Field(description="Its number, from 1.")
    items: int = Field(description="Items asked up to it.")
    evidence: list[Evidence] = Field(description="Every primary contrast.")
    settled: bool = Field(description="Whether all are settled.")


class Stopping(Entry):
    """A study that may stop early."""

    rule: Literal["anytime"] = Field(description="The rule.")
    of: int = Field(description="Planned looks.")
    alpha: float = Field(description="Chance of any false claim.")
    enough: float = Field(description="e-value at which 0 is excluded.")
    looks: list[Look] = Field(description="The looks that were taken.")
    settled_at: int | None = Field(description="The first look that settled everything.")
    asked_items: int = Field(description="Items asked.")
    planned_items: int = Field(description="Items planned.")
    saved_share: float = Field(description="Share that was not needed.")
    sentence: str = Field(description="In words.")


class CellOutcomes(CellEntry):
    """Outcomes of one cell."""

    counts: dict[str, int] = Field(description="Answers by outcome.")


class Health(Entry):
    """What came back."""

    grid_rows: int = Field(description="Answers planned and asked.")
    filled: int = Field(description="Answers that came.")
    outcomes: list[CellOutcomes] = Field(description="By cell.")
    truncated_share: float = Field(description="Share cut off at the token limit.")
    duplicate_items: int = Field(description="Items that repeat another's content.")


class Flag(Entry):
    """A named remark."""

    code: str = Field(description="Name of the kind of remark.")
    where: str = Field(description="The contrast or cell it is about, or `study`.")
    message: str = Field(description="In words.")


class Method(Entry):
    """A method that was used."""

    name: str = Field(description="Name of the method.")
    formula_source: str = Field(description="Where its formula comes from.")


class Frozen(Entry):
    """Whether the plan was fixed before answers were read."""

    analysis_digest: str | None = Field(description="Digest of the analysis plan.")
    first_read_at: str | None = Field(description="When answers were first read.")
    status: Literal["primary", "exploratory"] = Field(
        description="`exploratory` where the plan was changed after that."
    )
    extended_after_read: bool = Field(description="Whether items or cells were changed after it.")


class Inference(Entry):
    """inference.json, schema 2."""

    model_config = ConfigDict(extra="forbid", title="inference.json")

    schema_: Literal[2] = Field(alias="schema", description="Version of this file.")
    study: str = Field(description="Name of the study.")
    alpha: float = Field(description="Error rate of intervals and tests.")
    simulated: bool = Field(description="Whether any answer is simulated.")
    n_items: int = Field(description="Items with an answer.")
    n_clusters: int = Field(description="Clusters among them.")
    clustered: bool = Field(description="Whether any cluster has more than one item.")
    conditions: list[ConditionEntry] = Field(description="The score of every cell.")
    contrasts: list[ContrastEntry] = Field(
        description="The declared contrasts; without any, all pairs of conditions (of trials)."
    )
    exploration: list[ContrastEntry] = Field(
        description="All other pairs, and the declared ones under the other scorers."
    )
    families: list[Family] = Field(description="Which p-values are adjusted together.")
    interaction: list[InteractionEntry] = Field(description="Contrasts by other factors.")
    omnibus: list[Omnibus] = Field(description="Factors with three levels or more.")
    components: Components | None = Field(description="Where the variance comes from.")
    purchase: Purchase | None = Field(description="What to buy next.")
    ranking: list[Ranking] = Field(description="Who is first, and how sure that is.")
    pareto: Pareto | None = Field(description="Cost against score.")
    spent: list[Spent] = Field(description="Ratios of cost between the arms.")
    datasets: list[Datasets] = Field(description="Across datasets.")
    calibration: list[Calibration] = Field(description="Confidence of answers.")
    pass_at_k: list[PassAtK] = Field(description="Repeated answers.")
    placebo: Placebo | None = Field(description="False alarms on the study's own answers.")
    stopping: Stopping | None = Field(description="Early stopping.")
    health: Health = Field(description="What came back.")
    flags: list[Flag] = Field(description="Everything that a reader must know beside a number.")
    methods: list[Method] = Field(description="Methods used, and where their formulas come from.")
    frozen: Frozen = Field(description="The plan at the first reading of the answers.")


def inference_schema() -> dict[str, Any]:
    """The JSON Schema of inference.json."""
    schema = Inference.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def main() -> None:
    """Print the JSON Schema, or its reference."""
    from splitplot.study.reference import reference

    parser = argparse.ArgumentParser(prog="python -m splitplot.inference_schema")
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--schema", action="store_true", help="JSON Schema")
    wanted.add_argument("--reference", action="store_true", help="Markdown tables of every key")
    if parser.parse_args().schema:
        print(json.dumps(inference_schema(), indent=2, ensure_ascii=False))
    else:
        print(reference(inference_schema(), "inference.json"), end="")


if __name__ == "__main__":
    main()
