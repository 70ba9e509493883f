"""Scorer `numeric`: the answer is a number, compared with the targets exactly, in rational numbers."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring.numeric_extract import Extract, choose_number, only_number
from splitplot.scoring.score import Score, Scorer, ScoringError, targets_of, unparseable


@dataclass(frozen=True)
class Options:
    """tolerance: absolute; rel_tolerance: relative to the target; the larger of the two counts.

    extract: which number is the answer; percent: what `5%` is worth, 5 or 1/20.
    """

    tolerance: float | str = 0
    rel_tolerance: float | str = 0
    extract: Extract = "auto"
    percent: Literal["as_written", "fraction"] = "as_written"


def build(options: Options) -> Scorer:
    """The scorer. Raises ConfigError for a tolerance that is negative or no number."""
    absolute = _tolerance("tolerance", options.tolerance)
    relative = _tolerance("rel_tolerance", options.rel_tolerance)
    as_fraction = options.percent == "fraction"

    def score(response: str, item: Item) -> Score:
        targets = [_target(item.id, t, as_fraction) for t in targets_of(item, "numeric")]
        choice = choose_number(response, options.extract, percent_is_fraction=as_fraction)
        if choice.value is None:
            return unparseable(choice.reason, choice.extracted)
        right = any(within(choice.value, target, absolute, relative) for target in targets)
        return Score(float(right), choice.extracted, choice.reason)

    return score


def within(value: Fraction, target: Fraction, absolute: Fraction, relative: Fraction) -> bool:
    """Whether |value − target| ≤ max(absolute, relative × |target|), without rounding."""
    return value == target or abs(value - target) <= max(absolute, relative * abs(target))


@lru_cache(maxsize=4096)
def target_number(target: str, percent_is_fraction: bool = False) -> Fraction | None:
    """The number that a target is, by the same parser as the answers; None if it is not one number."""
    marked = "boxed" in target or "####" in target or "nswer" in target
    read = choose_number if marked else only_number
    return read(target, percent_is_fraction=percent_is_fraction).value


def _target(item_id: str, target: str, percent_is_fraction: bool) -> Fraction:
    value = target_number(target, percent_is_fraction)
    if value is None:
        raise ScoringError(
            f'item "{item_id}": the target {target[:60]!r} is not one number; '
            'scorer "numeric" needs one; mend the target, or take the scorer "exact"'
        )
    return value


def _tolerance(name: str, value: float | str) -> Fraction:
    try:
        number = Fraction(str(value))  # str: 0.1 means one tenth, not the nearest binary float
    except (ValueError, ZeroDivisionError):
        number = Fraction(-1)
    if number < 0:
        raise ConfigError(
            f'scorer "numeric": option "{name}" is {value!r}; allowed: a number from 0 up, '
            'also written as "1/100"'
        )
    return number
