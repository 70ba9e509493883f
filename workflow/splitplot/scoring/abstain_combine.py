"""What a whole response does, from what its clauses do.

An answer given after a decline wins, and so does one before it where the decline is a remark on
something else; what is only said about the source, by way of introduction, is no answer.
"""

import re
from collections.abc import Sequence
from typing import Literal

from splitplot.scoring import abstain_doubts as doubts
from splitplot.scoring import abstain_phrases as phrases
from splitplot.scoring.abstain_answers import ACCORDING, ESTIMATE, IMPLIES, NO_CLAIM, REFERS
from splitplot.scoring.abstain_clauses import Clause, clauses
from splitplot.scoring.abstain_refusals import DEAF, HELPLESS

Reading = Literal["answers", "abstains", "refuses"]

_FEW = 6
"""Words of a clause that can be an answer before "but the passage does not …"."""


def combined(said: str) -> Reading:
    """What plain words do; see `splitplot.scoring.abstain.reads`."""
    parts = clauses(ACCORDING.sub("", said))
    sourced = next((at for at, part in enumerate(parts) if part.sourced), len(parts))
    declining = [
        at for at, part in enumerate(parts) if part.declines or _goes_on(parts, at, sourced < at)
    ]
    refusing = [at for at, part in enumerate(parts) if part.refuses]
    if not refusing and any(part.ruled for part in parts):
        refusing = [at for at, part in enumerate(parts) if part.unable]
    if refusing and not _for_want_of_knowledge(parts, refusing, declining):
        deaf = any(DEAF.search(parts[at].text) for at in refusing)
        return "answers" if not deaf and _answers_after(parts, refusing) else "refuses"
    if declining:
        answered = _answers_after(parts, declining) or _answers_before(parts, declining)
        return "answers" if answered else "abstains"
    if any(part.doubts for part in parts):
        given = any(part.asserts or part.guesses for part in parts)
        return "answers" if given else "abstains"
    return "abstains" if _only_asks_back(parts) else "answers"


def _goes_on(parts: Sequence[Clause], at: int, sourced: bool) -> bool:
    """Whether a clause declines by what went before: "the text says where, but not when", "it gives no name".

    sourced: whether any clause before it is about the source.
    """
    if at == 0:
        return False
    part, last = parts[at], parts[at - 1]
    but_not = part.link in ("but", "though") and bool(phrases.NOT_THIS.search(part.text))
    lacking = part.link in ("but", "though") and bool(phrases.ELLIPTIC.search(part.text))
    if (but_not or lacking) and phrases.TOLD.search(last.text):
        return True
    return (sourced and bool(phrases.NOR_IT.search(part.text))) or (but_not and last.sourced)


def _for_want_of_knowledge(
    parts: Sequence[Clause], refusing: Sequence[int], declining: Sequence[int]
) -> bool:
    """Whether what looks like a refusal has the lack of an answer for its reason."""
    if any(parts[at].ruled for at in (*refusing, *declining)):
        return False
    if any(parts[at].about_source or parts[at].partial for at in declining):
        return True
    others = [at for at in declining if at not in refusing]
    return bool(others) and all(HELPLESS.search(parts[at].text) for at in refusing)


def _answers_after(parts: Sequence[Clause], declining: Sequence[int]) -> bool:
    """Whether an answer stands beside or behind what declines."""
    if any(part.guesses for part in parts):
        return True
    first = declining[0]
    hedged = bool(doubts.HEDGED.search(parts[first].text))
    contrast = False
    for part in parts[first + 1 :]:
        if part.link in ("but", "though"):
            contrast = True
        elif part.link == ".":
            contrast = False
        if part.asserts and (contrast or _concludes(part, hedged)):
            return True
        inferred = part.sourced and not part.declines and bool(IMPLIES.search(part.text))
        if contrast and inferred and not re.search(r"\b(?:not|no|only)\b", part.text):
            return True
        if (
            contrast
            and hedged
            and part.sourced
            and not part.declines
            and ESTIMATE.search(part.text)
        ):
            return True
    return False


def _concludes(part: Clause, hedged: bool) -> bool:
    instead = re.search(r"\b(?:instead|rather|actually|in fact)\b", part.text)
    return part.link == "so" or bool(instead) or (hedged and bool(ESTIMATE.search(part.text)))


def _answers_before(parts: Sequence[Clause], declining: Sequence[int]) -> bool:
    """Whether an answer stands before the first decline, and this one is about something else."""
    first = declining[0]
    if any(parts[at].link == "so" or doubts.VERDICT.search(parts[at].text) for at in declining):
        return False
    if any(re.match(r"(?:conclusion|verdict|result)\b", part.text) for part in parts):
        return False
    given = [at for at in range(first) if parts[at].asserts]
    if not given:
        return False
    link = parts[first].link
    if link in (".", "though"):
        return True
    text = parts[given[-1]].text
    brief = len(text.split()) <= _FEW and not NO_CLAIM.search(text)
    return brief or bool(REFERS.search(text)) or given[-1] < first - 1


def _only_asks_back(parts: Sequence[Clause]) -> bool:
    back = [
        part
        for part in parts
        if doubts.CLARIFY.search(part.text) and (part.asks or "please" in part.text)
    ]
    return (
        bool(back)
        and not any(part.asserts or part.guesses for part in parts)
        and all(part.talks for part in parts)
    )
