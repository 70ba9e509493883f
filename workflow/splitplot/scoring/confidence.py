"""How sure an answer was of itself: stated in its text, or the probability of its tokens."""

import re
from collections.abc import Callable
from math import exp, fsum
from pathlib import Path
from typing import Any

from splitplot.calls.records import Response
from splitplot.canonical import digest
from splitplot.scoring.version import file_digest

Reader = Callable[[Response], float | None]
"""From a response to its confidence within 0…1; None where it has none. Never raises because of it."""

_NUMBER = re.compile(r"\s*(\d{1,9}(?:[.,]\d{1,9})?|[.,]\d{1,9})\s*(%?)\s*")

_LEAST = -1e6
_ROUNDING = 1e-4
"""The log probability of a certain token may come a little above 0."""


def make_reader(spec: dict[str, Any] | None) -> Reader:
    """The reader of plan["confidence"]; without one, no answer has a confidence.

    spec: {"from": "text", "pattern", "scale"} or {"from": "logprobs"}.
    """
    if spec is None:
        return lambda response: None
    if spec["from"] == "logprobs":
        return lambda response: token_probability(response.raw)
    pattern = re.compile(spec["pattern"])
    return lambda response: stated(response.text, pattern, spec["scale"])


def confidence_digest(spec: dict[str, Any]) -> str:
    """16 hexadecimal digits of what is read and of the code that reads it."""
    return digest([spec, file_digest(Path(__file__).resolve())])


def stated(text: str | None, pattern: re.Pattern[str], scale: str) -> float | None:
    """The number in the group of the last match, as a share; None where there is none within the scale.

    scale: "percent" or "unit"; a percent sign after the number means percent under either. A number
    beyond the scale is no confidence: it is not clipped to one.
    """
    if not text:
        return None
    captured = None
    for match in pattern.finditer(text):
        captured = match.group(1)
    number = _NUMBER.fullmatch(captured) if captured is not None else None
    if number is None:
        return None
    value = float(number[1].replace(",", "."))
    if scale == "percent" or number[2]:
        value = round(value / 100, 12)
    return value if 0 <= value <= 1 else None


def token_probability(raw: Any) -> float | None:
    """Geometric mean of the probabilities of the answer's tokens, exp(mean log probability).

    raw: the provider's body, with choices[0].logprobs.content[].logprob as OpenAI has it, its older
    choices[0].logprobs.token_logprobs, or Gemini's candidates[0].avgLogprobs. None where a token has
    none, or one that is above 0.
    """
    if isinstance(raw, dict) and "choices" not in raw:
        candidate = _first(raw.get("candidates"))
        values = [candidate.get("avgLogprobs")]
    else:
        choice = _first(raw.get("choices") if isinstance(raw, dict) else None)
        told = choice.get("logprobs")
        told = told if isinstance(told, dict) else {}
        content, older = told.get("content"), told.get("token_logprobs")
        if isinstance(content, list) and content:
            values = [part.get("logprob") if isinstance(part, dict) else None for part in content]
        else:
            values = older if isinstance(older, list) else []
    numbers = [float(v) for v in values if v is not None and _is_log_probability(v)]
    if not numbers or len(numbers) < len(values):
        return None
    return min(1.0, exp(fsum(numbers) / len(numbers)))


def _is_log_probability(value: Any) -> bool:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return known and _LEAST <= value <= _ROUNDING


def _first(entries: Any) -> dict[str, Any]:
    """The first of a list of mappings, or an empty one."""
    first = entries[0] if isinstance(entries, list) and entries else None
    return first if isinstance(first, dict) else {}
