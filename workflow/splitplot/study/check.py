"""What a study refers to: models, templates, files, scorers, levels; every problem is noted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from splitplot.amounts import AMOUNTS, amount_of
from splitplot.amounts import DEFAULT_MARGIN as AMOUNT_MARGIN
from splitplot.config_file import Problems, Where, canonical_numbers
from splitplot.errors import ConfigError, near_miss
from splitplot.looks import ANYTIME
from splitplot.registry import Model, Registry
from splitplot.study.aims import check_aims
from splitplot.study.amounts import check_amount
from splitplot.study.analysis import Primary
from splitplot.study.batches import Batching, choose_batches
from splitplot.study.crossing import NamedCell, expand_cells, expand_samplings
from splitplot.study.labels import check_labels
from splitplot.study.litellm_options import is_litellm_option
from splitplot.study.model import Study
from splitplot.study.placebo_arms import add_placebos
from splitplot.study.raters import check_raters
from splitplot.study.sections import Factor, Sampling
from splitplot.study.sources import OfficialSource, PathSource

DEFAULT_MARGIN = 0.01
"""One point in a hundred; a margin that nobody chose is marked as such wherever it is shown."""

MIN_RANDOM_LEVELS = 3
"""Fewer prompts say nothing about prompts like these."""


@dataclass(frozen=True)
class Checked:
    """A study and what its names stand for.

    models: (name, route) → model; batches: (model, sampling) → how it goes by batch;
    templates: condition → parsed template; scorers, labels: as in plan.json.
    """

    study: Study
    cells: list[NamedCell]
    samplings: dict[str, Sampling]
    models: dict[tuple[str, str], Model]
    batches: dict[tuple[str, str], Batching]
    templates: dict[str, dict[str, Any]]
    scorers: list[dict[str, Any]]
    primary: list[dict[str, Any]]
    labels: dict[str, str] | None = None


def check_study(study: Study, root: Path, registry: Registry, problems: Problems) -> Checked:
    """Look up everything a study names; what is wrong is noted in `problems`."""

    def expand(name: str) -> list[str]:
        try:
            return registry.expand(name)
        except ConfigError:
            return []

    _check_names(study, registry, problems)
    samplings = expand_samplings(study, problems.add)
    cells = expand_cells(study, samplings, expand, problems.add)
    models = _models(study, cells, registry, problems)
    _check_extra(study, samplings, cells, models, problems)
    _check_quota(study, cells, problems)
    _check_random(study, problems)
    _check_stopping(study, problems)
    check_raters(study, problems)
    check_aims(study, problems)
    _check_files(study, root, problems)
    batches = choose_batches(study, cells, samplings, models, problems.add)
    return Checked(
        study,
        cells,
        {name: sampling for name, (sampling, _) in samplings.items()},
        models,
        batches,
        _templates(study, root, problems),
        _scorers(study, root, problems),
        _primary(study, cells, models, batches, problems),
        check_labels(study, root, problems),
    )


def _check_names(study: Study, registry: Registry, problems: Problems) -> None:
    named: list[tuple[Where, str]] = [
        *((("models", i), name) for i, name in enumerate(study.models)),
        *((("trials", i, "model"), entry.model) for i, entry in enumerate(study.trials)),
        *((("exclude", i, "model"), e.model) for i, e in enumerate(study.exclude) if e.model),
    ]
    for where, name in named:
        try:
            registry.expand(name)
        except ConfigError as error:
            problems.add(where, str(error))


def _models(
    study: Study, cells: list[NamedCell], registry: Registry, problems: Problems
) -> dict[tuple[str, str], Model]:
    models: dict[tuple[str, str], Model] = {}
    for name, route in dict.fromkeys((cell.model, cell.route) for cell in cells):
        try:
            models[name, route] = registry.resolve(name, route)
        except ConfigError as error:
            problems.add(_place_of_model(study, registry, name), str(error))
    return models


def _place_of_model(study: Study, registry: Registry, name: str) -> Where:
    for index, listed in enumerate(study.models):
        if name in registry.expand(listed):
            return ("models", index)
    for index, entry in enumerate(study.trials):
        if name in registry.expand(entry.model):
            return ("trials", index, "model")
    return ("models",)


def _check_extra(
    study: Study,
    samplings: dict[str, tuple[Sampling, str]],
    cells: list[NamedCell],
    models: dict[tuple[str, str], Model],
    problems: Problems,
) -> None:
    """Refuse fields of the body that litellm would take for its own options."""
    through_litellm = {
        samplings[cell.sampling][1]: cell.model
        for cell in cells
        if (model := models.get((cell.model, cell.route))) and model.route == "litellm"
    }
    for index, sampling in enumerate(study.sampling):
        for key in sampling.extra:
            if sampling.name in through_litellm and is_litellm_option(key):
                where: Where = ("sampling", index, "extra", key)
                if not problems.written(where):
                    where = ("sampling", "extra", key)
                problems.add(
                    where,
                    f"is an option of litellm, through which {through_litellm[sampling.name]} is asked, "
                    "and would not reach the provider; remove it, or use route realtime",
                )


def _check_quota(study: Study, cells: list[NamedCell], problems: Problems) -> None:
    known = list(dict.fromkeys(cell.model for cell in cells))
    for name in study.budget.quota:
        if known and name not in known:
            problems.add(
                ("budget", "quota", name), f"no model of this study{near_miss(name, known)}"
            )


def _check_files(study: Study, root: Path, problems: Problems) -> None:
    for index, source in enumerate(study.items):
        if not isinstance(source, PathSource | OfficialSource) or source.path is None:
            continue
        if not (root / source.path).is_file():
            problems.add(
                ("items", index, "path"),
                f"no file {source.path} (paths are relative to the workflow root)",
            )


def _templates(study: Study, root: Path, problems: Problems) -> dict[str, dict[str, Any]]:
    from splitplot.prompts import load_template

    templates: dict[str, dict[str, Any]] = {}
    for name, condition in study.conditions.items():
        where: Where = ("conditions", name)
        if condition.template is None:
            continue
        if not (root / condition.template).is_file():
            folder = (root / condition.template).parent
            known = sorted(file.name for file in folder.glob("*.md"))
            hint = near_miss(Path(condition.template).name, known) if known else ""
            problems.add(where, f"no template {condition.template}{hint}")
            continue
        try:
            templates[name] = load_template(root / condition.template, root)
        except ConfigError as error:
            problems.add(where, str(error))
    add_placebos(study, templates, problems)
    return templates


def _scorers(study: Study, root: Path, problems: Problems) -> list[dict[str, Any]]:
    from splitplot.scoring import check_scorer, scorer_digest

    scorers: list[dict[str, Any]] = []
    for index, entry in enumerate(study.scorers):
        where: Where = ("scorers", index)
        if any(entry.label == other["name"] for other in scorers):
            problems.add(where, f'a second scorer named "{entry.label}"; give it a `name`')
        spec = {"scorer": entry.scorer, "options": canonical_numbers(entry.options)}
        try:
            check_scorer(spec, root)
            scorers.append({"name": entry.label, **spec, "digest": scorer_digest(spec, root)})
        except ConfigError as error:
            problems.add(where, str(error))
    return scorers


def _primary(
    study: Study,
    cells: list[NamedCell],
    models: dict[tuple[str, str], Model],
    batches: dict[tuple[str, str], Batching],
    problems: Problems,
) -> list[dict[str, Any]]:
    """The primary contrasts as in plan.json; none where the study declares none."""
    primary: list[dict[str, Any]] = []
    for index, contrast in enumerate(study.analysis.primary):
        where: Where = ("analysis", "primary", index, "contrast")
        if not problems.written(where):
            where = ("analysis", "primary", "contrast")
        factor, a, b = contrast.contrast
        if cells and not _check_contrast(factor, a, b, cells, where, problems):
            continue
        _check_estimand(study, contrast, (*where[:-1],), problems)
        amount = amount_of(contrast.metric, [scorer.label for scorer in study.scorers])
        if amount:
            check_amount(contrast, cells, models, batches, (*where[:-1],), problems)
        default = AMOUNT_MARGIN if amount else DEFAULT_MARGIN
        entry = {
            "name": contrast.name or f"{a} − {b}",
            "metric": _metric(study, contrast),
            "factor": factor,
            "a": a,
            "b": b,
            "margin": default if contrast.margin is None else contrast.margin,
            "margin_is_default": contrast.margin is None,
            "scope": contrast.scope,
            "missing": contrast.missing,
            **({"aim": contrast.aim} if contrast.aim != "difference" else {}),
        }
        if any(entry["name"] == other["name"] for other in primary):
            problems.add(where, f'a second contrast named "{entry["name"]}"; give it a `name`')
        primary.append(entry)
    return primary


def _metric(study: Study, contrast: Primary) -> str:
    """The contrast's metric; the first scorer has one name, so that its contrasts are one family."""
    first = study.scorers[0].label if study.scorers else None
    return "score" if contrast.metric == first else contrast.metric


