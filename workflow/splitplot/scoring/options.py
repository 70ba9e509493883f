"""The options of a scorer: read from the study's plain values into a frozen dataclass, strictly."""

from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from splitplot.errors import ConfigError, near_miss

Options = TypeVar("Options")


def read_options(kind: type[Options], values: dict[str, Any], scorer: str) -> Options:
    """An instance of the dataclass `kind` from `values`; defaults fill what is not given.

    Raises ConfigError for an unknown option, a missing one without default, or a value of another type.
    """
    hints = get_type_hints(kind)
    for name, value in values.items():
        if name not in hints:
            # Every scorer takes these two; they are read before the scorer's own options.
            known = [*hints, "abstain", "over"]
            raise ConfigError(f'scorer "{scorer}": unknown option "{name}"{near_miss(name, known)}')
        if not _fits(value, hints[name]):
            raise ConfigError(
                f'scorer "{scorer}": option "{name}" is {value!r}; allowed: {_wording(hints[name])}'
            )
    try:
        return kind(**values)
    except TypeError:
        given = [field.name for field in fields(kind) if field.name not in values]  # type: ignore[arg-type]
        raise ConfigError(f'scorer "{scorer}": needs the option(s) {", ".join(given)}') from None


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return isinstance(value, str) and value in get_args(hint)
    if isinstance(hint, UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if hint in (int, float) and isinstance(value, bool):
        return False
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, hint)


def _wording(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(get_args(hint))
    if isinstance(hint, UnionType):
        return " or ".join(_wording(part) for part in get_args(hint))
    names = {bool: "true or false", float: "a number", int: "a whole number", str: "a text"}
    return "null" if hint is NoneType else names.get(hint, str(hint))
