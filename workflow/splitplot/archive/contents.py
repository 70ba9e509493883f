"""What goes into the archive of a study beside its answers."""

import json
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from splitplot import __version__, paths
from splitplot.archive.credentials import check_no_credentials, check_no_keys
from splitplot.archive.layout import INFERENCE, LABELS, PLAN, READS, TABLE, VERSIONS
from splitplot.canonical import slug
from splitplot.config_file import read_document
from splitplot.errors import ConfigError
from splitplot.looks import looks_of
from splitplot.registry import REGISTRY

LOCK = paths.REPOSITORY / "envs/base.lock"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def report_files(plan: dict[str, Any]) -> list[str]:
    """The files that the rule `report` makes, and a reader sees."""
    study = plan["study"]
    names = (paths.REPORT, paths.REPORT_MD, paths.REPORT_JSON, paths.NEXT)
    return [
        *(name.format(study=study) for name in names),
        *(
            paths.REPORT_TABLE.format(study=study, table=table, kind=kind)
            for table in paths.REPORT_TABLES
            for kind in paths.TABLE_KINDS
        ),
    ]


def study_files(plan: dict[str, Any], root: Path) -> dict[str, Path]:
    """Member → the file that it is: results, study, templates, and the readings of the answers.

    A placebo has no template of its own: `texts` writes one.
    Raises ConfigError where the study's file or a template is gone, SplitplotError where one of the files
    that people wrote holds what looks like a key.
    """
    study = plan["study"]
    folder = Path(paths.STUDY.format(study=study))
    found = {
        PLAN: folder / "plan.json",
        "items.parquet": folder / "items.parquet",
        "items.json": folder / "items.json",
        TABLE: folder / TABLE,
        INFERENCE: folder / INFERENCE,
        "costs.json": folder / "costs.json",
    }
    found |= {str(Path(path).relative_to(folder)): Path(path) for path in report_files(plan)}
    for look in range(1, looks_of(plan)):
        found[f"looks/{look}.json"] = Path(paths.LOOK.format(study=study, look=look))
    written = _study_chain(root / plan["study_file"], root)
    for place, path in enumerate(written):
        found[f"study/{slug(path.stem)}.yaml" if not place else f"study/extends-{place}.yaml"] = (
            path
        )
    for condition in plan["conditions"]:
        written.append(Path(condition["path"]))
        if not condition.get("placebo"):
            found[template_name(condition)] = written[-1]
    if plan.get("labels"):
        found[LABELS] = Path(plan["labels"]["path"])
        written.append(found[LABELS])
    for path in sorted((root / paths.LEDGER / READS / study).glob("*.json")):
        found[f"{READS}/{path.name}"] = path
    found = {name: root / path for name, path in found.items()}
    for name, path in found.items():
        if not path.is_file():
            raise ConfigError(f"{path}: there is no such file, which the archive has as {name}")
    check_no_keys(dict.fromkeys(root / path for path in written))
    return found


def template_name(condition: dict[str, Any]) -> str:
    """The member that is a condition's prompt."""
    return f"templates/{condition['id']}.md"


def placebo_text(condition: dict[str, Any]) -> str:
    """The template of a placebo as it was sent, written as a file of `prompts` is: it reads as the same."""
    template, placebo = condition["template"], condition["placebo"]
    made = f"placebo ({placebo['kind']}) of {placebo['of']}, whose template is {condition['path']}"
    front = {"description": made, "system": template["system"], "examples": template["examples"]}
    kept = {key: value for key, value in front.items() if value}
    head = yaml.dump(kept, Dumper=_Blocks, sort_keys=False, allow_unicode=True, width=10**6)
    return f"---\n{head}---\n{template['body']}\n"


class _Blocks(yaml.SafeDumper):
    """Texts of several lines as blocks, which people can read."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Blocks.add_representer(str, _text)


def _study_chain(path: Path, root: Path) -> list[Path]:
    """The study's file and those that it extends, one after the other."""
    from splitplot.study import base_path

    chain = [path]
    while True:
        value = read_document(chain[-1], root).value
        base = value.get("extends") if isinstance(value, dict) else None
        if not isinstance(base, str):
            return chain
        chain.append(base_path(base, chain[-1], root))


def registry_text(plan: dict[str, Any], root: Path) -> str:
    """The entries of config/models.yaml that the study's models rest on, as YAML.

    Raises SplitplotError where the plan holds what looks like a credential.
    """
    check_no_credentials(plan)
    value: Any = read_document(root / REGISTRY, root).value if (root / REGISTRY).exists() else {}
    value = value if isinstance(value, dict) else {}
    models, providers = value.get("models") or {}, value.get("providers") or {}
    named = {trial["model"] for trial in plan["trials"]}
    for name in sorted(named):
        while isinstance(entry := models.get(name), dict) and "alias_of" in entry:
            name = entry["alias_of"]
            named.add(name)
    used = {trial["model_id"].partition("/")[0] for trial in plan["trials"]}
    kept = {
        "models": {name: entry for name, entry in models.items() if name in named},
        "providers": {name: entry for name, entry in providers.items() if name in used},
    }
    return yaml.safe_dump(
        {key: part for key, part in kept.items() if part}, sort_keys=True, allow_unicode=True
    )


def versions_text() -> str:
    """Versions of splitplot, Python and every package of the lock; null for one that is not installed."""
    packages: dict[str, str | None] = {}
    for name in _PINNED.findall(LOCK.read_text(encoding="utf-8")):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    told = {"splitplot": __version__, "python": platform.python_version(), "packages": packages}
    return json.dumps(told, indent=1) + "\n"


def texts(plan: dict[str, Any], root: Path) -> dict[str, bytes]:
    """Member → its bytes, of what is written for the archive."""
    return {
        "models.yaml": registry_text(plan, root).encode(),
        VERSIONS: versions_text().encode(),
        **{
            template_name(condition): placebo_text(condition).encode()
            for condition in plan["conditions"]
            if condition.get("placebo")
        },
    }
