"""What a model costs: litellm's bundled price table, read as a file (litellm is never imported).

The table is the one that came with the installed version, so that a price does not change by the day.
"""

import json
import re
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from splitplot.calls.rates import Price, Rates, ceiling, cost, discounted
from splitplot.errors import ConfigError, near_miss

__all__ = ["MODES", "OVERRIDE_KEYS", "Price", "Rates", "ceiling", "cost", "find_price"]

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

_BATCH_DISCOUNT = dict.fromkeys(
    ("openai", "azure", "anthropic", "gemini", "mistral", "groq", "fireworks"), 0.5
)
"""What providers say that their batch API takes off. Together says "up to 50 %": that is no promise."""

_CACHE_DISCOUNT_STAYS = {"anthropic", "fireworks"}
"""Providers that give their discounts for cached input and for batches both at once."""

_REACHED_IS_ABOVE = {"xai"}
"""Providers that bill the dearer tier when the prompt reaches the threshold; others only above it."""


def find_price(
    model_id: str,
    provider_model: str,
    override: dict[str, Any] | None,
    protocol: str | None = None,
) -> Price | None:
    """The price of a model, or None where nobody has told it.

    model_id: route-independent identity, "provider/model". provider_model: the name that is sent.
    override: the keys in OVERRIDE_KEYS, from models.yaml; what it leaves out comes from the table.
    protocol: of the batch API that the model may go by; where neither table nor override have a batch
    price, its provider's documented discount makes one, for the provider's own models.
    A model that the table lists at zero counts as unpriced: the table writes 0 where it does not
    know; a free model gets its 0 by an override.
    Raises ConfigError for an override with unknown keys, bad numbers, or half a price.
    """
    price = _listed_price(model_id, provider_model)
    if override:
        price = _overridden(price, override, f"price of {model_id}")
    return _documented(price, model_id, protocol) if price and protocol else price


@lru_cache(maxsize=1)
def price_table() -> dict[str, dict[str, Any]]:
    """litellm's bundled table: model → prices, limits, capabilities; empty where it is not installed."""
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    path = Path(spec.origin).parent / TABLE_FILE
    table: dict[str, dict[str, Any]] = json.loads(path.read_bytes()) if path.exists() else {}
    return table


def _listed_price(model_id: str, provider_model: str) -> Price | None:
    for name, provider in _candidates(model_id, provider_model):
        entry = price_table().get(name)
        if entry is not None and _sold_by(entry, provider):
            return _from_entry(name, entry)
    return None


def _candidates(model_id: str, provider_model: str) -> list[tuple[str, str]]:
    """(name in the table, provider that must sell it), the surest first."""
    head, slash, model = model_id.partition("/")
    if not slash:
        return [(model_id, "")]
    provider = _table_name(head)
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
    batch = _batch_tiers(entry, standard)
    if entry.get("litellm_provider") in _REACHED_IS_ABOVE:
        standard, batch = _reached(standard), _reached(batch) if batch else None
    limit = entry.get("max_output_tokens") or entry.get("max_tokens")
    source = f"litellm's table: {name}"
    return Price(standard, batch or standard, int(limit) if limit else None, source, bool(batch))


def _batch_tiers(entry: dict[str, Any], standard: tuple[Rates, ...]) -> tuple[Rates, ...] | None:
    """The table's batch prices; where it has one for short prompts only, it is scaled for long ones."""
    batch = _tiers(entry, "_batches")
    if batch is None:
        return None
    if batch[0].cached_input == batch[0].input and _stays(str(entry.get("litellm_provider"))):
        factor = batch[0].input / standard[0].input if standard[0].input else 1.0
        cached = standard[0].cached_input * factor
        batch = (replace(batch[0], cached_input=cached), *batch[1:])
    if len(batch) > 1 or len(standard) == 1:
        return batch
    short, known = standard[0], batch[0]
    return (
        known,
        *(
            Rates(
                above=rates.above,
                input=_scaled(rates.input, known.input, short.input),
                output=_scaled(rates.output, known.output, short.output),
                cached_input=_scaled(rates.cached_input, known.cached_input, short.cached_input),
                reasoning=_scaled(rates.reasoning, known.reasoning, short.reasoning),
            )
            for rates in standard[1:]
        ),
    )


def _scaled(rate: float, part: float, whole: float) -> float:
    return rate * part / whole if whole else rate


def _documented(price: Price, model_id: str, protocol: str) -> Price:
    """With a batch price by what the provider documents, where there is no other."""
    discount, seller = _BATCH_DISCOUNT.get(protocol), _table_name(model_id.partition("/")[0])
    if price.batch_certain or discount is None or not _same_provider(seller, _table_name(protocol)):
        return price
    batch = tuple(
        rates if _stays(protocol) else replace(rates, cached_input=rates.input)
        for rates in price.standard
    )
    return replace(
        price,
        batch=discounted(batch, 1 - discount),
        batch_source=f"by batch {discount:.0%} less, as {protocol} documents",
    )


def _stays(provider: str) -> bool:
    known = _table_name(provider)
    return any(_same_provider(known, _table_name(name)) for name in _CACHE_DISCOUNT_STAYS)


def _table_name(provider: str) -> str:
    return _TABLE_PROVIDER.get(provider, provider)


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
        batch = discounted(listed.standard, 1 - discount)
        listed = replace(listed, batch=batch, batch_certain=True)
    return listed


def _number(value: Any, key: str, where: str) -> float:
    if key not in OVERRIDE_KEYS:
        raise ConfigError(f'{where}: unknown key "{key}"{near_miss(key, list(OVERRIDE_KEYS))}')
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise ConfigError(f"{where}: {key}: {value!r} is not a number of at least 0")
    return float(value)
