"""What a study will conclude: primary contrasts, error rate, stopping rule, random factors."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from splitplot.config_model import Section
from splitplot.study.sections import as_list


class Primary(Section):
    """One primary contrast: a − b."""

    name: str | None = Field(None, min_length=1, description='Default: "a − b".')
    metric: str = Field(
        "score",
        min_length=1,
        description="What is compared: `score`, the first scorer; the name of another scorer; or what "
        "answers take, as a ratio of sums where less is better: `tokens_out`, `usd`, `latency_s`, "
        "`usd_per_correct`.",
    )
    contrast: Annotated[list[str], Field(min_length=3, max_length=3)] = Field(
        description="[factor, a, b]; factor is condition, model or sampling."
    )
    margin: float | None = Field(
        None,
        gt=0,
        description="Smallest difference that matters, in units of the score. Default 0.01. Of what "
        "answers take: the smallest saving, as a share of what the other arm takes. Default 0.1.",
    )
    scope: Literal["items", "these items", "prompts", "datasets"] = Field(
        "items",
        description="What the interval speaks of: items like these, these items only, prompts like "
        "these (needs `random: [condition]`), or datasets like these.",
    )
    aim: Literal["difference", "non-inferiority"] = Field(
        "difference",
        description="What is to be shown: a difference, in either direction; or `non-inferiority`, that a "
        "is not worse than b by the margin, at α/2 one-sided. Of scores, with `stopping: fixed`.",
    )
    missing: Literal["strict", "observed"] = Field(
        "strict",
        description="`strict`: an unusable answer counts as wrong; `observed`: it is left out.",
    )

    @field_validator("contrast", mode="after")
    @classmethod
    def _two_levels(cls, value: list[str]) -> list[str]:
        if len(set(value[1:])) == 1:
            raise ValueError(f'compares "{value[1]}" with itself; name two different levels')
        return value


class Pilot(Section):
    """What is assumed before the data, for `splitplot power` and the rehearsal; it concludes nothing."""

    source: str | None = Field(
        None,
        alias="from",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        description="A study, be it this one, whose results/{study}/inference.json has the variances. "
        "The numbers below replace what it says.",
    )
    mean: float | None = Field(
        None, ge=0.005, le=0.995, description="Mean score. Without a pilot 0.5."
    )
    item_sd: float | None = Field(
        None, ge=0, le=0.5, description="Standard deviation of the items, common to both arms."
    )
    item_arm_sd: float | None = Field(
        None,
        ge=0,
        le=0.5,
        description="Standard deviation of the items within an arm, beyond that.",
    )
    run_sd: float | None = Field(
        None,
        ge=0,
        le=0.5,
        description="Standard deviation of answers to one item in one arm. Default: what makes "
        "answers right or wrong.",
    )
    gap: float | None = Field(
        None, gt=0, lt=1, description="A true gap to plan for, beside 0 and the margin."
    )

    @model_validator(mode="after")
    def _possible(self) -> "Pilot":
        spread = [sd for sd in (self.item_sd, self.item_arm_sd, self.run_sd) if sd is not None]
        if self.source is None and spread:
            mean = 0.5 if self.mean is None else self.mean
            given, most = sum(sd**2 for sd in spread), mean * (1 - mean)
            if given > most * (1 + 1e-6):
                raise ValueError(
                    f"the squares of the standard deviations add up to {given:.4g}, more than scores "
                    f"from 0 to 1 with mean {mean:g} can vary: {most:.4g}"
                )
        return self


class Analysis(Section):
    """What will be concluded, fixed before the first answer is read."""

    primary: Annotated[
        list[Primary],
        BeforeValidator(as_list, json_schema_input_type=Primary | list[Primary]),
    ] = Field(
        [],
        description="Primary contrast or list of them. Without one nothing is primary: all pairs of "
        "conditions (or trials) are compared as exploration.",
    )
    alpha: float = Field(0.05, gt=0, lt=0.5, description="Error rate of intervals and tests.")
    family: Literal["metric", "study"] = Field(
        "metric",
        description="Which primary contrasts share α (Holm): those of each metric, or all of the study, so "
        "that no false claim is made under any metric.",
    )
    control: str | None = Field(
        None,
        min_length=1,
        description="The condition that the others are compared with in the chapter on answering and "
        'abstaining. Default: the one named "control", else the first.',
    )
    seed: int = Field(1337, description="Seed of everything random in the analysis.")
    random: list[Literal["condition"]] = Field(
        [],
        description="Factors whose levels stand for others like them: `[condition]` where the "
        "conditions are paraphrases of one prompt, at least three.",
    )
    stopping: Literal["fixed", "anytime"] = Field(
        "fixed",
        description="`anytime`: items are asked in `looks`, and those of later looks are not asked "
        "once the primary contrasts are settled.",
    )
    looks: int = Field(
        5, ge=2, le=50, description="How often a study with `stopping: anytime` may stop."
    )
    raters: list[str] = Field(
        [],
        description="Names of scorers, at least two, that grade the same answers on one scale: how far "
        "they agree, and whether each primary verdict holds by each of them.",
    )
    placebo_runs: int = Field(
        200,
        ge=0,
        le=10_000,
        description="Placebo runs on the study's own answers, of each kind; 0 makes none.",
    )
    pilot: Pilot | None = Field(
        None,
        description="What is assumed before the data, for `splitplot power` and the rehearsal. "
        "Not part of what is frozen.",
    )
