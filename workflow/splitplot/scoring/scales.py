"""The scale on which a scorer grades, as far as it is known before any answer is graded."""

from typing import Any

BINARY = "0 or 1"
SHARE = "0 to 1"

SCALES = {
    "choice": BINARY,
    "exact": BINARY,
    "f1": SHARE,
    "includes": BINARY,
    "json_field": BINARY,
    "numeric": BINARY,
    "reasoning_gym": SHARE,
    "regex": BINARY,
}
"""Of the built-in scorers. It stands here and not with each of them, where it would change their digests."""


def scale_of(scorer: str, options: dict[str, Any]) -> str | None:
    """The scale of a study's scorer; None for your own, whose function alone knows what it returns."""
    if scorer == "reasoning_gym" and options.get("partial_credit") is False:
        return BINARY
    return SCALES.get(scorer)
