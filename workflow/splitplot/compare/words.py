"""What a comparison says, in sentences and as the text of `splitplot compare`."""

from collections.abc import Mapping
from typing import Any

from splitplot.compare.arms import NAMED, ONE_FACTOR, SAME
from splitplot.compare.sides import Side
from splitplot.inference.checks import LOST_NOTED, MIN_CLUSTERS, MIN_ITEMS
from splitplot.inference.wording import (
    POINTS,
    SCORE_UNITS,
    Unit,
    counted,
    level_text,
    listed,
    p_text,
    percent,
    quoted,
)

UNPAIRED = "unpaired: fewer than half of the items are common, so how hard the items are is in the interval"
HOW = {
    SAME: "the same model, settings and prompt",
    NAMED: "named by you",
    ONE_FACTOR: "different in one factor",
}
SHOWN = 60
"""Characters of a value that differs; what is longer is cut."""


def nothing_to_compare(first: Side, second: Side) -> str:
    """Why no arms belong together, and what to do."""
    told = [
        f"{side.name} has {listed([cell.label for cell in side.cells]) or 'no cells'}"
        for side in (first, second)
    ]
    return (
        "no arm of one is the same as one of the other, or differs from it in one factor alone: "
        f"{'; '.join(told)}. Name conditions that belong together: --arm CONDITION=CONDITION"
    )


def scorers_line(scorers: Mapping[str, Any]) -> str:
    """Which scorers are left out, and why; empty where none is."""
    told = []
    if scorers["differ"]:
        names = listed([quoted(name) for name in scorers["differ"]])
        told.append(f"{names} differ in options or code and are left out")
    for side, where in (("only_first", "the first"), ("only_second", "the second")):
        if scorers[side]:
            told.append(f"{listed([quoted(name) for name in scorers[side]])} only in {where}")
    return "; ".join(told)


def arm_names(first: Side, second: Side, pair: Mapping[str, Any]) -> tuple[str, str]:
    """What the arms are called: by side and condition, and by what else tells cells of a side apart."""
    named = []
    for side, key in ((first, "first"), (second, "second")):
        arm = pair[key]
        parts = [
            arm[factor]
            for factor in ("model", "sampling")
            if len({getattr(cell, factor) for cell in side.cells}) > 1 or factor in pair["factors"]
        ]
        named.append(f"{quoted(' · '.join([*parts, arm['condition']]))} of {side.name}")
    return named[0], named[1]


def pair_sentence(first: Side, second: Side, pair: Mapping[str, Any]) -> str:
    """What there is to say of two arms whatever the scorer: shared answers, lost ones, one observation."""
    a, b = arm_names(first, second, pair)
    n = pair["answers_shared"]
    if pair["same_answers"]:
        return (
            f"These are the same answers: {counted(n, 'answer')} of {a} and {b} are shared through the "
            "ledger, so nothing was observed twice and there is nothing to compare."
        )
    told = []
    if n:
        told.append(
            f"{counted(n, 'answer')} are the same in both, shared through the ledger: left out on both sides."
        )
    if pair["asked_twice"]:
        told.append(
            f"Of {counted(pair['asked_twice'], 'request')} either side has an answer of its own: the same "
            "was asked twice."
        )
    for name, arm in ((a, pair["first"]), (b, pair["second"])):
        if arm["lost"] > LOST_NOTED:
            told.append(
                f"{percent(arm['lost'])} of the answers of {name} were lost and do not count."
            )
    if pair["first"]["simulated"] or pair["second"]["simulated"]:
        told.append("Simulated answers: this says nothing of a model.")
    return " ".join(told)


