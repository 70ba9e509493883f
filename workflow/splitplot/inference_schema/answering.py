"""The chapter `answering` of inference.json: answering, abstaining and answering falsely, by condition."""

from typing import Literal

from pydantic import Field

from splitplot.inference_schema.conduct import Confused
from splitplot.inference_schema.entries import Entry, IntervalEntry


class RateEntry(IntervalEntry):
    """A rate of a condition."""

    n_items: int = Field(description="Items it is a mean over.")
    n_clusters: int = Field(description="Clusters among them.")


class Rates(Entry):
    """The rates of a condition, of its answers that came; null where no scorer measures one, or no interval
    exists."""

    exact_match: RateEntry | None = Field(
        description="Mean of the first `qa_em` over answerable items; over all that it grades where it is "
        "not known which are."
    )
    f1: RateEntry | None = Field(description="Mean of the first `qa_f1`, likewise.")
    false_answers: RateEntry | None = Field(
        description="Unanswerable items that are answered: 1 − the mean of `no_false_answer`."
    )
    unsupported: RateEntry | None = Field(
        description="Open-book items with a claim that the passage does not support: 1 − the mean of "
        "`supported`."
    )
    abstention: RateEntry | None = Field(description="Mean of the first `abstention`.")
    abstention_answerable: RateEntry | None = Field(
        description="The same of answerable items; null where it is not known which are."
    )
    abstention_unanswerable: RateEntry | None = Field(description="The same of unanswerable items.")
    refusals: RateEntry | None = Field(description="Answers that refuse.")
    unusable: RateEntry | None = Field(
        description="Answers that are cut off, empty or cannot be read."
    )


class AnsweringArm(Entry):
    """One condition, pooled over the trials that every condition has."""

    condition: str = Field(description="Its name.")
    n_items: int = Field(description="Items with an answer.")
    n_answerable: int | None = Field(
        description="Answerable ones among them; null without a scorer `no_false_answer`."
    )
    n_unanswerable: int | None = Field(description="The others.")
    n_answers: int = Field(description="Answers that came.")
    rates: Rates = Field(description="Rates, with intervals for items like these.")
    no_rate: dict[str, str] = Field(
        description="Name of a rate that a scorer measures → why there is none."
    )
    states: dict[str, int] = Field(
        description="State → answers: `right`, `wrong`, `abstained`, `refused` of answerable items, "
        "`held_back` and `false_answer` of others, `unusable`, `lost`; `answered` where nothing says "
        "whether an answer is right."
    )
    usd_per_1000: float | None = Field(
        description="Dollars per 1,000 answers; null where a cell has no price."
    )
    tokens_in_mean: float | None = Field(description="Input tokens per answer.")


class AnsweringContrast(Entry):
    """A condition against the control by one rate."""

    condition: str = Field(description="The condition.")
    control: str = Field(description="The control.")
    endpoint: str = Field(description="A name of `rates`.")
    difference: IntervalEntry | None = Field(
        description="Rate of the condition less that of the control; null where no interval exists."
    )
    rate: float | None = Field(
        description="Rate of the condition on the items that both have, unlike the one in `arms`."
    )
    control_rate: float | None = Field(description="Rate of the control on the same items.")
    n_items: int = Field(description="Items with an answer in both.")
    n_clusters: int = Field(description="Clusters among them.")
    p_value: float | None = Field(description="Two-sided, of no difference.")
    p_adjusted: float | None = Field(
        description="Of a declared contrast, as there (Holm); else null."
    )
    against: float | None = Field(
        description="With `aim: non-inferiority` the true difference that `p_adjusted` is against; else null."
    )
    p_bh: float | None = Field(
        description="Of the others, adjusted over them (Benjamini and Hochberg)."
    )
    primary: bool = Field(
        description="Declared in the frozen plan: numbers are those of `contrasts`."
    )
    lower_is_better: bool | None = Field(description="Null where neither is.")
    direction: Literal["higher", "lower"] | None = Field(
        description="Which way the rate is said to differ; null where no direction is spoken."
    )
    reasons: list[str] = Field(description="What keeps a direction from being spoken at all.")
    sentence: str = Field(description="In words.")


