"""Scorer `json_field`: one field of the first JSON object in the response is the answer."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring.normalise import normalise
from splitplot.scoring.numeric import target_number
from splitplot.scoring.numeric_extract import only_number
from splitplot.scoring.score import Score, Scorer, ScoringError, targets_of, unparseable

MOST_ATTEMPTS = 50
"""Opening braces that are tried as the start of the object: text with many braces costs little."""

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True)
class Options:
    """field: a path such as "answer" or "steps[0].value"; compare: as text or as numbers."""

    field: str
    compare: Literal["exact", "numeric"] = "exact"
    case_sensitive: bool = False


def build(options: Options) -> Scorer:
    """The scorer. Raises ConfigError for a path that cannot be read."""
    path = _path(options.field)

    def score(response: str, item: Item) -> Score:
        targets = targets_of(item, "json_field")
        found = first_object(response)
        if found is None:
            return unparseable("no JSON object")
        try:
            value: Any = found
            for step in path:
                value = value[step]
        except (KeyError, IndexError, TypeError):
            return unparseable(f"no field {options.field}")
        answer = as_text(value)
        reason = f"field {options.field}"
        if options.compare == "exact":
            right = _plain(answer, options) in {_plain(target, options) for target in targets}
            return Score(float(right), answer, reason)
        choice = only_number(answer)
        wanted = [_number(item.id, target) for target in targets]
        if choice.value is None or isinstance(value, bool | dict | list):
            return unparseable(f"{reason} is not one number", answer)
        return Score(float(choice.value in wanted), answer, reason)

    return score


def first_object(text: str) -> dict[str, Any] | None:
    """The first complete JSON object in a text, code fences and prose around it ignored; else None."""
    decoder = json.JSONDecoder(parse_float=Decimal)
    start = text.find("{")
    for _ in range(MOST_ATTEMPTS):
        if start < 0:
            return None
        try:
            value, _end = decoder.raw_decode(text, start)
            return value if isinstance(value, dict) else None
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
    return None


def as_text(value: Any) -> str:
    """A JSON value as text: strings as they are, numbers as written, lists and objects as compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return str(value)
    try:
        return json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str
        )
    except (ValueError, RecursionError):
        return "(a value too deep or too long to show)"


def _path(field: str) -> list[str | int]:
    steps: list[str | int] = []
    position = 0
    while position < len(field):
        match = _STEP.match(field, position)
        if match is None:
            break
        steps.append(match.group(1) if match.group(1) else int(match.group(2)))
        position = match.end()
    if not steps or position < len(field):
        raise ConfigError(
            f'scorer "json_field": option "field" is {field!r}; allowed: names joined by points, '
            'with list positions in brackets, such as "answer" or "steps[0].value"'
        )
    return steps


def _plain(text: str, options: Options) -> str:
    return normalise(text, case_sensitive=options.case_sensitive, strip_punctuation=False)


def _number(item_id: str, target: str) -> Any:
    value = target_number(target)
    if value is None:
        raise ScoringError(
            f'item "{item_id}": the target {target[:60]!r} is not one number; '
            'mend it, or set the option `compare: exact` of scorer "json_field"'
        )
    return value
