"""What a model costs: litellm's bundled price table, read as a file (litellm is never imported).

The table is the one that came with the installed version, so that a price does not change by the day.
"""

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from splitplot.calls.records import Usage
from splitplot.errors import ConfigError, near_miss

TABLE_FILE = "model_prices_and_context_window_backup.json"
MODES = {"chat", "responses", "completion"}
OVERRIDE_KEYS = (
    "usd_per_million_input_tokens",
    "usd_per_million_output_tokens",
    "usd_per_million_cached_tokens",
    "batch_discount",
)
MILLION = 1_000_000

_TABLE_PROVIDER = {
    "cohere": "cohere_chat",
    "fireworks": "fireworks_ai",
    "google": "gemini",
    "together": "together_ai",
    "vertex": "vertex_ai",
}
"""Common names of providers that the table calls otherwise."""

_REACHED_IS_ABOVE = {"xai"}
"""Providers that bill the dearer tier when the prompt reaches the threshold; others only above it."""


@dataclass(frozen=True)
class Rates:
    """USD per token for prompts of more than `above` input tokens; every token is billed at them."""

    above: int
    input: float
    output: float
    cached_input: float
    reasoning: float


@dataclass(frozen=True)
class Price:
    """What a model costs.

    standard, batch: rates by size of the prompt, ascending, the first with above = 0.
    max_output_tokens: the model's own limit, where the table knows it.
    source: where the price comes from, for the reader of an estimate.
    """

    standard: tuple[Rates, ...]
    batch: tuple[Rates, ...]
    max_output_tokens: int | None
    source: str

    @property
    def input(self) -> float:
        """USD per input token of a short prompt."""
        return self.standard[0].input

    @property
    def output(self) -> float:
        """USD per output token after a short prompt."""
        return self.standard[0].output


def find_price(model_id: str, provider_model: str, override: dict[str, Any] | None) -> Price | None:
    """The price of a model, or None where nobody has told it.

    model_id: route-independent identity, "provider/model". provider_model: the name that is sent.
    override: the keys in OVERRIDE_KEYS, from models.yaml; what it leaves out comes from the table.
    A model that the table lists at zero counts as unpriced: the table writes 0 where it does not
    know; a free model gets its 0 by an override.
    Raises ConfigError for an override with unknown keys, bad numbers, or half a price.
    """
    listed = _listed_price(model_id, provider_model)
    return listed if not override else _overridden(listed, override, f"price of {model_id}")


def cost(price: Price, usage: Usage, batch: bool = False) -> float | None:
    """USD of one call; None where the provider did not say how many tokens it was.

    Cached tokens are part of the input, reasoning tokens part of the output.
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    rates = _rates_for(price.batch if batch else price.standard, usage.input_tokens)
    cached = min(usage.cached_tokens or 0, usage.input_tokens)
    reasoning = min(usage.reasoning_tokens or 0, usage.output_tokens)
    return (
        (usage.input_tokens - cached) * rates.input
        + cached * rates.cached_input
        + (usage.output_tokens - reasoning) * rates.output
        + reasoning * rates.reasoning
    )


def ceiling(price: Price, input_tokens: int, output_tokens: int, batch: bool = False) -> float:
    """USD that a call of at most so many tokens cannot exceed.

    Not the cost of the largest call: some models bill reasoning dearer than text, and all of the
    answer may be reasoning; a tier is not always dearer than the one below it.
    """
    tiers = price.batch if batch else price.standard
    return max(
        input_tokens * max(rates.input, rates.cached_input)
        + output_tokens * max(rates.output, rates.reasoning)
        for rates in tiers
        if rates.above <= input_tokens
    )


def _rates_for(tiers: tuple[Rates, ...], input_tokens: int) -> Rates:
    for rates in reversed(tiers):
        if input_tokens > rates.above:
            return rates
    return tiers[0]


@lru_cache(maxsize=1)
def _table() -> dict[str, dict[str, Any]]:
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    path = Path(spec.origin).parent / TABLE_FILE
    table: dict[str, dict[str, Any]] = json.loads(path.read_bytes()) if path.exists() else {}
    return table


def _listed_price(model_id: str, provider_model: str) -> Price | None:
    for name, provider in _candidates(model_id, provider_model):
        entry = _table().get(name)
        if entry is not None and _sold_by(entry, provider):
            return _from_entry(name, entry)
    return None


def _candidates(model_id: str, provider_model: str) -> list[tuple[str, str]]:
    """(name in the table, provider that must sell it), the surest first."""
    head, slash, model = model_id.partition("/")
    if not slash:
        return [(model_id, "")]
    provider = _TABLE_PROVIDER.get(head, head)
    names = [f"{provider}/{model}", model]
    sent_head, sent_slash, sent = provider_model.partition("/")
    if sent_slash and _same_provider(sent_head, provider):
        names += [provider_model, sent]
    else:
        names += [f"{provider}/{provider_model}", provider_model]
    return [(name, provider) for name in names]


def _same_provider(name: str, provider: str) -> bool:
    return name == provider or name.startswith((f"{provider}_", f"{provider}-"))


def _sold_by(entry: dict[str, Any], provider: str) -> bool:
    """Another seller's price for a model of the same name is no price of ours."""
    return not provider or _same_provider(str(entry.get("litellm_provider")), provider)