class Flow(Entry):
    """What became of the answers of the control."""

    condition: str = Field(description="The condition.")
    control: str = Field(description="The control.")
    n_pairs: int = Field(
        description="Pairs of the same item, trial and replication that both came."
    )
    answerable: bool | None = Field(description="Of which items; null where that is not known.")
    from_to: dict[str, dict[str, int]] = Field(
        description="State in the control → state in the condition → pairs."
    )


class Subgroup(Entry):
    """A difference on a part of the items: exploration."""

    by: str = Field(description="dataset, answerable or kind.")
    level: str = Field(description="Which part.")
    condition: str = Field(description="The condition.")
    control: str = Field(description="The control.")
    endpoint: str = Field(description="A name of `rates`.")
    difference: IntervalEntry = Field(description="Rate of the condition less that of the control.")
    n_items: int = Field(description="Common items of the part.")
    n_clusters: int = Field(description="Clusters among them.")
    p_value: float = Field(description="Two-sided, of no difference.")
    p_bh: float = Field(description="Adjusted over all parts (Benjamini and Hochberg).")


class PooledEntry(Entry):
    """Several datasets together."""

    fixed: IntervalEntry = Field(description="These datasets.")
    random: IntervalEntry | None = Field(description="Datasets like these.")
    prediction: IntervalEntry | None = Field(description="One further dataset; null below three.")


class Heterogeneity(Entry):
    """How far the datasets differ."""

    tau: float = Field(description="Standard deviation of the true differences.")
    q: float = Field(description="Cochran's Q.")
    q_df: int = Field(description="Its degrees of freedom.")
    q_p: float | None = Field(description="Its p-value.")
    i2: float = Field(description="Share of the spread that is no sampling error.")
    i2_low: float | None = Field(description="Lower limit; null below three datasets.")
    i2_high: float | None = Field(description="Upper limit.")


class DatasetGap(Entry):
    """The difference on one dataset."""

    dataset: str = Field(description="Source of its items.")
    n_items: int = Field(description="Common items.")
    difference: IntervalEntry = Field(description="Rate of the condition less that of the control.")


class AcrossDatasets(Entry):
    """A difference across datasets."""

    endpoint: str = Field(description="A name of `rates`.")
    condition: str = Field(description="The condition.")
    control: str = Field(description="The control.")
    pooled: PooledEntry = Field(description="Taken together.")
    heterogeneity: Heterogeneity = Field(description="How far they differ.")
    rows: list[DatasetGap] = Field(description="Datasets with enough common items.")


class Threshold(Entry):
    """Unsupported claims by another threshold of support."""

    threshold: float = Field(description="Support from which on an answer counts as supported.")
    condition: str = Field(description="The condition.")
    control: str = Field(description="The control.")
    difference: IntervalEntry = Field(description="Rate of the condition less that of the control.")
    rate_arm: float = Field(description="Unsupported in the condition, over common items.")
    rate_control: float = Field(description="In the control.")


class AnsweringPower(Entry):
    """What the study can see of false answers."""

    condition: str = Field(description="The condition.")
    control: str = Field(description="The control.")
    endpoint: str = Field(description="`false_answers`.")
    n_items: int = Field(description="Unanswerable items answered by both.")
    smallest_detectable: float | None = Field(
        description="True difference found 8 times in 10; null where none would be."
    )
    items_for_halving: int | None = Field(
        description="Unanswerable items at which half of the control's rate would be found 8 times in 10; "
        "null where the control made no false answer."
    )
    one_way: bool = Field(
        description="Whether that is a difference all of which goes one way: too few items tell the "
        "conditions apart to go by them."
    )
    design_effect: float = Field(
        description="How many times the clusters make the variance what it is for items alone."
    )
    sentence: str = Field(description="In words.")


class PriceInterval(Entry):
    """A price with its interval."""

    estimate: float = Field(description="Dollars per false answer avoided.")
    low: float = Field(description="Lower limit, at least 0.")
    high: float = Field(description="Upper limit.")
    level: float = Field(description="Confidence level.")
    method: str = Field(description="Name of the method.")
    df: float | None = Field(description="Degrees of freedom of its t.")


class ExtraInterval(Entry):
    """Dollars more per 1,000 questions, with their interval."""

    estimate: float = Field(description="`extra_usd_per_1000`.")
    low: float = Field(description="Lower limit; below 0 it may cost less.")
    high: float = Field(description="Upper limit.")
    level: float = Field(description="Confidence level.")
    method: str = Field(description="Name of the method.")
    df: float | None = Field(description="Degrees of freedom of its t.")


