"""How the study went, in inference.json: false alarms, early stopping, what came back, remarks."""

from typing import Literal

from pydantic import Field

from splitplot.inference_schema.entries import CellEntry, Entry, IntervalEntry


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


class Detected(Entry):
    """How well texts of one kind are found."""

    precision: IntervalEntry | None = Field(
        description="Of the texts read as such, the share labelled so; null where none is read so."
    )
    recall: IntervalEntry | None = Field(
        description="Of the texts labelled so, the share read so; null where none is labelled so."
    )


class Misread(Entry):
    """A text that is read otherwise than labelled."""

    id: str = Field(description="Its id in the set.")
    text: str = Field(description="The text.")
    label: Literal["answers", "abstains", "refuses"] = Field(description="What it does.")
    read: Literal["answers", "abstains", "refuses"] = Field(description="What was read.")


class Confused(Entry):
    """How often declining and answering were taken for each other; abstaining and refusing are one here."""

    declines_read_as_answers: IntervalEntry | None = Field(
        description="Of the texts that decline, the share read as answers; null without any."
    )
    answers_read_as_declines: IntervalEntry | None = Field(
        description="Of the texts that answer, the share read as declining; null without any."
    )


class ConfusedArm(Confused):
    """The same of the texts of one condition."""

    condition: str = Field(description="Its name.")
    confusion: dict[str, dict[str, int]] = Field(
        description="Its answers by label, and by what was read."
    )


class LabelledSet(Entry):
    """The detector on one set of labelled answers."""

    path: str = Field(description="File of the set.")
    sha256: str = Field(description="SHA-256 of its bytes.")
    n: int = Field(description="Answers in it.")
    labels: dict[str, int] = Field(description="Answers by label.")
    confusion: dict[str, dict[str, int]] = Field(
        description="Answers by label, and by what was read."
    )
    abstention: Detected = Field(description="Abstentions.")
    refusal: Detected = Field(description="Refusals.")
    declining: Confused = Field(description="Both of these against answers.")
    by_condition: list[ConfusedArm] = Field(
        description="The same of the labels that name a condition."
    )
    wrong: list[Misread] = Field(description="What was read otherwise than labelled.")
    sentence: str = Field(description="In words.")


class Audit(Entry):
    """How well abstentions and refusals are told from answers."""

    shipped: LabelledSet = Field(description="On the project's own hand-written answers.")
    own: LabelledSet | None = Field(description="On the study's `labels`.")


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
