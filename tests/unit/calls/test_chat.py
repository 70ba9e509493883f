import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls import chat
from splitplot.calls.records import Usage


def body(message, finish="stop", **more):
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    return {"id": "chatcmpl-1", "model": "m-2025", "choices": [choice]} | more


def read(value, **options):
    return chat.to_response("k", value, route="realtime", **options)


# Shapes from the API references of OpenAI, DeepSeek (reasoning_content), OpenRouter (reasoning) and
# Mistral (typed parts).
@pytest.mark.parametrize(
    ("message", "finish", "outcome", "text"),
    [
        ({"content": "42"}, "stop", "ok", "42"),
        ({"content": "42"}, None, "ok", "42"),
        ({"content": "42"}, "end_turn", "ok", "42"),
        ({"content": " \n"}, "stop", "empty", " \n"),
        ({"content": None}, "stop", "empty", None),
        ({}, "stop", "empty", None),
        ({"content": "4"}, "length", "truncated", "4"),
        ({"content": ""}, "length", "truncated", ""),
        ({"content": "4"}, "content_filter", "refused", "4"),
        ({"content": None, "refusal": "I cannot."}, "stop", "refused", "I cannot."),
        ({"content": "42", "refusal": ""}, "stop", "ok", "42"),
        ({"content": None, "tool_calls": [{"id": "c"}]}, "tool_calls", "empty", None),
        ({"content": "hm", "tool_calls": [{"id": "c"}]}, "tool_calls", "ok", "hm"),
        (
            {"content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]},
            "stop",
            "ok",
            "42",
        ),
        ({"content": [{"type": "refusal", "refusal": "No."}]}, "stop", "refused", "No."),
        ({"content": ["4", "2", 7, None]}, "stop", "ok", "42"),
        ({"content": {"text": "x"}}, "stop", "empty", None),
        ({"content": "half"}, "error", "error", "half"),
    ],
)
def test_each_way_to_finish_has_its_outcome(message, finish, outcome, text):
    response = read(body(message, finish))
    assert (response.outcome, response.text) == (outcome, text)


@pytest.mark.parametrize(
    "message",
    [
        {"content": "42", "reasoning_content": "hm"},
        {"content": "42", "reasoning": "hm"},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "text", "text": "42"},
            ]
        },
    ],
)
def test_reasoning_is_told_from_the_text(message):
    response = read(body(message))
    assert (response.text, response.reasoning) == ("42", "hm")


def test_usage_ids_price_and_headers_are_read():
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    response = read(
        body({"content": "42"}, usage=usage),
        headers={"x-request-id": "req-1"},
        price=lambda u: u.output_tokens * 0.5,
        engine={"seed": 3},
    )
    assert response.usage == Usage(100, 50, 30, 64) and response.usd == 25
    assert (response.provider_model, response.provider_id) == ("m-2025", "chatcmpl-1")
    assert response.request_id == "req-1" and response.engine == {"seed": 3}
    assert read(body({"content": "1"}), headers={"request-id": "r"}).request_id == "r"


def test_output_tokens_include_reasoning_where_the_provider_lists_it_apart():
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}
    usage["completion_tokens_details"] = {"reasoning_tokens": 100}
    assert chat.usage_of({"usage": usage}).output_tokens == 105


def test_an_answer_without_usage_has_no_price():
    response = read(body({"content": "42"}), price=lambda usage: 1.0)
    assert response.usage == Usage() and response.usd is None


@pytest.mark.parametrize(
    "usage",
    [
        [],
        7,
        {"prompt_tokens": "many"},
        {"prompt_tokens": -1},
        {"prompt_tokens": True},
        {"prompt_tokens": 2**70},
    ],
)
def test_counts_that_are_no_counts_are_unknown(usage):
    assert chat.usage_of({"usage": usage}) == Usage()


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        "text",
        [],
        {},
        {"choices": []},
        {"choices": [None]},
        {"choices": [{"message": "x"}]},
    ],
)
def test_a_body_without_a_readable_choice_is_malformed(value):
    response = read(value)
    assert response.outcome == "error" and response.error["type"] == "malformed"
    assert response.raw == value


