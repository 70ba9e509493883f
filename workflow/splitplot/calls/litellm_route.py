"""The litellm route: providers that do not speak OpenAI's protocol, through the same loop as realtime."""

import asyncio
import json
import os
import time
from collections.abc import Mapping
from typing import Any

from splitplot.calls import chat
from splitplot.calls.credentials import checked_key
from splitplot.calls.dispatch import Feed, OnSend, Price, Record, Reply, dispatch
from splitplot.calls.limits import wait_asked_by
from splitplot.calls.pacing import Failure, classify
from splitplot.calls.progress import Progress

GRACE_S = 5.0
"""litellm applies the timeout itself; this much later the attempt is ended from outside."""


async def answer(
    feed: Feed,
    endpoint: dict[str, Any],
    *,
    api_key: str | None,
    record: Record,
    on_send: OnSend,
    price: Price,
    route: str = "litellm",
    engine: dict[str, Any] | None = None,
    stop: asyncio.Event,
    progress: Progress | None = None,
) -> None:
    """As `realtime.answer`, with litellm as the transport.

    endpoint: as there; `model` is litellm's name ("anthropic/…"), `base_url` may be None.
    Retries, pacing and outcomes are ours: litellm sends each attempt once.
    """
    key = checked_key(api_key, endpoint)
    litellm = _import_litellm()
    options: dict[str, Any] = {"num_retries": 0, "max_retries": 0, "drop_params": False}
    if endpoint.get("base_url"):
        options["api_base"] = endpoint["base_url"]
    if endpoint.get("headers"):
        options["extra_headers"] = dict(endpoint["headers"])
    if key:
        options["api_key"] = key

    async def send(body: dict[str, Any], timeout_s: float) -> Reply | Failure:
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                completion = await litellm.acompletion(**body, **options, timeout=timeout_s)
        except Exception as error:
            return _failure(error, key)
        dumped = json.dumps(completion.model_dump(), default=str).encode()
        return Reply(chat.decode(dumped, key), _headers_of(completion), 200)

    await dispatch(
        feed,
        endpoint,
        send,
        record=record,
        on_send=on_send,
        price=price,
        route=route,
        engine=engine,
        stop=stop,
        progress=progress,
    )


def _import_litellm() -> Any:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else each import asks the network
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    return litellm


def _failure(error: Exception, key: str | None) -> Failure:
    """What litellm's exception means, by the same rules as everywhere."""
    chain = _chain(error)
    text = f"{type(error).__name__}: {getattr(error, 'message', error)}"
    message = chat.tidy(chat.redact(text, key))
    status = getattr(error, "status_code", None)
    if isinstance(error, TimeoutError) or type(error).__name__ == "Timeout":
        return classify(None, message=message, error=TimeoutError())
    if any(isinstance(e, json.JSONDecodeError) for e in chain) or _UNREADABLE in text:
        return classify(200, message=message)
    if not isinstance(status, int) or _no_answer(chain):
        return classify(None, message=message, error=ConnectionError())
    code = next((code for e in chain if (code := _code_of(e))), None)
    wait = wait_asked_by(_headers_of(error), time.time())
    return classify(status, code, message, wait=wait)


_UNREADABLE = "Unable to get json response"
_ANSWERED = {"HTTPStatusError", "APIStatusError"}
_TRANSPORTS = {"httpx", "httpx2", "httpcore", "aiohttp"}


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    return chain


def _no_answer(chain: list[BaseException]) -> bool:
    """Whether the connection failed, which litellm reports as a status of 500 that nobody sent."""
    for error in chain[1:]:
        if _ANSWERED & {kind.__name__ for kind in type(error).__mro__}:
            return False
        if isinstance(error, OSError) or type(error).__module__.split(".")[0] in _TRANSPORTS:
            return True
    return False


def _code_of(error: BaseException) -> str | None:
    if type(error).__name__ == "ContentPolicyViolationError":
        return "content_policy_violation"
    code = getattr(error, "code", None)
    if isinstance(code, str) and code and not code.isdigit():
        return code
    body = getattr(error, "body", None)
    return chat.error_of(body)[1] if isinstance(body, dict) else None


def _headers_of(source: Any) -> Mapping[str, str]:
    """HTTP headers behind an answer or an exception, in lower case, as the provider named them."""
    found: dict[str, str] = {}
    hidden = getattr(source, "_hidden_params", None) or {}
    response = getattr(source, "response", None)
    for headers in (
        hidden.get("additional_headers"),
        getattr(source, "litellm_response_headers", None),
        getattr(response, "headers", None),
    ):
        for name, value in dict(headers or {}).items():
            found[str(name).lower().removeprefix("llm_provider-")] = str(value)
    return found