def sentence(
    first: Side,
    second: Side,
    pair: Mapping[str, Any],
    entry: Mapping[str, Any],
    tests: int,
    alpha: float,
) -> str:
    """One comparison for people: direction and size first, the p-value last."""
    a, b = arm_names(first, second, pair)
    on, events = f"On {quoted(entry['scorer'])}", entry["events"]
    if entry["difference"] is None:
        return f"{on}: no difference can be given, {entry['reason']}."
    _, low, high = _difference(entry)
    unit = _unit(entry)
    does, unsettled = ("makes", "make") if events else ("scores", "score")
    means = f"{on}, {a} {does} {_mean(entry, 'first')} and {b} {_mean(entry, 'second')}"
    if events:
        means += f" {events}"
    span = f"{level_text(entry['difference']['level'])} interval"
    clear = low > 0 or high < 0
    if clear and entry["p_value"] <= alpha:
        more, limits = (a, (low, high)) if low > 0 else (b, (-high, -low))
        much = f"{_span(unit, *limits)} more" if events else f"higher by {_span(unit, *limits)}"
        text = f"{means}: {more} {does if events else 'is'} {much} ({span}) on questions like these"
    else:
        less, greater = ("fewer", "more") if events else ("lower", "higher")
        ends = [
            f"{unit.number(abs(end))} {unit.name} {less if end < 0 else greater}"
            for end in (low, high)
        ]
        text = (
            f"{means}: these data cannot tell them apart, the first may {unsettled} anything from "
            f"{ends[0]} to {ends[1]} ({span})"
        )
        if clear or entry["p_value"] <= alpha:
            text += ", and its interval and its test disagree"
    text += f"; {_tested(entry, tests, alpha)}."
    return " ".join([text, *_remarks(entry)])


def _tested(entry: Mapping[str, Any], tests: int, alpha: float) -> str:
    text = p_text(entry["p_value"])
    if tests < 2:
        return text
    adjusted = entry["p_adjusted"]
    text += f", {p_text(adjusted)} among {tests} comparisons (Holm)"
    d = entry["difference"]
    if entry["p_value"] <= alpha < adjusted and (d["low"] > 0 or d["high"] < 0):
        text += ", so among so many it may be chance"
    return text


def _remarks(entry: Mapping[str, Any]) -> list[str]:
    """What weakens a comparison."""
    told = []
    if not entry["paired"]:
        told.append(f"{UNPAIRED[0].upper()}{UNPAIRED[1:]}.")
    fewest = min(entry["n_first"], entry["n_second"])
    if fewest < MIN_ITEMS:
        told.append(
            f"Only {counted(fewest, 'item')}: fewer than {MIN_ITEMS} are too few to conclude anything."
        )
    elif entry["n_clusters"] < MIN_CLUSTERS:
        told.append(
            f"Only {counted(entry['n_clusters'], 'cluster')}: fewer than {MIN_CLUSTERS} are too few to speak "
            "of questions like these."
        )
    return told


def _mean(entry: Mapping[str, Any], side: str) -> str:
    value = float(entry[f"mean_{side}"])
    if entry["events"]:
        value = 1 - value
    return percent(value) if entry["bounded"] else f"{value:.3g}"


def _difference(entry: Mapping[str, Any]) -> tuple[float, float, float]:
    """Estimate and limits of first − second: of the score, or of the rate of what it counts."""
    d = entry["difference"]
    if entry["events"]:
        return -d["estimate"], -d["high"], -d["low"]
    return d["estimate"], d["low"], d["high"]


def _unit(entry: Mapping[str, Any]) -> Unit:
    return (POINTS if entry["bounded"] else SCORE_UNITS).fitted(*_difference(entry))


def _span(unit: Unit, low: float, high: float) -> str:
    return f"{unit.number(low)} to {unit.number(high)} {unit.name}"


def compare_text(value: Mapping[str, Any]) -> str:
    """The whole comparison as text. value: of `differences.compare`."""
    items = value["items"]
    lines = [f"{value['first']['name']} against {value['second']['name']}"]
    lines.append(
        f"items: {items['same']:,} the same in both, {items['changed']:,} with the same id and changed "
        f"content (left out), {items['only_first']:,} only in the first, {items['only_second']:,} only in "
        "the second"
    )
    left_out = scorers_line(value["scorers"])
    if left_out:
        lines.append(f"scorers: {left_out}")
    for pair in value["pairs"]:
        lines += ["", *_pair_lines(value, pair)]
    for side in ("first", "second"):
        if value["unmatched"][side]:
            names = "; ".join(value["unmatched"][side])
            lines += ["", f"without a partner in {value[side]['name']}: {names}"]
    return "\n".join(lines)


