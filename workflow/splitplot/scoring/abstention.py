"""Scorer `abstention`: whether a response abstains, which is neither good nor bad."""

from dataclasses import dataclass

from splitplot.items.item import Item
from splitplot.scoring.abstain import reads_for
from splitplot.scoring.markers import stated_answer
from splitplot.scoring.score import Score, Scorer

TELLS_ABSTENTIONS = True


@dataclass(frozen=True)
class Options:
    """None of its own."""


def build(options: Options) -> Scorer:
    """The scorer: 1.0 where the response abstains, 0.0 where it answers or refuses."""

    def score(response: str, item: Item) -> Score:
        reading = reads_for(response, item)
        return Score(
            float(reading == "abstains"), stated_answer(response, "auto").text or None, reading
        )

    return score
