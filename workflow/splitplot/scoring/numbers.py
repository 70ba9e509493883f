"""Numbers in running text, exact: where they stand and what they are worth. docs/scorers.md has the rules."""

import re
import unicodedata
from collections.abc import Set
from fractions import Fraction
from typing import Literal, NamedTuple

from splitplot.scoring.latex import braced

Kind = Literal["number", "weak", "expression", "range"]

MAX_DIGITS = 400
"""Longer digit strings are no answers (and Python refuses to convert very long ones)."""


class Number(NamedTuple):
    """One number at text[start:end]; sign and percent sign are inside, currency and units outside.

    kind: "number"; "weak" (an ordinal or a label such as `step 3`: counts only where nothing else does);
        "expression" and "range" (`2^10`, `2π`, `5-7`: one place in the text that is not one number).
    """

    value: Fraction
    start: int
    end: int
    kind: Kind
    signed: bool = False


_VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_MINUS = frozenset("-−–﹣－")
_CURRENCY = frozenset("$€£¥₹₽₩¢")
_CURRENCY_AND_SPACE = frozenset(f"{sign} " for sign in _CURRENCY)
_FUNCTIONS = r"\\(?:sqrt|pi|log|ln|sin|cos|tan|[td]?binom|sum|infty|pm|exp)(?![a-zA-Z])"
_S = r"[ \t\u00a0\u2009\u202f]?"
"""At most one space, never a line break: a number ends with its line."""

_START = re.compile(rf"\d|[{_VULGAR}]|\\frac|{_FUNCTIONS}|[√π]")
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(
    r"(?:[1-9]\d{0,2}(?:\.\d{3})+,\d+(?![\d,])"  # 1.234,56
    r"|[1-9]\d{0,2}(?:\.\d{3}){2,}(?![\d,]|\.\d)"  # 1.234.567
    r"|[1-9]\d{0,2}(?P<sep>[,'’\u00a0\u2009\u202f])\d{3}(?:(?P=sep)\d{3})*(?!\d|(?P=sep)\d)(?P<a>\.\d+)?"
    r"|[1-9]\d?(?:,\d{2})+,\d{3}(?![\d,]\d)(?P<b>\.\d+)?"  # 12,34,567
    r"|(?P<plain>\d+)(?P<c>\.\d+)?)"
)
_NOT_A_NUMBER = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:\.\d+)*(?!\d)"  # 2024-05-01, 5/1/24, 1.2.3
    r"|\d+(?::\d+)+"  # 10:30, 3:4
)
_DOTTED = re.compile(r"(?:\.\d+)+")
_POWER = (
    rf"{_S}(?:(?:\^|\*\*){_S}(?:\{{ ?([-−–+]?\d{{1,3}}) ?\}}|([-−–+]?\d{{1,3}})(?!\d))"
    r"|([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}))"
)
_TO_THE = re.compile(_POWER)
_TIMES_TEN = re.compile(rf"{_S}[×xX*·]{_S}10{_POWER}")
_EXPONENT = re.compile(r"[eE]([-−+]?\d{1,3})(?!\w)")
_SLASH = re.compile(rf"{_S}[/⁄∕]{_S}(?=\d)")
_MIXED = re.compile(r"[ \u2009\u00a0](\d{1,3})[/⁄](\d{1,3})(?![\d/⁄])")
_MIXED_GLYPH = re.compile(rf"{_S}([{_VULGAR}])")
_MIXED_LATEX = re.compile(rf"{_S}(?=\\frac)")
_PERCENT = re.compile(rf"{_S}(?:[%％]|per ?cent\b|pct\b)", re.IGNORECASE)
_SCALE = re.compile(r"[ \u2009\u00a0-](thousand|million|billion|trillion)s?\b", re.IGNORECASE)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NOT_DONE = re.compile(rf"{_S}(?:\^|{_FUNCTIONS}|[√π⁰¹²³⁴⁵⁶⁷⁸⁹⁻])|!(?= ?[+×*/=])")
_RANGE = re.compile(rf"(?:[-–—‑−] ?[{''.join(sorted(_CURRENCY))}]?\d[\d.,]*)+")
_WORD = re.compile(r"[A-Za-zµμΩ]+")
_LABEL = re.compile(
    r"\b(?:step|case|question|problem|part|option|equation|eq|section|example|figure|table|chapter|page|line"
    r"|method|note|rule|item|no\.?)\s?#?$",
    re.IGNORECASE,
)
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_UNITS = re.compile(
    r"[kcmnµμ]?m|[kmµμ]?g|lbs?|oz|[dm]?[lL]|m?s|secs?|mins?|h|hrs?|d|[ap]m|[AP]M|ft|in|yd|mi|mph|k[pm]h|k?Wh?|V"
    r"|m?A|k?J|N|k?Pa|[kMG]?Hz|[KMGT]B|px|yrs?|[CFΩ]|k?cal|mol|rad|deg|USD|EUR|GBP|dollars|cents|euros"
    r"|hours?|minutes?|seconds?|days?|years?"
)
"""Units that may touch their number; any other word that does makes it a part of that word."""

