"""From rows of any origin to items: which column is which field, and what a value may be.

A source's `map` names the column of a field; a field that it does not name takes the column of the
same name where there is one, and `field: null` leaves that column out. Other columns are dropped
unless `metadata` lists them.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from splitplot.canonical import canonical_json, digest
from splitplot.errors import ConfigError, near_miss
from splitplot.items.item import Item

Row = dict[str, Any]
Rows = Iterator[tuple[str, Row]]
"""(where the row stands, for messages; its columns)."""

FIELDS = (
    "id",
    "input",
    "target",
    "targets",
    "context",
    "choices",
    "cluster",
    "tier",
    "tags",
    "difficulty",
)
NEEDED = frozenset({"id", "input", "target", "targets"})
"""Fields that, once mapped, no row may lack."""

LARGEST_PLAIN = 10**15
"""Whole floats below this are exact and read better without an exponent or ".0"."""


@dataclass(frozen=True)
class Columns:
    """The column of each field, which of them the user named, and the columns kept as metadata."""

    of: dict[str, str]
    named: frozenset[str]
    metadata: tuple[str, ...]

    @property
    def wanted(self) -> set[str]:
        """Every column that may be read."""
        return {*self.of.values(), *self.metadata}


def columns_of(source: dict[str, Any], label: str) -> Columns:
    """The column map of a source. Raises ConfigError for an unknown field or a bad value."""
    given = dict(source.get("map") or {})
    metadata = given.pop("metadata", None) or source.get("metadata") or []
    metadata = [metadata] if isinstance(metadata, str) else list(metadata)
    for field, column in given.items():
        if field not in FIELDS:
            raise ConfigError(
                f'{label}: map: unknown field "{field}"{near_miss(field, [*FIELDS, "metadata"])}'
            )
        if column is not None and not isinstance(column, str):
            raise ConfigError(f"{label}: map.{field}: give the name of a column, not {column!r}")
    named = {field: column for field, column in given.items() if column is not None}
    if {"target", "targets"} <= named.keys():
        raise ConfigError(f"{label}: map: give `target` or `targets`, not both")
    defaults = [field for field in FIELDS if field not in given]
    if {"target", "targets"} & given.keys():
        defaults = [field for field in defaults if field not in ("target", "targets")]
    of = {**{field: field for field in defaults}, **named}
    return Columns(of, frozenset(named), tuple(metadata))


def check_columns(
    columns: Columns, existing: list[str], label: str, *, every_row: bool = False
) -> None:
    """Raise ConfigError, naming what exists and the near miss, where a column is not there.

    every_row: look only for those that no row may lack.
    """
    asked = [("map." + field, columns.of[field]) for field in sorted(columns.named)]
    asked += [("metadata", column) for column in columns.metadata]
    if every_row:
        asked = [("map." + field, columns.of[field]) for field in sorted(columns.named & NEEDED)]
    for place, column in asked:
        if column not in existing:
            raise ConfigError(
                f'{label}: {place}: no column "{column}"{near_miss(column, existing)}'
            )
    if columns.of.get("input") not in existing:
        raise ConfigError(
            f'{label}: no column "input"{near_miss("input", existing)}; say which column holds the '
            "question, for example map: {input: question}"
        )


def items_of(
    rows: Rows,
    source: dict[str, Any],
    label: str,
    columns: Columns,
    *,
    cells_are_text: bool = False,
) -> list[tuple[Item, str]]:
    """Items of the rows with their places, in order.

    cells_are_text: rows come from CSV, where an empty cell is no value, numbers stay as they are
        written, and `targets`, `choices`, `tags` hold several values as a JSON list (`["a", "b"]`).
    An item without an id column is named after its content, so that a changed text is another item.
    Raises ConfigError with the place of the first row that is wrong.
    """
    placed: list[tuple[Item, str]] = []
    without_target: str | None = None
    with_target: str | None = None
    for where, row in rows:
        values = _values(row, columns, where, cells_are_text)
        if "target" in values or "targets" in values:
            with_target = with_target or where
        else:
            without_target = without_target or where
        placed.append((_item(values, row, source, label, columns, where), where))
        if with_target and without_target:
            raise ConfigError(
                f"{without_target}: no target, while {with_target} has one; give every row a target "
                "(`targets: []` where there is no right answer)"
            )
    return placed


def number_text(value: float | Decimal) -> str:
    """The shortest text that is exactly this number.

    >>> [number_text(v) for v in (7, 7.0, 0.1, 1e300)]
    ['7', '7', '0.1', '1e+300']
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_PLAIN:
        return str(int(value))
    return str(value)