class Price(Entry):
    """What an avoided false answer costs in a mix of questions like the study's. With other shares u of
    unanswerable questions: (u·U + (1 − u)·A)/(u·avoided), U and A being the extra dollars of either kind."""

    condition: str = Field(description="The condition.")
    control: str = Field(description="The control.")
    share_unanswerable: float = Field(description="Of the study's items: its mix.")
    extra_usd_per_1000: float | None = Field(
        description="Dollars more per 1,000 questions of the study's mix; null where a price is not known."
    )
    extra_usd_interval: ExtraInterval | None = Field(
        description="The same with its interval; null where none exists."
    )
    extra_usd_per_1000_unanswerable: float | None = Field(
        description="Dollars more per 1,000 unanswerable questions."
    )
    extra_usd_per_1000_answerable: float | None = Field(
        description="Dollars more per 1,000 answerable questions."
    )
    avoided_per_1000: float | None = Field(
        description="False answers avoided per 1,000 unanswerable questions; null without any."
    )
    usd_per_avoided: PriceInterval | None = Field(
        description="Dollars more over false answers avoided in the study's mix; null where `reason` says "
        "why."
    )
    reason: str | None = Field(description="Why there is no price.")
    sentence: str = Field(description="In words.")


class MisreadArm(Confused):
    """How the labelled answers of a condition were read."""

    condition: str = Field(description="The condition.")
    n_answering: int = Field(description="Its labelled texts that answer.")
    n_declining: int = Field(description="Its labelled texts that abstain or refuse.")


class MisreadContrast(Entry):
    """False answers of a condition and of the control, corrected by the labels of each."""

    condition: str = Field(description="The condition.")
    control: str = Field(description="The control.")
    read_rate: float | None = Field(
        description="Rate of the condition as read, on answers that were read in both."
    )
    read_control_rate: float | None = Field(description="That of the control.")
    rate: IntervalEntry | None = Field(description="Corrected rate of the condition.")
    control_rate: IntervalEntry | None = Field(description="Corrected rate of the control.")
    difference: IntervalEntry | None = Field(description="The first less the second.")
    reason: str | None = Field(description="Why there is no correction.")
    sentence: str = Field(description="In words.")


class MisreadAnswers(Confused):
    """What misread answers do to the rates of false answers."""

    set: Literal["own", "shipped"] = Field(description="Labels that it is known by.")
    by_condition: list[MisreadArm] = Field(description="Conditions that own labels are of.")
    contrasts: list[MisreadContrast] = Field(
        description="Corrected rates and differences; empty where no label names a condition."
    )
    sentence: str = Field(description="In words.")


class Flip(Entry):
    """An answer whose state is another than in the control."""

    condition: str = Field(description="The condition.")
    control: str = Field(description="The control.")
    direction: str = Field(description="State in the control, an arrow, state in the condition.")
    item_id: str = Field(description="The item.")
    trial_id: str = Field(description="The trial.")
    wave: str = Field(description="The wave; empty for the first.")
    replication: int = Field(description="The replication in it, from 0.")


class Answering(Entry):
    """Every condition against the control: answering, abstaining, answering falsely."""

    control: str = Field(description="The condition that the others are compared with.")
    arms: list[AnsweringArm] = Field(description="Every condition, in plan order.")
    contrasts: list[AnsweringContrast] = Field(description="Every other condition by every rate.")
    misread: MisreadAnswers | None = Field(
        description="How well declining is told from answering, and what that does to the rates of false "
        "answers; null without them."
    )
    flows: list[Flow] = Field(description="Counts of what became of the control's answers.")
    subgroups: list[Subgroup] = Field(description="Parts with at least 20 common items.")
    across_datasets: list[AcrossDatasets] | None = Field(
        description="Datasets taken together; null for a study of one."
    )
    threshold: list[Threshold] = Field(
        description="Other thresholds of support; empty where no answer has one."
    )
    power: list[AnsweringPower] = Field(description="What could be seen.")
    price: list[Price] = Field(description="What an avoided false answer costs.")
    flips: list[Flip] = Field(
        description="At most five per direction, chosen by the hash of the item's id."
    )
