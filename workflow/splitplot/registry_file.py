"""The sections of config/models.yaml, read into typed entries; what names stand for is not looked at."""

from typing import Any

from splitplot.config_file import Document, Problems, Where
from splitplot.config_model import validate
from splitplot.errors import near_miss
from splitplot.registry_entries import AliasEntry, Entry, RemoteEntry, SimEntry
from splitplot.registry_local import ENGINES, LocalEntry


def read_sections(document: Document, problems: Problems) -> dict[str, dict[str, Any]]:
    """The three mappings of the file, empty where they are missing; anything else is noted."""
    known = ["models", "groups", "providers"]
    value = {} if document.value is None else document.value
    if not isinstance(value, dict):
        problems.add((), "must be a mapping with the keys models, groups, providers")
        return {}
    for key in value:
        if key not in known:
            problems.add((key,), f"unknown key{near_miss(key, known)}")
    sections: dict[str, dict[str, Any]] = {}
    for key in known:
        section = value.get(key)
        if section is not None and not isinstance(section, dict):
            problems.add((key,), "must be a mapping from names to settings")
        sections[key] = section if isinstance(section, dict) else {}
    return sections


def read_entry(
    name: str, sections: dict[str, dict[str, Any]], document: Document, problems: Problems
) -> Entry | None:
    """The entry of one model, by what its name says of how it is asked; None with problems noted."""
    raw = sections["models"][name]
    where: Where = ("models", name)
    if not isinstance(raw, dict):
        problems.add(where, "must be a mapping, e.g. {model: openai/gpt-5-mini}")
        return None
    if "alias_of" in raw:
        return validate(AliasEntry, document, problems, where)
    model = raw.get("model", name)
    if not isinstance(model, str) or not all(model.partition("/")):
        problems.add(
            (*where, "model"),
            "must be provider/model, e.g. openai/gpt-5-mini, local/any-name or sim/any-name",
        )
        return None
    kind: type[LocalEntry] | type[SimEntry] | type[RemoteEntry] = RemoteEntry
    if model.startswith("local/"):
        engine = raw.get("engine", "llama.cpp")
        if engine not in ENGINES:
            unknown = near_miss(str(engine), list(ENGINES))
            problems.add((*where, "engine"), f'"{engine}" is not allowed{unknown}')
            return None
        kind = ENGINES[engine]
    elif model.startswith("sim/"):
        kind = SimEntry
    return validate(kind, document, problems, where)


def read_groups(sections: dict[str, dict[str, Any]], problems: Problems) -> dict[str, list[str]]:
    """Name of a group → names of its models, which may be wrong."""
    groups: dict[str, list[str]] = {}
    for name, members in sections["groups"].items():
        where: Where = ("groups", name)
        if not (isinstance(members, list) and members and all(isinstance(m, str) for m in members)):
            problems.add(where, "must be a list of names of models")
            continue
        if name in sections["models"]:
            problems.add(where, "is also the name of a model; names must differ")
        groups[name] = members
    return groups
