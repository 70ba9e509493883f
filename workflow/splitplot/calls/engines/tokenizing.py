"""How many tokens a prompt has by a local model's own tokenizer and chat template, without an answer."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from splitplot.errors import SplitplotError

CONTEXT = 512
"""Tokens of the one slot: counting needs no more, and the memory of a long context is not asked for."""
TIMEOUT_S = 60


def count_tokens(
    trial: dict[str, Any], prompts: list[list[dict[str, str]]], root: Path | None = None
) -> list[int] | None:
    """Input tokens of each prompt, as the model is asked; None for a trial that llama.cpp does not answer.

    trial: as in plan.json. prompts: messages. root: where a relative path of the weights starts.
    Loads the weights, which takes about a second for a small model and a minute for a large one. Raises
    ConfigError for missing weights, SplitplotError where they cannot be loaded or the server refuses.
    """
    endpoint = trial["endpoint"]
    if trial["route"] != "local" or endpoint.get("engine", "llama.cpp") != "llama.cpp":
        return None
    from splitplot.calls.engines.llama_cpp import serve

    with serve({**endpoint, "slots": 1, "context": CONTEXT}, root) as server:
        address = f"{server.base_url}/chat/completions/input_tokens"
        return [_ask(address, str(server.api_key), messages) for messages in prompts]


def _ask(address: str, api_key: str, messages: list[dict[str, str]]) -> int:
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
    body = json.dumps({"messages": messages}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(address, data=body, headers=headers)
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return int(json.load(answer)["input_tokens"])
    except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
        raise SplitplotError(f"llama.cpp did not count the tokens of a prompt: {error}") from error
