"""Scorer `reasoning_gym`: the verifier of the task that an item was generated from."""

import importlib.metadata
import re
from dataclasses import dataclass
from typing import Any, Literal

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.items.reasoning_gym import verify
from splitplot.scoring.markers import after_colon, boxed, tagged
from splitplot.scoring.numeric_extract import choose_number
from splitplot.scoring.score import Score, Scorer, ScoringError, unparseable
from splitplot.scoring.version import LIBRARY, code_digest

PACKAGE = "reasoning_gym"
VERIFYING = ("reasoning_gym.py", "generate.py")
"""The modules of `splitplot.items` that hand an answer to its verifier."""
_INTEGER = re.compile(r"[-−]?\d+")
_FENCE = re.compile(r"^[ \t]*```\w*[ \t]*(?:\n|\Z)", re.MULTILINE)
"""The lines that Markdown puts around an answer."""


@dataclass(frozen=True)
class Options:
    """extract "auto": see `extract_answer`; partial_credit false: 1.0 for a verifier's full marks, else 0.0.

    Many verifiers give a wrong answer that contains the right one a share of the mark: 14 for 4 gets 0.5.
    """

    extract: Literal["auto", "whole", "boxed", "after", "last_line"] = "auto"
    partial_credit: bool = True


def build(options: Options) -> Scorer:
    """The scorer; item.metadata holds "task", its "entry" and the "config" that the study gave it."""

    def score(response: str, item: Item) -> Score:
        task, entry = _entry(item)
        answer, reason = extract_answer(response, str(entry.get("answer") or ""), options.extract)
        if not answer:
            return unparseable(reason)
        try:
            value = verify(answer, item.metadata)
        except ConfigError as problem:
            raise ConfigError(f'scorer "reasoning_gym": item "{item.id}": {problem}') from None
        except Exception as problem:
            # Some verifiers take for granted that they can read the answer.
            _check_gold(task, item)
            return unparseable(f"the verifier cannot read it: {type(problem).__name__}", answer)
        if not options.partial_credit:
            value = float(value >= 1.0)
        return Score(value, answer, reason)

    return score


def version() -> str:
    """What decides a score besides this folder, a part of the scorer's digest.

    The version of reasoning_gym ("absent" where it is not installed), and the code that calls it.
    """
    try:
        package = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        package = "absent"
    return f"{package} {code_digest(LIBRARY / 'items' / name for name in VERIFYING)}"


def extract_answer(response: str, gold: str, extract: str = "auto") -> tuple[str, str]:
    """The answer to hand to a verifier, and how it was found; "" where there is none.

    auto: where the gold answer is a whole number, the number that scorer `numeric` would take, written
    without separators; else what comes last of a box, an answer tag and `Answer:`; else the last line,
    or the last lines, as many as the gold answer has.
    """
    if extract == "whole":
        return response.strip(), "whole text"
    if extract == "auto" and _INTEGER.fullmatch(gold.strip()):
        choice = choose_number(response)
        if choice.value is None:
            return "", choice.reason
        if choice.value.denominator == 1:
            return str(choice.value.numerator), choice.reason
        return choice.extracted or "", choice.reason
    if extract == "auto":
        response = _FENCE.sub("", response)
    count = len(gold.strip().splitlines()) if extract == "auto" else 1
    readers = {"boxed": (boxed,), "last_line": ()}.get(extract, (boxed, tagged, after_colon))
    marks = [mark for mark in (read(response) for read in readers) if mark]
    if marks:
        mark = max(marks, key=lambda found: found.start)
        return mark.text, mark.reason
    if extract in ("boxed", "after"):
        return "", "no box" if extract == "boxed" else "no answer mark"
    lines = response.rstrip().splitlines()
    if not lines:
        return "", "no text"
    if count <= 1:
        return lines[-1].strip(), "last line"
    return "\n".join(lines[-count:]), f"last {count} lines"


def _check_gold(task: str, item: Item) -> None:
    """Raise ScoringError where the verifier fails on the right answer too, so that no response is at fault.

    Nobody can tell for the few tasks without a single right answer.
    """
    gold = item.metadata["entry"].get("answer")
    if gold is None:
        return
    try:
        verify(gold, item.metadata)
    except Exception as problem:
        raise ScoringError(
            f'item "{item.id}": the verifier of reasoning_gym task "{task}" fails on its own answer '
            f"{str(gold)[:60]!r}: {type(problem).__name__}: {problem}; leave the task out, or upgrade "
            "reasoning_gym"
        ) from problem


def _entry(item: Item) -> tuple[str, dict[str, Any]]:
    task, entry = item.metadata.get("task"), item.metadata.get("entry")
    if not isinstance(task, str) or not isinstance(entry, dict):
        raise ScoringError(
            f'item "{item.id}": scorer "reasoning_gym" needs metadata with "task" and "entry"; '
            "it scores only items made by `generate: reasoning_gym`"
        )
    return task, entry
