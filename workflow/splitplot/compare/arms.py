"""Which cells of two studies belong together, by content and not by name unless names were given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from splitplot.compare.sides import Side
from splitplot.errors import ConfigError, near_miss
from splitplot.inference.grid import Cell

SAME = "same arm"
NAMED = "named"
ONE_FACTOR = "one factor"
FACTORS = ("model", "sampling", "condition")


@dataclass(frozen=True)
class Match:
    """A cell of either side. kind: the same arm, named by the user, or different in one factor.
    factors: those of FACTORS in whose content they differ."""

    kind: str
    first: Cell
    second: Cell
    factors: tuple[str, ...]


def matches(first: Side, second: Side, named: Sequence[tuple[str, str]] = ()) -> list[Match]:
    """The cells to compare, in the order of the first plan.

    Cells with the hashes of trial and condition in common are the same arm. Of the others those go together
    whose conditions were named as a pair (`named`), with the same trial, else with fewest other differences;
    and those that differ in exactly one of model, sampling and condition.
    Raises ConfigError for a name that is no condition of its side.
    """
    for a, b in named:
        _check(first, a)
        _check(second, b)
    differ = {(a, b): _factors(first, a, second, b) for a, b in product(first.cells, second.cells)}
    found = [Match(SAME, a, b, ()) for (a, b), factors in differ.items() if not factors]
    found += _of_names(first, second, named, differ)
    taken = {id(cell) for match in found for cell in (match.first, match.second)}
    found += [
        Match(ONE_FACTOR, a, b, factors)
        for (a, b), factors in differ.items()
        if len(factors) == 1 and id(a) not in taken and id(b) not in taken
    ]
    place = {id(cell): index for index, cell in enumerate((*first.cells, *second.cells))}
    return sorted(found, key=lambda match: (place[id(match.first)], place[id(match.second)]))


def differences(first: Side, second: Side, match: Match) -> list[dict[str, Any]]:
    """What is not the same in the two cells: [{"what", "first", "second"}], of contents and not of names."""
    one, other = first.trials[match.first.trial], second.trials[match.second.trial]
    found = []

    def note(what: str, a: Any, b: Any) -> None:
        if a != b:
            found.append({"what": what, "first": a, "second": b})

    if "model" in match.factors:
        note("model", one["model_id"], other["model_id"])
        identities = dict(one["identity"]), dict(other["identity"])
        for key in sorted({*identities[0], *identities[1]} - {"model"}):
            note(f"model's {key}", identities[0].get(key), identities[1].get(key))
    if "sampling" in match.factors:
        for key in sorted({*one["parameters"], *other["parameters"]}):
            note(key, one["parameters"].get(key), other["parameters"].get(key))
    if "condition" in match.factors:
        arms = (
            first.conditions[match.first.condition_id],
            second.conditions[match.second.condition_id],
        )
        note("prompt text", *(arm["hash"] for arm in arms))
    note("route", one["route"], other["route"])
    return found


def _of_names(
    first: Side,
    second: Side,
    named: Sequence[tuple[str, str]],
    differ: Mapping[tuple[Cell, Cell], tuple[str, ...]],
) -> list[Match]:
    found = []
    for a, b in named:
        ours = [cell for cell in first.cells if cell.condition == a]
        left = [cell for cell in second.cells if cell.condition == b]
        for one in ours:
            # the same trial, else the trial most like it that no other cell has for its own
            free = [other for other in left if differ[one, other]]
            ranked = sorted(free, key=lambda other: len(set(differ[one, other]) - {"condition"}))
            if not ranked:
                continue
            best = ranked[0]
            own = [cell for cell in ours if not set(differ[cell, best]) - {"condition"}]
            if own and one not in own:
                continue
            found.append(Match(NAMED, one, best, differ[one, best]))
            left.remove(best)
    return found


def _factors(first: Side, a: Cell, second: Side, b: Cell) -> tuple[str, ...]:
    one, other = first.trials[a.trial], second.trials[b.trial]
    arms = first.conditions[a.condition_id], second.conditions[b.condition_id]
    same = {
        "model": one["identity"] == other["identity"],
        "sampling": one["parameters"] == other["parameters"],
        "condition": arms[0]["hash"] == arms[1]["hash"],
    }
    return tuple(factor for factor in FACTORS if not same[factor])


def _check(side: Side, name: str) -> None:
    known = list(dict.fromkeys(cell.condition for cell in side.cells))
    if name not in known:
        raise ConfigError(f'--arm: {side.name} has no condition "{name}"{near_miss(name, known)}')
