"""Scorer `includes`: one of the targets occurs in the answer after normalisation."""

import re
from dataclasses import dataclass
from typing import Literal

from splitplot.items.item import Item
from splitplot.scoring.markers import stated_answer
from splitplot.scoring.normalise import normalise
from splitplot.scoring.score import Score, Scorer, targets_of, unparseable


@dataclass(frozen=True)
class Options:
    """whole_words: "5" does not occur in "15"; extract "whole": look in the whole response."""

    case_sensitive: bool = False
    whole_words: bool = True
    extract: Literal["whole", "auto", "after", "boxed"] = "whole"


def build(options: Options) -> Scorer:
    """The scorer: 1.0 where any target occurs, else 0.0; extracted is the text that was searched."""

    def plain(text: str) -> str:
        return normalise(text, case_sensitive=options.case_sensitive, strip_punctuation=False)

    def occurs(target: str, answer: str) -> bool:
        if not options.whole_words:
            return target in answer
        return re.search(rf"(?<!\w){re.escape(target)}(?!\w)", answer) is not None

    def score(response: str, item: Item) -> Score:
        targets = targets_of(item, "includes")
        stated = stated_answer(response, options.extract)
        if not stated.text:
            return unparseable("no text" if options.extract == "whole" else stated.reason)
        answer = plain(stated.text)
        found = next((target for target in targets if occurs(plain(target), answer)), None)
        if found is None:
            return Score(0.0, stated.text, "no target occurs")
        return Score(1.0, found, "target occurs")

    return score
