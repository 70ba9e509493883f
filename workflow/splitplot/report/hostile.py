"""Text that a model (or anybody) wrote, made safe to look at: hidden characters shown, length bounded."""

import re
import unicodedata
from typing import Any

from markupsafe import Markup, escape

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
    return "".join(piece for piece, _ in _pieces(text))


def visible_html(text: str) -> Markup:
    """`visible` for HTML: all else is escaped, and each mark carries the name of what it stands for."""
    parts = []
    for piece, name in _pieces(text):
        if name is None:
            parts.append(str(escape(piece)))
        else:
            parts.append(f'<span class="hid" title="{escape(name)}">{escape(piece)}</span>')
    return Markup("".join(parts))


def cut(text: str, limit: int) -> tuple[str, int]:
    """The beginning of `text` whose escaped form stays within about `limit` bytes, and how much is left.

    Returns (beginning, number of characters left out). Escaping can swell a text sixty-fold (hidden
    characters become marks), so the bound is on what is written, not on what came in.
    """
    head = text[:limit]
    while head and (size := len(visible_html(head).encode())) > limit:
        head = head[: min(len(head) - 1, len(head) * limit // size)]
    return head, len(text) - len(head)


def encodable(value: Any) -> Any:
    """`value` (JSON) with lone surrogates, which UTF-8 cannot hold, replaced by “?”."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {encodable(k): encodable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(v) for v in value]
    return value


def fence(text: str) -> str:
    """A Markdown code block that `text` cannot break out of."""
    shown = visible(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}text\n{shown}\n{marks}"


def inline_markdown(text: str) -> str:
    """`text` on one line, without any Markdown, HTML or link meaning, safe in a table cell."""
    line = " ".join(visible(text).split())
    line = re.sub(r"([\\`*_\[\]<>|~#&$@])", r"\\\1", line)
    return line.replace("://", ":\\//").replace("www.", "www\\.")


def _pieces(text: str) -> list[tuple[str, str | None]]:
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
