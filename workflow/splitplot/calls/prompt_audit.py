"""What the prompts of a study are and what they add to its price, before anything is sent.

Tokens are those of a prompt without its item, by the rule of `tokens`. Answers have no part in it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from splitplot.calls.pricing import Price, cost, find_price
from splitplot.calls.records import Usage
from splitplot.calls.tokens import sizes_of, text_bytes
from splitplot.canonical import canonical_json
from splitplot.control import control_of
from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.prompts import render
from splitplot.waves import waves_of

QUESTIONS = 1000
MARK = "\ue000"
"""Stands for every text of the item: a private character, which no template has a reason to hold."""

CHOICES = 26
"""In the place of choices where a template cannot do without: as many as a template could count on."""

FREE = {"local": "local: nothing is paid", "sim": "simulated: nothing is paid"}

Count = Callable[[dict[str, Any], list[list[dict[str, str]]]], list[int] | None]
"""(trial, messages of each arm) → exact tokens of each, or None where nobody can count them cheaply."""


def prompt_without_item(template: dict[str, Any], where: str) -> list[dict[str, str]]:
    """The messages of a template around an item without a text: with a passage, and without choices.

    where: what to call the template in messages. Raises ConfigError for one that cannot be rendered so.
    """
    problem = ""
    for choices in ((), (MARK,) * CHOICES):
        item = Item("item", MARK, context=MARK, choices=choices, tier="")
        try:
            messages = render(template, item, where)
        except ConfigError as error:
            problem = str(error)
            continue
        return [{**each, "content": each["content"].replace(MARK, "")} for each in messages]
    raise ConfigError(f"its tokens cannot be counted without an item of the study: {problem}")


def audit(plan: Mapping[str, Any], n_items: int, exact: Count | None = None) -> dict[str, Any]:
    """The arms of a plan and what each adds to the control.

    n_items: decides whether parts are large enough for a batch. exact: counts tokens by the model's own
    tokenizer, for the trials that have one.
    Returns {"control", "arms": [{"condition", "id", "hash", "path", "placebo", "characters", "words",
    "tokens", "added_tokens"}], "costs": [{"trial", "model", "sampling", "route", "condition", "tokens",
    "added_tokens", "exact", "usd_per_1000", "added_usd_per_1000", "reason"}]}: characters and words of the
    system text; dollars for the prompts of 1,000 requests, None with a reason where there is no price.
    """
    control = control_of(plan)
    prompts = {
        arm["name"]: prompt_without_item(arm["template"], arm["path"]) for arm in plan["conditions"]
    }
    tokens = {name: _expected(messages) for name, messages in prompts.items()}
    arms = []
    for arm in plan["conditions"]:
        system = arm["template"].get("system") or ""
        arms.append(
            {
                "condition": arm["name"],
                "id": arm["id"],
                "hash": arm["hash"],
                "path": arm["path"],
                "placebo": arm.get("placebo"),
                "characters": len(system),
                "words": len(system.split()),
                "tokens": tokens[arm["name"]],
                "added_tokens": tokens[arm["name"]] - tokens[control],
            }
        )
    counts: dict[str, list[int] | None] = {}
    costs: list[dict[str, Any]] = []
    for trial in plan["trials"]:
        counted = None
        if exact:
            model = canonical_json(trial["identity"])
            if model not in counts:
                counts[model] = exact(trial, list(prompts.values()))
            counted = counts[model]
        own = dict(zip(prompts, counted, strict=True)) if counted else tokens
        costs += _costs(plan, trial, n_items, own, exact=bool(counted))
    return {"control": control, "arms": arms, "costs": costs}


def _costs(
    plan: Mapping[str, Any],
    trial: dict[str, Any],
    n_items: int,
    tokens: Mapping[str, int],
    *,
    exact: bool,
) -> list[dict[str, Any]]:
    """The rows of one trial, in the order of its cells. tokens: of each arm, by name."""
    control, names = control_of(plan), {arm["id"]: arm["name"] for arm in plan["conditions"]}
    price, reason = _price(trial)
    rows = []
    for cell in plan["cells"]:
        if cell["trial"] != trial["id"]:
            continue
        name = names[cell["condition"]]
        asked = n_items * cell["replications"] * len(waves_of(plan))
        requests = asked / len(plan.get("parts") or [""])
        batch = bool(trial.get("batch")) and requests >= trial["batch"]["at_least"]
        usd, base = (_usd(price, tokens[arm], batch) for arm in (name, control))
        rows.append(
            {
                "trial": trial["id"],
                "model": trial["model"],
                "sampling": trial["sampling"],
                "route": "batch" if batch else trial["route"],
                "condition": name,
                "tokens": tokens[name],
                "added_tokens": tokens[name] - tokens[control],
                "exact": exact,
                "usd_per_1000": usd,
                "added_usd_per_1000": None if usd is None or base is None else usd - base,
                "reason": reason,
            }
        )
    return rows


def _expected(messages: Sequence[Mapping[str, str]]) -> int:
    return sizes_of(text_bytes({"messages": messages}), len(messages))[0]


def _price(trial: Mapping[str, Any]) -> tuple[Price | None, str | None]:
    """The price of a trial, or None and why there is none."""
    if trial["route"] in FREE:
        return None, FREE[trial["route"]]
    endpoint, protocol = trial["endpoint"], (trial.get("batch") or {}).get("protocol")
    price = find_price(trial["model_id"], endpoint["model"], endpoint.get("price"), protocol)
    return price, None if price else "no price is known"


def _usd(price: Price | None, tokens: int, batch: bool) -> float | None:
    usd = cost(price, Usage(tokens, 0), batch=batch) if price else None
    return None if usd is None else QUESTIONS * usd
