"""Which files a plan stands for: what the rules ask for, as paths relative to the workflow root."""

import json
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.canonical import digest
from splitplot.design import LIBRARY, item_files, package_digest
from splitplot.errors import ConfigError, near_miss
from splitplot.files import atomic_text, file_sha256
from splitplot.looks import look_of_part, looks_of, parts_of_look, primary_cells
from splitplot.scoring.version import code_digest, library_files
from splitplot.trials import trial_of
from splitplot.waves import waves_of

STAGES = ("items", "sending", "scores", "table", "costs", "inference", "report", "rehearsal")
"""The stages that have a version file of their own."""

INFERRING = (
    "amounts.py",
    "control.py",
    "looks.py",
    "items/copies.py",
    "scoring/audit.py",
    "scoring/scales.py",
    "waves.py",
)
"""What the package `inference` takes from elsewhere: a change there must not leave old numbers standing."""

DECIDING = (*INFERRING, "inference/*.py", "inference/sequential/*.py", "scoring/export.py")
"""The code on which the decision after a look may depend: to decide again costs nothing."""

AUDITING = (
    "control.py",
    *(f"calls/{name}.py" for name in ("prompt_audit", "tokens", "pricing", "rates")),
)
"""What the report takes from elsewhere: the control, and the tokens and the price of a prompt."""

LARGE_BYTES = 64 * 2**20
"""Of an item file above this size and date stand for its content: it is not read at each start."""


CONFIG_KEYS = ("partial", "studies", "study", "wave")
"""What config/config.yaml and `--config` may set."""


def is_partial(config: dict[str, Any]) -> bool:
    """Whether a partial report is asked for, after a check of every key of Snakemake's config.

    A word that is not understood must not start a run that sends. Raises ConfigError.
    """
    for key in config:
        if key not in CONFIG_KEYS:
            raise ConfigError(f"--config {key}: unknown key{near_miss(key, list(CONFIG_KEYS))}")
    word = str(config.get("partial", False)).lower()
    if word not in ("true", "false"):
        raise ConfigError(f"--config partial={word}: must be true or false")
    return word == "true"


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


def by_batch(plan: dict[str, Any], trial_id: str) -> bool:
    """Whether the parts of a trial go by batch where they are large enough: its plan says how."""
    return bool(trial_of(plan, trial_id).get("batch"))


def batch_protocol(plan: dict[str, Any], trial_id: str) -> str | None:
    """The batch protocol of a trial; None where it does not go by batch."""
    batch = trial_of(plan, trial_id).get("batch")
    return str(batch["protocol"]) if batch else None


def batch_files(plan: dict[str, Any]) -> list[str]:
    """The receipts of all parts of the trials that may go by batch: submitted, and ended."""
    trials = {trial["id"] for trial in plan["trials"] if trial.get("batch")}
    return [
        template.format(study=plan["study"], part=part, **_ids(cell))
        for template in (paths.JOB, paths.ENDED)
        for part in plan["parts"]
        for cell in plan["cells"]
        if cell["trial"] in trials
    ]


def by_engine(plan: dict[str, Any], trial_id: str) -> bool:
    """Whether a local model answers a trial: then rule `generate` asks it."""
    return bool(trial_of(plan, trial_id)["route"] == "local")


def generated_files(plan: dict[str, Any], *, partial: bool = False) -> list[str]:
    """The receipts of the local models: one for each part of a trial, whatever its conditions.

    None for a partial report, which loads no model.
    """
    if partial:
        return []
    return [
        paths.generated(plan["study"], trial["id"], part)
        for trial in plan["trials"]
        if trial["route"] == "local"
        for part in plan["parts"]
    ]


def trial_part_files(plan: dict[str, Any], template: str, trial: str, part: str) -> list[str]:
    """A path template over the cells of one trial, in one part."""
    return [
        template.format(study=plan["study"], part=part, **_ids(cell))
        for cell in plan["cells"]
        if cell["trial"] == trial
    ]


def _ids(cell: dict[str, Any]) -> dict[str, str]:
    return {"trial": cell["trial"], "condition": cell["condition"]}


def part_files(plan: dict[str, Any], template: str, **values: str) -> list[str]:
    """A path template over the parts of one cell."""
    return [template.format(study=plan["study"], part=part, **values) for part in plan["parts"]]


def look_part_files(plan: dict[str, Any], template: str, look: str, **values: str) -> list[str]:
    """A path template over the parts of one cell that belong to a look."""
    parts = parts_of_look(plan, int(look))
    return [template.format(study=plan["study"], part=part, **values) for part in parts]


