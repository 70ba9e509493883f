"""What vLLM would refuse in a line is known before it is sent; what it writes is read with its faults."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls.engines.vllm_lines import line_of, read_line, refusal, response_of
from splitplot.calls.records import Request

MESSAGES = [{"role": "user", "content": "Hi"}]


def request(messages=MESSAGES, **parameters):
    return Request("ab" * 16, {"messages": messages, **parameters})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"temperature": 0, "top_p": 1, "max_tokens": 5, "stop": ["\n"], "logprobs": True},
        {"temperature": 0.5, "stop": "x", "seed": 3, "top_logprobs": 2, "logprobs": True},
        {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"},
        {"anything_else": {"is": "taken"}, "top_k": 40, "stream": False},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
    ],
)
def test_what_vllm_takes_is_sent(parameters):
    assert refusal(request(**parameters)) is None


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"messages": "Hi"}, "messages: must be a list"),
        ({"messages": [{"content": "Hi"}]}, "messages[0]: must be a mapping with a role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content: "),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content: each part"),
        ({"max_tokens": 1.5}, "max_tokens: must be a whole number"),
        ({"max_tokens": True}, "max_tokens: must be a whole number"),
        ({"seed": 2**63}, "seed: must be a whole number of at most 64 bits"),
        ({"temperature": "0"}, 'temperature: must be a number, not "0"'),
        ({"stop": [1]}, "stop: must be text or a list of texts"),
        ({"logit_bias": {"5": "x"}}, "logit_bias: "),
        ({"stream": True}, "stream: a batch cannot be streamed"),
        ({"stream_options": {"include_usage": True}}, "stream: "),
        ({"top_logprobs": 3}, "top_logprobs: needs logprobs: true"),
        ({"tool_choice": "auto"}, "tool_choice: needs tools"),
        ({"tools": [{"type": "function"}]}, "tools: "),
        ({"response_format": {"type": "json_schema"}}, "response_format: "),
        ({"reasoning_effort": "huge"}, "reasoning_effort: must be one of none, "),
        ({"messages": [{"role": "user", "content": "\ud83d"}]}, "text: half of a surrogate pair"),
        ({"note": float("nan")}, "body: "),
    ],
)
def test_what_would_end_the_run_is_named(parameters, said):
    assert (refusal(request(**parameters)) or "").startswith(said)


def test_only_chat_completions_are_sent():
    other = Request("ab" * 16, {"messages": MESSAGES}, "/v1/embeddings")
    assert "url: must be /v1/chat/completions" in refusal(other)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["messages", "temperature", "stop", "tools", "tool_choice", "response_format"]
)


@given(st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=4))
def test_no_body_breaks_the_check_and_what_passes_can_be_written(body):
    asked = Request("ab" * 16, body)
    if refusal(asked) is None:
        text = json.dumps(line_of(asked, "m", "per-request"), allow_nan=False)
        assert json.loads(text)["body"]["messages"] == body["messages"]


@pytest.mark.parametrize(
    ("line", "outcome", "kind"),
    [
        ({"response": {"status_code": 400, "body": None}, "error": "bad"}, "error", "bad_request"),
        (
            {
                "response": {"status_code": 500, "body": None},
                "error": {"error": {"message": "m", "type": "InternalServerError", "code": 500}},
            },
            "error",
            "server_error",
        ),
        (  # versions before the nested error
            {
                "response": {"status_code": 400, "body": None},
                "error": {
                    "object": "error",
                    "message": "m",
                    "type": "BadRequestError",
                    "code": 400,
                },
            },
            "error",
            "BadRequestError",
        ),
        ({"response": None, "error": "lost"}, "error", "error"),
        ({"response": {"status_code": 200, "body": None}, "error": None}, "error", "malformed"),
    ],
)
def test_failures_in_output_lines_are_classified(line, outcome, kind):
    response = response_of({"custom_id": "ab" * 16, **line}, {"seed": 1}, lambda usage: None)
    assert (response.outcome, response.error["type"]) == (outcome, kind)


def test_lines_that_are_no_answers_are_passed_over():
    assert read_line(b"{torn") is None and read_line(b"[]") is None and read_line(b"{}") is None
    assert read_line(b'{"custom_id": "a"}\n') == {"custom_id": "a"}
