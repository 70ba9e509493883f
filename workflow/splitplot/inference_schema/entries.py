"""What the chapters of inference.json share: the base of every entry, intervals, means, cells."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Word = Literal[
    "BETTER",
    "BETTER, SIZE OPEN",
    "NON-INFERIOR",
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