def look_score_files(plan: dict[str, Any], look: str) -> list[str]:
    """The interim scores that the decision after a look is made of: of all looks up to it."""
    return [
        paths.LOOK_SCORES.format(study=plan["study"], look=number, **_ids(cell))
        for number in range(1, int(look) + 1)
        for cell in primary_cells(plan)
    ]


def opening(plan: dict[str, Any], part: str) -> list[str]:
    """The decision on which it depends whether a part is asked; none for the first look."""
    if part not in plan["parts"]:
        return []
    look = look_of_part(plan, plan["parts"].index(part))
    return [paths.LOOK.format(study=plan["study"], look=look - 1)] if look > 1 else []


def look_files(plan: dict[str, Any]) -> list[str]:
    """The decisions after all looks but the last, which opens nothing, and what they are made of."""
    last = looks_of(plan) - 1
    if last < 1:
        return []
    decisions = [paths.LOOK.format(study=plan["study"], look=n) for n in range(1, last + 1)]
    return [*look_score_files(plan, str(last)), *decisions]


def stage_files(plan: dict[str, Any], *, partial: bool) -> list[str]:
    """Every file of a study, so that a deleted one in the middle is missed and made again."""
    return [
        *(template.format(study=plan["study"]) for template in paths.STUDY_FILES),
        *middle_files(plan, partial=partial),
    ]


def middle_files(plan: dict[str, Any], *, partial: bool) -> list[str]:
    """The requests, responses and scores of every cell, receipts, decisions after looks.

    The report has them all as inputs: whenever it is made, Snakemake then looks whether they are there.
    """
    return [
        *(path for part in plan["parts"] for path in cell_files(plan, paths.REQUESTS, part=part)),
        *([] if partial else [*batch_files(plan), *generated_files(plan)]),
        *response_files(plan, partial=partial),
        *look_files(plan),
        *cell_files(plan, paths.SCORES),
    ]


def holes(plan: dict[str, Any], *, partial: bool) -> list[str]:
    """Stage files that are missing though the report exists: they make the report out of date.

    Not the estimate: nothing is made of it, and a run that is asked for the report alone makes none.
    """
    if not Path(paths.REPORT.format(study=plan["study"])).exists():
        return []
    needed = set(stage_files(plan, partial=partial)) - {paths.ESTIMATE.format(study=plan["study"])}
    return sorted(path for path in needed if not Path(path).exists())


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

    def write(self, newest_ns: int = 0) -> None:
        """Write the file, atomically.

        newest_ns: time of the newest file made of it. The file becomes newer than that, even where
        the clock has been set back since, or is that of another machine.
        """
        path = Path(self.path)
        with atomic_text(path) as file:
            file.write(self.text)
            if self.incomplete:
                file.write(f"made again: {time.time_ns()}\n")
        if path.stat().st_mtime_ns <= newest_ns:
            os.utime(path, ns=(newest_ns + 1_000_000, newest_ns + 1_000_000))


def bring_up_to_date(plan: dict[str, Any], *, partial: bool) -> None:
    """Write the version files of a study that are not current, all of them before any job starts."""
    stale = [version for version in versions(plan, partial=partial) if not version.is_current()]
    if stale:
        made = [Path(name) for name in stage_files(plan, partial=partial)]
        newest = max((path.stat().st_mtime_ns for path in made if path.exists()), default=0)
        for version in stale:
            version.write(newest)


def versions(plan: dict[str, Any], *, partial: bool) -> list[Version]:
    """Every version file of a study, plan.json among them; that of the ledger for a partial report."""
    stages = (
        *STAGES,
        *(["looks"] if looks_of(plan) else []),
        *(["ledger"] if partial else []),
    )
    return [
        plan_version(plan),
        *(stage_version(plan, stage, partial=partial) for stage in stages),
        *(cell_version(plan, cell["trial"], cell["condition"]) for cell in plan["cells"]),
    ]


