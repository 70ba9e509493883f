"""A study as typed values: what each key means, and what is allowed. Names are checked in `check`."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, Tag, field_validator, model_validator
from pydantic.types import Discriminator

from splitplot.config_model import Section
from splitplot.errors import near_miss
from splitplot.study.analysis import Analysis
from splitplot.study.sections import (
    Budget,
    ConditionEntry,
    Confidence,
    Exclusion,
    Execution,
    Sample,
    Sampling,
    ScorerEntry,
    SweepRange,
    TrialEntry,
    as_list,
)
from splitplot.study.sources import Source, known_sizes

DEFAULT_SAMPLING = {"name": "default", "max_tokens": 1024}
"""Where a study names no sampling: long enough for an answer, short enough for a known ceiling."""

SWEEPABLE = (
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "reasoning_effort",
    "presence_penalty",
    "frequency_penalty",
)

SweepValues = Annotated[
    Annotated[SweepRange, Tag("<range>")]
    | Annotated[list[Any], Field(min_length=1), Tag("<list>")],
    Discriminator(lambda value: "<range>" if isinstance(value, dict) else "<list>"),
]


class Study(Section):
    """One study: which items are asked of which models, how, and what will be concluded."""

    study: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        description="Name of the study: the name of its file without .yaml.",
    )
    extends: str | None = Field(
        None,
        description="Name or path of a study that this one changes: mappings are merged, "
        "everything else is replaced.",
    )
    question: str = Field("", description="The question in words, for the report.")
    items: list[Source] = Field(min_length=1, description="Where items come from, in order.")
    sample: Sample | None = Field(
        None, description="Ask a sample of the items only. Default: all of them."
    )
    models: list[str] = Field(
        [],
        description="Names or groups of config/models.yaml, or provider/model. "
        "Needed unless `trials` is given.",
    )
    sampling: Annotated[
        list[Sampling],
        Field(min_length=1),
        BeforeValidator(as_list, json_schema_input_type=Sampling | list[Sampling]),
    ] = Field(
        default_factory=lambda: [Sampling.model_validate(DEFAULT_SAMPLING)],
        description="Settings to compare or to use. Default: one, with max_tokens 1024.",
    )
    conditions: dict[str, ConditionEntry] = Field(
        min_length=1, description="Name → prompt template."
    )
    replications: int = Field(1, ge=1, description="Answers per item in each cell.")
    trials: list[TrialEntry] = Field(
        [], description="Explicit trials, in place of the full crossing of models and samplings."
    )
    exclude: list[Exclusion] = Field([], description="Cells to leave out of the crossing.")
    sweep: dict[str, SweepValues] = Field(
        {},
        description="Setting → values, crossed with every sampling; as a list, or as "
        "{from, to, step}. Settings: " + ", ".join(SWEEPABLE) + ".",
    )
    scorers: list[ScorerEntry] = Field(
        min_length=1, description="How answers are scored; the first one is primary."
    )
    confidence: Confidence | None = Field(
        None, description="Where the confidence of an answer stands. Default: it is not read."
    )
    labels: str | None = Field(
        None,
        min_length=1,
        description="Path of answers of your own with labels, JSON lines of `id`, `text`, `label` (answers, "
        "abstains, refuses) and optionally `condition` and `note`: the detector of abstentions is tried on "
        "them, too; with enough of two conditions their rates of false answers are corrected for it.",
    )
    judges: list[Any] = Field(
        [], description="Reserved: judging is not available in this version; must be empty."
    )
    budget: Budget = Field(Budget.model_validate({}), description="What the study may cost.")
    execution: Execution = Field(Execution.model_validate({}), description="How requests travel.")
    analysis: Analysis = Field(Analysis.model_validate({}), description="What will be concluded.")

    @field_validator("study")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value.lower() == "ledger":
            raise ValueError('a study cannot be named "ledger": results/ledger keeps the answers')
        return value

    @field_validator("conditions")
    @classmethod
    def _named(cls, value: dict[str, Any]) -> dict[str, Any]:
        if any(not name.strip() for name in value):
            raise ValueError("a condition needs a name")
        return value

    @field_validator("sweep")
    @classmethod
    def _sweepable(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name not in SWEEPABLE:
                raise ValueError(f'"{name}" cannot be swept{near_miss(name, list(SWEEPABLE))}')
        return value

    @field_validator("judges")
    @classmethod
    def _no_judges(cls, value: list[Any]) -> list[Any]:
        if value:
            raise ValueError(
                "judging is not available in this version; remove `judges`, or leave it empty"
            )
        return value

    @model_validator(mode="after")
    def _asks_for_logprobs(self) -> "Study":
        wanted = self.confidence is not None and self.confidence.source == "logprobs"
        if wanted and not any(sampling.logprobs for sampling in self.sampling):
            raise ValueError(
                "`confidence: {from: logprobs}` needs a sampling with `logprobs: true`, and there is none"
            )
        return self

    @model_validator(mode="after")
    def _sample_fits(self) -> "Study":
        counts = [count for count in known_sizes(self.items) if count is not None]
        if self.sample and len(counts) == len(self.items) and self.sample.size > sum(counts):
            raise ValueError(
                f"`sample` asks for {self.sample.size:,} items, and the sources have at most "
                f"{sum(counts):,} by their `limit` or `size`"
            )
        return self

    @model_validator(mode="after")
    def _asks_somebody(self) -> "Study":
        if not self.models and not self.trials:
            raise ValueError("name at least one model under `models` (or list `trials`)")
        if self.models and self.trials:
            raise ValueError("`trials` replaces the crossing of `models`; give one of the two")
        return self
