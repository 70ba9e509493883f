"""The schema of inference.json as typed values: for its documentation and its tests, never for a run.

`python -m splitplot.inference_schema --schema` prints the JSON Schema, `--reference` Markdown tables.
Sizes are in units of the score, shares from 0 to 1. No number is NaN or infinite: null says unknown.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from splitplot.inference_schema.answering import Answering
from splitplot.inference_schema.chapters import (
    Calibration,
    Components,
    ConditionEntry,
    Datasets,
    Pareto,
    PassAtK,
    Purchase,
    Ranking,
    Spent,
)
from splitplot.inference_schema.conduct import (
    Audit,
    Flag,
    Frozen,
    Health,
    Method,
    Placebo,
    Stopping,
)
from splitplot.inference_schema.contrasts import ContrastEntry, Family, InteractionEntry, Omnibus
from splitplot.inference_schema.drift import Drift
from splitplot.inference_schema.entries import Entry
from splitplot.inference_schema.raters import Raters


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
        description="All other pairs, and the declared ones under the other scorers, but for what "
        "`answering` compares."
    )
    families: list[Family] = Field(description="Which p-values are adjusted together.")
    interaction: list[InteractionEntry] = Field(description="Contrasts by other factors.")
    omnibus: list[Omnibus] = Field(description="Factors with three levels or more.")
    components: Components | None = Field(description="Where the variance comes from.")
    purchase: Purchase | None = Field(description="What to buy next.")
    ranking: list[Ranking] = Field(description="Who is first, and how sure that is.")
    raters: Raters | None = Field(
        description="Agreement of several scorers, and the primary contrasts by each."
    )
    pareto: Pareto | None = Field(description="Cost against score.")
    spent: list[Spent] = Field(description="Ratios of cost between the arms.")
    datasets: list[Datasets] = Field(description="Across datasets.")
    calibration: list[Calibration] = Field(description="Confidence of answers.")
    pass_at_k: list[PassAtK] = Field(description="Repeated answers.")
    placebo: Placebo | None = Field(description="False alarms on the study's own answers.")
    stopping: Stopping | None = Field(description="Early stopping.")
    drift: Drift | None = Field(description="Changes between waves; null for a study of one.")
    answering: Answering | None = Field(
        description="Answering, abstaining and answering falsely, by condition; null without a scorer "
        "`abstention` or `no_false_answer`."
    )
    audit: Audit | None = Field(
        description="How well abstentions are read; null where no score depends on it."
    )
    health: Health = Field(description="What came back.")
    flags: list[Flag] = Field(description="Everything that a reader must know beside a number.")
    methods: list[Method] = Field(description="Methods used, and where their formulas come from.")
    frozen: Frozen = Field(description="The plan at the first reading of the answers.")


def inference_schema() -> dict[str, Any]:
    """The JSON Schema of inference.json."""
    schema = Inference.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
