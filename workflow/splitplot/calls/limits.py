"""What a provider's headers say about its limits: how long to wait, and whether to pause."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

HEADER_PAUSE_CEILING_S = 60.0
"""A rate-limit header may name the reset of a daily limit; after this long one request asks again."""

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|d|h|m|s)")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_EPOCH_S, _EPOCH_MS = 1e9, 1e12


def seconds_until(text: str, now: float) -> float | None:
    """Seconds from `now` (Unix time) to what a header names; None where it cannot be read.

    Understands "2", "1s", "6m0s", "20ms", Unix times in s or ms, RFC 3339 and HTTP dates.
    Never negative, never NaN or infinite.
    """
    text = text.strip()
    if _DURATION.fullmatch(text):
        return sum(float(n) * _UNITS[unit] for n, unit in _DURATION_PART.findall(text))
    try:
        number = float(text)
    except ValueError:
        moment = _moment(text)
        return None if moment is None else max(0.0, moment - now)
    if not math.isfinite(number):
        return None
    if number >= _EPOCH_S:
        number = (number / 1000 if number >= _EPOCH_MS else number) - now
    return max(0.0, number)


def _moment(text: str) -> float | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that `retry-after-ms` or `retry-after` (seconds or a date) asks for, or None."""
    milliseconds = headers.get("retry-after-ms")
    if milliseconds is not None:
        try:
            value = float(milliseconds) / 1000
            if math.isfinite(value) and value >= 0:
                return value
        except ValueError:
            pass
    text = headers.get("retry-after")
    return None if text is None else seconds_until(text, now)


_LIMIT_HEADERS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", False),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", True),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset", False),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset", True),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset", True),
    (
        "anthropic-ratelimit-output-tokens-remaining",
        "anthropic-ratelimit-output-tokens-reset",
        True,
    ),
)


def pause_asked_by(headers: Mapping[str, str], tokens: int, now: float) -> float:
    """Seconds until the limits in the headers allow another request like the last one; 0 if they do.

    tokens: what the last request used; with fewer left, the next one would be refused.
    """
    pause = 0.0
    for remaining, reset, counts_tokens in _LIMIT_HEADERS:
        text = headers.get(remaining)
        if text is None:
            continue
        try:
            spent = float(text) < (max(1, tokens) if counts_tokens else 1)
        except ValueError:
            continue
        if spent:
            seconds = seconds_until(headers.get(reset, ""), now)
            pause = max(pause, min(seconds or 0.0, HEADER_PAUSE_CEILING_S))
    return pause


def wait_asked_by(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a refusal asks for: `retry_after`, else what the limits say; None if neither does."""
    asked = retry_after(headers, now)
    return asked if asked is not None else pause_asked_by(headers, 1, now) or None
