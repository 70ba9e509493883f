"""Where a response says "this is my answer": the last box, answer tag, #### line or answer phrase."""

import re
from dataclasses import dataclass

from splitplot.scoring.latex import braced

ANSWER_TAG = re.compile(r"<answer>(.*?)</answer>", re.IGNORECASE | re.DOTALL)

ANSWER_COLON = re.compile(
    r"\banswers?[ \t*_`]*(?:\([^()\n]{0,40}\)[ \t*_`]*)?[:=：][ \t*_`]*",
    re.IGNORECASE,
)
"""`Answer:`, `**Final answer**:`, `Answer (in km):`, with Markdown emphasis around the colon."""

ANSWER_IS = re.compile(
    r"\banswer\b[^.:=\n]{0,60}?\b(?:is|would be|should be|must be)\b(?:\s*:)?[ \t*_`]*",
    re.IGNORECASE,
)
"""`The answer is`, `the correct answer to the question is:`."""

HASHES = re.compile(r"^[ \t]*#{4}[ \t]*(?=\S)", re.MULTILINE)
"""The `#### 7` line of GSM8K; also a Markdown heading, which is why a reader must check what follows."""

_BOX = re.compile(r"\\(?:boxed|fbox)\s*")
_BARE = re.compile(r"\d+")
"""`\\boxed 7`, as some models write it."""


@dataclass(frozen=True)
class Marked:
    """A marked answer: its text, the reason to record, and where in the response it starts."""

    text: str
    reason: str
    start: int


def boxed(text: str) -> Marked | None:
    r"""The content of the last complete, non-empty `\boxed{…}`, nested braces included."""
    if "\\" not in text:
        return None
    for match in reversed(list(_BOX.finditer(text))):
        group = braced(text, match.end())
        bare = _BARE.match(text, match.end())
        content = group[0] if group else bare.group() if bare else ""
        if content.strip():
            return Marked(content.strip(), "boxed", match.start())
    return None


def tagged(text: str) -> Marked | None:
    """The content of the last non-empty `<answer>…</answer>`."""
    if "</" not in text:
        return None
    found = [m for m in ANSWER_TAG.finditer(text) if m.group(1).strip()]
    return Marked(found[-1].group(1).strip(), "answer tag", found[-1].start()) if found else None


def after_colon(text: str) -> Marked | None:
    """All the text after the last `Answer:` that is followed by anything."""
    if ":" not in text and "=" not in text and "：" not in text:
        return None
    for match in reversed(list(ANSWER_COLON.finditer(text))):
        rest = text[match.end() :].strip()
        if rest:
            return Marked(rest, "after 'Answer:'", match.start())
    return None


def after_is(text: str) -> Marked | None:
    """All the text after the last `the answer is` that is followed by anything."""
    for match in reversed(list(ANSWER_IS.finditer(text))):
        rest = text[match.end() :].strip()
        if rest:
            return Marked(rest, "after 'answer is'", match.start())
    return None


def stated_answer(text: str, extract: str) -> Marked:
    """The answer of a free-text response, for scorers that compare text.

    extract: "auto" takes what comes last of a box, an answer tag and `Answer:`, else the whole text;
        "after" insists on a mark, "boxed" on a box, "whole" takes the text as it is. The text that
        is returned is empty where what was asked for is not there.
    """
    if extract == "whole":
        return Marked(text.strip(), "whole text", 0)
    if extract == "boxed":
        return boxed(text) or Marked("", "no box", 0)
    marks = [mark for mark in (boxed(text), tagged(text), after_colon(text)) if mark]
    if marks:
        return max(marks, key=lambda mark: mark.start)
    if extract == "after":
        return Marked("", "no answer mark", 0)
    return Marked(text.strip(), "whole text", 0)


def first_line(text: str) -> str:
    """The first line that holds anything; "" where none does."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
