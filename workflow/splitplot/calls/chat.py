"""From an OpenAI-shaped chat body, whatever its faults, to the fields of a response."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from splitplot.calls.records import Outcome, Response, Usage
from splitplot.text import visible

PriceOf = Callable[[Usage], float | None]

MAX_DEPTH = 64
"""A chat body nests about six levels; a deeper one is an attack or a fault, and breaks readers."""

MAX_MESSAGE = 500
MAX_COUNT = 2**53

_TRUNCATED = {"length", "max_tokens", "max_output_tokens", "model_length"}
_REFUSED = {"content_filter", "refusal", "safety", "recitation", "prohibited_content", "blocklist"}
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid")


def to_response(
    key: str,
    body: Any,
    *,
    route: str,
    headers: Mapping[str, str] | None = None,
    status: int | None = 200,
    price: PriceOf | None = None,
    latency_s: float | None = None,
    started_at: str | None = None,
    finished_at: str | None = None,
    attempts: int = 1,
    engine: dict[str, Any] | None = None,
) -> Response:
    """The response in a chat completion `body` (parsed JSON); never raises because of its content.

    A body without a readable choice gives outcome "error" with error type "malformed".
    headers: of the HTTP answer (names in lower case or a case-insensitive mapping).
    price: dollars of a usage, or None where unknown.
    """
    fields = read(body, status)
    usage = fields["usage"]
    return Response(
        key=key,
        usd=price(usage) if price is not None and usage != Usage() else None,
        latency_s=latency_s,
        started_at=started_at,
        finished_at=finished_at,
        attempts=attempts,
        route=route,
        request_id=request_id(headers),
        engine=engine if engine is not None else {},
        **fields,
    )


def read(body: Any, status: int | None = 200) -> dict[str, Any]:
    """What a chat completion `body` itself tells, as fields of a `Response`; never raises.

    outcome, text, reasoning, finish_reason, error, usage, provider_model, provider_id and raw.
    """
    fields = _read(body)
    error = None
    if fields is None:
        error = {"type": "malformed", "message": _what_is_wrong(body), "status": status}
        fields = {"outcome": "error"}
    elif fields["outcome"] == "error":
        message = "the provider stopped with an error"
        error = {"type": "malformed", "message": message, "status": status}
    return {
        **fields,
        "error": error,
        "usage": usage_of(body),
        "provider_model": _string(body, "model"),
        "provider_id": _string(body, "id"),
        "raw": body,
    }


def _read(body: Any) -> dict[str, Any] | None:
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return None
    text, refusal, thoughts = _parts(message.get("content"))
    refusal = _string(message, "refusal") or refusal
    reasoning = _string(message, "reasoning_content") or _string(message, "reasoning") or thoughts
    finish = _string(choice, "finish_reason")
    outcome = _outcome(finish.lower() if finish else None, text, refusal)
    if outcome == "refused" and not text:
        text = refusal
    return {"outcome": outcome, "text": text, "reasoning": reasoning, "finish_reason": finish}


def _outcome(finish: str | None, text: str | None, refusal: str | None) -> Outcome:
    if finish == "error":
        return "error"
    if finish in _REFUSED or (refusal and not (text and text.strip())):
        return "refused"
    if finish in _TRUNCATED:
        return "truncated"
    return "ok" if text and text.strip() else "empty"


def _parts(content: Any) -> tuple[str | None, str | None, str | None]:
    """Text, refusal and reasoning in a message's content: a string, or a list of typed parts."""
    if isinstance(content, str):
        return content, None, None
    if not isinstance(content, list):
        return None, None, None
    text, refusal, thoughts = [], [], []
    for part in content:
        if isinstance(part, str):
            text.append(part)
        elif isinstance(part, dict):
            text.append(_string(part, "text") or "")
            refusal.append(_string(part, "refusal") or "")
            thinking = part.get("thinking")
            thoughts.append(thinking if isinstance(thinking, str) else _parts(thinking)[0] or "")
    return "".join(text), "".join(refusal) or None, "".join(thoughts) or None


