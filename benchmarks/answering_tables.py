"""What is counted of a study of known effect, and the tables of the counts: for answering_truth.py."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isclose
from typing import Any

import numpy as np
from answering_worlds import ARMS, ENDPOINTS, LOSS, MARGIN, SHARE, WORLDS

from splitplot.inference.intervals import t_quantile
from splitplot.inference.words import (
    BETTER,
    BETTER_SIZE_OPEN,
    DIRECTIONAL,
    EQUIVALENT,
    NON_INFERIOR,
    NOT_BETTER,
    WORSE,
    WORSE_SIZE_OPEN,
)

NEAR = 1e-9
"""Integrals are right to many more digits; a true difference this near the margin is at the margin."""

Counts = dict[str, bool]
Truths = Mapping[str, Mapping[str, float]]
"""Arm → rate → its value in the population."""

Tally = dict[str, list[int]]
"""What was counted → in how many studies it was so, of how many in which it was counted."""


@dataclass(frozen=True)
class Column:
    """counted: which of the counts its share is of. nominal: None where there is none. most: whether it may
    not be above; else not below."""

    counted: str
    nominal: float | None = None
    most: bool = False


@dataclass(frozen=True)
class Table:
    """columns: heading → column. arms: with a row each, which stand for {arm} in `counted`."""

    columns: dict[str, Column]
    arms: tuple[str, ...] = ()


TABLES = {
    "verdicts": Table(
        {
            "BETTER": Column("finds fewer"),
            "NON-INFERIOR": Column("not inferior"),
            "wrongly NON-INFERIOR": Column("wrongly not inferior", 0.025, most=True),
            "by its interval": Column("wrongly not inferior alone", 0.025, most=True),
            "placebo told apart": Column("placebo differs", 0.05, most=True),
            "by its interval alone": Column("placebo differs alone", 0.05, most=True),
            "any false word": Column("false word", 0.05, most=True),
            "any false interval": Column("false alone"),
        }
    ),
    "differences": Table(
        {name: Column(f"gap {{arm}} {name}", 0.95) for name in ENDPOINTS}, ("treatment", "placebo")
    ),
    "arms": Table(
        {name: Column(f"rate {{arm}} {name}", 0.95) for name in ENDPOINTS}, ("control", "treatment")
    ),
    "price": Table(
        {
            "has a price": Column("priced"),
            "interval": Column("price", 0.95),
            "truth below it": Column("price too high"),
            "truth above it": Column("price too low"),
            "without selection": Column("fieller", 0.95),
        }
    ),
}


def counts(found: Mapping[str, Any], true: Truths) -> Counts:
    """What is so of one study: by the names that the columns of TABLES count. found: of `observe`."""
    control = true["control"]
    counted = {
        f"gap {arm} {name}": holds(found["gaps"][arm][name], true[arm][name] - control[name])
        for arm in ("treatment", "placebo")
        for name in ENDPOINTS
    }
    counted |= {
        f"rate {arm} {name}": holds(found["rates"][arm][name], true[arm][name])
        for arm in ARMS
        for name in ENDPOINTS
    }
    counted |= _verdicts(found["declared"], true) | _by_interval(found["gaps"], true)
    return counted | _price(found, true)


def _by_interval(gaps: Mapping[str, Any], true: Truths) -> Counts:
    """What the interval of each declared contrast says by itself."""
    fewer, held = gaps["treatment"]["false_answers"], gaps["treatment"]["exact_match"]
    moved = not holds(gaps["placebo"]["false_answers"], 0.0)
    less, at_margin = _effects(true)
    bearable = held[0] > -LOSS
    counted = {
        "placebo differs alone": moved,
        _wrongly(at_margin, "not inferior alone"): bearable,
        "false alone": moved
        or (at_margin and bearable)
        or not (less or holds(fewer, 0.0))
        or (less and fewer[0] > 0),
    }
    if less:
        counted["finds fewer alone"] = fewer[1] < 0
    return counted


def _verdicts(declared: Mapping[str, Any], true: Truths) -> Counts:
    """What is said of the three declared contrasts, and whether any of it is false."""
    words = {name: entry["verdict"] for name, entry in declared.items()}
    control, treatment = true["control"], true["treatment"]
    gained = control["false_answers"] - treatment["false_answers"]
    less, at_margin = _effects(true)
    false = [
        is_false(words["false answers"], gained, MARGIN),
        is_false(words["right answers"], treatment["exact_match"] - control["exact_match"], LOSS),
        is_false(words["placebo"], 0.0, MARGIN),
    ]
    counted = {
        "placebo differs": words["placebo"] in DIRECTIONAL,
        _wrongly(at_margin, "not inferior"): words["right answers"] == NON_INFERIOR,
        "false word": any(false),
    }
    if less:
        counted["finds fewer"] = words["false answers"] in (BETTER, BETTER_SIZE_OPEN)
    return counted


def _effects(true: Truths) -> tuple[bool, bool]:
    """Whether the treatment makes fewer false answers, and whether it loses the margin of exact match."""
    control, treatment = true["control"], true["treatment"]
    less = control["false_answers"] - treatment["false_answers"] > NEAR
    return less, control["exact_match"] - treatment["exact_match"] > LOSS - NEAR


def _wrongly(so: bool, name: str) -> str:
    return f"wrongly {name}" if so else name


def is_false(word: str, difference: float, margin: float) -> bool:
    """Whether a verdict claims what is not so of a true difference (higher is better).

    >>> is_false("NON-INFERIOR", -0.1, 0.1), is_false("WORSE, SIZE OPEN", -0.1, 0.1)
    (True, False)
    """
    claims = {
        BETTER: difference > margin + NEAR,
        BETTER_SIZE_OPEN: difference > NEAR,
        WORSE: difference < -margin - NEAR,
        WORSE_SIZE_OPEN: difference < -NEAR,
        EQUIVALENT: abs(difference) < margin - NEAR,
        NOT_BETTER: difference < margin - NEAR,
        NON_INFERIOR: difference > -margin + NEAR,
    }
    return word in claims and not claims[word]


def _price(found: Mapping[str, Any], true: Truths) -> Counts:
    """Whether there is a price, and where the true one lies; and whether Fieller's set holds it in a study of
    any outcome. A treatment that avoids nothing has no true price."""
    dollars = true["treatment"]["usd"] - true["control"]["usd"]
    avoided = (1 - SHARE) * (true["control"]["false_answers"] - true["treatment"]["false_answers"])
    counted = {"priced": found["price"] is not None}
    m = found["means"]
    # |x̄ − θȳ| ≤ t·se with θ = dollars/avoided, times `avoided`: it may be 0.
    spread = avoided**2 * m["var_x"] - 2 * avoided * dollars * m["cov"] + dollars**2 * m["var_y"]
    off = abs(m["x"] * avoided - dollars * m["y"])
    counted["fieller"] = bool(off <= t_quantile(0.95, m["df"]) * np.sqrt(spread))
    if found["price"] is not None and avoided > NEAR:
        low, high = found["price"]
        counted |= {
            "price": low <= dollars / avoided <= high,
            "price too high": dollars / avoided < low,
            "price too low": dollars / avoided > high,
        }
    return counted


def holds(ends: Iterable[float], value: float) -> bool:
    low, high = ends
    return bool(low <= value <= high)


def same(one: Any, other: Any) -> bool:
    """Whether two results are the same word by word and number by number, to nine digits."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return other is not None and all(same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)


