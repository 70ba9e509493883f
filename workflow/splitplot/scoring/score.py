"""What a scorer returns, and the error it raises when an item or a scorer itself is at fault."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from splitplot.errors import ConfigError
from splitplot.items.item import Item

Verdict = Literal["scored", "unparseable", "abstained", "refused"]


class ScoringError(ConfigError):
    """An item cannot be scored (no target, a target of the wrong kind) or a scorer broke; names the item."""


@dataclass(frozen=True)
class Score:
    """One verdict on one response.

    value: 0 to 1 for the built-in scorers where `outcome` is "scored", else None.
    extracted: the answer that was read in the response, as it stands there; None where none was found.
    reason: how the answer was found, or why none was, in plain words ("boxed", "last number").
    outcome: "scored"; "unparseable" (no single answer could be read: never a zero among zeros);
        "abstained" (the response declines to answer); "refused" (it declines the request).
    support: 0 to 1, how far a passage supports the answer, where a scorer measures that.
    """

    value: float | None
    extracted: str | None
    reason: str
    outcome: Verdict = "scored"
    support: float | None = None


Scorer = Callable[[str, Item], Score]
"""From the text of a response and its item to a score; never raises because of the text."""


def unparseable(reason: str, extracted: str | None = None) -> Score:
    """The score of a response in which no single answer could be read."""
    return Score(None, extracted, reason, "unparseable")


def targets_of(item: Item, scorer: str) -> tuple[str, ...]:
    """The item's targets. Raises ScoringError where there is none to compare with."""
    if not item.targets:
        raise ScoringError(
            f'item "{item.id}": scorer "{scorer}" needs a target and there is none; '
            "give a target, or set the scorer's option `abstain: true` if the question has no answer"
        )
    return item.targets
