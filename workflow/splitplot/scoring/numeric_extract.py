"""Which of the numbers in a response is its answer. docs/scorers.md has the rules in plain words."""

import re
from fractions import Fraction
from typing import Literal, NamedTuple

from splitplot.scoring.latex import plain_latex
from splitplot.scoring.markers import ANSWER_COLON, ANSWER_IS, HASHES, boxed, tagged
from splitplot.scoring.numbers import Number, find_numbers, list_markers

Extract = Literal["auto", "last", "first", "boxed", "after"]


class Choice(NamedTuple):
    """The number that was read, or None; the text it was read from; how, or why there is none."""

    value: Fraction | None
    extracted: str | None
    reason: str


NEAR = 30
"""Characters after `the answer is` in which its number must begin, else the phrase decides nothing."""

_GAP_OR = re.compile(r"[^.;=\n]{0,25}\b(?:or|OR|Or)\b[^.;=\n]{0,25}")
_GAP_LIST = re.compile(r"[\s*$_]*(?:,\s*and\b|and\b|[,;&])[\s*$_€£(]*")
_GAP_OPERATOR = re.compile(r"\s*(?:\*\*|[+×*·÷/^xX])[\s$(]*|\s+[-–−]\s+|\(?")
_LEAD_IN = re.compile(
    r"(?:[^\w]|_|\b[a-zA-Z]\b\s*=|approximately|about|around|roughly|exactly|is|the|simply|just)*",
    re.IGNORECASE,
)
_HASHED = re.compile(
    r"[^\d\n.]{0,3}(?:\d|\.\d|\\frac|[¼-¾⅐-⅞])(?:\S*[^\s.:)])?(?:[ \t]+[^\s\d.:]+){0,2}\.?[ \t]*$"
)
_LEFT_OVER = re.compile(r"[+×÷*^√π<>]|\\[a-zA-Z]+")
_LAST_EQUALS = re.compile(r"[=≈](?![^=≈]*[=≈][^\n]*\d)")


def choose_number(
    text: str, extract: Extract = "auto", *, percent_is_fraction: bool = False
) -> Choice:
    """The number that is the answer of a response, by the rule `extract`. Never raises on any text."""
    if extract in ("auto", "boxed", "after"):
        choice = _marked(text, extract, percent_is_fraction)
        if choice is not None:
            return choice
        if extract != "auto":
            return Choice(None, None, "no box" if extract == "boxed" else "no answer mark")
    return _unmarked(plain_latex(text), extract == "first", percent_is_fraction)


def only_number(text: str, *, percent_is_fraction: bool = False, how: str = "") -> Choice:
    """The number that the text is, units and an equation's left side aside: for boxes and for targets."""
    plain = plain_latex(text)
    numbers = find_numbers(plain, percent_is_fraction=percent_is_fraction)
    equals = max(plain.rfind("="), plain.rfind("≈"))
    if (
        equals >= 0
        and any(number.start > equals for number in numbers)
        and not _GAP_OR.search(plain)
    ):
        numbers = [number for number in numbers if number.start > equals]
        plain = " " * (equals + 1) + plain[equals + 1 :]
    if not numbers:
        return Choice(None, text.strip() or None, f"{how}: no number".lstrip(": "))
    first, last = numbers[0], numbers[-1]
    surface = plain[first.start : last.end]
    if any(number.kind in ("expression", "range") for number in numbers):
        return Choice(None, plain.strip(), f"{_kind(numbers)}, not one number")
    if len({number.value for number in numbers}) > 1:
        return Choice(None, surface, f"ambiguous: {surface}")
    if len(numbers) == 1 and _LEFT_OVER.search(plain[: first.start] + " " + plain[first.end :]):
        return Choice(None, plain.strip(), "expression, not one number")
    return Choice(first.value, plain[first.start : first.end], how)


def _kind(numbers: list[Number]) -> str:
    return next(number.kind for number in numbers if number.kind in ("expression", "range"))


def _marked(text: str, extract: Extract, percent_is_fraction: bool) -> Choice | None:
    """The answer at the last mark that holds one; None where no mark decides."""
    marks: list[tuple[int, Choice]] = []
    if box := boxed(text):
        choice = only_number(box.text, percent_is_fraction=percent_is_fraction, how="boxed")
        marks.append((box.start, choice))
    if extract != "boxed":
        if tag := tagged(text):
            choice = only_number(
                tag.text, percent_is_fraction=percent_is_fraction, how="answer tag"
            )
            marks.append((tag.start, choice))
        marks.extend(_phrases(text, percent_is_fraction))
    return max(marks, key=lambda mark: mark[0])[1] if marks else None


