"""Typed configuration: the base of every section, and pydantic's errors in words for the user."""

from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Tag, ValidationError
from pydantic_core import ErrorDetails

from splitplot.config_file import Document, Problems, Where
from splitplot.errors import near_miss


class Section(BaseModel):
    """A mapping of a configuration file: unknown keys refused, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


SectionT = TypeVar("SectionT", bound=Section)

_PLAIN_WORDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "model_attributes_type": "must be a mapping (key: value)",
}


def validate(
    model: type[SectionT], document: Document, problems: Problems, where: Where = ()
) -> SectionT | None:
    """The part of `document` at `where` as `model`, or None with its problems noted."""
    value = document.value
    for step in where:
        value = value[step]
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            spot = (*where, *_where(detail["loc"], value))
            place = document.places.get(spot)
            problems.add(spot, _message(model, detail, place.text if place else None))
        return None


def _where(loc: tuple[int | str, ...], value: Any) -> Where:
    """The steps of `loc` that are in the file: without union tags and without what validators added."""
    steps: list[str | int] = []
    for step in loc:
        if isinstance(step, str):
            if step.startswith("<") or step == "[key]" or not isinstance(value, dict):
                continue
            value = value.get(step)
        else:
            if not isinstance(value, list):
                continue
            value = value[step] if step < len(value) else None
        steps.append(step)
    return tuple(steps)


def _message(model: type[Section], detail: ErrorDetails, text: str | None) -> str:
    kind, context, got = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "extra_forbidden":
        return f"unknown key{near_miss(str(detail['loc'][-1]), _known_keys(model, detail['loc']))}"
    if kind == "missing":
        return "is missing"
    if got is None and kind.endswith("_type"):
        return (
            f"{_PLAIN_WORDS.get(kind, 'must be text')}; remove the key if there is nothing to say"
        )
    if kind == "string_type":
        quoted = f': "{text}"' if text and not isinstance(got, list | dict) else ""
        return f"must be text; put it in quotes{quoted}" if quoted else "must be text"
    if kind in _PLAIN_WORDS:
        shown = f", not {_shown(got)}" if not isinstance(got, list | dict) else ""
        return _PLAIN_WORDS[kind] + shown
    if kind == "literal_error":
        allowed = [
            word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")
        ]
        return f"{_shown(got)} is not allowed{near_miss(str(got), allowed)}"
    if kind == "value_error":
        return str(context["error"])
    wanted = context.get("min_length", context.get("max_length", 0))
    if kind in ("too_short", "too_long") and wanted > 1:
        return f"must have {wanted} entries, not {context['actual_length']}"
    if kind in ("too_short", "string_too_short"):
        return "must not be empty"
    for name, words in (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most")):
        if name in context:
            return f"must be {words} {context[name]:g}, not {_shown(got)}"
    return detail["msg"]


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "empty"}[value]
    return f'"{value}"' if isinstance(value, str) else str(value)


def _known_keys(model: type[Section], loc: tuple[int | str, ...]) -> list[str]:
    owner = _descend(model, loc[:-1])
    return [field.alias or name for name, field in owner.model_fields.items()] if owner else []


def _descend(annotation: Any, loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model that `loc` leads to, following fields, containers, and the tags of unions."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _descend(arguments[0], loc)
    if origin in (Union, UnionType):
        members = [member for member in arguments if member is not type(None)]
        if loc and str(loc[0]).startswith("<"):
            chosen = [m for m in members if Tag(str(loc[0])) in get_args(m)[1:]]
            return _descend(chosen[0], loc[1:]) if chosen else None
        return _descend(members[0], loc)
    if origin is list:
        return _descend(arguments[0], loc[1:])
    if origin is dict:
        return _descend(arguments[1], loc[1:])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not loc:
            return annotation
        found = annotation.model_fields.get(str(loc[0]))
        return _descend(found.annotation, loc[1:]) if found else None
    return None