def _check_estimand(study: Study, contrast: Primary, where: Where, problems: Problems) -> None:
    """Whether the study has what the contrast's metric and scope speak of."""
    metrics = ["score", *(scorer.label for scorer in study.scorers), *AMOUNTS]
    if contrast.metric not in metrics:
        problems.add(
            (*where, "metric"),
            f'unknown metric "{contrast.metric}"{near_miss(contrast.metric, metrics)}',
        )
    if amount_of(contrast.metric, metrics[1 : 1 + len(study.scorers)]):
        return
    if contrast.scope == "prompts":
        if contrast.contrast[0] == "condition":
            problems.add(
                (*where, "scope"),
                "a contrast of two conditions cannot speak of prompts like these; use scope items",
            )
        elif "condition" not in study.analysis.random:
            problems.add(
                (*where, "scope"),
                "prompts like these need `random: [condition]` under analysis: conditions that are "
                "paraphrases of one prompt",
            )
    if contrast.scope == "datasets" and len(study.items) < 2:
        problems.add(
            (*where, "scope"),
            "datasets like these need at least two entries of `items`; use scope items",
        )


def _check_stopping(study: Study, problems: Problems) -> None:
    """Whether a study that may stop early says what settles it, in contrasts that can be watched."""
    if study.analysis.stopping != ANYTIME:
        written = study.analysis.model_fields_set
        if "looks" in written and "stopping" not in written:
            problems.add(
                ("analysis", "looks"),
                "a study with stopping: fixed has no looks; add `stopping: anytime` (or leave it out)",
            )
        return
    if not study.analysis.primary:
        problems.add(
            ("analysis", "stopping"),
            "anytime stops when the primary contrasts are settled, and there is none; declare one "
            "under analysis.primary, or use stopping: fixed",
        )
    scorers = [scorer.label for scorer in study.scorers]
    for index, contrast in enumerate(study.analysis.primary):
        where: Where = ("analysis", "primary", index)
        if not problems.written(where):
            where = ("analysis", "primary")
        if contrast.scope != "items":
            problems.add(
                (*where, "scope"),
                f'"{contrast.scope}" cannot be watched while the data come: stopping: anytime needs '
                "scope items; allowed with stopping: fixed: items, these items, prompts, datasets",
            )
        if amount_of(contrast.metric, scorers):
            problems.add(
                (*where, "metric"),
                f'"{contrast.metric}" has no upper bound: stopping: anytime needs scores within '
                f"0 to 1; allowed: {', '.join(['score', *scorers])}",
            )


