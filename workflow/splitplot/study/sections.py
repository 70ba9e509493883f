"""The sections of a study file and of one trial's settings, except where items come from."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from splitplot.config_model import Section
from splitplot.items.sample import STRATA
from splitplot.placebo_prompts import KINDS, Kind

RESERVED_BODY_FIELDS = ("model", "messages", "n", "stream", "stream_options")
"""Body fields that the workflow sets, or that would break one request – one answer."""

_CREDENTIAL_FIELDS = ("headers", "extra_headers", "default_headers", "extra_query", "cookies")

Factor = Literal["condition", "model", "sampling"]


def as_list(value: Any) -> Any:
    """A single value stands for a list of one."""
    return value if isinstance(value, list) else [value]


def _as_template(value: Any) -> Any:
    return {"template": value} if isinstance(value, str) else value


def _as_scorer(value: Any) -> Any:
    return {"scorer": value} if isinstance(value, str) else value


class Sampling(Section):
    """One setting of everything that is sent beside the messages."""

    name: str = Field("default", min_length=1, description="Name of this setting, used in ids.")
    temperature: float | None = Field(None, ge=0, description="Sampling temperature.")
    top_p: float | None = Field(None, gt=0, le=1, description="Nucleus sampling.")
    max_tokens: int | None = Field(
        None, ge=1, description="Longest answer in tokens. Not sent when omitted."
    )
    seed: int | None = Field(None, description="Seed sent to the model, where it knows one.")
    stop: (
        Annotated[
            list[str],
            Field(min_length=1),
            BeforeValidator(
                lambda value: as_list(value) if value is not None else None,
                json_schema_input_type=str | list[str],
            ),
        ]
        | None
    ) = Field(None, description="Text or list of texts at which the answer ends.")
    reasoning_effort: str | None = Field(
        None, min_length=1, description="Effort of a reasoning model, e.g. low, medium, high."
    )
    presence_penalty: float | None = Field(None, ge=-2, le=2, description="Sent as it is.")
    frequency_penalty: float | None = Field(None, ge=-2, le=2, description="Sent as it is.")
    logprobs: bool | None = Field(None, description="Ask for log probabilities.")
    top_logprobs: int | None = Field(
        None, ge=0, le=20, description="Alternatives per token; needs `logprobs: true`."
    )
    extra: dict[str, Any] = Field(
        {}, description="Any other field of the request body, passed through as it is."
    )

    @field_validator("extra")
    @classmethod
    def _no_conflicts(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key in value:
            if key in RESERVED_BODY_FIELDS:
                raise ValueError(f"{key} is set by the workflow and cannot be given here")
            if key in _CREDENTIAL_FIELDS:
                raise ValueError(
                    f"{key} is no field of the request body; headers belong to the model's entry in "
                    "config/models.yaml, and a key to the variable that its api_key_env names"
                )
            if key in cls.model_fields:
                raise ValueError(f"write {key} beside `extra`, not inside it")
        return value

    @model_validator(mode="after")
    def _logprobs_first(self) -> "Sampling":
        if self.top_logprobs is not None and self.logprobs is not True:
            raise ValueError("top_logprobs needs `logprobs: true`")
        return self


class Condition(Section):
    """One prompt arm: a template, or a placebo of another arm."""

    template: str | None = Field(
        None, min_length=1, description="Path of the template, a Markdown file."
    )
    placebo_of: str | None = Field(
        None,
        min_length=1,
        description="In place of a template: the name of the condition that this one is a placebo of.",
    )
    kind: Kind | None = Field(
        None,
        description="Of a placebo, what its system text keeps of the treatment's: `length`, neutral text "
        "as long; `shuffled`, its words in another order; `structure`, its layout with neutral words; "
        "`share-25`, `share-50`, `share-75`, the first so many per cent of its sentences or list lines.",
    )

    @model_validator(mode="after")
    def _one_text(self) -> "Condition":
        if self.template is not None and self.placebo_of is not None:
            raise ValueError("give `template` or `placebo_of`, not both")
        if self.template is None and self.placebo_of is None:
            raise ValueError("give `template`, or `placebo_of` with `kind`")
        if self.placebo_of is None and self.kind is not None:
            raise ValueError("`kind` belongs to `placebo_of`; remove it, or name the treatment")
        if self.placebo_of is not None and self.kind is None:
            raise ValueError(f"`placebo_of` needs a `kind`: {', '.join(KINDS)}")
        return self


class TrialEntry(Section):
    """One explicit trial, in place of the full crossing of models and samplings."""

    model: str = Field(description="Name of a model or group.")
    sampling: str | None = Field(
        None, description="Name of a sampling; a swept one by its base name too. Default: all."
    )
    conditions: list[str] | None = Field(
        None, min_length=1, description="Names of conditions. Default: all."
    )
    replications: int | None = Field(None, ge=1, description="Default: the study's `replications`.")
    route: Literal["auto", "batch", "realtime", "local", "sim", "litellm"] | None = Field(
        None, description="Default: `execution.route`."
    )


class Exclusion(Section):
    """Cells to leave out: those that match every key given."""

    model: str | None = Field(None, description="Name of a model or group.")
    sampling: str | None = Field(None, description="Name of a sampling.")
    condition: str | None = Field(None, description="Name of a condition.")

    @model_validator(mode="after")
    def _says_something(self) -> "Exclusion":
        if not self.model_fields_set:
            raise ValueError("give at least one of model, sampling, condition")
        return self


class SweepRange(Section):
    """Numbers from `from` to `to` (included) in steps of `step`."""

    start: float = Field(alias="from", description="First value.")
    to: float = Field(description="Last value, included when a step lands on it.")
    step: float = Field(gt=0, description="Distance of two values.")

    @model_validator(mode="after")
    def _upwards(self) -> "SweepRange":
        if self.to < self.start:
            raise ValueError("`to` must be at least `from`")
        if (self.to - self.start) / self.step > 1000:
            raise ValueError("more than 1000 values; make `step` larger")
        return self


class Scorer(Section):
    """How answers are scored. Any key beside these two is an option of the scorer."""

    model_config = ConfigDict(extra="allow")

    scorer: str = Field(
        min_length=1, description="A built-in scorer, or path/to/file.py:function of your own."
    )
    name: str | None = Field(
        None, min_length=1, description="Default: the scorer, or the name of the function."
    )

    @property
    def label(self) -> str:
        """The name under which scores are kept."""
        return self.name or self.scorer.rpartition(":")[2]

    @property
    def options(self) -> dict[str, Any]:
        """The options given to the scorer."""
        return dict(self.model_extra or {})


class Confidence(Section):
    """Where the confidence of an answer stands, for calibration and selective answering."""

    source: Literal["text", "logprobs"] = Field(
        alias="from",
        description="`text`: the answer states it, `pattern` finds it; `logprobs`: the geometric mean of "
        "the probabilities of the answer's tokens, for a sampling with `logprobs: true`.",
    )
    pattern: str | None = Field(
        None,
        min_length=1,
        description="text: Python's `re` with one group, the number; the last match counts.",
    )
    scale: Literal["percent", "unit"] | None = Field(
        None, description="text: `percent`, 0 to 100 (default), or `unit`, 0 to 1."
    )

    @model_validator(mode="after")
    def _one_group(self) -> "Confidence":
        if self.source == "logprobs":
            if self.pattern is not None or self.scale is not None:
                raise ValueError("`pattern` and `scale` belong to `from: text`; remove them")
            return self
        if self.pattern is None:
            raise ValueError("`from: text` needs a `pattern` with one group around the number")
        try:
            groups = re.compile(self.pattern).groups
        except re.error as problem:
            raise ValueError(f"`pattern` is no regular expression: {problem}") from None
        if groups != 1:
            raise ValueError(f"`pattern` has {groups} groups; it needs one, around the number")
        return self

    def spec(self) -> dict[str, Any]:
        """As in plan.json, with what is meant where nothing is said."""
        if self.source == "logprobs":
            return {"from": "logprobs"}
        return {"from": "text", "pattern": self.pattern, "scale": self.scale or "percent"}


class Sample(Section):
    """A seeded, stratified sample of the items of all sources: each stratum in proportion to its size."""

    size: int = Field(ge=1, description="Number of items, exactly.")
    seed: int = Field(0, ge=0, description="Another seed takes other items.")
    by: list[Literal["source", "kind", "answerable", "tier"]] = Field(
        ["source", "kind", "answerable"],
        description="What makes the strata; `kind` is open_book or closed_book. `[]`: there is one.",
    )

    @field_validator("by")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("names something twice; each makes strata once")
        return value

    def spec(self) -> dict[str, Any]:
        """As in plan.json; the order in which strata are named there is always the same."""
        return {
            "size": self.size,
            "seed": self.seed,
            "by": [key for key in STRATA if key in self.by],
        }


class Quota(Section):
    """Caps of one model within the study."""

    calls: int | None = Field(None, ge=0, description="Requests sent at most.")
    tokens: int | None = Field(None, ge=0, description="Tokens at most, input and output.")
    usd: float | None = Field(None, ge=0, description="US dollars at most.")


class Budget(Section):
    """What the study may cost."""

    policy: Literal["dev", "full"] = Field(
        "full", description="`dev` asks only the first `dev_items` items."
    )
    dev_items: int = Field(10, ge=1, description="Items of a study under policy `dev`.")
    confirm_above_usd: float = Field(
        2, ge=0, description="Above this ceiling the run stops and asks before the first paid call."
    )
    max_usd: float | None = Field(None, ge=0, description="Never spend more on this study.")
    quota: dict[str, Quota] = Field({}, description="Caps by name of a model of the study.")


class Execution(Section):
    """How requests travel. Except for a rehearsal (route sim), nothing here changes an id."""

    route: Literal["auto", "batch", "realtime", "local", "sim", "litellm"] = Field(
        "auto",
        description="`auto` takes each model's own route, and its provider's batch API for large "
        "parts; `batch` takes that for every part; `sim` rehearses on simulated answers.",
    )
    parts: int = Field(1, ge=1, le=999, description="Slices of each cell, each one job.")
    part_minutes: int | None = Field(
        None,
        ge=1,
        description="Instead of `parts`: as many as let a job of the slowest local model take so many "
        "minutes, and at most one for each item. Needs `speed.answers_per_minute` of every local model, a "
        "time limit that is not shorter, and a number of items that is known before they are read.",
    )
    max_concurrent_batches: int = Field(
        4,
        ge=1,
        description="Batches in flight at most in one account of a provider, over all jobs and "
        "studies of this workflow folder.",
    )
    batch_at_least: int = Field(
        500,
        ge=1,
        description="With route auto, a part with at least so many requests to send goes by batch "
        "where the model's provider has a batch API, at half price and within a day; fewer go in "
        "real time.",
    )
    rescue: Literal["realtime"] | None = Field(
        None,
        description="`realtime`: what a batch left unanswered when it expired is sent in real time "
        "at its full price.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> "Execution":
        if self.part_minutes is not None and "parts" in self.model_fields_set:
            raise ValueError("give parts or part_minutes, not both")
        return self


ConditionEntry = Annotated[
    Condition, BeforeValidator(_as_template, json_schema_input_type=str | Condition)
]
ScorerEntry = Annotated[Scorer, BeforeValidator(_as_scorer, json_schema_input_type=str | Scorer)]