_CURRENCY_WORD = re.compile(r"(?:USD|EUR|GBP|Rs\.?)$")
_LIST_MARKER = re.compile(
    r"(?:^[ \t>*_\-]*|(?<=[.;:,!?…)])[ \t]+)\(?(\d{1,3})[.)](?:\*\*|__)?[ \t]+(?=\S)", re.MULTILINE
)


def list_markers(text: str) -> frozenset[int]:
    """Where the digits of list markers stand: `1.` at the start of a line and all that count on from it."""
    if "1." not in text and "1)" not in text:
        return frozenset()
    found, last = set(), 0
    for match in _LIST_MARKER.finditer(text):
        value, at = int(match.group(1)), match.start(1)
        line_start = not text[text.rfind("\n", 0, at) + 1 : at].strip(" \t>*_-(")
        if (value == 1 and line_start) or (last and value == last + 1):
            found.add(at)
            last = value
    return frozenset(found)


def find_numbers(
    text: str,
    start: int = 0,
    end: int | None = None,
    *,
    percent_is_fraction: bool = False,
    skip: Set[int] = frozenset(),
) -> list[Number]:
    """The numbers in text[start:end], left to right; `text` has been through `plain_latex`.

    percent_is_fraction: `5%` is 1/20, else 5. skip: positions that hold no number (list markers).
    Dates, times, versions and digits that are part of a word are not numbers.
    """
    end = len(text) if end is None else end
    found: list[Number] = []
    position = start
    while match := _START.search(text, position, end):
        at = match.start()
        number, position = _number_at(text, at, percent_is_fraction)
        position = max(position, at + 1)
        if number is not None and at not in skip:
            found.append(number)
    return found


def _number_at(text: str, at: int, percent_is_fraction: bool) -> tuple[Number | None, int]:
    """The number whose first digit is at `at`, if it is one, and where to go on reading."""
    head = text[at]
    if head in "\\√π":
        return _latex_at(text, at, percent_is_fraction)
    if head in _VULGAR:
        return _dressed(text, at, at + 1, _glyph(head), percent_is_fraction)
    if other := _NOT_A_NUMBER.match(text, at):
        return None, other.end()
    match = _NUMBER.match(text, at)
    if match is None or match.end() - at > MAX_DIGITS:
        run = _DIGITS.match(text, at)
        return None, max(run.end() if run else 0, match.end() if match else 0)
    if at and text[at - 1] == "." and match.group("plain"):
        return _leading_dot(text, at, match.group("plain"), percent_is_fraction)
    if match.group("c") and (dotted := _DOTTED.match(text, match.end())):
        return None, dotted.end()
    value, stop = _with_suffixes(text, match)
    if value is None:
        return Number(Fraction(0), at, stop, "expression"), stop
    return _dressed(text, at, stop, value, percent_is_fraction)


