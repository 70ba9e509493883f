"""Scorer `exact`: the answer equals one of the targets after normalisation."""

from dataclasses import dataclass
from typing import Literal

from splitplot.items.item import Item
from splitplot.scoring.markers import first_line, stated_answer
from splitplot.scoring.normalise import normalise
from splitplot.scoring.score import Score, Scorer, targets_of, unparseable


@dataclass(frozen=True)
class Options:
    """What is ignored in the comparison, and where the answer stands.

    strip_punctuation: at both ends; unicode: NFKC, plain quotes and dashes; articles: leave out a, an, the;
    extract: see `markers.stated_answer`; first_line: only the first line of what was extracted.
    """

    case_sensitive: bool = False
    strip_punctuation: bool = True
    unicode: bool = True
    articles: bool = False
    extract: Literal["auto", "after", "boxed", "whole"] = "auto"
    first_line: bool = False


def build(options: Options) -> Scorer:
    """The scorer: 1.0 where any target equals the answer, else 0.0."""

    def plain(text: str) -> str:
        return normalise(
            text,
            case_sensitive=options.case_sensitive,
            strip_punctuation=options.strip_punctuation,
            unicode=options.unicode,
            articles=options.articles,
        )

    def score(response: str, item: Item) -> Score:
        targets = targets_of(item, "exact")
        stated = stated_answer(response, options.extract)
        answer = first_line(stated.text) if options.first_line else stated.text
        if not answer:
            return unparseable(stated.reason if stated.start == 0 else "no text")
        right = plain(answer) in {plain(target) for target in targets}
        return Score(float(right), answer, stated.reason)

    return score
