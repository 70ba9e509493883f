"""The errors a user can do something about, each with the exit code that the command line returns."""

from difflib import get_close_matches


class SplitplotError(Exception):
    """Work could not be done; the message says what, where, and what to do (exit code 1)."""

    exit_code = 1


class ConfigError(SplitplotError):
    """A study, registry, template or data file is wrong; the message names file, place, allowed values."""

    exit_code = 2


class ApprovalNeeded(SplitplotError):
    """The expected cost is above `budget.confirm_above_usd` and nobody has approved it."""

    exit_code = 3


class CapReached(SplitplotError):
    """`budget.max_usd` or a quota is reached."""

    exit_code = 4


def near_miss(word: str, known: list[str]) -> str:
    """A clause for an error message: the closest known word, if any, and the list of what is known.

    >>> near_miss("numerc", ["numeric", "regex"])
    '; did you mean "numeric"? (known: numeric, regex)'
    """
    close = get_close_matches(word, known, n=1)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f"{hint} (known: {', '.join(sorted(known))})"
