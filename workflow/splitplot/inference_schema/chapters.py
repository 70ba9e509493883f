"""The chapters of inference.json besides the contrasts: cells, variance, ranking, cost, calibration …"""

from typing import Any, Literal

from pydantic import Field

from splitplot.inference_schema.entries import CellEntry, Entry, IntervalEntry, MeanEntry, Scope


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
    one_more_rater: str | None = Field(
        None, description="Why another rater is no row, and what it would do; null without raters."
    )
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