def _leading_dot(
    text: str, at: int, digits: str, percent_is_fraction: bool
) -> tuple[Number | None, int]:
    """`.5` is a half; `…5` after an ellipsis is five; `a.5` is part of a word."""
    stop, before = at + len(digits), text[at - 2] if at >= 2 else " "
    if before == ".":
        return _dressed(text, at, stop, Fraction(int(digits)), percent_is_fraction)
    dotted = _DOTTED.match(text, stop)
    if before.isalnum() or dotted:
        return None, dotted.end() if dotted else stop
    return _dressed(text, at - 1, stop, _decimal("0", digits), percent_is_fraction)


def _value(match: re.Match[str]) -> Fraction:
    """The value of a match of _NUMBER, separators resolved."""
    text, decimals = match.group(), match.group("a") or match.group("b") or match.group("c") or ""
    if match.group("plain") and not decimals:
        return Fraction(int(text))
    if not decimals and "." in text:  # thousands set off by points: 1.234,56 or 1.234.567
        whole, _, decimals = text.replace(".", "").partition(",")
        return _decimal(whole, decimals)
    whole = text[: len(text) - len(decimals)]
    return _decimal("".join(filter(str.isdecimal, whole)), decimals[1:])


def _decimal(whole: str, decimals: str) -> Fraction:
    return Fraction(int(whole + decimals), 10 ** len(decimals))


def _with_suffixes(text: str, match: re.Match[str]) -> tuple[Fraction | None, int]:
    """Value and end with what belongs to the number: exponent, mixed fraction, denominator.

    The value is None where there is none (division by zero).
    """
    value, stop = _value(match), match.end()
    if exponent := _EXPONENT.match(text, stop):
        return value * _ten_to(exponent.group(1)), exponent.end()
    if power := _TIMES_TEN.match(text, stop):
        return value * _ten_to(*power.groups()), power.end()
    if match.group() == "10" and (power := _TO_THE.match(text, stop)):
        return _ten_to(*power.groups()), power.end()
    if match.group("plain") and not match.group("c"):
        part, after = _mixed_part(text, stop)
        if part is not None and 0 < part < 1:
            return value + part, after
    if (slash := _SLASH.match(text, stop)) and (below := _NUMBER.match(text, slash.end())):
        divisor, stop = _value(below) if len(below.group()) <= MAX_DIGITS else 0, below.end()
        return (value / divisor if divisor else None), stop
    return value, stop


def _mixed_part(text: str, stop: int) -> tuple[Fraction | None, int]:
    r"""The fraction after a whole number: ` 1/2`, `½`, `\frac{1}{2}`; None where there is none."""
    if mixed := _MIXED.match(text, stop):
        top, bottom = int(mixed.group(1)), int(mixed.group(2))
        return (Fraction(top, bottom) if bottom else None), mixed.end()
    if glyph := _MIXED_GLYPH.match(text, stop):
        return _glyph(glyph.group(1)), glyph.end()
    if latex := _MIXED_LATEX.match(text, stop):
        return _fraction(text, latex.end())
    return None, stop


def _ten_to(*exponents: str | None) -> Fraction:
    exponent = next(filter(None, exponents)).translate(_SUPERSCRIPT)
    sign = -1 if exponent[0] in _MINUS else 1
    return Fraction(10) ** (sign * int(exponent.lstrip("+-−–")))


def _glyph(glyph: str) -> Fraction:
    return Fraction(unicodedata.numeric(glyph)).limit_denominator(10)


def _latex_at(text: str, at: int, percent_is_fraction: bool) -> tuple[Number | None, int]:
    r"""A `\frac` of plain numbers is a number; a root, `\pi`, `\log` … is an expression."""
    if text.startswith("\\frac", at):
        value, stop = _fraction(text, at)
        if value is not None:
            return _dressed(text, at, stop, value, percent_is_fraction)
        return Number(Fraction(0), at, stop, "expression"), stop
    stop = at + 1
    while text[at] == "\\" and stop < len(text) and text[stop].isalpha():
        stop += 1
    while group := braced(text, stop):
        stop = group[1]
    return Number(Fraction(0), at, stop, "expression"), stop


