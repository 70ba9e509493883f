"""Which option of a multiple-choice question a response names; docs/scorers.md has the rules in words."""

import re
from typing import NamedTuple

from splitplot.scoring.latex import plain_latex
from splitplot.scoring.markers import boxed, tagged
from splitplot.scoring.normalise import normalise, strip_edges

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Picked(NamedTuple):
    """Position of the option, 0-based, or None; what was read; how, or why there is none."""

    position: int | None
    extracted: str | None
    reason: str


_MARK = r"[*_`\"'“”‘’\s]*"
_PHRASE = re.compile(
    rf"\b(?:answers?|choice|option|choose|pick|select|go with)\b[^.\n:=]{{0,60}}?"
    rf"(?:\bis\b{_MARK}:?|[:=]|\bwould be\b|\bshould be\b|\bmust be\b){_MARK}"
    rf"|\b(?:choose|pick|select|go with){_MARK}",
    re.IGNORECASE,
)
"""`Answer:`, `the correct option is`, `I choose`: what follows is meant as the answer."""

_LEAD = re.compile(
    r"(?:\b(?:option|choice|answer|letter|is)\b[\s:]*|[\s*_`\"'“”‘’$])*", re.IGNORECASE
)
_ENCLOSED = re.compile(r"[(\[]\s*([A-Za-z])\s*[)\]]")
_BARE = re.compile(r"([A-Za-z])(?![\w'’])")
_NAMED = re.compile(
    rf"\b(?:option|choice|answer)s?{_MARK}[(\[]?([A-Za-z])(?![\w'’])[)\]]?", re.IGNORECASE
)
_HEADED = re.compile(
    rf"^{_MARK}(?:[(\[]([A-Za-z])[)\]]|([A-Za-z])(?:\)|[.:](?=\s|\*|$)))", re.MULTILINE
)
"""A letter at the head of a line: `C. Paris`, `c) Paris`, `(C) Paris`, `**C:** Paris`."""

_LONE = re.compile(r"(?<![\w'’.&\-+/])([A-Z])(?![\w'’&\-+/])")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n]|[\"“(])[\s*_\"“'‘]*$")


def pick_choice(text: str, choices: tuple[str, ...]) -> Picked:
    """The option that a response names, by the first rule that decides; never raises on any text.

    choices: the texts of the options, in order; with none, any letter is one.
    """
    count = len(choices) or len(LETTERS)
    for mark in sorted(filter(None, (boxed(text), tagged(text))), key=lambda m: -m.start):
        return _within(plain_latex(mark.text), choices, count, mark.reason)
    text = plain_latex(text)
    whole = strip_edges(text)
    if len(whole) == 1 and (index := _index(whole, count)) is not None:
        return Picked(index, whole, "letter alone")
    for match in reversed(list(_PHRASE.finditer(text))):
        picked = _stated(text[match.end() : match.end() + 400], choices, count)
        if picked is not None:
            return picked
    for letters, reason in (
        (_headed(text, count), "letter first"),
        (_named(text, count), "option named"),
    ):
        if len(letters) == 1:
            index = next(iter(letters))
            return _unless_text_disagrees(text, index, choices, reason)
        if letters:
            return _ambiguous(letters)
    by_text = _by_text(text, choices)
    if by_text is not None:
        return by_text
    lone = _lone(text, count)
    if len(lone) == 1:
        index = next(iter(lone))
        return Picked(index, LETTERS[index], "only letter")
    return _ambiguous(lone) if lone else Picked(None, None, "no option named")


def _index(letter: str, count: int) -> int | None:
    position = LETTERS.find(letter.upper())
    return position if 0 <= position < count else None


def _ambiguous(indices: dict[int, str]) -> Picked:
    named = ", ".join(LETTERS[index] for index in sorted(indices))
    return Picked(None, named, f"ambiguous: {named}")


def _within(content: str, choices: tuple[str, ...], count: int, reason: str) -> Picked:
    """The option in a box or tag: a letter, `C. Paris`, or the text of the option."""
    content = content.strip()
    bare = strip_edges(content)
    index = _index(bare, count) if len(bare) == 1 else None
    if index is not None:
        return Picked(index, bare, reason)
    picked = _stated(content, choices, count)
    if picked is not None:
        return picked._replace(reason=reason) if picked.position is not None else picked
    return Picked(None, content[:80], f"{reason}: no option")


