"""How much of an answer is in a passage, by words: the plain measure of support, without a model."""

import re

from splitplot.scoring.normalise import plain_unicode, squad_tokens

_FUNCTION = """
    of in on at to for from by with as and or but than then if so that this these those it its he him his
    she her they them their there who which what when where was were is are be been being has have had do
    does did will would can could may might i we you my our your me us
"""
FUNCTION_WORDS = frozenset(_FUNCTION.split())
"""Words that nearly every passage has, and that claim nothing by themselves: prepositions, conjunctions,
pronouns, auxiliary verbs (SQuAD's normalisation takes the articles). Negations and numbers are none."""

_SPEAKING = """
    according answer passage text context article paragraph document based states stated says said
    mentions mentioned question
"""
SPEAKING = frozenset(_SPEAKING.split())
"""Words of "According to the passage, the answer is …": they speak about the answer and are none of it."""

_POSSESSIVE = re.compile(r"'s?(?!\w)")
_JOINED = re.compile(r"(?<=\w)[-/](?=\w)")
_POINT = re.compile(r"(?<=\d)\.(?=\d)")


def words(text: str) -> list[str]:
    """SQuAD's tokens of a text, made comparable: without possessive endings, compounds taken apart, and
    with the point of a decimal number, which SQuAD would drop (3.5 is not 35); 1,000 is 1000."""
    text = _POSSESSIVE.sub(" ", plain_unicode(text))
    return squad_tokens(_POINT.sub("·", _JOINED.sub(" ", text)))


def content_words(answer: str) -> list[str]:
    """The words of an answer that claim something, with multiplicity."""
    return [word for word in words(answer) if word not in FUNCTION_WORDS | SPEAKING]


def overlap(answer: str, passage: str) -> float:
    """Share of the answer's content words that the passage has, 0 to 1; 1 where it has none.

    Words are compared as they are, numbers too. An answer that has no content word claims nothing that
    the passage could fail to support. What the words say together is not looked at.
    """
    claimed = content_words(answer)
    if not claimed:
        return 1.0
    there = set(words(passage))
    return sum(word in there for word in claimed) / len(claimed)
