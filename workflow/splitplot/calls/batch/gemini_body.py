"""From our chat body to Gemini's GenerateContentRequest, as litellm translates it."""

import re
from collections.abc import Mapping
from typing import Any

from splitplot.calls.batch.native import check_known, listed, max_tokens, refuse, stops, texts

PARAMETERS = (
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "reasoning_effort",
    "response_format",
)
NOWHERE = frozenset({"top_logprobs", "logit_bias"})
PENALTIES = ("presence_penalty", "frequency_penalty")
MAX_STOPS = 5

BUDGETS = {"low": 1024, "medium": 2048, "high": 4096, "disable": 0, "none": 0}
"""Tokens of thinking for a `reasoning_effort` before Gemini 3, as in litellm."""

MINIMAL_BUDGETS = {
    "gemini-2.5-flash-lite": 512,
    "gemini-2.5-pro": 128,
    "gemini-2.5-flash": 1,
    "": 128,
}
"""The same for "minimal", by what the model's name holds; the first that fits."""

LEVELS = ("minimal", "low", "medium", "high")
_BEFORE_3 = re.compile(
    r"gemini-(?:[12](?:\.\d+)?|exp|(?:pro|flash)(?!-(?:lite-)?latest$))(?:-|$)|gemma-|\d+$"
)
_FORMATS = {"json_object": "application/json", "text": "text/plain"}


def check(parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raise ConfigError for what Gemini does not take, or litellm would drop or send otherwise."""
    check_known(parameters, settings, PARAMETERS, NOWHERE, "Gemini")
    model = str(settings.get("model", ""))
    temperature = parameters.get("temperature")
    if temperature is not None and not 0 <= temperature <= 2:
        refuse(settings, "temperature", f"{temperature}: Gemini takes 0 to 2")
    if len(stops(parameters.get("stop") or ())) > MAX_STOPS:
        refuse(settings, "stop", f"Gemini takes at most {MAX_STOPS}")
    for name in PENALTIES:
        if parameters.get(name) is not None and since_3(model):
            refuse(settings, name, "Gemini 3 and later take no penalties; remove it")
    wish = parameters.get("response_format")
    if wish is not None and (set(wish) != {"type"} or wish["type"] not in _FORMATS):
        allowed = " or ".join(f"{{type: {name}}}" for name in _FORMATS)
        refuse(
            settings, "response_format", f"batches take {allowed}; use route realtime for others"
        )
    _config(parameters, model)


def content_request(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """A GenerateContentRequest (without the model, which the create call names)."""
    system, contents = _contents(body["messages"], model)
    request: dict[str, Any] = {"contents": contents}
    if system:
        request["systemInstruction"] = {"parts": system}
    config = _config(body, model)
    return request | ({"generationConfig": config} if config else {})


def since_3(model: str) -> bool:
    """Whether a model belongs to Gemini 3 or later, whose thinking has levels in place of budgets."""
    name = model.rpartition("/")[2].lower()
    return bool(name) and _BEFORE_3.match(name) is None


def _contents(
    messages: list[dict[str, Any]], model: str
) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """Parts of the system instruction, and turns; neighbours of one role are one turn."""
    apart = _takes_system(model)
    system: list[dict[str, str]] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        found = texts(message)
        if message["role"] == "system" and apart:
            system.append({"text": "".join(found)})
            continue
        role = "model" if message["role"] == "assistant" else "user"
        if role == "user" and not isinstance(message.get("content"), str):
            found = [text for text in found if text]
        parts = [{"text": text} for text in found]
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        elif parts:
            turns.append({"role": role, "parts": parts})
    return system, turns


def _takes_system(model: str) -> bool:
    """Whether a model takes a system instruction; else its text goes before the first turn."""
    return listed("gemini", model).get("supports_system_messages") is True


def _config(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    settings = {"model": model}
    given = {
        "temperature": body.get("temperature"),
        "topP": body.get("top_p"),
        "topK": body.get("top_k"),
        "maxOutputTokens": max_tokens(body, settings),
        "stopSequences": stops(body["stop"]) if body.get("stop") else None,
        "seed": body.get("seed"),
        "presencePenalty": body.get("presence_penalty"),
        "frequencyPenalty": body.get("frequency_penalty"),
        "responseLogprobs": body.get("logprobs"),
        "responseMimeType": _FORMATS.get(str((body.get("response_format") or {}).get("type"))),
        "thinkingConfig": _thinking(body.get("reasoning_effort"), model),
    }
    if given["temperature"] is None and since_3(model):
        given["temperature"] = 1.0  # litellm says so itself, where a study says nothing
    return {name: value for name, value in given.items() if value is not None}


def _thinking(effort: str | None, model: str) -> dict[str, Any] | None:
    if effort is None:
        return None
    settings = {"model": model}
    about, later = listed("gemini", model), since_3(model)
    known = (*LEVELS, "disable", "none")
    if not later and not about.get("supports_reasoning"):
        refuse(
            settings,
            "reasoning_effort",
            "litellm's table does not list this model as one that thinks; remove it, or use route "
            "realtime",
        )
    if effort not in known:
        refuse(settings, "reasoning_effort", f"{effort!r} is unknown (allowed: {', '.join(known)})")
    shown = effort not in ("disable", "none")
    if not later:
        budget = BUDGETS.get(effort)
        if budget is None:
            budget = next(n for part, n in MINIMAL_BUDGETS.items() if part in model.lower())
        return {"thinkingBudget": budget, "includeThoughts": shown}
    if effort not in LEVELS[1:]:
        lowest = (
            "flash" in model.lower() and about.get("supports_minimal_reasoning_effort") is not False
        )
        effort = "minimal" if lowest else "low"
    return {"thinkingLevel": effort, "includeThoughts": shown}
