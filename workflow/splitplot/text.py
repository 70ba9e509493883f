"""Text for people: hidden characters made visible, amounts of money."""

import re
import unicodedata
from math import floor, log10

HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Controls, bidirectional marks, invisible fillers and joiners, lone surrogates, tags. Not newline."""

JOINERS = "\u200c\u200d"
"""Needed inside Persian, Indic scripts and emoji; hidden nowhere else."""


def visible(text: str) -> str:
    """`text` with every hidden character written out, e.g. “⟨U+202E⟩” or “⟨U+200B ×40⟩”.

    Tabs and newlines stay (a CR LF is a newline); joiners stay between two non-ASCII characters.
    The result encodes as UTF-8 and reorders or hides nothing.
    """
    return "".join(piece for piece, _ in pieces(text))


def pieces(text: str) -> list[tuple[str, str | None]]:
    """Runs of `text`: (as it is, None), or (mark, name of the hidden character)."""
    text = text.replace("\r\n", "\n")
    pieces: list[tuple[str, str | None]] = []
    start = position = 0
    while match := HIDDEN.search(text, position):
        first = match.start()
        character = text[first]
        position = first + 1
        if character == "\t" or (character in JOINERS and _joins(text, first)):
            continue
        while position < len(text) and text[position] == character:
            position += 1
        run = position - first
        if first > start:
            pieces.append((text[start:first], None))
        count = f" ×{run}" if run > 1 else ""
        name = unicodedata.name(character, "control or unassigned character")
        pieces.append((f"⟨U+{ord(character):04X}{count}⟩", name.lower()))
        start = position
    if start < len(text):
        pieces.append((text[start:], None))
    return pieces


def _joins(text: str, at: int) -> bool:
    """Whether a joiner stands between two visible non-ASCII characters, where scripts need it."""
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    return all(c > "\x7f" and not HIDDEN.match(c) for c in (before, after))


def dollars(amount: float) -> str:
    """An amount for people: cents, or two significant digits where cents would show too little.

    >>> dollars(1234.5), dollars(0.000424), dollars(0)
    ('$1,234.50', '$0.00042', '$0')
    """
    if not amount:
        return "$0"
    decimals = max(2, 1 - floor(log10(abs(amount))))
    return f"${amount:,.{decimals}f}"
