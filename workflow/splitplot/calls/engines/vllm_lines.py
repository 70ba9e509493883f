"""Lines of `vllm run-batch`: ours checked before they are sent, its own read into responses.

run-batch reads each line with pydantic, outside any `try`: one that it refuses ends the whole run.
"""

import json
import math
from collections.abc import Callable
from typing import Any

from splitplot.calls import chat
from splitplot.calls.batch.openai_lines import result_of
from splitplot.calls.dispatch import Price, seed_of
from splitplot.calls.records import Request, Response, Usage

INT64 = 2**63
URL = "/v1/chat/completions"


def line_of(request: Request, model: str, seed: Any) -> dict[str, Any]:
    """A request as run-batch reads it: `model` in the body, and the seed of the request if wanted."""
    body = {"model": model, **request.body}
    if seed == "per-request":
        body["seed"] = seed_of(request.key)
    return {"custom_id": request.key, "method": "POST", "url": URL, "body": body}


def refusal(request: Request) -> str | None:
    """What vLLM would refuse in a request so that the run ends, or None.

    Types and ranges of `ChatCompletionRequest` in vLLM (openai/chat_completion/protocol.py); fields
    that it does not know it takes. What vLLM answers with an error of its own is not looked for.
    """
    body = request.body
    if request.url != URL:
        return f"url: must be {URL}, not {request.url}"
    wrong = _messages(body.get("messages"))
    if wrong:
        return wrong
    for name, value in body.items():
        kind, judge = _FIELDS.get(name, (None, None))
        if judge is not None and value is not None and not judge(value):
            return f"{name}: must be {kind}, not {json.dumps(value, default=str)[:60]}"
    if body.get("stream") or body.get("stream_options"):
        return "stream: a batch cannot be streamed"
    if body.get("top_logprobs") and not body.get("logprobs"):
        return "top_logprobs: needs logprobs: true"
    if body.get("tool_choice") not in (None, "none") and not body.get("tools"):
        return "tool_choice: needs tools"
    try:
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return (
            "text: half of a surrogate pair is no character, and vLLM reads no JSON that holds one"
        )
    except (ValueError, TypeError, RecursionError) as error:
        return f"body: {error}"
    return None


def invalid(request: Request, reason: str, engine: dict[str, Any]) -> Response:
    """The response to a request that is not sent."""
    error = {"type": "bad_request", "message": f"not sent: {reason}", "status": None}
    return Response(request.key, "error", error=error, attempts=0, route="local", engine=engine)


def left_out(request: Request, engine: dict[str, Any]) -> Response:
    """The response to a request that a run without a fault has no line for."""
    message = "vllm run-batch ended well and wrote nothing for it"
    error = {"type": "no_answer", "message": message, "status": None}
    return Response(request.key, "error", error=error, route="local", engine=engine)


def response_of(
    line: dict[str, Any], engine: dict[str, Any], price: Price, **about: Any
) -> Response:
    """An output line as a response; failures are classified as in real time."""
    key = line["custom_id"]
    fields = vars(result_of(key, line)) | {}
    fields.pop("billed")
    usage: Usage = fields["usage"]
    if engine.get("seed") == "per-request":
        engine = engine | {"seed": seed_of(key)}
    usd = price(usage) if usage != Usage() else None
    return Response(**fields, usd=usd, route="local", engine=engine, **about)


def read_line(data: bytes) -> dict[str, Any] | None:
    """A complete line of the output; None where it is no JSON, or has no id."""
    try:
        line = chat.decode(data)
    except ValueError:
        return None
    known = isinstance(line, dict) and isinstance(line.get("custom_id"), str)
    return line if known else None


def _messages(messages: Any) -> str | None:
    if not isinstance(messages, list):
        return "messages: must be a list"
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            return f"{where}: must be a mapping with a role"
        content = message.get("content")
        if isinstance(content, list):
            if not all(isinstance(p, str) or _typed(p) for p in content):
                return f"{where}.content: each part must be text, or a mapping with a type"
        elif content is not None and not isinstance(content, str):
            return f"{where}.content: must be text or a list of parts"
    return None


def _typed(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("type"), str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -INT64 <= value < INT64


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _wholes(value: Any) -> bool:
    return isinstance(value, list) and all(_whole(number) for number in value)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _tools(value: Any) -> bool:
    return isinstance(value, list) and all(_function(tool) for tool in value)


def _function(value: Any) -> bool:
    function = value.get("function") if isinstance(value, dict) else None
    named = isinstance(function, dict) and isinstance(function.get("name"), str)
    return named and value.get("type", "function") == "function"


def _tool_choice(value: Any) -> bool:
    return value in ("none", "auto", "required") if isinstance(value, str) else _function(value)


def _response_format(value: Any) -> bool:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "json_schema":
        schema = value.get("json_schema")
        return isinstance(schema, dict) and isinstance(schema.get("name"), str)
    return kind in ("text", "json_object", "structural_tag")


def _bias(value: Any) -> bool:
    return isinstance(value, dict) and all(_number(number) for number in value.values())


_Judge = tuple[str, Callable[[Any], bool]]
_WHOLE: _Judge = ("a whole number of at most 64 bits", _whole)
_NUMBER: _Judge = ("a number", _number)
_FLAG: _Judge = ("true or false", _flag)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_WHOLES = (
    *("max_tokens", "max_completion_tokens", "n", "seed", "top_k", "min_tokens", "top_logprobs"),
    *("prompt_logprobs", "priority", "truncate_prompt_tokens"),
)
_NUMBERS = (
    *("temperature", "top_p", "min_p", "frequency_penalty", "presence_penalty"),
    *("repetition_penalty", "length_penalty"),
)
_FLAGS = (
    *("logprobs", "stream", "use_beam_search", "ignore_eos", "include_stop_str_in_output"),
    *("skip_special_tokens", "spaces_between_special_tokens", "echo", "add_generation_prompt"),
    *("continue_final_message", "add_special_tokens", "include_reasoning", "parallel_tool_calls"),
)

_FIELDS: dict[str, _Judge] = (
    dict.fromkeys(_WHOLES, _WHOLE)
    | dict.fromkeys(_NUMBERS, _NUMBER)
    | dict.fromkeys(_FLAGS, _FLAG)
    | {
        "stop": ("text or a list of texts", lambda value: _text(value) or _texts(value)),
        "bad_words": ("a list of texts", _texts),
        "stop_token_ids": ("a list of whole numbers", _wholes),
        "allowed_token_ids": ("a list of whole numbers", _wholes),
        "logit_bias": ("a mapping to numbers", _bias),
        "user": ("text", _text),
        "chat_template": ("text", _text),
        "chat_template_kwargs": ("a mapping", _mapping),
        "mm_processor_kwargs": ("a mapping", _mapping),
        "structured_outputs": ("a mapping", _mapping),
        "stream_options": ("a mapping", _mapping),
        "reasoning_effort": (f"one of {', '.join(_EFFORTS)}", lambda value: value in _EFFORTS),
        "tools": ("a list of functions with names", _tools),
        "tool_choice": ("none, auto, required, or a function's name", _tool_choice),
        "response_format": ("a known type, with a name for a schema", _response_format),
    }
)
