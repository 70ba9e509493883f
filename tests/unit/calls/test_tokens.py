"""Token ceilings and expectations, against tokenizers of OpenAI's models and the local model's own count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls.pricing import Price, Rates
from splitplot.calls.tokens import expected, max_output, upper_bound

SAMPLES = {
    "prose": "The quick brown fox jumps over the lazy dog while the old man reads a newspaper. "
    * 20,
    "numbers": "What is 8374652 times 99812.5, minus 17? " * 20,
    "code": "def f(x):\n    return [i ** 2 for i in range(x) if i % 2]\n" * 20,
    "latex": r"Let $\frac{a_{n+1}}{b^2} = \sum_{i=1}^{n} \sqrt{x_i}$. " * 20,
    "chinese": "请问这个问题的答案是什么？我们需要仔细思考一下。" * 20,
    "emoji": "🙂🚀👩‍👩‍👧‍👦🇩🇪" * 40,
    "short": "Hi",
    "rare": "\u00e9\u0301\ufdfa\u2126\x00\x07 zzqxj" * 20,
}


def body_of(text, system=None, **more):
    messages = [{"role": "user", "content": text}]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    return {"messages": messages, **more}


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("model", ["gpt-4", "gpt-4o", "gpt-5-mini"])
@pytest.mark.parametrize("name", SAMPLES)
def test_the_ceiling_holds_and_the_expectation_is_near_for_openai_tokenizers(
    name, model, monkeypatch
):
    # reference: litellm.token_counter, which carries OpenAI's encodings and works without a network
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = pytest.importorskip("litellm")
    body = body_of(SAMPLES[name], "Answer with one word.")
    true = litellm.token_counter(model=model, messages=body["messages"])
    assert true <= upper_bound(body)
    if name in ("prose", "numbers", "code", "short"):
        assert true / 1.6 <= expected(body) <= true * 1.6
    if name in ("latex", "chinese"):
        assert true / 2.3 <= expected(body) <= true * 2.3


def test_bytes_count_rather_than_characters():
    assert upper_bound(body_of("é" * 100)) - upper_bound(body_of("")) == 200
    assert expected(body_of("é" * 100)) - expected(body_of("")) == 50


def test_half_an_emoji_is_counted_not_refused():
    assert upper_bound(body_of("\ud83d")) == upper_bound(body_of("")) + 3


@given(st.text(), st.text(), st.text())
def test_more_text_or_more_messages_never_lower_the_ceiling(first, second, system):
    small = upper_bound(body_of(first))
    assert upper_bound(body_of(first + second)) >= small
    assert upper_bound(body_of(first, system)) >= small
    assert expected(body_of(first)) <= small


def test_text_parts_tools_and_schemas_are_part_of_the_input():
    plain = upper_bound(body_of("Hello"))
    assert upper_bound(body_of([{"type": "text", "text": "Hello"}])) == plain
    assert upper_bound(body_of("Hello", tools=[{"name": "f" * 100}])) > plain + 100
    assert upper_bound(body_of("Hello", response_format={"schema": "x" * 100})) > plain + 100


def test_an_image_has_no_bound():
    with pytest.raises(ValueError, match="image_url"):
        upper_bound(body_of([{"type": "image_url", "image_url": {"url": "x"}}]))


def test_the_limit_in_the_body_bounds_the_answer_and_the_model_s_own_limit_stands_in():
    rates = (Rates(0, 1e-6, 2e-6, 1e-6, 2e-6),)
    price = Price(rates, rates, 4096, "a test")
    assert max_output(body_of("x", max_tokens=64), price) == 64
    assert max_output(body_of("x", max_completion_tokens=70), None) == 70
    assert max_output(body_of("x", max_tokens=64, n=3), None) == 192
    assert max_output(body_of("x"), price) == 4096
    assert max_output(body_of("x"), None) is None
