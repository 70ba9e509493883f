"""One tiny call per model: does it answer, and if not, would waiting help?

The answer is not kept in the ledger, but what it cost counts against the caps of the study.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from splitplot.calls.budget import Amount, Budget, actual_amount, worst_case
from splitplot.calls.credentials import api_key
from splitplot.calls.pricing import cost
from splitplot.calls.records import Request, Response, Usage, request_key
from splitplot.calls.session import FREE_ROUTES, trial_price
from splitplot.errors import CapReached, SplitplotError

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


def probe(trial: dict[str, Any], plan: dict[str, Any], ledger_root: Path) -> Probe:
    """Ask the model of a trial (as in plan.json) for one word, with one attempt.

    Nothing is sent, and the state is "terminal", where the study's caps leave no room for it.
    """
    model, route = trial["model"], trial["route"]
    if route == "sim":
        return Probe(model, route, "ok", "simulated: nothing to ask")
    try:
        key = api_key(trial)
        with _paid(trial, plan, ledger_root) as settle:
            response = asyncio.run(_ask(trial, key))
            settle(response)
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


@contextmanager
def _paid(
    trial: dict[str, Any], plan: dict[str, Any], ledger_root: Path
) -> Iterator[Callable[[Response], None]]:
    """Reserve the worst case of a probe; yields what settles it. Raises CapReached."""
    if trial["route"] in FREE_ROUTES:
        yield lambda response: None
        return
    name = (
        f"probe-{secrets.token_hex(8)}.jsonl"  # there is no such file: a kill counts at its worst
    )
    caps = plan["budget"]
    budget = Budget(
        ledger_root, plan["study"], trial["model"], caps, ledger_root / trial["hash"] / name
    )
    price = trial_price(trial)
    worst = worst_case(probe_body(trial["parameters"]), price)
    where = f"{plan['study_file']}: a probe of {trial['model']} was not sent"
    if budget.capped and (worst is None or (price is None and caps.get("max_usd") is not None)):
        raise CapReached(
            f"{where}: the budget sets a cap, and what a probe may cost is not known; set "
            "`price` for the model in config/models.yaml and `max_tokens` in the study's sampling"
        )
    worst = worst or Amount(calls=1)
    try:
        budget.open()
        if not budget.reserve([worst])[0]:
            raise CapReached(f"{where}: the budget's caps leave no room for it; raise them")
        answers: list[Response] = []
        cost_of_it = worst  # however it ends, unless we learn better
        try:
            yield answers.append
            cost_of_it = actual_amount(answers[0].to_json(), worst)
        except SplitplotError:  # the credential was refused: nothing to bill
            cost_of_it = Amount(calls=1)
            raise
        finally:
            budget.settle(worst, cost_of_it)
    finally:
        budget.close()


async def _ask(trial: dict[str, Any], key: str | None) -> Response:
    from splitplot.calls import engines, litellm_route, realtime

    body = probe_body(trial["parameters"])
    request = Request(request_key("probe", body, 0), body)
    answers: list[Response] = []
    price = trial_price(trial)

    async def ask(send: Any, endpoint: dict[str, Any], key: str | None, **more: Any) -> None:
        await send(
            engines.feed_of(request),
            endpoint | {"max_attempts": 1},
            api_key=key,
            record=answers.append,
            on_send=lambda request, attempt, paid: None,
            price=lambda usage: usd(usage),
            stop=asyncio.Event(),
            **more,
        )

    def usd(usage: Usage) -> float | None:
        return cost(price, usage) if price else None

    if trial["route"] == "local":
        await engines.run(
            trial["endpoint"],
            engines.feed_of(request),
            record=answers.append,
            on_send=lambda request, attempt, paid: None,
            price=lambda usage: None,
            stop=asyncio.Event(),
        )
    elif trial["route"] == "litellm":
        await ask(litellm_route.answer, trial["endpoint"], key)
    else:
        await ask(realtime.answer, trial["endpoint"], key)
    return answers[0]