def _phrases(text: str, percent_is_fraction: bool) -> list[tuple[int, Choice]]:
    """Where and what `#### 7`, `Answer: 7` and `the answer is 7` say last, each if it says anything."""
    found = []
    if "####" in text:
        for match in reversed(list(HASHES.finditer(text))):
            line = _line_at(text, match.end())
            if _HASHED.fullmatch(line):
                choice = only_number(
                    line, percent_is_fraction=percent_is_fraction, how="after ####"
                )
                found.append((match.start(), choice))
                break
    if "nswer" not in text and "NSWER" not in text:
        return found
    for pattern, how in ((ANSWER_COLON, "after 'Answer:'"), (ANSWER_IS, "after 'answer is'")):
        for match in reversed(list(pattern.finditer(text))):
            stated = _stated(text, match.end(), how, percent_is_fraction)
            if stated is not None:
                found.append((match.start(), stated))
                break
    return found


def _line_at(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start : end if end >= 0 else len(text)]


def _stated(text: str, start: int, how: str, percent_is_fraction: bool) -> Choice | None:
    """What the first line with a letter or digit after a mark says; None if the mark decides nothing."""
    line = next((line for line in text[start:].splitlines() if any(map(str.isalnum, line))), "")
    line = plain_latex(line)
    numbers = find_numbers(
        line,
        percent_is_fraction=percent_is_fraction,
        skip=list_markers(line) if "1" in line else frozenset(),
    )
    strong = [number for number in numbers if number.kind != "weak"]
    numbers = strong or numbers[:1]
    near = how != "after 'answer is'" or (numbers and numbers[0].start <= NEAR)
    if not numbers or not near:
        if how == "after 'answer is'" or not line:
            return None
        rest = _unmarked(plain_latex(text[start:]), False, percent_is_fraction)
        return rest._replace(reason=f"{rest.reason} {how}") if rest.extracted else Choice(
            None, line[:80], f"no number {how}")  # fmt: skip
    equals = _LAST_EQUALS.search(line, numbers[0].start) if "=" in line or "≈" in line else None
    after = [n for n in numbers if equals and n.start > equals.start()]
    if after:
        return _checked(line, numbers, numbers.index(after[0]), how)
    if _LEAD_IN.fullmatch(line, 0, numbers[0].start):
        return _checked(line, numbers, 0, how)
    return _checked(line, numbers, len(numbers) - 1, how)


def _unmarked(text: str, first: bool, percent_is_fraction: bool) -> Choice:
    """The first or the last number of the text that is neither a list marker nor a label nor an ordinal."""
    how = "first number" if first else "last number"
    skip = list_markers(text)
    seen = 0
    for start, end in _lines(text, backwards=not first):
        numbers = find_numbers(text, start, end, percent_is_fraction=percent_is_fraction, skip=skip)
        seen += len(numbers)
        strong = [number for number in numbers if number.kind != "weak"]
        if strong:
            return _checked(text, strong, 0 if first else len(strong) - 1, how)
        if len(numbers) == 1 and seen == 1 and "\n" not in text.strip():
            return _checked(text, numbers, 0, "only number")
    return Choice(None, None, "no number")


def _lines(text: str, *, backwards: bool) -> list[tuple[int, int]]:
    ends = [match.start() for match in re.finditer("\n", text)]
    lines = list(zip([0, *(end + 1 for end in ends)], [*ends, len(text)], strict=True))
    return lines[::-1] if backwards else lines


def _checked(text: str, numbers: list[Number], index: int, how: str) -> Choice:
    """The chosen number, unless its neighbours say that it is one of several or part of an expression."""
    chosen = numbers[index]
    surface = text[chosen.start : chosen.end]
    if chosen.kind in ("expression", "range"):
        return Choice(None, surface, f"{chosen.kind}, not one number")
    for left, right in ((index - 1, index), (index, index + 1)):
        if left < 0 or right >= len(numbers):
            continue
        one, other = numbers[left], numbers[right]
        gap, both = text[one.end : other.start], text[one.start : other.end]
        joined = _GAP_OR.fullmatch(gap) or _GAP_LIST.fullmatch(gap)
        if joined and one.value != other.value:
            return Choice(None, both, f"ambiguous: {both}")
        if _GAP_OPERATOR.fullmatch(gap) or (
            gap.isspace() and (other.signed or one.kind == "expression")
        ):
            return Choice(None, both, "expression, not one number")
        if gap.isspace() and one.value != other.value and "\n" not in gap:
            return Choice(None, both, f"ambiguous: {both}")
    return Choice(chosen.value, surface, how)
