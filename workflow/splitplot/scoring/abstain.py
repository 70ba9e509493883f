"""The option `abstain`, common to all scorers: a response that declines to answer is its own outcome."""

import re

from splitplot.items.item import Item
from splitplot.scoring.markers import stated_answer
from splitplot.scoring.normalise import normalise
from splitplot.scoring.score import Score, Scorer

_SOURCE = (
    r"(?:passage|text|context|article|paragraph|document|story|information|excerpt|question|source)"
)
_TELLS = (
    r"(?:say|state|mention|specify|provide|give|contain|include|tell|indicate|describe|disclose|reveal"
    r"|discuss|address|answer|explain|name|list|offer|supply)(?:s|ed|d)?"
)
_NOT = r"(?:do not|does not|did not|don't|doesn't|didn't|dont|doesnt)"
_CANNOT = r"(?:cannot|can not|can't|could not|couldn't|(?:am|are|is) (?:unable|not able) to)"

_PHRASES = re.compile(
    rf"\b(?:i|we)(?: really| honestly| simply)? {_NOT} know\b"
    rf"|\b(?:i am|i'm|we are|we're) (?:not sure|unsure|not certain|uncertain)\b"
    rf"|\b(?:i|we) {_CANNOT} (?:answer|determine|tell|say|find|know|infer|provide an answer)\b"
    r"|\b(?:cannot|can not|can't|could not|couldn't|is unable to) be (?:determined|answered|known|inferred"
    r"|established|deduced|ascertained|found)\b"
    r"|\bimpossible to (?:determine|say|tell|know|answer)\b"
    r"|\bunanswerable\b"
    rf"|\bnot (?:explicitly |directly |specifically )?(?:stated|mentioned|specified|given|provided|said"
    rf"|discussed|addressed|described|included|indicated|disclosed|found|contained|in|answered)"
    rf"(?: anywhere)?(?: (?:in|by|within|from))? (?:the|this|that) (?:\w+ )?{_SOURCE}\b"
    rf"|\b(?:the|this|that) (?:\w+ )?{_SOURCE} {_NOT} (?:\w+ )?{_TELLS}\b"
    r"|\b(?:not enough|insufficient) (?:information|context|data|detail)\b"
    r"|\b(?:no|there is no|there's no) (?:information|mention)(?: (?:is|was))?"
    r" (?:given|provided|available|about|on|of|in|regarding)\b"
    r"|\bno answer (?:is |can be )?(?:given|provided|available|found|in the)\b"
)
_WHOLE = re.compile(
    r"(?:it(?:'s| is) |this is |that is |the answer is )?(?:unknown|unclear|n/a|none given|no answer"
    r"|not (?:stated|mentioned|specified|given|provided|available|known|answerable|sure|enough info)"
    r"|undetermined|indeterminate|no idea|don't know|do not know|idk|cannot say|can't say|unanswerable)"
)


def abstains(text: str) -> bool:
    """Whether a response, or what it says after its last `Answer:`, declines to answer.

    Typographic apostrophes and case do not matter; a name such as "Tomb of the Unknown Soldier" is no
    abstention, and neither is "unknown" inside a sentence.
    """
    answer = normalise(stated_answer(text, "auto").text)
    return bool(_PHRASES.search(answer) or _WHOLE.fullmatch(answer))


def with_abstention(scorer: Scorer) -> Scorer:
    """The scorer, with abstentions told apart from answers.

    An item without targets has no answer: abstaining scores 1.0, anything else 0.0. On an item with
    targets abstaining is the outcome "abstained" without a value. Where a target or a choice itself
    reads like an abstention ("cannot be determined"), giving it is an answer like any other.
    """

    def score(response: str, item: Item) -> Score:
        if any(map(abstains, (*item.targets, *item.choices))):
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