def _check_random(study: Study, problems: Problems) -> None:
    """Whether random factors have levels enough, and none that a primary contrast compares."""
    if "condition" not in study.analysis.random:
        return
    where: Where = ("analysis", "random")
    if len(study.conditions) < MIN_RANDOM_LEVELS:
        problems.add(
            where,
            f"{len(study.conditions)} conditions cannot stand for prompts like these; "
            f"at least {MIN_RANDOM_LEVELS} are needed",
        )
    if any(contrast.contrast[0] == "condition" for contrast in study.analysis.primary):
        problems.add(
            where,
            "conditions that a primary contrast compares are no random sample of prompts; "
            "leave `random` out, or the contrast",
        )


def _check_contrast(
    factor: str, a: str, b: str, cells: list[NamedCell], where: Where, problems: Problems
) -> bool:
    factors = list(get_args(Factor))
    if factor not in factors:
        problems.add((*where, 0), f'unknown factor "{factor}"{near_miss(factor, factors)}')
        return False
    levels = list(dict.fromkeys(getattr(cell, factor) for cell in cells))
    for position, level in ((1, a), (2, b)):
        if level not in levels:
            problems.add(
                (*where, position), f'unknown {factor} "{level}"{near_miss(level, levels)}'
            )
    if a not in levels or b not in levels:
        return False
    others = [name for name in factors if name != factor]
    surroundings = {
        level: {
            tuple(getattr(cell, name) for name in others)
            for cell in cells
            if getattr(cell, factor) == level
        }
        for level in (a, b)
    }
    if not surroundings[a] & surroundings[b]:
        problems.add(
            where,
            f'"{a}" and "{b}" never meet the same {" and ".join(others)}, so their difference '
            "would mix several causes; ask both in at least one common cell",
        )
        return False
    return True