def _stated(text: str, choices: tuple[str, ...], count: int) -> Picked | None:
    """The option that stands right at the start of what follows an answer phrase, or its text there."""
    line = next((line for line in text.splitlines() if line.strip(" *_`")), "")
    lead = _LEAD.match(line)
    rest = line[lead.end() :] if lead else line
    match = _ENCLOSED.match(rest) or _BARE.match(rest)
    if match and (index := _index(match.group(1), count)) is not None:
        enclosed = rest[0] in "(["
        if enclosed or _stands_alone(match.group(1), rest[match.end() :]):
            second = re.match(
                rf"{_MARK}(?:or|and|,|/|&){_MARK}[(\[]?([A-Z])(?![\w'’])", rest[match.end() :]
            )
            other = _index(second.group(1), count) if second else None
            if other is not None and other != index:
                return _ambiguous({index: "", other: ""})
            return Picked(index, match.group(1), "after an answer phrase")
    sentence = re.split(r"(?<=\w\w)[.!?](?:\s|$)", rest, maxsplit=1)[0]
    picked = _by_text(sentence, choices)
    if picked is None or picked.position is None:
        return None
    return picked._replace(reason="text after an answer phrase")


def _stands_alone(letter: str, after: str) -> bool:
    """Whether a bare letter after an answer phrase is a label, not the article "a …" or pronoun "I …"."""
    following = after.lstrip("*_`\"'”’$")
    if not following.strip() or following.lstrip()[0] in ".,;:!?)]-–—(/&=\n":
        return True
    if letter.islower() or letter == "I":
        return False
    if letter == "A":
        return (
            re.match(r"\s+(?:because|since|as|and|or|for|which|with|is)\b", following) is not None
        )
    return True


def _headed(text: str, count: int) -> dict[int, str]:
    """Options whose letter heads a line."""
    found = {}
    for match in _HEADED.finditer(text):
        letter = match.group(1) or match.group(2)
        if (index := _index(letter, count)) is not None:
            found[index] = text[match.end() :].split("\n", 1)[0]
    return found


def _named(text: str, count: int) -> dict[int, str]:
    """Options named as `option C` or as `(C)` anywhere."""
    found = {}
    for match in _NAMED.finditer(text):
        letter, after = match.group(1), text[match.end() :]
        if "(" not in match.group() and not _stands_alone(letter, after) and letter in "aAIi":
            continue
        if (index := _index(letter, count)) is not None:
            found[index] = ""
    for match in _ENCLOSED.finditer(text):
        at_word = match.start() and text[match.start() - 1].isalnum()  # f(x), book(s)
        if not at_word and (index := _index(match.group(1), count)) is not None:
            found[index] = ""
    return found


def _unless_text_disagrees(text: str, index: int, choices: tuple[str, ...], reason: str) -> Picked:
    """The option, unless the letter is followed by the exact text of another one."""
    if reason == "letter first" and choices:
        said = normalise(_headed(text, len(choices))[index])
        others = [i for i, choice in enumerate(choices) if normalise(choice) == said and said]
        if others and index not in others:
            letter = LETTERS[index]
            return Picked(
                None, f"{letter}, {said}", f"ambiguous: letter {letter} with another option's text"
            )
    return Picked(index, LETTERS[index], reason)


def _by_text(text: str, choices: tuple[str, ...]) -> Picked | None:
    """The one option whose text occurs; a longer option hides those inside it. None where none occurs."""
    plain = normalise(text)
    wanted: dict[str, int] = {}
    for index, choice in enumerate(choices):
        wanted.setdefault(normalise(choice), index)
    if plain in wanted:
        return Picked(wanted[plain], choices[wanted[plain]], "text of the option")
    # An option such as "a" occurs in any text; the longest goes first, so that it hides those inside it.
    searched = sorted((w for w in wanted if len(w) > 1 or w.isdecimal()), key=len, reverse=True)
    if not searched:
        return None
    pattern = rf"(?<![\w.])(?:{'|'.join(map(re.escape, searched))})(?!\w|[.,]\d)"
    alone = {wanted[match.group()] for match in re.finditer(pattern, plain)}
    if not alone:
        return None
    if len(alone) > 1:
        named = " | ".join(choices[index] for index in sorted(alone))
        return Picked(None, named, f"ambiguous: {named}")
    index = alone.pop()
    return Picked(index, choices[index], "text of the option")


def _lone(text: str, count: int) -> dict[int, str]:
    """Capital letters that stand alone as words; never the pronoun "I", never an article "A"."""
    found = {}
    for match in _LONE.finditer(text):
        letter, after = match.group(1), text[match.end() :]
        if letter == "I":
            continue
        followed_by_word = re.match(r"[*_]*\s+[*_]*\w", after) is not None
        if (
            letter == "A"
            and followed_by_word
            and _SENTENCE_START.search(text[: match.start()][-40:])
        ):
            continue
        if (index := _index(letter, count)) is not None:
            found[index] = ""
    return found
