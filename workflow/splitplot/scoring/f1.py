"""Scorer `f1`: overlap of the answer's tokens with the best target's, as in SQuAD."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from splitplot.items.item import Item
from splitplot.scoring.markers import first_line, stated_answer
from splitplot.scoring.normalise import squad_tokens
from splitplot.scoring.score import Score, Scorer, targets_of, unparseable


@dataclass(frozen=True)
class Options:
    """extract: see `markers.stated_answer`; first_line: only the first line of what was extracted."""

    extract: Literal["auto", "after", "boxed", "whole"] = "auto"
    first_line: bool = False


def build(options: Options) -> Scorer:
    """The scorer: the largest token F1 over the targets, 0 to 1."""

    def score(response: str, item: Item) -> Score:
        targets = targets_of(item, "f1")
        stated = stated_answer(response, options.extract)
        answer = first_line(stated.text) if options.first_line else stated.text
        if not answer:
            return unparseable("no text" if options.extract in ("auto", "whole") else stated.reason)
        return Score(max(token_f1(answer, target) for target in targets), answer, stated.reason)

    return score


def token_f1(answer: str, target: str) -> float:
    """Harmonic mean of precision and recall of the answer's tokens (with multiplicity), 0 to 1.

    Source: compute_f1 in the official evaluate-v2.0.py (Rajpurkar, Jia & Liang 2018): where one side has no
    tokens left, 1 if both have none, else 0.
    """
    found, wanted = squad_tokens(answer), squad_tokens(target)
    if not found or not wanted:
        return float(found == wanted)
    common = sum((Counter(found) & Counter(wanted)).values())
    if not common:
        return 0.0
    # 2PR/(P+R) with P = common/found and R = common/wanted
    return 2 * common / (len(found) + len(wanted))
