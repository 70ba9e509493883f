"""YAML → validated Study. `load_study` reads one; `study_schema` is its JSON Schema for editors.

python -m splitplot.study --schema > workflow/schemas/study.schema.json
"""

from pathlib import Path
from typing import Any

from splitplot.config_file import (
    Document,
    Problems,
    label_of,
    overlay,
    read_document,
)
from splitplot.config_model import validate
from splitplot.errors import ConfigError, near_miss
from splitplot.registry import Registry, load_registry
from splitplot.registry_entries import check_no_secrets
from splitplot.study.check import Checked, check_study
from splitplot.study.model import Study

__all__ = ["Checked", "Study", "load_checked", "load_study", "study_schema"]


def load_study(path: Path, root: Path) -> Study:
    """Read, merge and check a study file; paths inside it are relative to `root`.

    Raises ConfigError with one line per problem, each naming file, key, what is allowed.
    """
    return load_checked(path, root).study


def load_checked(path: Path, root: Path, registry: Registry | None = None) -> Checked:
    """As `load_study`, together with what checking it has found out already: cells, models, templates."""
    document = read_study(path, root)
    problems = Problems(document)
    if not isinstance(document.value, dict):
        problems.add((), "must be a mapping; a study starts with `study: <its name>`")
    problems.stop()
    # Elsewhere keys are names that somebody chose, and ${ may be part of a pattern.
    check_no_secrets(document, problems, lambda where: where[0] == "sampling")
    problems.stop()
    study = validate(Study, document, problems)
    name = document.value.get("study")
    if isinstance(name, str) and name != path.stem:
        problems.add(("study",), f'must be "{path.stem}", the name of its file, not "{name}"')
    problems.stop()
    assert study is not None
    checked = check_study(study, root, registry or load_registry(root), problems)
    problems.stop()
    return checked


def read_study(path: Path, root: Path, seen: tuple[Path, ...] = ()) -> Document:
    """The YAML of a study over that of the studies it extends. Raises ConfigError for a circle."""
    document = read_document(path, root)
    base = document.value.get("extends") if isinstance(document.value, dict) else None
    if not isinstance(base, str):
        return document
    problems = Problems(document)
    base_file = base_path(base, path, root)
    chain = (*seen, path.resolve())
    if base_file.resolve() in chain:
        names = " → ".join(label_of(step, root) for step in (*chain, base_file.resolve()))
        problems.add(("extends",), f"goes in a circle: {names}")
    elif not base_file.is_file():
        known = sorted(file.stem for file in path.parent.glob("*.yaml") if file != path)
        problems.add(("extends",), f'no study "{base}"{near_miss(base, known)}')
    problems.stop()
    below = read_study(base_file, root, chain)
    if not isinstance(below.value, dict):
        raise ConfigError(f"{below.label}: must be a mapping, because {document.label} extends it")
    # The name is that of one file and is never inherited.
    inherited = {
        key: value for key, value in below.value.items() if key not in ("study", "extends")
    }
    return overlay(Document(below.label, inherited, below.places), document)


def base_path(base: str, path: Path, root: Path) -> Path:
    """The file that the study in `path` extends, where it says `extends: base`."""
    return root / base if base.endswith((".yaml", ".yml")) else path.parent / f"{base}.yaml"


def study_schema() -> dict[str, Any]:
    """The JSON Schema of a study file."""
    schema = Study.model_json_schema(by_alias=True, mode="validation")
    required = schema.pop("required")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "splitplot study",
        "description": "A study of language models: items × models × settings × prompts, and what "
        "will be concluded from the answers.",
        # What one study extends may stand in the other.
        "required": ["study"],
        "anyOf": [{"required": ["extends"]}, {"required": required}],
    }
