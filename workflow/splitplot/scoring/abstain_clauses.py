"""A response taken apart into clauses, and what each of them does: declines, talks about it, or asserts."""

import re
from dataclasses import dataclass
from functools import cached_property

from splitplot.scoring import abstain_doubts as doubts
from splitplot.scoring import abstain_phrases as phrases
from splitplot.scoring import abstain_refusals as refusals
from splitplot.scoring.abstain_answers import (
    ASKING,
    ATTRIBUTED,
    CONTRARY,
    GUESS,
    NO_ANSWER,
    NO_CLAIM,
    REASON_OR_KIND,
    REPORTED,
    SOURCED,
    TALK,
)
from splitplot.scoring.abstain_whole import WHOLE
from splitplot.scoring.abstain_words import SOURCE_WORD

_SHORT = 6
"""Words up to which any word of talking about the question makes a clause talk."""

_QUERY = 4
"""Words up to which a question is an answer in doubt ("Vienna?")."""

_BOUNDARY = re.compile(
    r"(?P<stop>[.!?]+)(?=[\s)]|$)|(?P<part>[;:])(?=\s|$)| - "
    r"|[,;.]? ?\b(?P<but>but(?! not only)|however|nevertheless|nonetheless|yet(?= (?:it|the|he|she|they"
    r"|i)\b)|whereas|even so|that said|having said that)\b,?"
    r"|,? \b(?P<though>though|although|even though|while)\b"
    r"|(?:(?<=^idk)|(?<=no idea)|(?<=no clue)|(?<=dunno)|(?<=not sure)|(?<=not know)), ?(?=\w)"
    r"| (?P<aside>\((?=[^()]{4,200}\)[.!]?\s{0,9}(?:$|[A-Z])))"
    r"|, (?P<because>(?=(?:because|whose|who|which)\b))|, (?=i (?:do|can|could) not \w{1,12} (?:exactly"
    r"|for sure|precisely|for certain)\b)|, (?=something like)"
    r"|, (?:and )?(?P<so>so|therefore|thus|hence|meaning)\b"
)
_ABBREVIATED = re.compile(
    r"(?:^|[\s(])(?:dr|mr|mrs|ms|st|jr|sr|prof|capt|inc|corp|univ|approx|dept|gen|lieut|lt|col|rev|hon"
    r"|no(?= ?$)"
    r"|vol|ca|c|e\.g|i\.e|vs|fig|cf|al|pp?|[b-hj-z]|(?:[a-z]\.)+[a-z])$"
)
_CONCESSION = re.compile(
    r"^\s*(?:while|although|though|even though|despite|whilst|whereas)\b[^,]{1,200},"
)
_GROUND = re.compile(
    r"^\s*(?:(?:so|therefore|thus|hence|and|in short|overall|then|in fact|in reality|instead|rather"
    r"|still|anyway),? ){0,3}"
)


