"""Prices read from litellm's table as a file, checked against litellm's own arithmetic."""

import random
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls.pricing import MODES, ceiling, cost, find_price, price_table
from splitplot.calls.records import Usage
from splitplot.errors import ConfigError

MILLION = 1_000_000


def test_a_price_is_found_without_importing_litellm():
    code = (
        "import sys; from splitplot.calls.pricing import find_price;"
        "assert find_price('openai/gpt-5-mini', 'gpt-5-mini', None);"
        "print([name for name in sys.modules if name.partition('.')[0] in ('litellm', 'openai')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_gpt_5_mini_costs_what_its_price_page_says():
    # OpenAI's price page, gpt-5-mini: $0.25 in, $0.025 cached, $2.00 out, batch half of it
    price = find_price("openai/gpt-5-mini", "gpt-5-mini", None)
    assert cost(price, Usage(MILLION, 0)) == pytest.approx(0.25)
    assert cost(price, Usage(MILLION, 0, cached_tokens=MILLION)) == pytest.approx(0.025)
    assert cost(price, Usage(0, MILLION)) == pytest.approx(2.0)
    assert cost(price, Usage(MILLION, MILLION), batch=True) == pytest.approx(1.125)
    assert price.max_output_tokens == 128_000
    assert price.source == "litellm's table: gpt-5-mini"


@pytest.mark.parametrize(
    ("model_id", "sent"),
    [
        ("anthropic/claude-haiku-4-5", "anthropic/claude-haiku-4-5"),
        ("anthropic/claude-haiku-4-5", "claude-haiku-4-5"),
        ("gemini/gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("google/gemini-2.5-pro", "gemini-2.5-pro"),
        ("openai/my-alias", "gpt-5-mini"),
        ("gpt-5-mini", "gpt-5-mini"),
    ],
)
def test_a_model_is_found_under_its_usual_names(model_id, sent):
    assert find_price(model_id, sent, None) is not None


@pytest.mark.parametrize(
    ("model_id", "sent"),
    [
        ("local/smollm2-135m-instruct-q4_1", "SmolLM2-135M-Instruct.Q4_1.gguf"),
        ("myhost/gpt-5-mini", "gpt-5-mini"),
        ("openrouter/openai/gpt-5-mini-of-ours", "openai/gpt-5-mini"),
        ("openai/dall-e-3", "dall-e-3"),
        ("openai/sample_spec", "sample_spec"),
        ("nobody/nothing", ""),
    ],
)
def test_another_seller_s_price_is_no_price(model_id, sent):
    assert find_price(model_id, sent, None) is None


def test_a_zero_in_the_table_is_not_a_promise():
    name = next(
        name
        for name, entry in price_table().items()
        if entry.get("mode") == "chat"
        and entry.get("input_cost_per_token") == 0 == entry.get("output_cost_per_token")
    )
    provider = price_table()[name]["litellm_provider"]
    model_id = name if "/" in name else f"{provider}/{name}"
    assert find_price(model_id, name, None) is None
    free = {"usd_per_million_input_tokens": 0, "usd_per_million_output_tokens": 0}
    assert cost(find_price(model_id, name, free), Usage(5, 5)) == 0.0


def test_unknown_usage_has_no_cost():
    price = find_price("openai/gpt-5-mini", "gpt-5-mini", None)
    assert cost(price, Usage()) is None
    assert cost(price, Usage(input_tokens=5)) is None
    assert cost(price, Usage(output_tokens=5)) is None


def test_a_long_prompt_is_billed_at_the_higher_tier_from_the_first_token():
    # Google's price page, gemini-2.5-pro: $1.25/$10 up to 200k tokens, $2.50/$15 above
    price = find_price("gemini/gemini-2.5-pro", "gemini-2.5-pro", None)
    assert cost(price, Usage(200_000, 1000)) == pytest.approx(200_000 * 1.25e-6 + 1000 * 1e-5)
    assert cost(price, Usage(200_001, 1000)) == pytest.approx(200_001 * 2.5e-6 + 1000 * 1.5e-5)


def test_a_long_prompt_by_batch_has_its_higher_tier_too():
    # Google's price page, gemini-2.5-pro by batch: $0.625/$5 up to 200k tokens, $1.25/$7.50 above.
    # The table has the first pair alone.
    price = find_price("gemini/gemini-2.5-pro", "gemini-2.5-pro", None, "gemini")
    short = cost(price, Usage(200_000, 1000), batch=True)
    assert short == pytest.approx(200_000 * 0.625e-6 + 1000 * 5e-6)
    long = cost(price, Usage(200_001, 1000), batch=True)
    assert long == pytest.approx(200_001 * 1.25e-6 + 1000 * 7.5e-6)
    assert price.batch_certain


LISTED_WITHOUT_BATCH = {
    "azure": "azure/gpt-4o-mini",
    "mistral": "mistral/mistral-large-latest",
    "groq": "groq/openai/gpt-oss-20b",
    "fireworks": "fireworks/accounts/fireworks/models/deepseek-v3",
    "together": "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
}


@pytest.mark.parametrize("protocol", sorted(LISTED_WITHOUT_BATCH))
def test_without_a_listed_batch_price_the_documented_discount_is_booked_and_no_cap_rests_on_it(
    protocol,
):
    model_id = LISTED_WITHOUT_BATCH[protocol]
    model = model_id.partition("/")[2]
    usage = Usage(1000, 500)
    full = cost(find_price(model_id, model, None), usage)
    price = find_price(model_id, model, None, protocol)
    promised = 1.0 if protocol == "together" else 0.5  # "up to 50 %" is no promise
    assert cost(price, usage, batch=True) == pytest.approx(promised * full)
    assert cost(price, usage) == full
    assert ceiling(price, 1000, 500, batch=True) == ceiling(price, 1000, 500)
    assert (price.batch_source is None) == (protocol == "together")
    own = find_price(model_id, model, {"batch_discount": 0.2}, protocol)
    assert cost(own, usage, batch=True) == pytest.approx(0.8 * full)  # the user knows better
    assert ceiling(own, 1000, 500, batch=True) == pytest.approx(0.8 * ceiling(own, 1000, 500))
    assert own.batch_source is None


def test_a_discount_is_not_one_of_another_seller():
    both = {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 4}
    ours = find_price("myhost/llama", "llama", both, "openai")
    assert cost(ours, Usage(1000, 10), batch=True) == cost(ours, Usage(1000, 10))
    theirs = find_price("openai/llama", "llama", both, "openai")
    assert cost(theirs, Usage(1000, 10), batch=True) == cost(theirs, Usage(1000, 10)) / 2
    google = find_price("google/llama", "llama", both, "gemini")
    assert google.batch_source == "by batch 50% less, as gemini documents"


def test_a_listed_batch_price_is_what_a_cap_may_rest_on():
    price = find_price("openai/gpt-5-mini", "gpt-5-mini", None, "openai")
    assert (price.batch_certain, price.batch_source) == (True, None)
    assert ceiling(price, MILLION, 0, batch=True) == pytest.approx(0.125)


def test_cached_input_by_batch():
    # Anthropic's price page, Haiku 4.5: $1 in, cache reads a tenth; by batch half of either
    usage = Usage(MILLION, 0, cached_tokens=MILLION)
    anthropic = find_price("anthropic/claude-haiku-4-5", "claude-haiku-4-5", None, "anthropic")
    assert cost(anthropic, usage, batch=True) == pytest.approx(0.05)
    # Google's: a cache hit costs the same by batch; OpenAI's gpt-5-mini: half of $0.025
    gemini = find_price("gemini/gemini-2.5-pro", "gemini-2.5-pro", None, "gemini")
    half = Usage(100_000, 0, cached_tokens=100_000)
    assert cost(gemini, half, batch=True) == cost(gemini, half) == pytest.approx(0.0125)
    openai = find_price("openai/gpt-5-mini", "gpt-5-mini", None, "openai")
    assert cost(openai, usage, batch=True) == pytest.approx(0.0125)
    # by hand: $1 in, $0.10 cached; Fireworks gives both discounts at once, Groq only one of them
    own = {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 4}
    own |= {"usd_per_million_cached_tokens": 0.1}
    for protocol, expected in (("fireworks", 0.05), ("anthropic", 0.05), ("groq", 0.5)):
        price = find_price(f"{protocol}/x", "x", own, protocol)
        assert cost(price, usage, batch=True) == pytest.approx(expected)
        assert cost(price, usage) == pytest.approx(0.1)


def test_an_override_replaces_what_it_names():
    both = {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 4}
    price = find_price("myhost/llama", "llama", both)
    assert cost(price, Usage(MILLION, MILLION)) == pytest.approx(5)
    assert cost(price, Usage(MILLION, MILLION, MILLION, MILLION)) == pytest.approx(5)
    half = find_price("myhost/llama", "llama", {**both, "batch_discount": 0.5})
    assert cost(half, Usage(MILLION, MILLION), batch=True) == pytest.approx(2.5)
    cached = find_price("myhost/llama", "llama", {**both, "usd_per_million_cached_tokens": 0.1})
    assert cost(cached, Usage(MILLION, 0, cached_tokens=MILLION)) == pytest.approx(0.1)
    listed = find_price("openai/gpt-5-mini", "gpt-5-mini", {"usd_per_million_output_tokens": 3})
    assert cost(listed, Usage(MILLION, MILLION)) == pytest.approx(3.25)
    discounted = find_price("mistral/mistral-large-latest", "x", {"batch_discount": 0.5})
    full = cost(discounted, Usage(10, 10))
    assert cost(discounted, Usage(10, 10), batch=True) == pytest.approx(full / 2)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"usd_per_million_input": 1}, 'did you mean "usd_per_million_input_tokens"'),
        ({"usd_per_million_input_tokens": 1}, "add usd_per_million_output_tokens"),
        ({"batch_discount": 0.5}, "does not know this model; add usd_per_million_input_tokens"),
        ({"usd_per_million_input_tokens": -1}, "not a number of at least 0"),
        ({"usd_per_million_input_tokens": True}, "not a number of at least 0"),
        ({"usd_per_million_input_tokens": float("nan")}, "not a number of at least 0"),
        ({"batch_discount": 50}, "not a fraction"),
    ],
)
def test_a_bad_override_is_refused_with_the_key(override, message):
    with pytest.raises(ConfigError, match=message):
        find_price("myhost/llama", "llama", override)


