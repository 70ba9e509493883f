"""Scorer `regex`: a pattern occurs in the response, or what it captures equals a target."""

import re
from dataclasses import dataclass

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring.score import Score, Scorer, targets_of, unparseable

FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "a": re.ASCII}


@dataclass(frozen=True)
class Options:
    """pattern: Python's `re`; group: number or name of the group to compare; flags: letters of "imsxa"."""

    pattern: str
    group: int | str | None = None
    flags: str = ""


def build(options: Options) -> Scorer:
    """Without group: 1.0 where the pattern occurs, else 0.0 (the pattern is the comparison).

    With group: the group of the last match, stripped, equals a target; no match is unparseable.
    Raises ConfigError for a broken pattern, an unknown flag or a group that the pattern does not have.
    """
    pattern = _compiled(options)

    def occurs(response: str, item: Item) -> Score:
        match = pattern.search(response)
        if match is None:
            return Score(0.0, None, "pattern does not occur")
        return Score(1.0, match.group(), "pattern occurs")

    def compares(response: str, item: Item) -> Score:
        targets = targets_of(item, "regex")
        captured = None
        for match in pattern.finditer(response):
            captured = match.group(options.group or 0)
        if captured is None:
            return unparseable("pattern does not occur")
        answer = captured.strip()
        right = answer in {target.strip() for target in targets}
        return Score(float(right), answer, "last match of the pattern")

    return occurs if options.group is None else compares


def _compiled(options: Options) -> re.Pattern[str]:
    unknown = sorted(set(options.flags) - set(FLAGS))
    if unknown:
        raise ConfigError(
            f'scorer "regex": option "flags" has {unknown[0]!r}; allowed: letters of "{"".join(FLAGS)}"'
        )
    flags = re.RegexFlag(0)
    for letter in options.flags:
        flags |= FLAGS[letter]
    try:
        pattern = re.compile(options.pattern, flags)
    except re.error as problem:
        raise ConfigError(
            f'scorer "regex": option "pattern" is no regular expression: {problem}'
        ) from None
    group = options.group
    known = group is None or (
        0 <= group <= pattern.groups if isinstance(group, int) else group in pattern.groupindex
    )
    if not known:
        names = ", ".join([*map(str, range(pattern.groups + 1)), *pattern.groupindex])
        raise ConfigError(
            f'scorer "regex": option "group" is {group!r}, and the pattern has no such group; '
            f"allowed: {names}"
        )
    return pattern
