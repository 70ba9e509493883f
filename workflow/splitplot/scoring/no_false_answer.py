"""Scorer `no_false_answer`: an unanswerable question is not answered."""

from dataclasses import dataclass

from splitplot.items.item import Item
from splitplot.scoring.abstain import reads_for
from splitplot.scoring.markers import stated_answer
from splitplot.scoring.score import Score, Scorer

TELLS_ABSTENTIONS = True

DOMAIN = "unanswerable"
"""The only items that it grades."""

REFUSED = 1.0
"""What a refusal is worth: it is no false answer."""

EMPTY = 1.0
"""What an answer that came and says nothing is worth: it is no false answer."""


@dataclass(frozen=True)
class Options:
    """None of its own."""


def build(options: Options) -> Scorer:
    """The scorer: 0.0 where the response answers, else 1.0; a refusal is an outcome of its own."""

    def score(response: str, item: Item) -> Score:
        said = stated_answer(response, "auto").text or None
        reading = reads_for(response, item)
        if reading == "refuses":
            return Score(None, said, "refused", "refused")
        if reading == "abstains":
            return Score(1.0, said, "abstained, and the question has no answer")
        return Score(0.0, said, "answered, and the question has no answer")

    return score
