"""Study → plan: trials, conditions, cells, parts, content ids. Fast; reads YAML and templates, no data."""

import hashlib
from pathlib import Path
from typing import Any

from splitplot import __version__
from splitplot.canonical import digest, slug
from splitplot.config_file import canonical_numbers, label_of
from splitplot.errors import ConfigError
from splitplot.looks import ANYTIME, parts_needed
from splitplot.registry import Model
from splitplot.study import Checked, load_checked
from splitplot.study.analysis import Analysis
from splitplot.study.batches import Batching
from splitplot.study.model import Study
from splitplot.study.parameters import body_parameters, sorted_keys
from splitplot.study.part_minutes import parts_of
from splitplot.study.placebo_arms import path_of, placebo_entry, same_content
from splitplot.waves import with_wave

SCHEMA = 1
NOT_FROZEN = ("placebo_runs",)
"""What an analysis may change after answers were read: it concludes nothing."""
ID_DIGITS = 8
LIBRARY = Path(__file__).resolve().parent


def make_plan(study_path: Path, root: Path, wave: str | None = None) -> dict[str, Any]:
    """The content of plan.json: plain JSON values that every later stage reads.

    study_path: the study's YAML file; root: the workflow root, to which its paths are relative.
    wave: to be observed beside the waves on record, if it is not one of them.
    Raises ConfigError with one line per problem of the study or of config/models.yaml.
    """
    study_path = study_path if study_path.is_absolute() else root / study_path
    checked = load_checked(study_path, root)
    study = checked.study
    label = label_of(study_path, root)
    trials = _trials(checked, label)
    conditions = _conditions(checked, label)
    parts = parts_of(checked, label)
    plan: dict[str, Any] = {
        "schema": SCHEMA,
        "splitplot": __version__,
        "study": study.study,
        "question": study.question,
        "study_file": label,
        "items": [sorted_keys(canonical_numbers(source.resolved())) for source in study.items],
        "item_limit": study.budget.dev_items if study.budget.policy == "dev" else None,
        "trials": list(trials.values()),
        "conditions": list(conditions.values()),
        "cells": [
            {
                "trial": trials[cell.model, cell.sampling]["id"],
                "condition": conditions[cell.condition]["id"],
                "replications": cell.replications,
            }
            for cell in checked.cells
        ],
        "parts": part_ids(_part_count(study, parts)),
        "scorers": checked.scorers,
        "budget": study.budget.model_dump(),
        "execution": _execution(study, parts),
        "analysis": {
            "primary": checked.primary,
            "alpha": study.analysis.alpha,
            "seed": study.analysis.seed,
            **_declared(study),
        },
    }
    if study.sample is not None:
        plan["sample"] = study.sample.spec()
    if study.confidence is not None:
        plan["confidence"] = _confidence(study.confidence.spec())
    if checked.labels is not None:
        plan["labels"] = checked.labels
    if study.analysis.pilot is not None:
        plan["pilot"] = study.analysis.pilot.model_dump(by_alias=True, exclude_none=True)
    waves = with_wave(study.study, wave, root)
    if len(waves) > 1:
        if study.analysis.stopping == ANYTIME:
            raise ConfigError(
                f"{label}: a study with stopping: anytime has one wave: what its looks decided holds for the "
                f"answers of that time; to observe again, start another study that `extends: {study.study}`"
            )
        plan["waves"] = waves
    plan["digests"] = digests(plan)
    return plan


def _declared(study: Study) -> dict[str, Any]:
    """What an analysis has beyond the first version's keys, where the study says otherwise than the
    default: a plan that was frozen before a key existed keeps its digest."""
    later = {"random", "raters", "stopping", "placebo_runs", "family", "control"}
    chosen = study.analysis.model_dump(include=later)
    default = Analysis.model_validate({}).model_dump(include=set(chosen))
    declared = {key: value for key, value in chosen.items() if value != default[key]}
    return declared | ({"looks": study.analysis.looks} if "stopping" in declared else {})


def _confidence(spec: dict[str, Any]) -> dict[str, Any]:
    """How confidence is read, with a digest of that and of the code that does."""
    from splitplot.scoring.confidence import confidence_digest

    return spec | {"digest": confidence_digest(spec)}


def _execution(study: Study, parts: int) -> dict[str, Any]:
    """How requests travel; `part_minutes` only where it decided, so that older plans keep their digest."""
    chosen = study.execution.model_dump()
    if chosen["part_minutes"] is None:
        del chosen["part_minutes"]
    return chosen | {"parts": parts}


def _part_count(study: Study, parts: int) -> int:
    """As many as the study says; where it may stop early, the next multiple of its looks."""
    anytime = study.analysis.stopping == ANYTIME
    return parts_needed(parts, study.analysis.looks if anytime else 0)


def part_ids(count: int) -> list[str]:
    """The ids of `count` parts, padded so that they sort: 12 → "00-of-12" … "11-of-12"."""
    width = len(str(count - 1))
    return [f"{index:0{width}}-of-{count}" for index in range(count)]