def stage_version(
    plan: dict[str, Any], stage: str, *, partial: bool, root: Path = Path()
) -> Version:
    """The version of a stage: its digest in the plan, and the code that can change what it makes.

    Of the library's code only what would run differently counts, not its comments. That of the items
    follows the bytes of their files too, and that of the ledger, which a partial report is made of,
    every answer to one of the plan's trials.
    """
    digests = plan["digests"]
    incomplete = False
    if stage == "items":
        value: list[Any] = [digests["items"], _source_digests(plan, root), _code("items/*.py")]
    elif stage == "scores":
        code = [f"scoring/{name}.py" for name in ("table", "grader", "schema")]
        value = [digests["scores"], _code(*code)]
    elif stage == "table":
        value = [_code("scoring/schema.py", "scoring/export.py")]
    elif stage == "costs":
        lacks_receipts = partial and bool(generated_files(plan))  # then the whole one is made again
        value = [_code("calls/costs.py"), lacks_receipts]
    elif stage == "inference":
        code = [package_digest("inference"), _code(*INFERRING)]
        value = [digests["analysis"], digests["plan"], *code, *_detector(plan)]
    elif stage == "report":
        value = [digests["plan"], package_digest("report"), _code("amounts.py", *AUDITING), partial]
        incomplete = bool(holes(plan, partial=partial))
    elif stage == "rehearsal":
        code = [package_digest(name) for name in ("inference", "rehearsal", "report")]
        code.append(_code(*INFERRING))
        value = [digests["plan"], plan.get("pilot"), _pilot_digest(plan, root), code]
        value += _detector(plan)
    elif stage == "looks":  # a partial report's decisions are of answers so far
        value = [digests["analysis"], digests["items"], digests["grid"], _code(*DECIDING), partial]
    elif stage == "ledger":
        value = _ledger_files(plan)
    else:
        value = [digests[stage]]
    path = paths.VERSION.format(study=plan["study"], stage=stage)
    return Version(path, f"{digest(value)}\n", incomplete)


@cache
def _code(*patterns: str) -> str:
    files = [path for pattern in patterns for path in sorted(LIBRARY.glob(pattern))]
    return code_digest(files)


def _detector(plan: dict[str, Any]) -> list[str]:
    """Of a study that is told how well abstentions are read: the code that reads them, and the set that
    the project has labelled. The digest of the plan has the study's own labels."""
    from splitplot.scoring.audit import SHIPPED, is_audited

    if not is_audited(plan):
        return []
    return [code_digest(library_files(LIBRARY / "scoring" / "audit.py")), file_sha256(SHIPPED)]


def _source_digests(plan: dict[str, Any], root: Path) -> list[list[str]]:
    """[name, file in it, digest] of every local file of the items; of a large one its date."""
    found = []
    for name in item_files(plan):
        path = root / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [
            [name, str(file.relative_to(path)), _bytes_digest(file)]
            for file in files
            if file.is_file()
        ]
    return found


def _bytes_digest(path: Path) -> str:
    state = path.stat()
    if state.st_size > LARGE_BYTES:
        return f"{state.st_size}-{state.st_mtime_ns}"
    return file_sha256(path)


def _pilot_digest(plan: dict[str, Any], root: Path) -> str | None:
    """The bytes of the results that the pilot is taken from; None without any, or before they are made."""
    source = (plan.get("pilot") or {}).get("from")
    path = root / paths.INFERENCE.format(study=source)
    return file_sha256(path) if source and path.is_file() else None


def _ledger_files(plan: dict[str, Any]) -> list[Any]:
    """Names and sizes of the ledger files of the plan's trials: they only ever grow."""
    folders = [Path(paths.LEDGER) / trial["hash"] for trial in plan["trials"]]
    files = [path for folder in folders for path in sorted(folder.glob("*.jsonl"))]
    return [[str(path), path.stat().st_size] for path in files]


def cell_version(plan: dict[str, Any], trial: str, condition: str) -> Version:
    """The version of one cell: its replications and waves, and the code that makes its requests.

    Trial and condition stand in the path. Equal requests have equal keys, and are not sent again.
    Of a study that may stop early also the number of looks: without them every part is asked.
    """
    count = next(
        cell["replications"]
        for cell in plan["cells"]
        if (cell["trial"], cell["condition"]) == (trial, condition)
    )
    path = paths.CELL_VERSION.format(study=plan["study"], trial=trial, condition=condition)
    looks = f" looks {looks_of(plan)}" if looks_of(plan) else ""
    later = waves_of(plan)[1:]
    waves = f" waves {' '.join(later)}" if later else ""
    code = _code("prompts.py", "waves.py", "calls/requests.py", "calls/keys.py")
    return Version(path, f"{count} {code}{looks}{waves}\n")


def plan_version(plan: dict[str, Any]) -> Version:
    """plan.json itself: what every script of a run reads, as the study was when the run began."""
    text = json.dumps(plan, indent=1, ensure_ascii=False, allow_nan=False)
    return Version(paths.PLAN.format(study=plan["study"]), f"{text}\n")
