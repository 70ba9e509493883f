import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls.limits import pause_asked_by, retry_after, seconds_until, wait_asked_by

NOW = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC).timestamp()


# Forms documented by OpenAI (rate-limits guide: "1s", "6m0s"), Groq ("2m59.56s", "7.66s"),
# Anthropic (RFC 3339) and RFC 9110 §10.2.3 (seconds or an HTTP date).
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("20ms", 0.02),
        ("2m59.56s", 179.56),
        ("1h2m3s", 3723),
        ("1d", 86400),
        ("120", 120),
        ("0.5", 0.5),
        ("-3", 0),
        ("2025-06-01T12:00:30Z", 30),
        ("2025-06-01T11:00:00Z", 0),
        ("Sun, 01 Jun 2025 12:01:00 GMT", 60),
        (str(int(NOW) + 7), 7),
        (str(int(NOW) * 1000 + 7000), 7),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_a_waiting_time_is_read_in_every_form_providers_use(text, seconds):
    assert seconds_until(text, NOW) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=40), st.floats(0, 2e9))
def test_any_text_as_waiting_time_is_none_or_a_finite_time(text, now):
    seconds = seconds_until(text, now)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


def test_retry_after_reads_milliseconds_first_then_seconds_or_a_date():
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}, NOW) == 0.25
    assert retry_after({"retry-after-ms": "x", "retry-after": "9"}, NOW) == 9
    date = format_datetime(datetime.fromtimestamp(NOW + 15, UTC), usegmt=True)
    assert retry_after({"retry-after": date}, NOW) == 15
    assert retry_after({}, NOW) is None


def test_limits_pause_only_when_they_are_spent():
    openai = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "2s",
        "x-ratelimit-remaining-tokens": "90",
        "x-ratelimit-reset-tokens": "6s",
    }
    assert pause_asked_by(openai, 50, NOW) == 2
    assert pause_asked_by(openai, 100, NOW) == 6  # fewer tokens left than one call uses
    assert pause_asked_by(openai | {"x-ratelimit-remaining-requests": "1"}, 50, NOW) == 0
    anthropic = {
        "anthropic-ratelimit-output-tokens-remaining": "0",
        "anthropic-ratelimit-output-tokens-reset": "2025-06-01T12:00:20Z",
    }
    assert pause_asked_by(anthropic, 1, NOW) == 20
    assert pause_asked_by({"x-ratelimit-remaining-requests": "many"}, 1, NOW) == 0
    assert wait_asked_by(anthropic, NOW) == 20 and wait_asked_by({}, NOW) is None
    assert wait_asked_by(anthropic | {"retry-after": "3"}, NOW) == 3


def test_a_daily_limit_pauses_for_a_minute_and_is_then_asked_again():
    daily = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "7h0m0s"}
    assert pause_asked_by(daily, 1, NOW) == 60