def test_an_error_inside_an_answer_of_status_200_is_quoted():
    response = read({"error": {"code": 429, "message": "upstream is busy"}})
    assert response.error["message"] == "the answer holds no choice: upstream is busy"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "refusal",
                    "reasoning",
                    "finish_reason",
                    "usage",
                    "prompt_tokens",
                    "model",
                    "id",
                    "error",
                    "code",
                    "metadata",
                    "text",
                    "type",
                    "thinking",
                    "completion_tokens_details",
                    "reasoning_tokens",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(anything)
def test_no_json_ever_raises(value):
    for candidate in (
        value,
        {"choices": [value], "usage": value},
        {"choices": [{"message": value}]},
    ):
        response = read(candidate, price=lambda usage: 0.0)
        assert response.outcome in ("ok", "empty", "truncated", "refused", "error")
        assert (response.outcome == "error") == (response.error is not None)
        assert response.text is None or isinstance(response.text, str)
    chat.error_of(value)


@given(anything)
def test_what_is_decoded_can_be_written_as_utf8_json(value):
    decoded = chat.decode(json.dumps(value).encode())
    json.dumps(decoded, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (
            b'{"a": NaN, "b": -Infinity, "c": 1e999, "d": 1e3}',
            {"a": None, "b": None, "c": None, "d": 1000},
        ),
        (b'"\\ud83d\\ude00 \\ud800"', "\U0001f600 ?"),
        (b"\xef\xbb\xbf[1]", [1]),
        (b"[" + b"1" * 400 + b".0]", [None]),
    ],
)
def test_values_that_json_cannot_carry_on_are_mended(data, value):
    assert chat.decode(data) == value


@pytest.mark.parametrize(
    "data",
    [b"", b'{"a": ', b"<html>", b"\xff\xfe", b"[" * 100 + b"]" * 100, b"[" * 10**5, b"1" * 5000],
)
def test_what_is_no_sound_json_is_a_value_error(data):
    with pytest.raises(ValueError):
        chat.decode(data)


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c"}}, "c", "m"),
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "m"}},
            "overloaded_error",
            "m",
        ),
        ({"error": "plain"}, None, "plain"),
        ({"object": "error", "message": "m", "code": 404}, None, "m"),
        ({"detail": "m"}, None, "m"),
        ("<html> bad\n gateway", None, "<html> bad gateway"),
        (None, None, ""),
        (
            {"error": {"code": 403, "message": "m", "metadata": {"reasons": ["x"]}}},
            "content_policy_violation",
            "m",
        ),
    ],
)
def test_code_and_message_are_found_in_any_shape_of_error(value, code, message):
    assert chat.error_of(value)[1:] == (code, message)


def test_long_messages_are_cut():
    assert len(chat.tidy("x" * 10_000)) == chat.MAX_MESSAGE


def test_messages_hold_no_control_sequences_and_keep_plain_text():
    assert chat.tidy("naïve → 日本\n\x1b[31mred\x9b \u202ex") == (
        "naïve → 日本 ⟨U+001B⟩[31mred⟨U+009B⟩ ⟨U+202E⟩x"
    )
    assert len(chat.tidy("\x1b\x07" * 10_000)) == chat.MAX_MESSAGE


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60), st.text()
)
def test_a_key_is_hidden_however_json_writes_it(secret, around):
    escaped = "".join(f"\\u{ord(c):04x}" for c in secret)
    plain = json.dumps({"message": around + secret, secret: [secret]})
    for data in (plain, plain.replace("/", "\\/"), f'["{escaped}"]'):
        assert not any(secret in text for text in texts(chat.decode(data.encode(), secret)))


def texts(value):
    """All strings in a value, the mark of what was hidden taken out."""
    if isinstance(value, str):
        return [value.replace("[redacted]", "")]
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    return [text for v in inner for text in texts(v)]


def test_place_holders_of_keyless_servers_hide_nothing():
    assert chat.decode(b'"an EMPTY set"', "EMPTY") == "an EMPTY set"
    assert chat.redact("text", None) == "text"
