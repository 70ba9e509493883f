"""Whether a response answers, abstains or refuses, and the option `abstain`, common to all scorers."""

import re
from functools import lru_cache

from splitplot.items.item import Item
from splitplot.scoring.abstain_combine import Reading, combined
from splitplot.scoring.abstain_spelling import fielded, plain_words, without_quotations
from splitplot.scoring.abstain_whole import BARE, LABEL, WHOLE
from splitplot.scoring.markers import stated_answer
from splitplot.scoring.normalise import strip_edges
from splitplot.scoring.score import Score, Scorer

_TITLE = 8
"""Words up to which a response in capitals throughout is taken for a title or a name."""

_SMALL = frozenset(
    {"a", "an", "and", "at", "but", "by", "for", "from", "in", "is", "it", "of", "on", "or", "the",
     "to", "with"}
)  # fmt: skip


def reads(text: str) -> Reading:
    """What a response, or what it says after its last answer mark, does.

    "abstains": it says that it does not know, or that the question cannot be answered, or asks back.
    "refuses": it declines the request. "answers": anything else, a doubtful answer ("I'm not sure, but I
    think it is Paris") among it. Typographic apostrophes and case do not matter; a name such as "Tomb of
    the Unknown Soldier" is no abstention, and neither is "unknown" inside a sentence.
    """
    answer = stated_answer(fielded(text), "auto").text
    said = LABEL.sub("", plain_words(answer), count=1)
    bare = strip_edges(said)
    if WHOLE.fullmatch(bare) or BARE.fullmatch(bare):
        return "abstains"
    if _is_title(answer):
        return "answers"
    return combined(without_quotations(said, WHOLE))


def _is_title(answer: str) -> bool:
    words = re.findall(r"[^\W\d_][\w'’]*", answer) if len(answer) < 80 else []
    if not 2 <= len(words) <= _TITLE or answer.isupper() or answer.rstrip()[-1:] in ".!?":
        return False
    return all(word[0].isupper() or word in _SMALL for word in words) and words[-1][0].isupper()


def abstains(text: str) -> bool:
    """Whether a response, or what it says after its last answer mark, abstains; see `reads`."""
    return reads(text) == "abstains"


def reads_for(text: str, item: Item) -> Reading:
    """As `reads`; where a target or a choice itself reads like an abstention, giving it is an answer."""
    return "answers" if _declining(item.targets, item.choices) else reads(text)


@lru_cache(maxsize=1024)
def _declining(targets: tuple[str, ...], choices: tuple[str, ...]) -> bool:
    return any(reads(option) != "answers" for option in (*targets, *choices))


def with_abstention(scorer: Scorer) -> Scorer:
    """The scorer, with abstentions told apart from answers.

    An item without targets has no answer: abstaining scores 1.0, anything else 0.0. On an item with
    targets abstaining is the outcome "abstained" without a value. Where a target or a choice itself
    reads like an abstention ("cannot be determined"), giving it is an answer like any other.
    """

    def score(response: str, item: Item) -> Score:
        if _declining(item.targets, item.choices):
            return scorer(response, item)
        silent = abstains(response)
        stated = stated_answer(response, "auto").text or None
        if not item.targets:
            if silent:
                return Score(1.0, stated, "abstained, and the question has no answer")
            return Score(0.0, stated, "answered, and the question has no answer")
        if silent:
            return Score(None, stated, "abstained", "abstained")
        return scorer(response, item)

    return score