def usage_of(body: Any) -> Usage:
    """Tokens as counted in `body["usage"]`; output includes reasoning, also where the provider
    lists it apart (then its total exceeds prompt and completion by just that)."""
    usage = body.get("usage") if isinstance(body, dict) else None
    if not isinstance(usage, dict):
        return Usage()
    prompt = _count(usage, "prompt_tokens", "input_tokens")
    output = _count(usage, "completion_tokens", "output_tokens")
    reasoning = _count(
        _mapping(usage, "completion_tokens_details", "output_tokens_details"), "reasoning_tokens"
    )
    cached = _count(
        _mapping(usage, "prompt_tokens_details", "input_tokens_details"), "cached_tokens"
    )
    if cached is None:
        cached = _count(usage, "prompt_cache_hit_tokens", "cache_read_input_tokens")
    total = _count(usage, "total_tokens")
    if (
        prompt is not None
        and output is not None
        and reasoning
        and total == prompt + output + reasoning
    ):
        output += reasoning
    return Usage(prompt, output, reasoning, cached)


def request_id(headers: Mapping[str, str] | None) -> str | None:
    """The provider's id of the HTTP call, for its support desk."""
    if headers is not None:
        for name in _REQUEST_ID_HEADERS:
            value = headers.get(name)
            if value:
                return value
    return None


def error_of(body: Any) -> tuple[int | None, str | None, str]:
    """Status (where the body repeats it), code and message in an error body of any usual shape."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return None, None, tidy(error if isinstance(error, str) else "")
    code = error.get("code")
    status = code if isinstance(code, int) and not isinstance(code, bool) else None
    name = next((v for v in (code, error.get("type")) if isinstance(v, str) and v), None)
    message = _string(error, "message") or _string(error, "detail") or ""
    if isinstance(error.get("metadata"), dict) and error["metadata"].get("reasons"):
        name = "content_policy_violation"
    return (status if status is not None and 400 <= status < 600 else None), name, tidy(message)


def _what_is_wrong(body: Any) -> str:
    if not isinstance(body, dict):
        return "the answer is no JSON object"
    message = error_of(body)[2]
    return f"the answer holds no choice{': ' + message if message else ''}"


def tidy(text: str) -> str:
    """One line of at most `MAX_MESSAGE` characters, hidden characters written out."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"


_NOT_FINITE = re.compile(rb"\d(?:[eE]\+?0*[1-9]\d\d|\d{299})")


def decode(data: bytes, secret: str | None = None) -> Any:
    """Parsed JSON that can be written again anywhere, without `secret`.

    NaN and infinities become null, halves of surrogate pairs "?". Raises ValueError where `data` is
    no JSON, or nests deeper than MAX_DEPTH.
    """
    try:
        decoder = _CAREFUL if _NOT_FINITE.search(data) else _PLAIN
        value = decoder.decode(data.decode("utf-8-sig"))
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
            raise ValueError("nested too deeply")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if b"\\ud" in data or b"\\uD" in data:
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return redact(value, secret) if _may_hold(data, secret) else value


def _finite(text: str) -> float | None:
    value = float(text)
    return value if abs(value) != float("inf") else None


_PLAIN = json.JSONDecoder(parse_constant=lambda _: None)
_CAREFUL = json.JSONDecoder(parse_constant=lambda _: None, parse_float=cast(Any, _finite))


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        inner = (
            v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list)
        )
        level = [v for values in inner for v in values if isinstance(v, dict | list)]
    return depth


MIN_SECRET = 8
"""Shorter keys are place-holders of keyless servers ("EMPTY"); hiding them would spoil answers."""


def redact(value: Any, secret: str | None) -> Any:
    """`value` (text, or parsed JSON) with `secret` hidden in every string."""
    if secret is None or len(secret) < MIN_SECRET:
        return value
    if isinstance(value, str):
        return value.replace(secret, "[redacted]")
    if isinstance(value, list):
        return [redact(v, secret) for v in value]
    if isinstance(value, dict):
        return {redact(k, secret): redact(v, secret) for k, v in value.items()}
    return value


def _may_hold(data: bytes, secret: str | None) -> bool:
    """Whether JSON text may spell the secret; with an escape in it, only the parsed text can tell."""
    return secret is not None and (secret.encode() in data or b"\\" in data)


def _string(holder: Any, name: str) -> str | None:
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, str) else None


def _mapping(holder: dict[str, Any], *names: str) -> dict[str, Any]:
    return next((v for name in names if isinstance(v := holder.get(name), dict)), {})


def _count(holder: dict[str, Any], *names: str) -> int | None:
    for name in names:
        value = holder.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_COUNT:
            return value
    return None