@given(
    st.sampled_from(
        ["openai/gpt-5-mini", "gemini/gemini-2.5-pro", "perplexity/sonar-deep-research"]
    ),
    st.integers(0, 1_000_000),
    st.integers(0, 100_000),
    st.data(),
)
def test_no_call_within_the_bounds_costs_more_than_the_ceiling(model_id, most_in, most_out, data):
    price = find_price(model_id, model_id.partition("/")[2], None)
    usage = Usage(
        input_tokens=data.draw(st.integers(0, most_in)),
        output_tokens=data.draw(st.integers(0, most_out)),
        reasoning_tokens=data.draw(st.integers(0, most_out)),
        cached_tokens=data.draw(st.integers(0, most_in)),
    )
    for batch in (False, True):
        assert cost(price, usage, batch) <= ceiling(price, most_in, most_out, batch) * (1 + 1e-9)


@pytest.mark.slow
def test_costs_agree_with_litellm_for_a_thousand_models(monkeypatch):
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = pytest.importorskip("litellm")
    names = sorted(name for name, entry in price_table().items() if entry.get("mode") in MODES)
    random.Random(7).shuffle(names)
    compared = batches = 0
    differences = []
    for name in names:
        entry = price_table()[name]
        provider = str(entry["litellm_provider"])
        model = name.removeprefix(f"{provider}/")
        price = find_price(f"{provider}/{model}", model, None)
        if price is None or provider in PRICED_OTHERWISE or "off_peak_pricing" in entry:
            continue
        for usage in USAGES:
            try:
                theirs = litellm_cost(litellm, provider, model, usage, "completion")
            except litellm.exceptions.ModelNotMappedError:
                break
            if cost(price, usage) != pytest.approx(theirs, rel=1e-9):
                differences.append((name, usage, cost(price, usage), theirs))
            if "input_cost_per_token_batches" in entry and "output_cost_per_token_batches" in entry:
                theirs = litellm_cost(litellm, provider, model, usage, "aretrieve_batch")
                if _is_long(entry, usage):
                    # litellm bills long prompts by batch as short ones, where the table has no more
                    assert cost(price, usage, batch=True) > theirs
                elif cost(price, usage, batch=True) != pytest.approx(theirs, rel=1e-9):
                    differences.append((name, "batch", cost(price, usage, True), theirs))
                batches += 1
        else:
            compared += 1
        if compared == 1000:
            break
    assert compared == 1000 and batches >= 500
    assert not differences, f"{len(differences)}: {differences[:10]}"


