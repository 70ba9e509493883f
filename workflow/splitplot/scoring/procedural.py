"""Scorer `reasoning_gym`: the verifier of the task that an item was generated from."""

import copy
import importlib.metadata
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring.markers import after_colon, boxed, first_line, tagged
from splitplot.scoring.numeric_extract import choose_number
from splitplot.scoring.score import Score, Scorer, ScoringError, unparseable

PACKAGE = "reasoning_gym"
_INTEGER = re.compile(r"[-−]?\d+")


@dataclass(frozen=True)
class Options:
    """extract "auto": see `extract_answer`; partial_credit false: 1.0 for a verifier's full marks, else 0.0.

    Many verifiers give a wrong answer that contains the right one a share of the mark: 14 for 4 gets 0.5.
    """

    extract: Literal["auto", "whole", "boxed", "after", "last_line"] = "auto"
    partial_credit: bool = True


def build(options: Options) -> Scorer:
    """The scorer; item.metadata holds {"task": name, "entry": the entry of the task}."""

    def score(response: str, item: Item) -> Score:
        task, entry = _entry(item)
        answer, reason = extract_answer(response, str(entry.get("answer") or ""), options.extract)
        if not answer:
            return unparseable(reason)
        try:
            # A copy: a verifier may write into its entry, and the next response needs it untouched.
            value = float(_verifier(task)(answer, copy.deepcopy(entry)))
        except ConfigError:
            raise
        except Exception as problem:
            raise ScoringError(
                f'item "{item.id}": the verifier of reasoning_gym task "{task}" failed on {answer[:60]!r}: '
                f"{type(problem).__name__}: {problem}; leave the task out, or upgrade reasoning_gym"
            ) from problem
        if not options.partial_credit:
            value = float(value >= 1.0)
        return Score(value, answer, reason)

    return score


def version() -> str:
    """The version of reasoning_gym, a part of the scorer's digest; "absent" where it is not installed."""
    try:
        return importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def extract_answer(response: str, gold: str, extract: str = "auto") -> tuple[str, str]:
    """The answer to hand to a verifier, and how it was found; "" where there is none.

    auto: where the gold answer is a whole number, the number that scorer `numeric` would take, written
    without separators; else what comes last of a box, an answer tag and `Answer:`; else the last line.
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
    readers = {"boxed": (boxed,), "last_line": ()}.get(extract, (boxed, tagged, after_colon))
    marks = [mark for mark in (read(response) for read in readers) if mark]
    if marks:
        mark = max(marks, key=lambda found: found.start)
        return mark.text, mark.reason
    if extract in ("boxed", "after"):
        return "", "no box" if extract == "boxed" else "no answer mark"
    lines = response.strip().splitlines()
    return first_line("\n".join(reversed(lines))), "last line" if lines else "no text"


def _entry(item: Item) -> tuple[str, dict[str, Any]]:
    task, entry = item.metadata.get("task"), item.metadata.get("entry")
    if not isinstance(task, str) or not isinstance(entry, dict):
        raise ScoringError(
            f'item "{item.id}": scorer "reasoning_gym" needs metadata with "task" and "entry"; '
            "it scores only items made by `generate: reasoning_gym`"
        )
    return task, entry


@cache
def _verifier(task: str) -> Callable[[str, dict[str, Any]], float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import reasoning_gym
        except ImportError:
            raise ConfigError(
                'scorer "reasoning_gym": the package reasoning_gym is not installed; '
                "install the locked environment"
            ) from None
        try:
            verifier: Callable[[str, dict[str, Any]], float] = reasoning_gym.get_score_answer_fn(
                task
            )
        except ValueError:
            raise ConfigError(
                f'scorer "reasoning_gym": there is no task "{task}" in reasoning_gym {version()}'
            ) from None
    return verifier
