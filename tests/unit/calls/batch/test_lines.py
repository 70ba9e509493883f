"""Result files as they come."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls.batch.lines import read_results
from splitplot.calls.batch.openai_lines import read_lines, result_of
from splitplot.calls.records import OUTCOMES


@pytest.fixture
def read(tmp_path):
    def lines(data, secret=None):
        path = tmp_path / "results.jsonl"
        path.write_bytes(data)
        return list(read_results(path, secret))

    return lines


@pytest.mark.parametrize(
    "torn",
    [
        b'{"custom_id": "a", "respon',
        b"\x00\xff\xfe",
        b"",
        b"   ",
        b'["custom_id", "a"]',
        b'"custom_id"',
        b"17",
        b"null",
        b"[" * 5000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b"<html>502 Bad Gateway</html>",
    ],
)
def test_what_is_no_object_is_passed_over_and_the_rest_is_read(torn, read):
    data = b'{"custom_id": "a"}\n' + torn + b'\n{"custom_id": "b"}\n' + torn
    assert [line["custom_id"] for line in read(data)] == ["a", "b"]


def test_a_last_line_without_an_end_and_lines_of_windows_are_read(read):
    assert read(b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}') == [{"a": 1}, {"a": 2}]


def test_line_separators_inside_an_answer_do_not_end_a_line(read):
    text = "one\u2028two\u0085three\x0bfour"
    assert read(json.dumps({"a": text}, ensure_ascii=False).encode() + b"\n") == [{"a": text}]


def test_the_key_of_the_account_is_hidden_in_what_is_read(read):
    secret = "sk-test-0123456789"
    assert read(json.dumps({"a": f"x {secret}"}).encode(), secret) == [{"a": "x [redacted]"}]


def test_an_empty_file_holds_nothing(read):
    assert read(b"") == []


CHAT = {
    "id": "c",
    "model": "m",
    "choices": [{"message": {"content": "7"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2},
}

# Error lines as in the guides of the providers and OpenAI's API description (BatchRequestOutput).
LINES = [
    ({"response": {"status_code": 200, "body": CHAT}, "error": None}, "ok", None, True),
    ({"response": {"status_code": 200, "body": CHAT}}, "ok", None, True),
    ({"response": {"body": CHAT, "request_id": "r"}, "error": None}, "ok", None, True),
    ({"response": CHAT}, "ok", None, True),
    ({"response": None, "error": {"code": "batch_expired"}}, "expired", "expired", False),
    ({"response": None, "error": {"code": "batch_cancelled"}}, "error", "cancelled", False),
    (
        {"response": None, "error": {"code": "request_timeout", "message": "slow"}},
        "error",
        "request_timeout",
        False,
    ),
    (
        {"error": {"message": "Invalid model", "code": "invalid_model"}},
        "error",
        "invalid_model",
        False,
    ),
    ({"error": "plain text"}, "error", "error", False),
    (
        {"response": {"status_code": 400, "body": {"error": {"code": "content_filter"}}}},
        "refused",
        None,
        False,
    ),
    (
        {"response": {"status_code": 500, "body": {"error": {"message": "oops"}}}},
        "error",
        "server_error",
        False,
    ),
    ({"response": {"status_code": 429, "body": None}}, "error", "rate_limited", False),
    ({"response": {"status_code": 200, "body": {}}}, "error", "malformed", True),
    ({"response": {"status_code": 200, "body": "text"}}, "error", "malformed", True),
    ({"response": "no", "error": []}, "error", "malformed", True),
    ({}, "error", "malformed", True),
]


@pytest.mark.parametrize(("line", "outcome", "kind", "billed"), LINES)
def test_a_line_of_any_provider_of_this_family_becomes_its_result(line, outcome, kind, billed):
    result = result_of("k", line)
    assert (result.key, result.outcome, result.billed) == ("k", outcome, billed)
    assert (result.error or {}).get("type") == kind
    if outcome == "ok":
        assert (result.text, result.usage.output_tokens) == ("7", 2)


NAMES = [
    "response",
    "error",
    "body",
    "status_code",
    "choices",
    "message",
    "content",
    "code",
    "usage",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["response", "error", "x"]), JSON))
def test_no_line_breaks_the_reader(line):
    result = result_of("k", line)
    assert result.outcome in OUTCOMES
    assert (result.error is not None) == (result.outcome in ("error", "expired"))
    if result.error is not None:
        assert set(result.error) == {"type", "message", "status"}
        assert isinstance(result.error["type"], str) and "\n" not in result.error["message"]


def test_lines_without_a_key_are_nobodys(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text('{"custom_id": 17}\n{"custom_id": ""}\n{}\n{"custom_id": "k", "error": "x"}\n')
    assert [result.key for result in read_lines(path, None)] == ["k"]
