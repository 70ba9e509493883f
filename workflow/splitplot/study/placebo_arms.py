"""Conditions that are placebos of others: their templates, and why two arms may have the same content."""

from typing import Any

from splitplot.config_file import Problems, Where
from splitplot.errors import ConfigError, near_miss
from splitplot.placebo_prompts import placebo_template, units
from splitplot.study.model import Study


def add_placebos(study: Study, templates: dict[str, dict[str, Any]], problems: Problems) -> None:
    """Add the template of every placebo to those of the treatments; what is wrong is noted."""
    treatments = [name for name, condition in study.conditions.items() if condition.template]
    for name, condition in study.conditions.items():
        if condition.placebo_of is None or condition.kind is None:
            continue
        where: Where = ("conditions", name, "placebo_of")
        of = study.conditions.get(condition.placebo_of)
        if of is None:
            hint = near_miss(condition.placebo_of, treatments)
            problems.add(where, f'no condition "{condition.placebo_of}"{hint}')
        elif of.template is None:
            itself = "itself" if condition.placebo_of == name else f'"{condition.placebo_of}"'
            problems.add(
                where,
                f"{itself} is a placebo; a placebo is made of a condition that has a template"
                + (f" (known: {', '.join(sorted(treatments))})" if treatments else ""),
            )
        elif condition.placebo_of in templates:
            treatment = templates[condition.placebo_of]
            try:
                templates[name] = placebo_template(treatment, condition.kind, of.template)
            except ConfigError as error:
                problems.add((*where[:-1], "kind"), f"{condition.kind}: {error}")


def path_of(study: Study, name: str) -> str:
    """The path of a condition's template: of a placebo, that of its treatment."""
    condition = study.conditions[name]
    found = condition.template or study.conditions[str(condition.placebo_of)].template
    assert found is not None
    return found


def placebo_entry(study: Study, name: str) -> dict[str, Any]:
    """What the plan says of a placebo beside other conditions; nothing of another condition."""
    condition = study.conditions[name]
    if condition.placebo_of is None:
        return {}
    return {"placebo": {"of": condition.placebo_of, "kind": condition.kind}}


def same_content(
    study: Study, templates: dict[str, dict[str, Any]], one: str, other: str
) -> str | None:
    """Why two conditions have come out as the same, where a placebo is among them, and what to do."""
    placebos = [name for name in (one, other) if study.conditions[name].placebo_of is not None]
    if not placebos:
        return None
    named = " and ".join(
        f'"{name}"' + (f" ({study.conditions[name].kind})" if name in placebos else "")
        for name in (one, other)
    )
    kinds = {str(study.conditions[name].kind) for name in placebos}
    of = str(study.conditions[placebos[0]].placebo_of)
    why = "; remove one of them"
    if any(kind.startswith("share-") for kind in kinds) and of in templates:
        count = len(units(str(templates[of]["system"])))
        why = (
            f': the system text of "{of}" has {count} sentences or list lines, too few for both; remove '
            "one of them, or write the treatment in more of them"
        )
    return (
        f"conditions {named} come out as the same text and would be compared with themselves{why}"
    )