@dataclass(frozen=True)
class Clause:
    """A part of a sentence.

    link: what stands before it: "" at the start, "." after a sentence, ";" (also for a colon or dash),
        "but", "though", "so".
    asks: whether its sentence ends in a question mark.
    """

    text: str
    link: str
    asks: bool = False

    @cached_property
    def about_source(self) -> bool:
        """It says that the source lacks the answer."""
        return bool(phrases.ABOUT_SOURCE.search(self.text))

    @cached_property
    def partial(self) -> bool:
        """It says that the source gives a part of it alone."""
        return bool(phrases.PARTIAL.search(self.text))

    @cached_property
    def declines(self) -> bool:
        """It says that the answer is not known, by whomever."""
        if self._is_reported:
            return False
        return self.about_source or self.partial or self.unknowing

    @property
    def _is_reported(self) -> bool:
        """It says what others said or found, why something was, or what kind of thing it was."""
        if self.about_source and self.sourced:
            return False
        reported = REPORTED.search(self.text)
        return bool(reported) or (not self.link and bool(REASON_OR_KIND.search(self.text)))

    @cached_property
    def unknowing(self) -> bool:
        return bool(WHOLE.fullmatch(self.text) or phrases.UNKNOWING.search(self.text))

    @cached_property
    def doubts(self) -> bool:
        return bool(doubts.UNSURE.search(self.text))

    @cached_property
    def refuses(self) -> bool:
        if self._is_reported:
            return False
        return bool(refusals.REFUSAL.search(self.text) or refusals.HARD.search(self.text))

    @cached_property
    def unable(self) -> bool:
        """It says that the one who speaks cannot, or will not."""
        return bool(refusals.UNABLE.search(self.text))

    @cached_property
    def ruled(self) -> bool:
        """It names a reason of policy, law or ethics."""
        return bool(refusals.RULES.search(self.text)) and not self._is_reported

    @cached_property
    def sourced(self) -> bool:
        """It is about the source."""
        return bool(SOURCED.search(self.text))

    @cached_property
    def talks(self) -> bool:
        """It is about the talk, the source or the two that talk, not about what was asked."""
        text = self.text
        return (
            self.asks
            or self.sourced
            or bool(TALK.search(text))
            or (len(text.split()) <= _SHORT and bool(NO_CLAIM.search(text)))
        )

    @cached_property
    def guesses(self) -> bool:
        """It gives an answer in doubt, or as what others believe."""
        if self.asks and re.search(r"\byou", self.text):
            return False
        if self.asks and len(self.text.split()) <= _QUERY and not ASKING.search(self.text):
            return True
        if self.refuses:
            return False
        return any(_gives_answer(self.text[at : at + 160]) for at in self._announced) or (
            bool(ATTRIBUTED.search(self.text)) and not self.talks and not self.declines
        )

    @property
    def _announced(self) -> list[int]:
        return [found.end() for found in GUESS.finditer(self.text)]

    @cached_property
    def asserts(self) -> bool:
        """It says something that may be the answer."""
        if self.declines or self.refuses or self.doubts or self.talks:
            return False
        positive = CONTRARY.sub("", self.text)
        return bool(re.search(r"\w", positive)) and not NO_ANSWER.search(positive)


def _gives_answer(content: str) -> bool:
    content = content.split(",", maxsplit=1)[0]
    return (
        bool(re.search(r"\w", content))
        and not NO_ANSWER.search(content)
        and not NO_CLAIM.search(content)
        and not re.search(
            rf"\b(?:best|better|worth|wise) to\b|\b(?:guess|speculat)|{SOURCE_WORD}", content
        )
        and not refusals.RULES.search(content)
    )


def clauses(said: str) -> list[Clause]:
    """The clauses of plain words, in their order; those without a word are left out."""
    found: list[Clause] = []
    pending: list[tuple[str, str]] = []
    link, start = "", 0

    def sentence_ends(mark: str) -> None:
        asks = "?" in mark
        found.extend(Clause(text, how, asks) for text, how in pending)
        pending.clear()

    for boundary in _BOUNDARY.finditer(said):
        if boundary["stop"] and _is_abbreviation(said, boundary):
            continue
        before = _parts(said[start : boundary.start()], link)
        pending.extend(before)
        start = boundary.end()
        if boundary["stop"]:
            sentence_ends(boundary["stop"])
            link = "."
        elif boundary["but"]:
            link = "but"
        elif boundary["though"] or boundary["because"] is not None or boundary["aside"]:
            link = "though"
        elif before or not link:
            link = "so" if boundary["so"] else ";"
    pending.extend(_parts(said[start:], link))
    sentence_ends("")
    return found


def _is_abbreviation(said: str, stop: re.Match[str]) -> bool:
    if stop["stop"] != ".":
        return False
    before = said[max(0, stop.start() - 12) : stop.start()]
    ends = _ABBREVIATED.search(before)
    if ends and ends[0].strip(" (") == "no":
        return said[stop.end() : stop.end() + 2].strip().isdigit()
    return bool(ends)


def _parts(text: str, link: str) -> list[tuple[str, str]]:
    """A clause with what concedes before its first comma as one of its own; nothing where it has no word."""
    text = text.strip(" ,.!?()'\"\n-")
    if not re.search(r"\w", text):
        return []
    concession = _CONCESSION.match(text)
    if concession:
        rest = text[concession.end() :].strip()
        return [(concession[0].rstrip(","), link), *([(rest, "but")] if rest else [])]
    return [(_GROUND.sub("", text, count=1), _link(text, link))]


def _link(text: str, link: str) -> str:
    return "so" if re.match(r"(?:so|therefore|thus|hence|in short|overall)\b", text) else link
