"""What answers take beside their scores: output tokens, dollars, seconds; and how a saving is spoken of.

Imports nothing heavy: a study is checked against these names before any data are there.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import exp, log1p


@dataclass(frozen=True)
class Amount:
    """noun: what is counted. verb, fewer, same: "“a” uses 23% fewer output tokens", "“a” and “b” use as
    many output tokens". word: what an arm is that takes less; against: what one is that takes more.
    """

    name: str
    noun: str
    verb: str
    fewer: str
    same: str
    word: str
    against: str


TOKENS_OUT, USD, LATENCY, PER_CORRECT = "tokens_out", "usd", "latency_s", "usd_per_correct"

AMOUNTS = {
    one.name: one
    for one in (
        Amount(
            TOKENS_OUT,
            "output tokens",
            "uses",
            "fewer output tokens",
            "use as many output tokens",
            "shorter",
            "longer",
        ),
        Amount(USD, "dollars", "costs", "less", "cost the same", "cheaper", "dearer"),
        Amount(
            LATENCY,
            "seconds per answer",
            "takes",
            "less time per answer",
            "take the same time per answer",
            "faster",
            "slower",
        ),
        Amount(
            PER_CORRECT,
            "dollars per right answer",
            "costs",
            "less per right answer",
            "cost the same per right answer",
            "cheaper",
            "dearer",
        ),
    )
}
"""Metrics that are no scores and can be declared: compared as a ratio of sums, less being better."""

SCOPES = ("items", "these items")
"""Scopes of a study that a ratio of sums has an interval for."""

DEFAULT_MARGIN = 0.1
"""A saving of a tenth, where nobody says what saving matters."""

LARGEST_MARGIN = 1.0
"""A margin is a share that is saved; nobody saves all of it."""


def amount_of(metric: str, scorers: Collection[str] = ()) -> Amount | None:
    """The amount that a metric names; None for `score` and the names of scorers, which come first."""
    return None if metric in scorers else AMOUNTS.get(metric)


def log_margin(margin: float) -> float:
    """A saving as a difference of logarithms, −log(1 − margin): the same whichever arm it is of.

    >>> round(log_margin(0.1), 4)
    0.1054
    """
    return -log1p(-margin)


def saved(log_ratio: float) -> float:
    """The share that the arm which takes less saves, 0 to 1, from |log(A/B)|.

    >>> round(saved(log_margin(0.1)), 6), round(saved(-log_margin(0.1)), 6)
    (0.1, 0.1)
    """
    return 1 - exp(-abs(log_ratio))
