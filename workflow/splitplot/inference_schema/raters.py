"""The chapter of inference.json about raters: several scorers of the same answers."""

from typing import Literal

from pydantic import Field

from splitplot.inference_schema.chapters import Component
from splitplot.inference_schema.entries import Entry, IntervalEntry


class RaterLevel(Entry):
    """What one rater gives."""

    rater: str = Field(description="Name of the scorer.")
    n_answers: int = Field(description="Answers that it graded.")
    mean: float | None = Field(description="Mean score of the answers that all raters graded.")
    unread_share: float | None = Field(
        description="Of its answers, those that it could not read and another rater could."
    )


class AgreementMeasure(Entry):
    """A coefficient of agreement with its interval, where one exists."""

    estimate: float = Field(description="The coefficient; 1 is full agreement, 0 chance.")
    low: float | None = Field(description="Lower limit; null below 50 items or clusters.")
    high: float | None = Field(description="Upper limit.")
    level: float = Field(description="Confidence level.")
    method: str = Field(description="Name of the coefficient.")


class Agreement(Entry):
    """How far the raters agree on single answers."""

    scale: Literal["nominal", "interval"] = Field(
        description="`nominal`: scores are 0 or 1; `interval`: squared differences count."
    )
    n_answers: int = Field(description="Answers with two scores or more that somebody could read.")
    n_units: int = Field(description="Items, or clusters, behind them.")
    alpha: AgreementMeasure | None = Field(
        description="Krippendorff's alpha; null where all scores are the same."
    )
    ac1: AgreementMeasure | None = Field(
        description="Gwet's AC1, where one score makes more than 80% of all."
    )
    observed: float | None = Field(
        description="Share of pairs of raters that agree; of 0/1 scores."
    )
    prevalence: float | None = Field(description="Share of the most frequent score; of 0/1 scores.")
    sentence: str = Field(description="In words.")


class RaterComponents(Entry):
    """Where the variance of single scores comes from, the rater being a factor."""

    method: str = Field(description="Expected mean squares.")
    n_items: int = Field(description="Items used.")
    items_left_out: int = Field(description="Items without all their answers graded by all raters.")
    replications: int = Field(description="Answers per item and cell.")
    rows: list[Component] = Field(description="Every source.")
    raters_share: float = Field(description="Of all sources that hold the rater.")
    sentence: str = Field(description="In words.")
    warnings: list[str] = Field(description="What was left out, or only describes these raters.")


class RatedDifference(Entry):
    """A contrast by other scores than the declared ones."""

    n_items: int = Field(description="Common items.")
    difference: IntervalEntry | None = Field(description="A − B.")
    verdict: str | None = Field(description="What its intervals alone say.")
    holds: bool | None = Field(
        description="Whether that claims the same as the declared rater's scores; null without a verdict."
    )
    reason: str | None = Field(description="Why there is no verdict.")


class RaterRow(RatedDifference):
    """A contrast by the scores of one rater."""

    rater: str = Field(description="Name of the scorer.")


class RatedContrast(Entry):
    """A primary contrast by each rater."""

    contrast: str = Field(description="Name of the contrast.")
    margin: float = Field(description="Its margin.")
    declared: str = Field(description="The rater whose scores the verdict is by.")
    rows: list[RaterRow] = Field(description="By every rater.")
    mean: RatedDifference = Field(description="By the mean of all raters.")
    like_these: RatedDifference = Field(
        description="Items and raters both being a sample; from three raters on."
    )
    sentence: str = Field(
        description="By whom the verdict holds, and where it stops; or that it rests on more than intervals."
    )


class Raters(Entry):
    """Scorers that grade the same answers."""

    raters: list[str] = Field(description="Names of the scorers.")
    n_answers: int = Field(description="Answers that any of them graded.")
    left_out: int = Field(description="Answers that not all of them graded.")
    levels: list[RaterLevel] = Field(description="Every rater.")
    agreement: Agreement | None = Field(description="Agreement on single answers.")
    components: RaterComponents | None = Field(description="Their part of the variance.")
    contrasts: list[RatedContrast] = Field(description="The declared contrasts of their scores.")
    sentences: list[str] = Field(description="Who gives most; how far they agree.")