@pytest.mark.slow
def test_documented_discounts_agree_with_litellm(monkeypatch):
    # where its table has no batch price, litellm halves the other one
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = pytest.importorskip("litellm")
    compared = dict.fromkeys(("azure", "mistral", "groq", "fireworks_ai", "anthropic"), 0)
    for name, entry in price_table().items():
        provider = str(entry.get("litellm_provider"))
        model = name.removeprefix(f"{provider}/")
        listed = "input_cost_per_token_batches" in entry or "tiered_pricing" in entry
        if provider not in compared or listed or "off_peak_pricing" in entry:
            continue
        protocol = "fireworks" if provider == "fireworks_ai" else provider
        price = find_price(f"{provider}/{model}", model, None, protocol)
        usage = Usage(1000, 500, 0, 0)
        try:
            theirs = price and litellm_cost(litellm, provider, model, usage, "aretrieve_batch")
        except litellm.exceptions.ModelNotMappedError:
            continue
        if theirs and price.batch[0].reasoning == price.batch[0].output:
            assert cost(price, usage, batch=True) == pytest.approx(theirs, rel=1e-9), name
            compared[provider] += 1
    assert sum(compared.values()) > 100 and all(compared[p] for p in ("azure", "mistral", "groq"))


def _is_long(entry, usage):
    """Whether the prompt is in a tier of which the table has the standard price alone."""
    marks = [
        int(found[1]) * (1000 if found[2] else 1)
        for key in entry
        if (found := re.fullmatch(r"input_cost_per_token_above_(\d+)(k?)_tokens", key))
    ]
    by_batch = any("_above_" in key and key.endswith("_batches") for key in entry)
    return bool(marks) and not by_batch and usage.input_tokens > min(marks)


def litellm_cost(litellm, provider, model, usage, call_type):
    from litellm.types.utils import CompletionTokensDetailsWrapper, PromptTokensDetailsWrapper
    from litellm.types.utils import Usage as LitellmUsage

    given = LitellmUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
        prompt_tokens_details=PromptTokensDetailsWrapper(cached_tokens=usage.cached_tokens),
        completion_tokens_details=CompletionTokensDetailsWrapper(
            reasoning_tokens=usage.reasoning_tokens
        ),
    )
    parts = litellm.cost_per_token(
        model=model, custom_llm_provider=provider, usage_object=given, call_type=call_type
    )
    return sum(parts)


USAGES = [
    Usage(1000, 500, 0, 0),
    Usage(1000, 500, reasoning_tokens=300, cached_tokens=200),
    Usage(128_000, 10, 0, 0),
    Usage(200_000, 10, 0, cached_tokens=100),
    Usage(300_000, 1000, reasoning_tokens=400, cached_tokens=100),
]
# litellm guesses the price of cached tokens at the first, and leaves tiers and cache out at the second
PRICED_OTHERWISE = {"fireworks_ai", "perplexity"}
