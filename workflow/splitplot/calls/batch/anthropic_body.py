"""From our chat body to Anthropic's parameters, as litellm translates it."""

from collections.abc import Mapping
from typing import Any

from splitplot.calls.batch.native import (
    check_known,
    count,
    listed,
    max_tokens,
    refuse,
    stops,
    texts,
)
from splitplot.errors import ConfigError

PARAMETERS = (
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "reasoning_effort",
    "thinking",
)
NOWHERE = frozenset(
    {"seed", "n", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "logit_bias"}
)

BUDGETS = {
    "minimal": 1024,
    "low": 1024,
    "medium": 2048,
    "high": 4096,
    "xhigh": 8192,
    "max": 16384,
}
"""Tokens of thinking for a `reasoning_effort`, as in litellm."""

EMPTY = "[System: Empty message content sanitised to satisfy protocol]"
"""What litellm sends for a blank message, which Anthropic refuses."""


def check(parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raise ConfigError for what Anthropic does not take, or litellm would send otherwise."""
    check_known(parameters, settings, PARAMETERS, NOWHERE, "Anthropic")
    if max_tokens(parameters, settings) is None:
        refuse(settings, "max_tokens", "Anthropic needs one; set it, e.g. `max_tokens: 4096`")
    temperature = parameters.get("temperature")
    if temperature is not None and not 0 <= temperature <= 1:
        refuse(settings, "temperature", f"{temperature}: Anthropic takes 0 to 1")
    model = str(settings.get("model", ""))
    if listed("anthropic", model).get("supports_sampling_params") is False:
        for name in ("temperature", "top_p", "top_k"):
            value = parameters.get(name)
            if value is not None and (name, value) != ("temperature", 1):
                refuse(settings, name, "this model takes no sampling parameters; remove it")
    _thinking(model, parameters)


def params(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """What litellm sends to Anthropic for an OpenAI chat body."""
    system, messages = _messages(body["messages"])
    params: dict[str, Any] = {"model": model, "max_tokens": max_tokens(body, {"model": model})}
    params["messages"] = messages
    if system:
        params["system"] = system
    for name in ("temperature", "top_p", "top_k"):
        if body.get(name) is not None:
            params[name] = body[name]
    if body.get("stop"):
        params["stop_sequences"] = stops(body["stop"])
    return params | _thinking(model, body)


def _messages(messages: list[dict[str, Any]]) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    system: list[dict[str, str]] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        role, found = message["role"], texts(message)
        if role == "system":
            if turns:
                raise ConfigError(
                    "a system message stands after the first turn; Anthropic's batches take it at "
                    "the beginning alone; move it there, or use route realtime"
                )
            system += [_text(text) for text in found if text]
            continue
        blocks = [_text(text if text.strip() else EMPTY) for text in found]
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if turns and turns[-1]["role"] == "assistant":
        for block in turns[-1]["content"]:
            block["text"] = block["text"].rstrip()
    return system, turns


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _thinking(model: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`thinking` and `output_config` for a `reasoning_effort` or a `thinking` of our own."""
    effort, thinking = parameters.get("reasoning_effort"), parameters.get("thinking")
    if effort is None and thinking is None:
        return {}
    settings = {"model": model}
    if effort is not None and thinking is not None:
        refuse(settings, "thinking", "says the same as reasoning_effort; keep one of them")
    about = listed("anthropic", model)
    name = "thinking" if effort is None else "reasoning_effort"
    if not about.get("supports_reasoning"):
        refuse(
            settings,
            name,
            "litellm's table does not list this model as one that thinks; remove it, or use route "
            "realtime",
        )
    adaptive = bool(about.get("supports_adaptive_thinking"))
    given = _own_thinking(thinking, about, settings) if effort is None else None
    if effort is not None:
        if effort != "none" and effort not in BUDGETS:
            refuse(settings, name, f"{effort!r} is unknown (allowed: {', '.join(BUDGETS)}, none)")
        if effort == "none":
            return {}
        if adaptive:
            if effort == "xhigh" and not about.get("supports_xhigh_reasoning_effort"):
                refuse(settings, name, "this model does not know xhigh; use high or max")
            level = "low" if effort == "minimal" else effort
            shown = {"type": "adaptive", "display": "summarized"}
            return {"thinking": shown, "output_config": {"effort": level}}
        given = {"type": "enabled", "budget_tokens": BUDGETS[effort]}
    budget, most = (given or {}).get("budget_tokens"), max_tokens(parameters, settings)
    if budget is not None and most is not None and most <= budget:
        refuse(
            settings,
            "max_tokens",
            f"{most} leaves no answer: {name} lets the model think for {budget} tokens, which are "
            "part of them; raise it",
        )
    return {"thinking": given} if given else {}


def _own_thinking(
    thinking: Any, about: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Anthropic's own `thinking`, where litellm sends it as it is."""
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    adaptive, budget = about.get("supports_adaptive_thinking"), count(thinking, "budget_tokens")
    fits = {
        "enabled": budget is not None and (not adaptive or about.get("supports_legacy_thinking")),
        "adaptive": adaptive,
        "disabled": not about.get("thinking_always_on"),
    }
    if not fits.get(str(kind)):
        refuse(settings, "thinking", f"{thinking!r} is not for this model; use reasoning_effort")
    return dict(thinking)
