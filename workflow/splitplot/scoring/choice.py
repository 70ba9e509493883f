"""Scorer `choice`: the option that a response names is the item's."""

from dataclasses import dataclass
from typing import Literal

from splitplot.items.item import Item
from splitplot.scoring.choice_extract import LETTERS, pick_choice
from splitplot.scoring.normalise import normalise, strip_edges
from splitplot.scoring.score import Score, Scorer, ScoringError, targets_of, unparseable


@dataclass(frozen=True)
class Options:
    """target: how targets are written; "auto" takes an option's text or a letter; "index" counts from 0."""

    target: Literal["auto", "letter", "text", "index"] = "auto"


def build(options: Options) -> Scorer:
    """The scorer: 1.0 where the option named is a target, else 0.0; extracted is what named it."""

    def score(response: str, item: Item) -> Score:
        wanted = {
            target_index(item, target, options.target) for target in targets_of(item, "choice")
        }
        picked = pick_choice(response, item.choices)
        if picked.position is None:
            return unparseable(picked.reason, picked.extracted)
        return Score(float(picked.position in wanted), LETTERS[picked.position], picked.reason)

    return score


def target_index(item: Item, target: str, kind: str) -> int:
    """The 0-based position of the option that a target means. Raises ScoringError where it means none."""
    count = len(item.choices) or len(LETTERS)
    readings: set[int] = set()
    bare = strip_edges(target)
    if kind in ("auto", "letter") and len(bare) == 1 and 0 <= LETTERS.find(bare.upper()) < count:
        readings.add(LETTERS.find(bare.upper()))
    if kind in ("auto", "text"):
        same = [
            i for i, choice in enumerate(item.choices) if normalise(choice) == normalise(target)
        ]
        readings.update(same[:1])
    if kind == "index" and bare.isdecimal() and len(bare) < 4 and int(bare) < count:
        readings.add(int(bare))
    if len(readings) == 1:
        return readings.pop()
    problem = "means two options" if readings else f"means none of its {len(item.choices)} options"
    raise ScoringError(
        f'item "{item.id}": the target {target[:60]!r} {problem}; '
        'set the option `target` of scorer "choice" to letter, text or index, or mend the item'
    )
