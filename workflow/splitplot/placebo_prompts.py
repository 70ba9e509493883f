"""Placebo arms: a treatment's template with a system text that keeps its length, words, layout or dose.

What is changed is the source of `system`; examples and body stay. Content decides: the same treatment and
kind give the same text on every machine, and another treatment another one.
"""

import re
from collections.abc import Callable, Iterator
from itertools import count, groupby, pairwise
from operator import itemgetter
from typing import Any, Literal, get_args
from unicodedata import category

from splitplot.canonical import digest
from splitplot.errors import ConfigError
from splitplot.placebo_text import SENTENCES, WORDS

Kind = Literal["length", "shuffled", "structure", "share-25", "share-50", "share-75"]
KINDS: tuple[Kind, ...] = get_args(Kind)

JINJA = ("{{", "{%", "{#")
SHORTEST_SENTENCE = 4
"""Characters from which on filled text ends with a full stop."""

_MARK = re.compile(r"[^\S\n]*(?:(?:#{1,6}|>|[-*+•‣◦–—]|\(?\d{1,3}[.)]|\(?[A-Za-z][.)])[^\S\n]+)*")
"""What a line begins with: indentation, heading, bullet, number, quotation."""
_LIST = re.compile(r"[^\S\n]*(?:[-*+•‣◦–—]|\(?\d{1,3}[.)]|\(?[A-Za-z][.)])[^\S\n]+\S")
_HEADING = re.compile(r"[^\S\n]*#{1,6}[^\S\n]+\S[^\n]*\Z")
_BLANK = re.compile(r"(\n[^\S\n]*(?:\n[^\S\n]*)+)")
_SENTENCE_END = re.compile(r"""[.!?…]+["'”’»)\]*_]*(?=\s+(\S))|[。！？]+[”’」』）]*""")


def placebo_template(template: dict[str, Any], kind: Kind, label: str) -> dict[str, Any]:
    """The treatment's template with the system text of a placebo of it.

    template: as `prompts.load_template` returns it. label: how messages name the treatment's file.
    Raises ConfigError where the treatment has no system text, has Jinja in it, or is too short for `kind`.
    """
    system = template["system"]
    if not system:
        raise ConfigError(
            f"{label} has no system text, and a placebo replaces that; put what is tested under "
            "`system:` in its front matter"
        )
    found = next((mark for mark in JINJA if mark in system), None)
    if found:
        raise ConfigError(
            f"{label}: the system text has Jinja ({found}), which a placebo would break; move it into "
            "the body, and keep plain text under `system:`"
        )
    return {**template, "system": placebo_text(system, kind, label)}


def placebo_text(system: str, kind: Kind, label: str = "the treatment") -> str:
    """The text of a placebo of `system`, never equal to it. Line ends come out as \\n.

    length: neutral prose with as many UTF-8 bytes in as many paragraphs. shuffled: the same words in
    another order. structure: neutral words in the same lines. share-N: the first N per cent of the units.
    Raises ConfigError where there is none: one sentence has no share, one word no order.
    """
    text = system.replace("\r\n", "\n").replace("\r", "\n").strip("\n").rstrip()
    seed = digest([text, kind])
    if kind.startswith("share-"):
        return _share(text, int(kind.removeprefix("share-")), label)
    make: dict[str, Callable[[str, str], str]] = {
        "length": _length,
        "shuffled": _shuffled,
        "structure": _structure,
    }
    made = make[kind](text, seed)
    if made == text:
        raise ConfigError(f"{label}: the system text {_LACKS[kind]}; choose another kind")
    return made


_LACKS = {
    "length": "is neutral text already",
    "shuffled": "has no two different words to put in another order (words are what spaces separate)",
    "structure": "has no words to replace",
}


def units(text: str) -> list[int]:
    """Where each unit of a text ends, ascending, the last at its end.

    A unit is a sentence, or an entry of a list with the lines that continue it. A heading or a line that
    ends with a colon belongs to the unit below it. Lines without any full stop are units of their own.
    """
    ends: set[int] = set()
    start = 0
    for paragraph in _BLANK.split(text):
        if paragraph.strip():
            ends.update(start + end for end in _units_of_paragraph(paragraph))
        start += len(paragraph)
    kept = [end for end in sorted(ends) if text[:end].strip() and not _leads_on(text[:end])]
    return [*(end for end in kept if text[end:].strip()), len(text)]


def _leads_on(before: str) -> bool:
    line = before.rstrip().rpartition("\n")[2]
    return line.endswith((":", "：")) or _HEADING.match(line) is not None