def digests(plan: dict[str, Any]) -> dict[str, str]:
    """One digest per stage of what it depends on; the order of keys in YAML never changes one.

    items: sources, sample and limit. grid: cells and replications, however they are split into parts.
    sending: what an estimate is made of; money: that and the budget. scores: scorers, the primary
    first, and how confidence is read. analysis: what is frozen; names and whether the margin was
    chosen are not part of it.
    plan: everything in plan.json that a result depends on: not the pilot, which is assumed for the
    rehearsal alone.
    """
    cells = sorted(plan["cells"], key=lambda cell: (cell["trial"], cell["condition"]))
    conditions = sorted(plan["conditions"], key=lambda condition: str(condition["id"]))
    everything = {key: value for key, value in plan.items() if key not in ("digests", "pilot")}
    sending = [
        cells,
        sorted(plan["trials"], key=lambda trial: str(trial["id"])),
        [condition["id"] for condition in conditions],
        len(plan["parts"]),  # a large part goes by batch, at another price
        plan["execution"]["rescue"],
        *([plan["waves"]] if "waves" in plan else []),
    ]
    frozen = [
        {key: contrast[key] for key in sorted(contrast) if key not in ("name", "margin_is_default")}
        for contrast in plan["analysis"]["primary"]
    ]
    parts = {
        "plan": everything | {"cells": cells, "conditions": conditions},
        "items": [
            plan["items"],
            plan["item_limit"],
            *([plan["sample"]] if "sample" in plan else []),
        ],
        "grid": [cells, plan["waves"]] if "waves" in plan else cells,
        "sending": sending,
        "money": [sending, plan["budget"]],
        "scores": [
            *([scorer["name"], scorer["digest"]] for scorer in plan["scorers"]),
            *([["confidence", plan["confidence"]["digest"]]] if "confidence" in plan else []),
        ],
        "analysis": {key: value for key, value in plan["analysis"].items() if key not in NOT_FROZEN}
        | {"primary": frozen},
    }
    return {stage: digest(canonical_numbers(value)) for stage, value in parts.items()}


def item_files(plan: dict[str, Any]) -> list[str]:
    """The files, folders and hub names that the items of a plan are read from, as in the study."""
    named = [source.get("path") or source.get("hf") for source in plan["items"]]
    return [name for name in named if name]


def package_digest(package: str) -> str:
    """16 hexadecimal digits of the files of one package of the library, e.g. "inference".

    For rules that must run again when their code changes, be it a comment: a scorer's digest is made
    with more care (`scoring.version`). `report` includes its templates.
    """
    hasher = hashlib.sha256()
    files = sorted((LIBRARY / package).rglob("*.py"))
    if package == "report":
        files += sorted(
            path for path in (LIBRARY.parent / "templates").rglob("*") if path.is_file()
        )
    for file in files:
        hasher.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return hasher.hexdigest()[:16]


def _trials(checked: Checked, label: str) -> dict[tuple[str, str], dict[str, Any]]:
    trials: dict[tuple[str, str], dict[str, Any]] = {}
    owners: dict[str, tuple[str, str]] = {}
    for cell in checked.cells:
        key = (cell.model, cell.sampling)
        if key in trials:
            continue
        model = checked.models[cell.model, cell.route]
        parameters = body_parameters(checked.samplings[cell.sampling])
        trial = _trial(model, cell.sampling, parameters, checked.batches[key])
        other = owners.setdefault(trial["hash"], key)
        if other != key:
            raise ConfigError(
                f"{label}: {' × '.join(other)} and {' × '.join(key)} are the same model with the same "
                "settings and would be compared with themselves; remove one of them (for repeated "
                "answers use `replications`)"
            )
        trials[key] = trial
    return trials


def _trial(
    model: Model, sampling: str, parameters: dict[str, Any], batching: Batching
) -> dict[str, Any]:
    trial_hash = digest({"identity": model.identity, "parameters": parameters})
    name = f"{slug(model.name)}-{slug(sampling)}"
    return {
        "id": f"{name}--{trial_hash[:ID_DIGITS]}",
        "hash": trial_hash,
        "role": "solver",
        "model": model.name,
        "model_id": model.model_id,
        "identity": model.identity,
        "sampling": sampling,
        "parameters": parameters,
        "route": model.route,
        "endpoint": model.endpoint,
        "batch": batching.settings,
        "batch_reason": batching.reason,
    }


def _conditions(checked: Checked, label: str) -> dict[str, dict[str, Any]]:
    from splitplot.prompts import template_hash

    conditions: dict[str, dict[str, Any]] = {}
    owners: dict[str, str] = {}
    used = {cell.condition for cell in checked.cells}
    for name in checked.study.conditions:
        if name not in used:
            continue
        template = checked.templates[name]
        content = template_hash(template)[:16]
        other = owners.setdefault(content, name)
        if other != name:
            same = same_content(checked.study, checked.templates, other, name)
            raise ConfigError(
                f"{label}: {same}"
                if same
                else f'{label}: conditions "{other}" and "{name}" have the same content and would be '
                "compared with themselves; remove one of them (for repeated answers use "
                "`replications`)"
            )
        conditions[name] = {
            "id": f"{slug(name)}--{content[:ID_DIGITS]}",
            "hash": content,
            "name": name,
            "path": path_of(checked.study, name),
            "template": template,
            **placebo_entry(checked.study, name),
        }
    return conditions
