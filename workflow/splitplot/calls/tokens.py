"""Token counts of a request before it is sent: a ceiling and an expectation, without a tokenizer.

Both come from the UTF-8 bytes of what is sent, because a byte-level tokenizer (byte-level BPE, or
SentencePiece with byte fallback) never makes more tokens than bytes. A tokenizer that rewrites its
input first (NFKC) can make more of a few rare characters; no chat model in common use does.
"""

from typing import TYPE_CHECKING, Any

from splitplot.canonical import canonical_json

if TYPE_CHECKING:
    from splitplot.calls.pricing import Price

BYTES_PER_TOKEN = 4
"""English prose has about 4.5 bytes a token, numbers and code about 3."""

EXPECTED_PER_MESSAGE = 4
EXPECTED_PER_REQUEST = 8
"""Role markers of the usual chat templates; a template's own system text is not foreseen."""

BOUND_PER_MESSAGE = 16
BOUND_PER_REQUEST = 512
"""A template may add a system text of its own (up to about 60 tokens) or a tool preamble (about 350)."""

_SENT_AS_TEXT = ("tools", "functions", "response_format")
_LIMITS = ("max_completion_tokens", "max_tokens")


def upper_bound(body: dict[str, Any]) -> int:
    """The most input tokens that `body` can be: its text in bytes, and room for the chat template.

    Raises ValueError for content that is not text (an image has no bound that its bytes could give).
    """
    return sizes_of(text_bytes(body), len(body["messages"]))[1]


def expected(body: dict[str, Any]) -> int:
    """The input tokens to reckon with: a quarter of the bytes, 4 a message, 8 a request.

    Off by about a third for English and code, by a factor of two for formulas and other scripts.
    Raises as `upper_bound`.
    """
    return sizes_of(text_bytes(body), len(body["messages"]))[0]


def sizes_of(text: int, messages: int) -> tuple[int, int]:
    """(`expected`, `upper_bound`) of a body with so many bytes of text in so many messages."""
    tokens = -(-text // BYTES_PER_TOKEN)
    return (
        tokens + EXPECTED_PER_MESSAGE * messages + EXPECTED_PER_REQUEST,
        text + BOUND_PER_MESSAGE * messages + BOUND_PER_REQUEST,
    )


def max_output(body: dict[str, Any], price: "Price | None") -> int | None:
    """The most output tokens (reasoning included) of one request; None where nothing bounds it.

    The limit in the body counts first, then the model's own limit in the price table; `n` choices
    are billed n times.
    """
    limit = next((body[name] for name in _LIMITS if body.get(name) is not None), None)
    if limit is None and price is not None:
        limit = price.max_output_tokens
    return None if limit is None else int(limit) * int(body.get("n") or 1)


def text_bytes(body: dict[str, Any]) -> int:
    """Bytes of all that is sent as text. Raises as `upper_bound`."""
    total = sum(_message_bytes(message) for message in body["messages"])
    for name in _SENT_AS_TEXT:
        if body.get(name):
            total += _bytes(canonical_json(body[name]))
    return total


def _message_bytes(message: dict[str, Any]) -> int:
    total = 0
    for name, value in message.items():
        if isinstance(value, str):
            total += _bytes(value)
        elif name == "content" and isinstance(value, list):
            total += sum(_part_bytes(part) for part in value)
        elif value is not None:
            total += _bytes(canonical_json(value))
    return total


def _part_bytes(part: Any) -> int:
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return _bytes(part["text"])
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    raise ValueError(f"message content of type {kind!r}: only text has a token bound")


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