def _from_entry(name: str, entry: dict[str, Any]) -> Price | None:
    if entry.get("mode") not in MODES:
        return None
    standard = _ranged(entry) or _tiers(entry, "")
    if standard is None or not any(rates.input or rates.output for rates in standard):
        return None
    batch = _tiers(entry, "_batches") or standard
    if entry.get("litellm_provider") in _REACHED_IS_ABOVE:
        standard, batch = _reached(standard), _reached(batch)
    limit = entry.get("max_output_tokens") or entry.get("max_tokens")
    return Price(standard, batch, int(limit) if limit else None, f"litellm's table: {name}")


def _tiers(entry: dict[str, Any], suffix: str) -> tuple[Rates, ...] | None:
    """Flat rates and those named …_above_200k_tokens; suffix "_batches" reads the batch prices."""
    given_input = entry.get(f"input_cost_per_token{suffix}")
    given_output = entry.get(f"output_cost_per_token{suffix}")
    if given_input is None or given_output is None:
        return None
    cached = entry.get(f"cache_read_input_token_cost{suffix}")
    reasoning = entry.get("output_cost_per_reasoning_token") if not suffix else None
    tiers = [_rates(0, given_input, given_output, cached, reasoning)]
    pattern = re.compile(rf"(?:in|out)put_cost_per_token_above_(\d+)(k?)_tokens{suffix}")
    marks = {match.groups() for key in entry if (match := pattern.fullmatch(key))}
    for above, number, kilo in sorted((int(n) * (1000 if k else 1), n, k) for n, k in marks):
        mark = f"_above_{number}{kilo}_tokens{suffix}"
        given_input = entry.get(f"input_cost_per_token{mark}", given_input)
        given_output = entry.get(f"output_cost_per_token{mark}", given_output)
        cached = entry.get(f"cache_read_input_token_cost{mark}", cached)
        tiers.append(_rates(above, given_input, given_output, cached, reasoning))
    return tuple(tiers)


def _ranged(entry: dict[str, Any]) -> tuple[Rates, ...] | None:
    """Rates from the table's other form, `tiered_pricing`: [{"range": [0, 32000], …}, …]."""
    rows = [row for row in entry.get("tiered_pricing") or [] if "input_cost_per_token" in row]
    tiers = []
    for row in sorted(rows, key=lambda row: float(row["range"][0])):
        output = row.get("output_cost_per_token", entry.get("output_cost_per_token"))
        if output is None:
            return None
        tiers.append(
            _rates(
                int(row["range"][0]),
                row["input_cost_per_token"],
                output,
                row.get("cache_read_input_token_cost"),
                row.get("output_cost_per_reasoning_token"),
            )
        )
    return (replace(tiers[0], above=0), *tiers[1:]) if tiers else None


def _rates(
    above: int, input_: float, output: float, cached: float | None, reasoning: float | None
) -> Rates:
    return Rates(
        above=above,
        input=float(input_),
        output=float(output),
        cached_input=float(input_ if cached is None else cached),
        reasoning=float(output if reasoning is None else reasoning),
    )


def _reached(tiers: tuple[Rates, ...]) -> tuple[Rates, ...]:
    return tuple(replace(rates, above=max(0, rates.above - 1)) for rates in tiers)


def _overridden(listed: Price | None, override: dict[str, Any], where: str) -> Price:
    given = {key: _number(override[key], key, where) for key in override}
    discount = given.get("batch_discount")
    if discount is not None and discount > 1:
        raise ConfigError(f"{where}: batch_discount: {discount} is not a fraction from 0 to 1")
    flat = [given.get(key) for key in OVERRIDE_KEYS[:3]]
    if any(rate is not None for rate in flat):
        known = listed.standard[0] if listed else None
        names = ("input", "output", "cached_input")
        rates: list[float | None] = [
            getattr(known, name, None) if rate is None else rate / MILLION
            for name, rate in zip(names, flat, strict=True)
        ]
        if rates[0] is None or rates[1] is None:
            missing = OVERRIDE_KEYS[0] if rates[0] is None else OVERRIDE_KEYS[1]
            raise ConfigError(f"{where}: the price table does not know this model; add {missing}")
        if flat[0] is not None and flat[2] is None:
            rates[2] = None  # a listed price of cached tokens belongs to the listed input price
        standard = (_rates(0, rates[0], rates[1], rates[2], None),)
        limit = listed.max_output_tokens if listed else None
        listed = Price(standard, standard, limit, "config/models.yaml")
    if listed is None:
        both = f"{OVERRIDE_KEYS[0]} and {OVERRIDE_KEYS[1]}"
        raise ConfigError(f"{where}: the price table does not know this model; add {both}")
    if discount is not None:
        listed = replace(listed, batch=_discounted(listed.standard, 1 - discount))
    return listed


def _discounted(tiers: tuple[Rates, ...], factor: float) -> tuple[Rates, ...]:
    return tuple(
        Rates(
            t.above,
            t.input * factor,
            t.output * factor,
            t.cached_input * factor,
            t.reasoning * factor,
        )
        for t in tiers
    )


def _number(value: Any, key: str, where: str) -> float:
    if key not in OVERRIDE_KEYS:
        raise ConfigError(f'{where}: unknown key "{key}"{near_miss(key, list(OVERRIDE_KEYS))}')
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise ConfigError(f"{where}: {key}: {value!r} is not a number of at least 0")
    return float(value)
