"""Text that a model (or anybody) wrote, made safe to look at: hidden characters shown, length bounded."""

import re
from typing import Any

from markupsafe import Markup, escape

from splitplot.text import pieces, visible

__all__ = ["cut", "encodable", "fence", "inline_markdown", "visible", "visible_html"]


def visible_html(text: str) -> Markup:
    """`visible` for HTML: all else is escaped, and each mark carries the name of what it stands for."""
    parts = []
    for piece, name in pieces(text):
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
