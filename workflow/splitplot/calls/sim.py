"""The simulated responder: answers with known ability, difficulty and effects, for tests and rehearsals.

P(correct) = logistic(discrimination · (ability + condition effect + item-by-condition effect −
difficulty) + run noise), the two-parameter logistic model of item response theory (Birnbaum 1968).
Everything is drawn from hashes of content, so an answer depends on its request alone, never on order,
time or machine: a simulated answer has a latency, but no date.
"""

import re
import struct
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from math import exp, isfinite
from statistics import NormalDist
from typing import Any

from splitplot.calls.records import Request, Response, Usage
from splitplot.calls.tokens import expected
from splitplot.errors import ConfigError, near_miss
from splitplot.items.item import Item

FAILURES = ("error", "truncated", "refused", "empty", "unparseable")
"""In the order in which they are drawn."""

SILENCES = ("abstained", "held_back")
"""Shares of what does not fail that abstain: of questions with an answer, and of those without."""

DEFAULTS: dict[str, Any] = {
    "seed": 1,
    "ability": 0.0,
    "discrimination": 1.0,
    "difficulty_sd": 1.0,
    "condition_effects": {},
    "item_condition_sd": 0.0,
    "run_sd": 0.0,
    "rates": dict.fromkeys(FAILURES, 0.0),
    "tokens": {"mean": 40.0, "sd": 10.0},
    "usd_per_million_output_tokens": 0.0,
}

INPUT_PRICE = "usd_per_million_input_tokens"
"""As the rates of SILENCES it has no default and so no place in the identity of a model without it: answers
of models that were registered before there was such a key are still theirs."""

_NOT_NEGATIVE = ("difficulty_sd", "item_condition_sd", "run_sd", "usd_per_million_output_tokens")
SILENT = "I don't know."
_WORDS = ("maple", "granite", "lantern", "harbour", "velvet", "thunder", "meadow", "copper")
_OPPOSITES = {"yes": "no", "no": "yes", "true": "false", "false": "true"}
_NUMBER = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,9})?|\d{1,15}(?:\.\d{1,9})?")
_UNIFORMS = struct.Struct("<8Q")
_UNIT = 2.0**-64
_quantile = NormalDist().inv_cdf


