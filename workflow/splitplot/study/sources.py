"""Where items come from: files, the Hugging Face hub, official formats, generators."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from splitplot.config_model import Section
from splitplot.errors import near_miss
from splitplot.items.fields import FIELDS

FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}


class _Labels(Section):
    tier: str | None = Field(None, description="Difficulty tier of items that have none.")
    tags: list[str] = Field([], description="Labels added to every item.")
    id_prefix: str | None = Field(None, min_length=1, description="Put before every item's id.")


class _Limited(_Labels):
    limit: int | None = Field(None, ge=1, description="Only the first so many items.")


class _Mapped(_Limited):
    map: dict[str, str | None] = Field(
        {},
        description="Item field → column of the source, where the names differ; null leaves out the "
        f"column that has the field's name. Fields: {', '.join(FIELDS)}.",
    )
    metadata: list[str] = Field([], description="Further columns to keep, for scorers.")

    @field_validator("map")
    @classmethod
    def _known_fields(cls, value: dict[str, str | None]) -> dict[str, str | None]:
        for name in value:
            if name not in FIELDS:
                raise ValueError(
                    f'unknown item field "{name}"{near_miss(name, list(FIELDS))}; '
                    "it is written as field: column"
                )
        if value.get("target") is not None and value.get("targets") is not None:
            raise ValueError("give target (one answer) or targets (a list), not both")
        return value


class PathSource(_Mapped):
    """A local file."""

    path: str = Field(min_length=1, description="File, relative to the workflow root.")
    format: Literal["jsonl", "csv", "parquet"] | None = Field(
        None, description="Default: by the ending of the file."
    )

    @model_validator(mode="after")
    def _format_known(self) -> "PathSource":
        if self.format is None and PurePosixPath(self.path).suffix.lower() not in FORMATS:
            raise ValueError(
                f"the format of {self.path} is not clear from its ending "
                f"(known: {', '.join(FORMATS)}); add format: jsonl, csv or parquet"
            )
        return self

    def resolved(self) -> dict[str, Any]:
        """The source as it stands in plan.json."""
        suffix = PurePosixPath(self.path).suffix.lower()
        return {"kind": "path"} | self.model_dump() | {"format": self.format or FORMATS[suffix]}


class HubSource(_Mapped):
    """A data set of the Hugging Face hub, or a folder with one."""

    hf: str = Field(min_length=1, description="org/name, or a local folder.")
    config: str | None = Field(None, description="Configuration (subset) of the data set.")
    split: str = Field("train", description="Split.")
    revision: str | None = Field(
        None, description="Commit, tag or branch. Default: pinned at first use."
    )

    def resolved(self) -> dict[str, Any]:
        """The source as it stands in plan.json."""
        return {"kind": "hf"} | self.model_dump()


class OfficialSource(_Limited):
    """A data set in the format in which its authors publish it."""

    dataset: Literal["gsm8k", "squad2", "triviaqa", "nq_open"] = Field(description="Which format.")
    path: str | None = Field(
        None, min_length=1, description="Local copy of the official file. Default: fetched."
    )
    split: str | None = Field(
        None, min_length=1, description="Split. Default: test for gsm8k, else validation."
    )
    revision: str | None = Field(
        None, description="Commit or tag, where it is fetched. Default: pinned at first use."
    )
    cluster_by: Literal["passage", "article"] | None = Field(
        None,
        description="squad2: the questions of one passage belong together (default), or those of one "
        "article.",
    )

    @model_validator(mode="after")
    def _has_passages(self) -> "OfficialSource":
        if self.cluster_by is not None and self.dataset != "squad2":
            raise ValueError(f"`cluster_by` belongs to squad2; {self.dataset} has no passages")
        return self

    def resolved(self) -> dict[str, Any]:
        """The source as it stands in plan.json."""
        known = {"split": self.split or ("test" if self.dataset == "gsm8k" else "validation")}
        if self.dataset == "squad2":
            known["cluster_by"] = self.cluster_by or "passage"
        return {"kind": "dataset"} | self.model_dump(exclude={"cluster_by"}) | known


def _as_tasks(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {} if options is None else options for name, options in value.items()}
    return value


class GeneratedSource(_Labels):
    """Items made by a generator, the same for the same seed."""

    generate: Literal["reasoning_gym"] = Field(description="Which generator.")
    tasks: Annotated[
        dict[str, dict[str, Any]],
        Field(min_length=1),
        BeforeValidator(
            _as_tasks, json_schema_input_type=list[str] | dict[str, dict[str, Any] | None]
        ),
    ] = Field(description="Task → its settings and `weight` (default 1), or a list of tasks.")
    size: int = Field(ge=1, description="Number of items over all tasks.")
    seed: int = Field(0, ge=0, description="Seed of the generator.")
    tier: str | None = Field(
        None, description="Difficulty tier of all its items. Default: task and difficulty settings."
    )

    @field_validator("tasks")
    @classmethod
    def _weights(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, options in value.items():
            weight = options.get("weight", 1)
            if isinstance(weight, bool) or not isinstance(weight, int | float) or weight <= 0:
                raise ValueError(f"{name}.weight must be a number above 0")
        return value

    def resolved(self) -> dict[str, Any]:
        """The source as it stands in plan.json."""
        return {"kind": "generate"} | self.model_dump()


def _kind(value: Any) -> str | None:
    # `path` also belongs to an official data set, so it decides last.
    for kind in ("hf", "dataset", "generate", "path"):
        if isinstance(value, dict) and kind in value:
            return f"<{kind}>"
    return None


Source = Annotated[
    Annotated[PathSource, Tag("<path>")]
    | Annotated[HubSource, Tag("<hf>")]
    | Annotated[OfficialSource, Tag("<dataset>")]
    | Annotated[GeneratedSource, Tag("<generate>")],
    Discriminator(
        _kind,
        custom_error_type="no_source",
        custom_error_message="must be a mapping with one of the keys path, hf, dataset, generate",
    ),
]


def known_sizes(sources: list[Source]) -> list[int | None]:
    """How many items each source has, at most, as the study itself says it; None where it does not."""
    resolved = [source.resolved() for source in sources]
    return [source.get("size") or source.get("limit") for source in resolved]
