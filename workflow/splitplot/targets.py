"""Which files a plan stands for: what the rules ask for, as paths relative to the workflow root."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.calls.ledger import now
from splitplot.canonical import digest
from splitplot.design import package_digest
from splitplot.files import atomic_text

STAGES = ("items", "sending", "scores", "inference", "report")
"""The stages that have a version file of their own."""


def cell_files(plan: dict[str, Any], template: str, **values: str) -> list[str]:
    """A path template over all cells of the plan, in its order."""
    return [
        template.format(
            study=plan["study"], trial=cell["trial"], condition=cell["condition"], **values
        )
        for cell in plan["cells"]
    ]


def response_files(plan: dict[str, Any], *, partial: bool) -> list[str]:
    """The responses of all parts of all cells; for a partial report what the ledger has of them.

    A partial report asks for no file that a sending rule makes: that is why it sends nothing.
    """
    template = paths.RESPONSES_SO_FAR if partial else paths.RESPONSES
    return [path for part in plan["parts"] for path in cell_files(plan, template, part=part)]


def part_files(plan: dict[str, Any], template: str, **values: str) -> list[str]:
    """A path template over the parts of one cell."""
    return [template.format(study=plan["study"], part=part, **values) for part in plan["parts"]]


def stage_files(plan: dict[str, Any], *, partial: bool) -> list[str]:
    """Every file of a study, so that a deleted one in the middle is missed and made again."""
    return [
        *(template.format(study=plan["study"]) for template in paths.STUDY_FILES),
        *middle_files(plan, partial=partial),
    ]


def middle_files(plan: dict[str, Any], *, partial: bool) -> list[str]:
    """The requests, responses and scores of every cell.

    The report has them all as inputs: whenever it is made, Snakemake then looks whether they are there.
    """
    return [
        *(path for part in plan["parts"] for path in cell_files(plan, paths.REQUESTS, part=part)),
        *response_files(plan, partial=partial),
        *cell_files(plan, paths.SCORES),
    ]


def holes(plan: dict[str, Any], *, partial: bool) -> list[str]:
    """Stage files that are missing though the report exists: they make the report out of date."""
    if not Path(paths.REPORT.format(study=plan["study"])).exists():
        return []
    return [path for path in stage_files(plan, partial=partial) if not Path(path).exists()]


@dataclass(frozen=True)
class Version:
    """A small file that stands for what a stage depends on besides its inputs.

    It is written anew, before anything runs, exactly when its text changes. To Snakemake it is an
    input like any other: newer than what was made of it, whatever has become of Snakemake's records.
    incomplete: what the stage makes is out of date for another reason; the file is written anew too.
    """

    path: str
    text: str
    incomplete: bool = False

    def is_current(self) -> bool:
        """Whether the file is there, begins with the text, and nothing else is wrong."""
        path = Path(self.path)
        if self.incomplete or not path.is_file():
            return False
        return path.read_text(encoding="utf-8").startswith(self.text)

    def write(self) -> None:
        """Write the file, atomically."""
        with atomic_text(Path(self.path)) as file:
            file.write(self.text)
            if self.incomplete:
                file.write(f"made again: {now()}\n")


def versions(plan: dict[str, Any], *, partial: bool) -> list[Version]:
    """Every version file of a study, plan.json among them; that of the ledger for a partial report."""
    stages = (*STAGES, "ledger") if partial else STAGES
    return [
        plan_version(plan),
        *(stage_version(plan, stage, partial=partial) for stage in stages),
        *(cell_version(plan, cell["trial"], cell["condition"]) for cell in plan["cells"]),
    ]


def stage_version(plan: dict[str, Any], stage: str, *, partial: bool) -> Version:
    """The version of a stage: one of plan["digests"], or "inference", "report" or "ledger".

    Inference follows its code too; the report its code and whether it is a partial one. That of the
    ledger changes with every answer to one of the plan's trials.
    """
    digests = plan["digests"]
    if stage == "inference":
        text = digest([digests["analysis"], digests["plan"], package_digest("inference")])
    elif stage == "report":
        text = digest([digests["plan"], package_digest("report"), partial])
    elif stage == "ledger":
        text = _ledger_digest(plan)
    else:
        text = digests[stage]
    path = paths.VERSION.format(study=plan["study"], stage=stage)
    incomplete = stage == "report" and bool(holes(plan, partial=partial))
    return Version(path, f"{text}\n", incomplete)


def _ledger_digest(plan: dict[str, Any]) -> str:
    """Names and sizes of the ledger files of the plan's trials: they only ever grow."""
    folders = [Path(paths.LEDGER) / trial["hash"] for trial in plan["trials"]]
    files = [path for folder in folders for path in sorted(folder.glob("*.jsonl"))]
    return digest([[str(path), path.stat().st_size] for path in files])


def cell_version(plan: dict[str, Any], trial: str, condition: str) -> Version:
    """The version of one cell: its number of replications (trial and condition stand in the path)."""
    count = next(
        cell["replications"]
        for cell in plan["cells"]
        if (cell["trial"], cell["condition"]) == (trial, condition)
    )
    path = paths.CELL_VERSION.format(study=plan["study"], trial=trial, condition=condition)
    return Version(path, f"{count}\n")


def plan_version(plan: dict[str, Any]) -> Version:
    """plan.json itself: what every script of a run reads, as the study was when the run began."""
    text = json.dumps(plan, indent=1, ensure_ascii=False, allow_nan=False)
    return Version(paths.PLAN.format(study=plan["study"]), f"{text}\n")


def trial_threads(plan: dict[str, Any], trial: str) -> int:
    """CPU threads that answering a part of a trial takes: those of a local engine, else one."""
    endpoint = next(entry["endpoint"] for entry in plan["trials"] if entry["id"] == trial)
    return int(endpoint.get("threads") or 1)