def sim_settings(raw: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """Complete, checked settings of a simulated model: `raw` over DEFAULTS.

    ability, condition_effects (by condition name), difficulty_sd, item_condition_sd (an effect of
    each item in each condition), run_sd: in logits before discrimination, run_sd after it.
    difficulty_sd: spread of the difficulties of items that bring none of their own; with one seed
        an item is equally difficult for every model.
    run_sd: noise drawn anew for every request; it raises the run-to-run share of the variance.
    rates: share of requests that fail, by FAILURES; a number, or numbers by condition name (a
        condition that is not named has none). By SILENCES the share of the others that abstain, where
        the item has targets, and where it has none. tokens: mean and sd of the answer's length.
    Raises ConfigError naming `where`, the key, and what is allowed.
    """
    raw = raw or {}
    _refuse_unknown(raw, [*DEFAULTS, INPUT_PRICE], where)
    settings = {**DEFAULTS, **raw}
    if isinstance(settings["seed"], bool) or not isinstance(settings["seed"], int):
        raise ConfigError(f"{where}: seed: {settings['seed']!r} is not a whole number")
    for key in ("ability", "discrimination"):
        _check_number(settings[key], f"{where}: {key}")
    for key in (*_NOT_NEGATIVE, *([INPUT_PRICE] if INPUT_PRICE in raw else [])):
        _check_number(settings[key], f"{where}: {key}", lowest=0.0)
    for key in ("condition_effects", "rates", "tokens"):
        if not isinstance(settings[key], Mapping):
            raise ConfigError(f"{where}: {key}: {settings[key]!r} is not a mapping")
    for name, effect in settings["condition_effects"].items():
        _check_number(effect, f"{where}: condition_effects.{name}")
    _refuse_unknown(settings["tokens"], ["mean", "sd"], f"{where}: tokens")
    settings["tokens"] = {**DEFAULTS["tokens"], **settings["tokens"]}
    for key, value in settings["tokens"].items():
        _check_number(value, f"{where}: tokens.{key}", lowest=0.0)
    _refuse_unknown(settings["rates"], [*FAILURES, *SILENCES], f"{where}: rates")
    settings["rates"] = {**DEFAULTS["rates"], **settings["rates"]}
    _check_rates(settings["rates"], f"{where}: rates")
    return settings


def simulate(
    request: Request, item: Item, condition: str, replication: int, sim: Mapping[str, Any]
) -> Response:
    """The answer of the simulated model `sim` to one request; the same arguments, the same answer.

    condition: the condition's name. sim: settings as `sim_settings` returns them (a missing key
    has its default). `replication` counts through the request's key, which holds it.
    """
    seed = sim.get("seed", DEFAULTS["seed"])
    fail, pass_, noise, length, speed, pick, side, silence = _uniforms(seed, request.key)
    tokens = _length(length, sim.get("tokens") or {}, request.body)
    failure = _failure(fail, sim.get("rates") or {}, condition)
    about: dict[str, Any] = {
        "route": "sim",
        "provider_model": "simulated",
        "engine": {"name": "sim", "seed": seed},
        "latency_s": round(0.1 + 0.01 * tokens * (0.5 + speed), 6),
        "simulated": True,
    }
    if failure == "error":
        error = {"type": "simulated", "message": "a simulated failure", "status": 500}
        return Response(request.key, "error", error=error, **about)
    if failure == "truncated":
        tokens = _token_limit(request.body) or tokens
        text, outcome, reason = "Let me work through this step by step. First,", failure, "length"
    elif failure == "refused":
        text, outcome, reason = "", failure, "content_filter"
    elif failure == "empty":
        text, outcome, reason, tokens = "", failure, "stop", 0
    else:
        outcome, reason = "ok", "stop"
        logit = _logit(item, condition, sim, seed)
        if run_sd := sim.get("run_sd"):
            logit += run_sd * _quantile(noise)
        kind = SILENCES[0] if item.targets else SILENCES[1]
        if failure == "unparseable":
            text = "There are several things to consider here, and it depends."
        elif silence < _rate(sim.get("rates") or {}, kind, condition):
            text = SILENT
        elif pass_ < _logistic(logit) and (item.targets or not _holds_back(sim)):
            text = _right(item)
        else:
            text = _wrong(item, pick, side)
    prompt = expected(request.body)
    return Response(
        request.key,
        outcome,  # type: ignore[arg-type]  # one of FAILURES that are outcomes, or "ok"
        text=text,
        finish_reason=reason,
        usage=Usage(prompt, tokens, 0, 0),
        usd=(
            tokens * (sim.get("usd_per_million_output_tokens") or 0.0)
            + prompt * (sim.get(INPUT_PRICE) or 0.0)
        )
        / 1e6,
        **about,
    )


def p_correct(item: Item, condition: str, sim: Mapping[str, Any]) -> float:
    """The chance of a right answer in an answered request, run noise aside."""
    return _logistic(_logit(item, condition, sim, sim.get("seed", DEFAULTS["seed"])))


def _logit(item: Item, condition: str, sim: Mapping[str, Any], seed: int) -> float:
    ability = sim.get("ability", DEFAULTS["ability"])
    ability += (sim.get("condition_effects") or {}).get(condition, 0.0)
    difficulty = item.difficulty
    spread = sim.get("item_condition_sd") or 0.0
    content = item.hash if difficulty is None or spread else ""
    if difficulty is None:
        place = _uniforms(seed, "difficulty", content)[0]
        difficulty = sim.get("difficulty_sd", DEFAULTS["difficulty_sd"]) * _quantile(place)
    if spread:
        ability += spread * _quantile(_uniforms(seed, "interaction", content, condition)[0])
    discrimination: float = sim.get("discrimination", DEFAULTS["discrimination"])
    return float(discrimination * (ability - difficulty))


def _uniforms(seed: int, *content: str) -> tuple[float, ...]:
    """Eight independent numbers strictly between 0 and 1, from the hash of seed and content."""
    text = "\x1f".join((str(seed), *content)).encode("utf-8", "surrogatepass")
    words = _UNIFORMS.unpack(blake2b(text).digest())
    return tuple([min((word + 0.5) * _UNIT, 1 - 2.0**-53) for word in words])


def _logistic(logit: float) -> float:
    return 1 / (1 + exp(-logit)) if logit > -700 else 0.0


def _failure(place: float, rates: Mapping[str, Any], condition: str) -> str | None:
    reached = 0.0
    for kind in FAILURES:
        reached += _rate(rates, kind, condition)
        if place < reached:
            return kind
    return None


def _rate(rates: Mapping[str, Any], kind: str, condition: str) -> float:
    rate = rates.get(kind) or 0.0
    return float(rate.get(condition, 0.0) if isinstance(rate, Mapping) else rate)


def _holds_back(sim: Mapping[str, Any]) -> bool:
    """Whether the settings say how often a question without an answer gets none; else ability does."""
    return bool((sim.get("rates") or {}).get("held_back"))


def _length(place: float, tokens: Mapping[str, Any], body: dict[str, Any]) -> int:
    """Normal, but at least 1 and at most what the request allows."""
    default = DEFAULTS["tokens"]
    mean, sd = tokens.get("mean", default["mean"]), tokens.get("sd", default["sd"])
    drawn: float = mean + sd * _quantile(place)
    limit = _token_limit(body)
    length = max(1, round(drawn))
    return min(length, limit) if limit is not None else length


def _token_limit(body: dict[str, Any]) -> int | None:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return None if limit is None else int(limit)


def _right(item: Item) -> str:
    if not item.targets:
        return SILENT
    if item.choices and (places := _right_places(item)):
        return f"Answer: ({_letter(places[0])})."
    return f"Answer: {item.targets[0]}."


def _wrong(item: Item, pick: float, side: float) -> str:
    """An answer of the same kind as the target, that a scorer reads, and reads as wrong."""
    if item.choices:
        right = _right_places(item)
        others = [place for place in range(len(item.choices)) if place not in right]
        if others:
            return f"Answer: ({_letter(others[int(pick * len(others))])})."
    target = item.targets[0] if item.targets else ""
    taken = {text.strip().casefold() for text in item.targets}
    opposite = _OPPOSITES.get(target.casefold())
    if opposite and opposite not in taken:
        return f"Answer: {opposite.title() if target.istitle() else opposite}."
    if len(target) == 1 and target.isalpha():
        letters = [letter for letter in "ABCD" if letter.casefold() not in taken]
        if letters:
            return f"Answer: {letters[int(pick * len(letters))]}."
    changed = _other_number(target, 1 + int(pick * 9), side < 0.5)
    if changed is not None and changed.casefold() not in taken:
        return f"Answer: {changed}."
    words = [word for word in _WORDS if not any(word in text for text in taken)] or ["nothing"]
    return f"Answer: {words[int(pick * len(words))]}."


def _right_places(item: Item) -> list[int]:
    """Places of the right options; a target is the text of an option, else its letter."""
    places = []
    for target in item.targets:
        if target in item.choices:
            places.append(item.choices.index(target))
        elif len(target) == 1 and target.isalpha():
            place = ord(target.upper()) - ord("A")
            if 0 <= place < len(item.choices):
                places.append(place)
    return places


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _other_number(target: str, step: int, down: bool) -> str | None:
    """`target` with its number replaced, at least a tenth away: no tolerance takes it for right."""
    start = target.rfind("=") + 1
    match = _NUMBER.search(target, start)
    if match is None:
        return None
    text = match[0]
    value = Decimal(text.replace(",", ""))
    unit = Decimal(10) ** max(0, value.adjusted())
    other = value - step * unit if down and value >= step * unit else value + step * unit
    comma = "," if "," in text else ""
    return f"{target[: match.start()]}{other:{comma}f}{target[match.end() :]}"


def _check_rates(rates: Mapping[str, Any], where: str) -> None:
    conditions: set[str | None] = {None}
    for kind, rate in rates.items():
        by_condition = rate if isinstance(rate, Mapping) else {None: rate}
        conditions.update(by_condition)
        for name, value in by_condition.items():
            place = f"{where}.{kind}" if name is None else f"{where}.{kind}.{name}"
            _check_number(value, place, lowest=0.0)
            if value > 1:
                raise ConfigError(f"{place}: {value!r} is not a share from 0 to 1")
    for name in conditions:
        total = sum(
            rate.get(name, 0.0) if isinstance(rate, Mapping) else rate
            for kind, rate in rates.items()
            if kind in FAILURES
        )
        if total > 1 + 1e-9:
            of = f" of condition {name}" if name else ""
            raise ConfigError(f"{where}: the rates{of} add up to {total:g}; at most 1 is possible")


def _refuse_unknown(given: Mapping[str, Any], known: list[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise ConfigError(f'{where}: unknown key "{key}"{near_miss(str(key), known)}')


def _check_number(value: Any, where: str, lowest: float | None = None) -> None:
    bound = "" if lowest is None else f" of at least {lowest:g}"
    fine = not isinstance(value, bool) and isinstance(value, (int, float)) and isfinite(value)
    if not fine or (lowest is not None and value < lowest):
        raise ConfigError(f"{where}: {value!r} is not a number{bound}")
