"""One tiny call per model, outside the ledger: does it answer, and if not, would waiting help?"""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from splitplot.calls.fulfil import api_key, trial_price
from splitplot.calls.pricing import cost
from splitplot.calls.records import Request, Response, Usage, request_key
from splitplot.errors import SplitplotError

MESSAGES = [{"role": "user", "content": "Reply with the word: yes"}]
MAX_TOKENS = 256  # leaves a reasoning model room to think; an answer takes a few
TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True)
class Probe:
    """What a model said. state: "ok", "transient" (try again later) or "terminal" (mend something)."""

    model: str
    route: str
    state: str
    message: str
    latency_s: float | None = None
    usd: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)


def probe(trial: dict[str, Any]) -> Probe:
    """Ask the model of a trial (as in plan.json) for one word, with one attempt."""
    model, route = trial["model"], trial["route"]
    if route == "sim":
        return Probe(model, route, "ok", "simulated: nothing to ask")
    try:
        response = asyncio.run(_ask(trial))
    except SplitplotError as error:
        return Probe(model, route, "terminal", str(error))
    if response.outcome == "error":
        error_info = response.error or {}
        status = error_info.get("status")
        state = "transient" if status is None or status in TRANSIENT else "terminal"
        return Probe(model, route, state, f"{status or ''} {error_info.get('message')}".strip())
    said = (response.text or "").strip().splitlines() or [f"({response.outcome})"]
    return Probe(model, route, "ok", said[0][:60], response.latency_s, response.usd)


def probe_body(parameters: dict[str, Any]) -> dict[str, Any]:
    """The probe with a trial's own settings, so that one which the model refuses is found out now."""
    limited = {
        name: min(value, MAX_TOKENS)
        for name, value in parameters.items()
        if name in ("max_tokens", "max_completion_tokens")
    }
    return {"messages": MESSAGES, **parameters, **limited}


async def _ask(trial: dict[str, Any]) -> Response:
    from splitplot.calls import litellm_route, realtime
    from splitplot.calls.local import endpoint_for, serve

    body = probe_body(trial["parameters"])
    request = Request(request_key("probe", body, 0), body)
    answers: list[Response] = []
    price = trial_price(trial)

    async def feed() -> Any:
        yield request

    async def ask(send: Any, endpoint: dict[str, Any], key: str | None, **more: Any) -> None:
        await send(
            feed(),
            endpoint | {"max_attempts": 1},
            api_key=key,
            record=answers.append,
            on_send=lambda request, attempt: None,
            price=lambda usage: usd(usage),
            stop=asyncio.Event(),
            **more,
        )

    def usd(usage: Usage) -> float | None:
        return cost(price, usage) if price else None

    if trial["route"] == "local":
        with serve(trial["endpoint"]) as server:
            endpoint = endpoint_for(server, trial["endpoint"])
            await ask(
                realtime.answer, endpoint, server.api_key, route="local", engine=server.engine
            )
    elif trial["route"] == "litellm":
        await ask(litellm_route.answer, trial["endpoint"], api_key(trial))
    else:
        await ask(realtime.answer, trial["endpoint"], api_key(trial))
    return answers[0]
