"""The reference of every key of a study as Markdown tables, out of the JSON Schema."""

import json
from typing import Any

from splitplot.study import study_schema


def study_reference() -> str:
    """Markdown: one table for the study and one for each of its sections, in the order of use."""
    return reference(study_schema(), "A study")


def reference(schema: dict[str, Any], title: str) -> str:
    """Markdown tables of a JSON Schema: one under `title`, and one for each definition it uses."""
    definitions: dict[str, Any] = schema.get("$defs", {})
    parts = [_table(title, schema, definitions)]
    waiting = _references(schema["properties"])
    done: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        if name in done:
            continue
        done.add(name)
        definition = definitions[name]
        parts.append(_table(f"`{name}`", definition, definitions))
        waiting = _references(definition["properties"]) + waiting
    return "\n".join(parts)


def _table(title: str, definition: dict[str, Any], definitions: dict[str, Any]) -> str:
    required = definition.get("anyOf", [definition])[-1].get("required", [])
    lines = [f"### {title}", ""]
    if title.startswith("`"):
        lines += [definition.get("description", ""), ""]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, field in sorted(
        definition["properties"].items(), key=lambda pair: pair[0] not in required
    ):
        default = "required" if key in required else _default(field)
        fallback = definitions.get(_first_reference(field), {}).get("description", "")
        cells = (f"`{key}`", _kind(field), default, field.get("description") or fallback)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _first_reference(field: dict[str, Any]) -> str:
    return next(iter(_references(field)), "")


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    return (
        "–" if value in (None, "", [], {}) or isinstance(value, dict) else f"`{json.dumps(value)}`"
    )


def _kind(field: dict[str, Any]) -> str:
    if "anyOf" in field or "oneOf" in field:
        kinds = [_kind(choice) for choice in field.get("anyOf") or field["oneOf"]]
        return " or ".join(kind for kind in dict.fromkeys(kinds) if kind != "null")
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    kind = field.get("type")
    if kind == "array":
        return f"list of {_kind(field.get('items', {}))}"
    if kind == "object":
        inner = field.get("additionalProperties")
        return f"name → {_kind(inner)}" if isinstance(inner, dict) else "mapping"
    words = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true/false",
    }
    return words.get(str(kind), "null" if kind == "null" else "any value") + _range(field)


def _range(field: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[name]}" for name, sign in signs.items() if name in field]
    return f" {', '.join(limits)}" if limits else ""


def _references(value: Any) -> list[str]:
    """Names of the definitions used in a piece of schema, in order."""
    if isinstance(value, dict):
        found = [value["$ref"].rpartition("/")[2]] if isinstance(value.get("$ref"), str) else []
        return found + [name for inner in value.values() for name in _references(inner)]
    if isinstance(value, list):
        return [name for inner in value for name in _references(inner)]
    return []