def _fraction(text: str, at: int) -> tuple[Fraction | None, int]:
    r"""Value and end of the `\frac` at `at`; None where its parts are not plain numbers."""
    stop, parts = at + len("\\frac"), []
    for _ in range(2):
        while text[stop : stop + 1] == " ":
            stop += 1
        group = braced(text, stop)
        if group is None and text[stop : stop + 1].isdecimal():
            group = text[stop], stop + 1
        if group is None:
            return None, stop
        parts.append(_plain_number(group[0].strip()))
        stop = group[1]
    top, bottom = parts
    return (top / bottom if top is not None and bottom else None), stop


def _plain_number(text: str) -> Fraction | None:
    minus = text[:1] in _MINUS
    match = _NUMBER.fullmatch(text[1:].lstrip() if minus else text)
    if match is None or len(text) > MAX_DIGITS:
        return None
    return -_value(match) if minus else _value(match)


def _dressed(
    text: str, start: int, stop: int, value: Fraction, percent_is_fraction: bool
) -> tuple[Number | None, int]:
    """The number with what follows it: unit, scale word, per cent; None if it is part of a word."""
    kind: Kind = "number"
    following = text[stop : stop + 1]
    if not following or following in ".,\n":  # the usual end of an answer
        return _preceded(text, start, stop, value, kind)
    if unfinished := _NOT_DONE.match(text, stop):
        kind, stop = "expression", unfinished.end()
    elif span := _RANGE.match(text, stop):
        kind, stop = "range", stop + len(span.group().rstrip(".,"))
    elif word := _WORD.match(text, stop):
        if word.group().lower() in _ORDINALS:
            kind = "weak"
        elif not _UNITS.fullmatch(word.group()):
            return None, word.end()
    elif following == "_" and text[stop + 1 : stop + 2].isalnum():
        return None, stop
    elif scale := _SCALE.match(text, stop):
        value, stop = value * _SCALES[scale.group(1).lower()], scale.end()
    if percent := _PERCENT.match(text, stop):
        stop = percent.end()
        value = value / 100 if percent_is_fraction else value
    return _preceded(text, start, stop, value, kind)


def _preceded(
    text: str, start: int, stop: int, value: Fraction, kind: Kind
) -> tuple[Number | None, int]:
    """The number with its sign, or None where what stands before makes it a part of a word."""
    at = start
    if text[at - 2 : at] in _CURRENCY_AND_SPACE:
        at -= 1
    while at and text[at - 1] in _CURRENCY:
        at -= 1
    if at == 0:
        return Number(value, start, stop, kind), stop
    before, further = text[at - 1], text[at - 2] if at >= 2 else " "
    if before in _MINUS or before == "+":
        if before in "-−" and _latin(further):
            return None, stop
        if further.isalnum() or further in ")]}%":
            return Number(value, start, stop, kind), stop
        return Number(value if before == "+" else -value, at - 1, stop, kind, True), stop
    part_of_word = (
        (_latin(before) and not _CURRENCY_WORD.search(text, max(0, at - 5), at))
        or (before == "_" and further.isalnum())
        or before == "^"
        or (before == "{" and further in "_^")
    )
    if part_of_word:
        return None, stop
    if before in " #" and further != " " and _LABEL.search(text, max(0, at - 12), at):
        return (None if text[stop : stop + 1] == ":" else Number(value, start, stop, "weak")), stop
    return Number(value, start, stop, kind), stop


def _latin(character: str) -> bool:
    """A letter of a word that digits would belong to; Chinese characters, say, may touch a number."""
    return character.isalpha() and character < "\u0250"
