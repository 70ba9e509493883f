"""Every condition against the control, by every rate: primary ones as they were declared, the others as
exploration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from splitplot.inference.answering.endpoints import TOKEN_F1, Endpoint, Rated
from splitplot.inference.answering.setting import Compared, Setting
from splitplot.inference.asked import FIRST_SCORER
from splitplot.inference.intervals import Interval
from splitplot.inference.multiplicity import benjamini_hochberg
from splitplot.inference.wording import POINTS, counted, p_text, quoted
from splitplot.inference.words import (
    BETTER,
    BETTER_SIZE_OPEN,
    NO_VERDICT,
    NON_INFERIORITY,
    WORSE,
    WORSE_SIZE_OPEN,
)

Entry = dict[str, Any]

HIGHER, LOWER = "higher", "lower"
"""Which way a rate is said to differ from the control's."""


@dataclass(frozen=True)
class _Compared:
    """One line: what was found, and the entry of the declared contrast if it is one."""

    condition: str
    rated: Rated
    found: Compared
    declared: Mapping[str, Any] | None
    turned: bool


def contrasts(setting: Setting, spoken: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """The lines as in inference.json. spoken: the entries of the declared contrasts."""
    found = []
    for condition in setting.others:
        for one in setting.rated:
            declared, turned = _declared(setting, one, condition, spoken)
            rule = "strict" if declared is None else declared["missing"]
            compared = setting.compared(one, condition, rule)
            found.append(_Compared(condition, one, compared, declared, turned))
    adjusted = benjamini_hochberg(
        [
            one.found.gap.p_value if one.found.gap and one.declared is None else None
            for one in found
        ],
    )
    family = sum(p is not None for p in adjusted)
    return [_entry(setting, one, p_bh, family) for one, p_bh in zip(found, adjusted, strict=True)]


def _declared(
    setting: Setting, one: Rated, condition: str, spoken: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any] | None, bool]:
    """The contrast of the same two conditions by the same metric, declared or standing in where none was,
    and whether it is control − condition."""
    if not one.whole:
        return None, False
    first = setting.data.scorers[0]
    for entry in spoken:
        metric = FIRST_SCORER if entry["metric"] == first else entry["metric"]
        if entry["factor"] != "condition" or metric != one.metric:
            continue
        if (entry["a"], entry["b"]) == (condition, setting.control):
            return entry, False
        if (entry["b"], entry["a"]) == (condition, setting.control):
            return entry, True
    return None, False


def _entry(setting: Setting, one: _Compared, p_bh: float | None, family: int) -> Entry:
    gap, declared, reasons = one.found.gap, one.declared, one.found.reasons
    endpoint = one.rated.endpoint
    difference = None if gap is None else gap.difference
    p_value = None if gap is None else gap.p_value
    primary = declared is not None and bool(declared["primary"])
    way: str | None = None
    if declared is not None:
        difference = None
        if declared["difference"] is not None:
            difference = Interval(**declared["difference"])
            if endpoint.flipped != one.turned:  # both turn it round: it is as it was
                difference = difference.mirrored()
        p_value, sentence = declared["p_value"], declared["sentence"]
        reasons = tuple(declared["reasons"]) if declared["verdict"] == NO_VERDICT else ()
        way = _way(declared["verdict"], endpoint.flipped != one.turned)
    elif gap is None or reasons:
        sentence = setting.said(unspoken(endpoint, one.condition, setting.control, reasons))
    else:
        assert difference is not None and p_value is not None and p_bh is not None
        holds = p_bh <= setting.data.alpha
        if holds and (difference.low > 0 or difference.high < 0):
            way = HIGHER if difference.low > 0 else LOWER
        alone = p_value <= setting.data.alpha
        text = sentence_of(endpoint, one.condition, setting.control, difference, alone, holds)
        after = f", {p_text(p_bh)} after Benjamini–Hochberg for {counted(family, 'comparison')}"
        p_values = p_text(p_value) + (after if family > 1 else "")
        sentence = setting.said(f"{text} (exploratory; {p_values})")
    return {
        "condition": one.condition,
        "control": setting.control,
        "endpoint": endpoint.name,
        "difference": None if difference is None else difference.to_json(),
        "rate": None if gap is None else gap.rate,
        "control_rate": None if gap is None else gap.control_rate,
        "n_items": 0 if gap is None else gap.n_items,
        "n_clusters": 0 if gap is None else gap.n_clusters,
        "p_value": p_value,
        "p_adjusted": declared["p_adjusted"] if primary and declared else None,
        "against": _against(declared, endpoint.flipped == one.turned) if primary else None,
        "p_bh": declared["p_adjusted"] if declared and not primary else p_bh,
        "primary": primary,
        "lower_is_better": endpoint.lower_is_better,
        "direction": way,
        "reasons": list(reasons),
        "sentence": sentence,
    }


def _against(declared: Mapping[str, Any] | None, same_way: bool) -> float | None:
    """The true difference that the adjusted p of a declared contrast is against, where that is not 0.

    same_way: the rate rises where the contrast's first arm scores higher.
    """
    if not declared or declared["aim"] != NON_INFERIORITY:
        return None
    margin = float(declared["margin"])
    return -margin if same_way else margin


def _way(word: str, turned: bool) -> str | None:
    """The direction of a rate that the word on its contrast claims. turned: the rate falls where the
    contrast's first arm scores higher."""
    if word in (BETTER, BETTER_SIZE_OPEN):
        return LOWER if turned else HIGHER
    if word in (WORSE, WORSE_SIZE_OPEN):
        return HIGHER if turned else LOWER
    return None


def unspoken(endpoint: Endpoint, condition: str, control: str, reasons: Sequence[str]) -> str:
    """That no direction is spoken, and why."""
    often = "higher or lower in token F1" if endpoint.name == TOKEN_F1 else "more or less often"
    return (
        f"Whether {quoted(condition)} {endpoint.verb} {often} than {quoted(control)} is not said: "
        f"{'; '.join(reasons)}."
    )


def sentence_of(
    endpoint: Endpoint,
    condition: str,
    control: str,
    difference: Interval,
    alone: bool,
    holds: bool,
) -> str:
    """How much more or less often, or that the data cannot tell. alone, holds: whether the test finds a
    difference, by itself and after the other comparisons."""
    a, b = quoted(condition), quoted(control)
    graded = endpoint.name == TOKEN_F1
    more, less = ("higher", "lower") if graded else ("more", "less")
    end, after = ("", " in token F1") if graded else (" often", "")
    unit = POINTS.fitted(difference.estimate, difference.low, difference.high)
    clear = difference.low > 0 or difference.high < 0
    if clear and holds:
        up = difference.low > 0
        size = unit.span(difference if up else difference.mirrored())
        return f"{a} {endpoint.verb} {size} {more if up else less}{end}{after} than {b}."
    reach = (
        f"anything from {unit.amount(-difference.low)} {less} to {unit.number(difference.high)} "
        f"{more}{end}"
    )
    if difference.low >= 0:
        reach = f"{unit.span(difference)} {more}{end}"
    elif difference.high <= 0:
        reach = f"{unit.span(difference.mirrored())} {less}{end}"
    many = ", once the other comparisons are counted" if clear and alone else ""
    if clear != alone:
        many = ", as its interval and its test disagree"
    return (
        f"Whether {a} {endpoint.verb} {more} or {less}{end}{after} than {b} the data cannot tell{many}: "
        f"{reach}."
    )
