"""The scale on which a scorer grades, as far as it is known before any answer is graded."""

from typing import Any

BINARY = "0 or 1"
SHARE = "0 to 1"

SCALES = {
    "abstention": BINARY,
    "choice": BINARY,
    "exact": BINARY,
    "f1": SHARE,
    "includes": BINARY,
    "json_field": BINARY,
    "no_false_answer": BINARY,
    "numeric": BINARY,
    "qa_em": BINARY,
    "qa_f1": SHARE,
    "reasoning_gym": SHARE,
    "regex": BINARY,
    "supported": BINARY,
}
"""Of the built-in scorers. It stands here and not with each of them, where it would change their digests."""

NEUTRAL = ("abstention",)
"""Scorers whose score is neither good nor bad: no verdict of better or worse can rest on one."""

EVENTS = {"no_false_answer": "false answers", "supported": "unsupported claims"}
"""What a score of 0 is, in words: what is read is their rate, 1 less the mean."""


def scale_of(scorer: str, options: dict[str, Any]) -> str | None:
    """The scale of a study's scorer; None for your own, whose function alone knows what it returns."""
    if scorer == "reasoning_gym" and options.get("partial_credit") is False:
        return BINARY
    return SCALES.get(scorer)
