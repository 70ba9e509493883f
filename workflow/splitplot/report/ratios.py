"""Contrasts of tokens, dollars or seconds: how a ratio and a verdict on it stand in the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from splitplot.amounts import AMOUNTS, PER_CORRECT, USD, saved
from splitplot.report.section import Rows, Table, Value
from splitplot.report.wording import NOTHING, dollars, level, number, p_value

HEAD = (
    *("contrast", "first ÷ second", "first arm", "second arm", "saving that matters"),
    *(
        "single items",
        "run-to-run noise",
        "smallest saving it can see",
        "items to see the margin",
        "p",
    ),
)


def is_ratio(contrast: Mapping[str, Any]) -> bool:
    """Whether the verdict goes by a ratio: what is drawn or written as a difference has none of it."""
    return bool(contrast.get("effect") == "ratio")


def shown_word(contrast: Mapping[str, Any]) -> str:
    """The word of a verdict for people: an arm that takes less is cheaper, faster or shorter, never better.

    >>> shown_word({"effect": "ratio", "metric": "usd", "verdict": "WORSE, SIZE OPEN"})
    'DEARER, SIZE OPEN'
    """
    word = str(contrast.get("verdict") or "NO VERDICT")
    amount = AMOUNTS.get(str(contrast.get("metric")))
    if not is_ratio(contrast) or amount is None:
        return word
    return word.replace("BETTER", amount.word.upper()).replace("WORSE", amount.against.upper())


def times(ratio: Mapping[str, Any] | None) -> str:
    """A ratio in words: “0.77 times”."""
    value = (ratio or {}).get("estimate")
    return NOTHING if value is None else f"{_decimals(value)} times"


def times_ends(ratio: Mapping[str, Any] | None) -> str:
    """The two ends of its interval."""
    low, high = (ratio or {}).get("low"), (ratio or {}).get("high")
    return (
        "no interval" if low is None or high is None else f"{_decimals(low)} to {_decimals(high)}"
    )


def saving(share: float | None) -> str:
    """A share that is saved: “10.0%”."""
    return NOTHING if share is None else f"{100 * share:.1f}%"


def table(every: Sequence[Mapping[str, Any]]) -> tuple[Table, ...]:
    """All contrasts that are ratios."""
    found = Rows(HEAD)
    for c in filter(is_ratio, every):
        ratio, means = c.get("ratio"), c.get("means") or {}
        says = dollars if c.get("metric") in (USD, PER_CORRECT) else number
        known = (ratio or {}).get("estimate") is not None
        how = ", ".join(part for part in (level(ratio), (ratio or {}).get("method")) if part)
        needed, noise = c.get("items_needed"), (c.get("noise") or {}).get("half_width")
        found.add(
            Value(c.get("name") or NOTHING, (shown_word(c),)),
            Value(f"{_decimals(ratio['estimate'])} ({times_ends(ratio)})", (how,), strong=True)
            if ratio and known
            else Value("no estimate"),
            *(says(means.get(arm)) if means.get(arm) is not None else None for arm in ("a", "b")),
            saving(c.get("margin")),
            _items(c),
            f"±{saving(saved(noise))}" if noise is not None else None,
            saving(c.get("smallest_detectable")),
            f"{needed:,}" if needed is not None else None,
            Value(p_value(c.get("p_value")), _p_words(c)),
        )
    return found.table(
        "ratios", "Ratios of what the arms take, paired by item: below 1 the first takes less"
    )


def noise_sentence(contrast: Mapping[str, Any]) -> str:
    """How much the ratio would move if the same models were run again."""
    noise = contrast.get("noise") or {}
    width, reason = noise.get("half_width"), str(noise.get("reason") or "").strip().rstrip(".")
    if width is None:
        return f"Run-to-run noise is not known: {reason}." if reason else ""
    if not width:
        why = f": {reason}" if reason else ""
        return f"Running everything again on the same items would not move this ratio{why}."
    return (
        "Running everything again on the same items would move this ratio by up to about "
        f"±{saving(saved(width))}."
    )


def _items(contrast: Mapping[str, Any]) -> str | None:
    if contrast.get("wins") is None:
        return None
    a, b = contrast.get("a", "a"), contrast.get("b", "b")
    wins, ties, losses = (contrast.get(key) or 0 for key in ("wins", "ties", "losses"))
    return f"“{a}” more on {wins:,}, equal on {ties:,}, “{b}” more on {losses:,}"


def _p_words(contrast: Mapping[str, Any]) -> tuple[str, ...]:
    """Under a p: the adjusted one where it is another, and the test."""
    how, adjusted = contrast.get("adjustment") or "none", contrast.get("p_adjusted")
    words = [f"{p_value(adjusted)} after {how}"] if how != "none" and adjusted is not None else []
    return (*words, *([contrast["test"]] if contrast.get("test") else []))


def _decimals(value: float) -> str:
    """Two decimals, more where they would read as 0 or as a plain 1."""
    digits = 2
    while (
        digits < 5
        and (abs(value - 1) < 0.5 * 10**-digits or value < 0.5 * 10**-digits)
        and value != 1
    ):
        digits += 1
    return number(value, digits)