def tally(counted: Iterable[Counts]) -> Tally:
    """The counts of several studies together."""
    total: Tally = {}
    for one in counted:
        for name, so in one.items():
            entry = total.setdefault(name, [0, 0])
            entry[0] += so
            entry[1] += 1
    return total


def markdown(name: str, tallies: Mapping[tuple[str, int], Tally]) -> str:
    """A table: of every column the share of the studies of a row. tallies: by world and passages."""
    table = TABLES[name]
    header = ["treatment", "passages", *(["arm"] if table.arms else []), *table.columns]
    rule = ["---", "---:", *(["---"] if table.arms else []), *["---:"] * len(table.columns)]
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(rule) + "|"]
    for world, passages in sorted(tallies, key=lambda key: (list(WORLDS).index(key[0]), key[1])):
        for arm in table.arms or ("",):
            cells = [
                shown(tallies[world, passages], column, arm) for column in table.columns.values()
            ]
            start = [world, f"{passages}", *([arm] if arm else [])]
            lines.append("| " + " | ".join([*start, *cells]) + " |")
    return "\n".join(lines)


def shown(of: Tally, column: Column, arm: str = "") -> str:
    """The share with its mark, or a dash where nothing is counted."""
    so, number = of.get(column.counted.format(arm=arm), [0, 0])
    if not number:
        return "–"
    text = f"{so / number:.3f}".removeprefix("0")
    if column.nominal is None:
        return text
    off = (so / number - column.nominal) * (1 if column.most else -1)
    error = np.sqrt(column.nominal * (1 - column.nominal) / number)
    return f"**{text}**" if off > max(0.01, 2 * error) else text
