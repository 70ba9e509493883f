"""LaTeX as models write it in answers, turned into plain text that the number parser reads."""

import re

_WRAPPER = re.compile(
    r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|mathsf|boldsymbol|operatorname|mbox|bf|rm|boxed|fbox)"
    r"\s*\{([^{}]*)\}"
)
_REPLACED = [
    (re.compile(r"\\[dtc]frac"), r"\\frac"),
    (re.compile(r"\\(?:left|right|displaystyle|textstyle|bf|rm)(?![a-zA-Z])|\\!"), ""),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,;:> ]|\\q?quad(?![a-zA-Z])|~"), "\u2009"),
    (re.compile(r"\\([$%&#])"), r"\1"),
    (re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree(?![a-zA-Z])"), "°"),
    (re.compile(r"\\(?:times|cdot)(?![a-zA-Z])"), "×"),
    (re.compile(r"\\div(?![a-zA-Z])"), "÷"),
    (re.compile(r"\\approx(?![a-zA-Z])"), "≈"),
    (re.compile(r"\\(?:euro|EUR)(?![a-zA-Z])"), "€"),
    (re.compile(r"\\pounds(?![a-zA-Z])"), "£"),
    (re.compile(r"\\[()\[\]]"), " "),
]


def plain_latex(text: str) -> str:
    r"""`\text{5}` → `5`, `{,}` → `,`, `\,` → a thin space, `\times` → `×`, `\$` → `$`; `\frac` stays.

    Text without a backslash or `{,}` is returned as it is.
    """
    if "\\" not in text and "{,}" not in text:
        return text
    for _ in range(3):  # wrappers in wrappers: \boxed{\mathbf{7}}
        text, count = _WRAPPER.subn(r" \1 ", text)
        if not count:
            break
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return text


LONGEST_GROUP = 1000
"""Characters in which a `{` must find its `}`; a bound, so that thousands of open braces cost nothing."""


def braced(text: str, start: int) -> tuple[str, int] | None:
    """The content of the `{…}` that opens at `start` and the index after it; None if none opens or closes."""
    if start >= len(text) or text[start] != "{":
        return None
    depth, index = 0, start
    end = min(len(text), start + LONGEST_GROUP)
    while index < end:
        if text[index] == "\\":
            index += 2
            continue
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        index += 1
        if depth == 0:
            return text[start + 1 : index - 1], index
    return None
