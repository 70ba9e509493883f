"""What the batch provider of the tests answers to one line: text and tokens, by its settings."""

import re
import zlib
from typing import Any


def answer(
    settings: dict[str, Any], custom_id: str, body: dict[str, Any], text: bytes
) -> dict[str, Any]:
    """The outcome of a line that is answered. body: of its request; text: the line as it was stored."""
    number = zlib.crc32(text[len(custom_id) :])
    most = max_tokens_of(body)
    usage = {
        "input": len(text) // 4 + 1,
        "output": min(2 + number % 9, most or 10),
        "cached": 0,
        "reasoning": 0,
    }
    wish = settings.get("usage")
    if wish == "max":
        usage["output"] = most or usage["output"]
    elif wish:
        usage |= wish
    return {
        "outcome": "ok",
        "text": _text(settings, custom_id, body, number),
        "finish": "length" if most and usage["output"] >= most else "stop",
        "model": body.get("model"),
        "usage": usage,
    }


def _text(settings: dict[str, Any], custom_id: str, body: dict[str, Any], number: int) -> str:
    how = settings.get("answers")
    if isinstance(how, dict) and "right" in how:
        found = re.search(r"-?\d+(?: [+-] \d+)*", prompt_of(body))
        terms = re.findall(r"[+-]?\d+", found[0].replace(" ", "")) if found else []
        wrong = zlib.crc32(custom_id.encode()) % 1000 >= 1000 * how["right"]
        return f"The answer is {sum(map(int, terms)) + wrong}"
    if isinstance(how, dict):
        return str(how["text"])
    if how == "echo_key":
        return custom_id
    if how == "sum":
        line = prompt_of(body).strip().rpartition("\n")[2]
        return str(sum(int(n) for n in re.findall(r"-?\d+", line)))
    return str(number % 100)


def max_tokens_of(body: dict[str, Any]) -> int | None:
    """The output that a body of any provider allows."""
    inner = body.get("generationConfig") or body.get("generation_config") or {}
    names = ("max_completion_tokens", "max_tokens")
    found = [body.get(name) for name in names]
    found += [inner.get(name) for name in ("maxOutputTokens", "max_output_tokens")]
    return next((value for value in found if value), None)


def prompt_of(body: dict[str, Any]) -> str:
    """The last message's text in a body of any provider."""
    last = (body.get("messages") or body.get("contents") or [{}])[-1]
    content = last.get("content", last.get("parts", ""))
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