def _units_of_paragraph(paragraph: str) -> Iterator[int]:
    """Ends of the units of one paragraph: each entry of a list is one, the rest is read as sentences."""
    starts, place = [0], 0
    for line in re.findall(r"[^\n]*\n|[^\n]+", paragraph):
        if _LIST.match(line) or _HEADING.match(line.rstrip("\n")):
            starts.append(place)
        place += len(line)
    edges = [*dict.fromkeys(starts), place]
    for begin, end in pairwise(edges):
        block = paragraph[begin:end]
        if not _LIST.match(block):
            yield from (begin + inner for inner in _sentences(block))
        yield end


def _sentences(block: str) -> list[int]:
    """Ends of the sentences within a block of prose; of its lines where no sentence ends within."""
    found = [
        match.end()
        for match in _SENTENCE_END.finditer(block)
        if match[1] is None or not match[1].islower()  # "e.g. this"
    ]
    inner = [end for end in found if block[end:].strip()]
    return inner or [match.start() for match in re.finditer(r"\n", block)]


def _share(text: str, per_cent: int, label: str) -> str:
    ends = units(text)
    if len(ends) < 2:
        raise ConfigError(
            f"{label}: the system text is one sentence, of which there is no share; write it as several "
            "sentences or list lines, or choose another kind"
        )
    return text[: ends[max(1, len(ends) * per_cent // 100) - 1]].rstrip()


def _shuffled(text: str, seed: str) -> str:
    lines = text.split("\n")
    marks = [match[0] if (match := _MARK.match(line)) else "" for line in lines]
    rests = [line[len(mark) :] for line, mark in zip(lines, marks, strict=True)]
    words = [word for rest in rests for word in re.findall(r"\S+", rest)]
    order = sorted(range(len(words)), key=lambda place: digest([seed, place]))
    mixed = [words[place] for place in order]
    if mixed == words:
        mixed = [*words[1:], *words[:1]]  # is another order unless all words are equal
    supply = iter(mixed)
    return "\n".join(
        mark + re.sub(r"\S+", lambda _: next(supply), rest)
        for mark, rest in zip(marks, rests, strict=True)
    )


def _structure(text: str, seed: str) -> str:
    """Each word has one neutral word for it, so that pairs of tags and repeated names stay pairs."""
    lines = []
    for line in text.split("\n"):
        match = _MARK.match(line)
        made = match[0] if match else ""
        rest = line[len(made) :]
        marked = ((_in_word(rest, place), character) for place, character in enumerate(rest))
        for is_word, group in groupby(marked, key=itemgetter(0)):
            piece = "".join(character for _, character in group)
            made += _replaced(piece, seed) if is_word else piece
        lines.append(made)
    return "\n".join(lines)


def _in_word(text: str, place: int) -> bool:
    """Whether a character is a letter, a mark on one, or an apostrophe between two letters."""
    if text[place] in "'’":
        return text[place - 1 : place].isalpha() and text[place + 1 : place + 2].isalpha()
    return category(text[place])[0] in "LM"


def _replaced(word: str, seed: str) -> str:
    made = _filled(len(word), digest([seed, word.casefold()]))
    if word.isupper() and len(word) > 1:
        return made.upper()
    return made[0].upper() + made[1:] if word[0].isupper() else made


def _length(text: str, seed: str) -> str:
    order = (
        SENTENCES[place]
        for turn in count()
        for place in sorted(range(len(SENTENCES)), key=lambda place: digest([seed, turn, place]))
    )
    pieces = _BLANK.split(text)
    return "".join(
        piece if place % 2 else _prose(len(piece.encode("utf-8", "surrogatepass")), order, seed)
        for place, piece in enumerate(pieces)
    )


def _prose(size: int, sentences: Iterator[str], seed: str) -> str:
    """Exactly `size` characters of neutral prose: whole sentences, the last one cut at a word."""
    words: list[str] = []
    long = -1
    while long < size:
        sentence = next(sentences)
        words += sentence.split(" ")
        long += 1 + len(sentence)
    if long == size:
        return " ".join(words)
    while words and long + 1 + SHORTEST_SENTENCE > size:
        long -= 1 + len(words.pop())
    end = size - long - 1 if words else size
    seed = digest([seed, long])
    last = _filled(end - 1, seed) + "." if end >= SHORTEST_SENTENCE else _filled(end, seed)
    if not words or words[-1].endswith("."):
        last = last[0].upper() + last[1:]
    return " ".join([*words, last])


def _filled(size: int, seed: str) -> str:
    """Neutral words of `size` characters in all: one where there is one so long."""
    words = []
    while size > max(WORDS):
        longest = min(max(WORDS), size - 2)
        words.append(_word(longest - int(seed[0], 16) % 5, f"{seed} {size}"))
        size -= len(words[-1]) + 1
    return " ".join([*words, _word(size, seed)])


def _word(size: int, seed: str) -> str:
    return WORDS[size][int(digest(seed), 16) % len(WORDS[size])]
