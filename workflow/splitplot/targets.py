"""Which files a plan stands for: what the rules ask for, as paths relative to the workflow root."""

from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.canonical import digest
from splitplot.design import code_digest


def cell_files(plan: dict[str, Any], template: str, **values: str) -> list[str]:
    """A path template over all cells of the plan, in its order."""
    return [
        template.format(
            study=plan["study"], trial=cell["trial"], condition=cell["condition"], **values
        )
        for cell in plan["cells"]
    ]


def response_files(plan: dict[str, Any], *, partial: bool) -> list[str]:
    """The responses of all parts of all cells; for a partial report those that are there already."""
    every = [
        path for part in plan["parts"] for path in cell_files(plan, paths.RESPONSES, part=part)
    ]
    return [path for path in every if Path(path).exists()] if partial else every


def part_files(plan: dict[str, Any], template: str, **values: str) -> list[str]:
    """A path template over the parts of one cell."""
    return [template.format(study=plan["study"], part=part, **values) for part in plan["parts"]]


def stage_files(plan: dict[str, Any], *, partial: bool) -> list[str]:
    """Every file of a study, so that a deleted one in the middle is missed and made again."""
    return [
        *(template.format(study=plan["study"]) for template in paths.STUDY_FILES),
        *(path for part in plan["parts"] for path in cell_files(plan, paths.REQUESTS, part=part)),
        *response_files(plan, partial=partial),
        *cell_files(plan, paths.SCORES),
    ]


def holes(plan: dict[str, Any], *, partial: bool) -> list[str]:
    """Stage files that are missing though the report exists: they make the report out of date."""
    if not Path(paths.REPORT.format(study=plan["study"])).exists():
        return []
    return [path for path in stage_files(plan, partial=partial) if not Path(path).exists()]


def digest_file(plan: dict[str, Any], stage: str, *, partial: bool) -> str:
    """The file that stands for the present version of what a stage depends on.

    Stages: those of plan["digests"]; "inference", which follows its code too; and "report", which
    follows its code and runs again when a stage file is missing though the report exists. Without
    that, Snakemake would call a report up to date whose making has failed half-way.
    """
    version = plan["digests"].get(stage)
    if stage == "inference":
        version = digest([plan["digests"]["analysis"], code_digest("inference")])
    elif stage == "report":
        version = digest([code_digest("report"), partial, holes(plan, partial=partial)])
    return paths.DIGEST.format(study=plan["study"], stage=stage, digest=version)


def replications_file(plan: dict[str, Any], trial: str, condition: str) -> str:
    """The same for the number of replications of one cell: other cells do not run again with it."""
    count = next(
        cell["replications"]
        for cell in plan["cells"]
        if (cell["trial"], cell["condition"]) == (trial, condition)
    )
    return paths.DIGEST.format(study=plan["study"], stage="replications", digest=f"{count:x}")


def trial_threads(plan: dict[str, Any], trial: str) -> int:
    """CPU threads that answering a part of a trial takes: those of a local engine, else one."""
    endpoint = next(entry["endpoint"] for entry in plan["trials"] if entry["id"] == trial)
    return int(endpoint.get("threads") or 1)