def _values(row: Row, columns: Columns, where: str, cells_are_text: bool) -> Row:
    """The row by field; fields without a value are left out, needed ones refused."""
    values: Row = {}
    for field, column in columns.of.items():
        value = row.get(column)
        if cells_are_text and isinstance(value, str):
            value = _cell(value, field, where)
        if value is not None:
            values[field] = value
        elif (column in row and field in NEEDED) or field in columns.named & NEEDED:
            hint = "; an item without a right answer has `targets: []`" if "target" in field else ""
            raise ConfigError(f"{where}: {_name(field, column)} is missing or empty{hint}")
    if "target" in values and "targets" in values:
        raise ConfigError(f"{where}: give `target` or `targets`, not both")
    return values


def _cell(text: str, field: str, where: str) -> Any:
    if not text.strip():
        return None
    if field in ("targets", "choices", "tags") and text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ConfigError(
                f'{where}: {field} starts with "[" but is no JSON list: {error}; '
                'write ["a", "b"] or the bare text of a single value'
            ) from None
    return text


def _item(
    values: Row, row: Row, source: dict[str, Any], label: str, columns: Columns, where: str
) -> Item:
    def text(field: str) -> str | None:
        return (
            _text(values[field], _name(field, columns.of[field]), where)
            if field in values
            else None
        )

    def texts(field: str) -> tuple[str, ...]:
        return (
            _texts(values[field], _name(field, columns.of[field]), where) if field in values else ()
        )

    question = text("input") or ""
    if not question.strip():
        raise ConfigError(f"{where}: {_name('input', columns.of['input'])} is empty")
    if isinstance(values.get("target"), list | tuple):
        raise ConfigError(f"{where}: target is a list; map that column as `targets`")
    targets = texts("targets") if "targets" in values else texts("target")
    if any(not target.strip() for target in targets):
        raise ConfigError(f"{where}: an empty text is not a target")
    context, choices = text("context"), texts("choices")
    item_id = text("id") or digest([question, context, list(choices)], 12)
    return Item(
        id=f"{source.get('id_prefix') or ''}{item_id}",
        input=question,
        targets=targets,
        context=context,
        choices=choices,
        cluster=text("cluster"),
        tier=text("tier") or source.get("tier"),
        tags=tuple(dict.fromkeys([*texts("tags"), *(source.get("tags") or ())])),
        difficulty=_number(values["difficulty"], where) if "difficulty" in values else None,
        metadata={column: _json(row.get(column), column, where) for column in columns.metadata},
        source=label,
    )


def _name(field: str, column: str) -> str:
    return field if field == column else f'{field} (column "{column}")'


def _text(value: Any, name: str, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        kind = {bool: "true or false", list: "a list", dict: "an object"}.get(
            type(value), f"of type {type(value).__name__}"
        )
        raise ConfigError(f"{where}: {name} is {kind}; a text or a number is expected")
    if not isinstance(value, str):
        if not math.isfinite(value):
            raise ConfigError(f"{where}: {name} is {value}; a text or a finite number is expected")
        return number_text(value)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ConfigError(
            f"{where}: {name} holds half a character (a lone UTF-16 surrogate), which is no text"
        ) from None
    return value


def _texts(value: Any, name: str, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    if any(entry is None for entry in values):
        raise ConfigError(f"{where}: {name} has a null in its list; texts or numbers are expected")
    return tuple(_text(entry, name, where) for entry in values)


def _number(value: Any, where: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(
            f"{where}: difficulty must be a number, not {value!r}; map a column of words as `tier`, "
            "or leave it out with `difficulty: null`"
        )
    return number


def _json(value: Any, column: str, where: str) -> Any:
    try:
        canonical_json(value).encode("utf-8")
    except (TypeError, ValueError):
        raise ConfigError(
            f'{where}: metadata: column "{column}" holds {type(value).__name__}, which JSON cannot '
            "keep; leave it out or turn it into text"
        ) from None
    return value