def _pair_lines(value: Mapping[str, Any], pair: Mapping[str, Any]) -> list[str]:
    """What two arms are, a table with a row per scorer, and a sentence where something was found."""
    names = [
        f"{arm['condition']} ({arm['model']}, {arm['sampling']})"
        for arm in (pair["first"], pair["second"])
    ]
    lines = [f"{names[0]} − {names[1]}: {HOW[pair['kind']]}"]
    lines += [
        f"    {change['what']}: {_cut(change['first'])} | {_cut(change['second'])}"
        for change in pair["differs"]
    ]
    answered = [_answered(arm) for arm in (pair["first"], pair["second"])]
    lines.append(f"    answers: {answered[0]} | {answered[1]}")
    compared = [entry for entry in pair["comparisons"] if entry["difference"] is not None]
    if compared:
        lines += [f"    {line}" for line in _rows(value, compared).splitlines()]
        lines += [f"    {line}" for line in _methods(compared)]
    found = [e for e in compared if _found(e, 1 - value["level"]) or not e["paired"]]
    told = [e["sentence"] for e in pair["comparisons"] if e in found or e not in compared]
    if compared and not found:
        told.append("These data cannot tell the two apart on any of the scorers.")
        told += dict.fromkeys(remark for entry in compared for remark in _remarks(entry))
    lines += [f"  {sentence}" for sentence in told]
    if pair["sentence"]:
        lines.append(f"  {pair['sentence']}")
    return lines


def _found(entry: Mapping[str, Any], alpha: float) -> bool:
    """Whether a direction is found: by the interval, and by the test as it is adjusted."""
    d = entry["difference"]
    clear: bool = d["low"] > 0 or d["high"] < 0
    return clear and entry["p_adjusted"] <= alpha


def _rows(value: Mapping[str, Any], compared: list[Mapping[str, Any]]) -> str:
    """A row per scorer; of one that counts something the rates of that."""
    from splitplot.cli_text import table

    level = level_text(value["level"])
    head = ["scorer", value["first"]["name"], value["second"]["name"]]
    head += [f"difference ({level} interval)", "p", f"p of {value['n_tests']} (Holm)", "items"]
    rows = []
    for entry in compared:
        unit, (estimate, low, high) = _unit(entry), _difference(entry)
        sign = "+" if estimate > 0 else ""
        rows.append(
            [
                entry["scorer"] + (f": {entry['events']}" if entry["events"] else ""),
                _mean(entry, "first"),
                _mean(entry, "second"),
                f"{sign}{unit.number(estimate)} ({unit.number(low)} to {unit.number(high)})",
                p_text(entry["p_value"]).removeprefix("p ").removeprefix("= "),
                p_text(entry["p_adjusted"]).removeprefix("p ").removeprefix("= "),
                _size(entry),
            ]
        )
    return table(head, rows)


def _methods(compared: list[Mapping[str, Any]]) -> list[str]:
    """How the intervals and p-values were made, each way once, with the scorers that it is of."""
    ways: dict[str, list[str]] = {}
    for entry in compared:
        ways.setdefault(f"{entry['difference']['method']}; {entry['test']}", []).append(
            entry["scorer"]
        )
    return [f"{listed(scorers)}: {way}" for way, scorers in ways.items()]


def _size(entry: Mapping[str, Any]) -> str:
    if entry["paired"]:
        return counted(entry["n_common"], "common item")
    return f"{entry['n_first']:,} and {entry['n_second']:,} items, {entry['n_common']:,} common"


def _answered(arm: Mapping[str, Any]) -> str:
    """How many answers, from when to when, and what the provider calls its model."""
    text = counted(arm["answers"], "answer")
    if arm["first_at"]:
        days = arm["first_at"][:10], arm["last_at"][:10]
        text += f", {days[0]}" if days[0] == days[1] else f", {days[0]} … {days[1]}"
    if arm["provider_models"]:
        text += f", by {listed(arm['provider_models'][:3])}"
        text += " …" if len(arm["provider_models"]) > 3 else ""
    return text


def _cut(value: Any) -> str:
    text = str(value) if value is not None else "–"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} …"
