"""The answer of `splitplot power` in words: sentences and tables, the same on a terminal and on the page."""

from collections.abc import Mapping
from math import floor, log10, sqrt
from typing import Any

from splitplot.amounts import AMOUNTS, log_margin
from splitplot.inference.wording import POINTS, SAVINGS, counted, listed, quoted
from splitplot.inference.words import (
    BETTER,
    BETTER_SIZE_OPEN,
    EQUIVALENT,
    NON_INFERIOR,
    NOT_SETTLED,
)
from splitplot.text import dollars

A_BETTER = (BETTER, BETTER_SIZE_OPEN, NON_INFERIOR)
NO_GAP = (EQUIVALENT, NON_INFERIOR)


def points(value: float | None) -> str:
    """A difference in points without its unit; a dash where there is none."""
    return "–" if value is None else POINTS.number(value)


def share(chance: float) -> str:
    """A chance in whole percent, never 0% or 100% where some studies say otherwise.

    >>> share(0.0), share(0.004), share(0.5), share(0.998)
    ('0%', '<1%', '50%', '>99%')
    """
    if 0 < chance < 0.005:
        return "<1%"
    return ">99%" if 0.995 < chance < 1 else f"{100 * chance:.0f}%"


def about(number: int) -> str:
    """A number of items with two significant figures, as it is not known better.

    >>> about(996), about(1234), about(87)
    ('1,000', '1,200', '87')
    """
    if number < 100:
        return str(number)
    unit = 10 ** (floor(log10(number)) - 1)
    return f"{round(number / unit) * unit:,}"


def chance(at: Mapping[str, Any], *words: str) -> float:
    """The chance of one of these words at one true gap."""
    return float(sum(at["words"].get(word, {"share": 0.0})["share"] for word in words))


def price(usd: float | None, money: Mapping[str, Any]) -> str:
    """What a study of one size would cost: "free", "unpriced", or dollars."""
    if money["free"]:
        return "free"
    return "unpriced" if usd is None else dollars(usd)


def heading(block: Mapping[str, Any]) -> str:
    """What is compared: “steps” and “direct”, averaged over …, margin 5.0 points."""
    over = f", averaged over {block['averaged_over']}" if block["averaged_over"] else ""
    margin = f"margin {POINTS.amount(block['margin'])}"
    if block["metric"] in AMOUNTS:
        margin = f"{block['metric']}, margin {SAVINGS.amount(log_margin(block['margin']))}"
    default = " (the default)" if block["margin_is_default"] else ""
    scope = f", {block['scope']}" if block["scope"] != "items" else ""
    return f"{quoted(block['a'])} against {quoted(block['b'])}{over}{scope}, {margin}{default}"


def assumed_words(block: Mapping[str, Any]) -> list[str]:
    """Where the assumptions are from, and what they are, a sentence each."""
    assumed = block["assumed"]
    kind = "answers right or wrong" if assumed["right_or_wrong"] else "graded answers"
    numbers = (
        f"Mean score {assumed['mean']:.2f}, {kind}; standard deviations: items "
        f"{assumed['item_sd']:.2f}, items within an arm {assumed['item_arm_sd']:.2f}, "
        f"run to run {assumed['run_sd']:.2f}."
    )
    same = {
        "all": "All of it is asked at temperature 0, where answers are assumed to come out the same "
        "again: replications add nothing.",
        "some": "Part of it is asked at temperature 0, where answers are assumed to come out the same "
        "again: replications add nothing there.",
    }
    graded = block["graded"]
    part = (
        f"{graded['by']} grades {graded['items']:,} of the {counted(graded['of'], 'item')}; larger and "
        "smaller studies are assumed to have the same share of such items."
    )
    return [
        *assumed["notes"],
        numbers,
        *([part] if graded["items"] < graded["of"] else []),
        *([same[block["same_again"]]] if block["same_again"] else []),
    ]


def table(block: Mapping[str, Any], money: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Head and rows: a row per number of items and replications."""
    gaps = block["gaps"]
    head = ["items", "replications", "half-width", "sees"]
    head += [f"{points(gap)}: {word}" for gap in gaps[1:] for word in ("better", "not settled")]
    head += ["0: equivalent", "not settled", "false alarm", "dollars"]
    rows = []
    for one in block["points"]:
        zero, *others = one["at"]
        row: list[Any] = [one["items"], one["replications"]]
        if zero["refused"]:
            row += ["–", "–"] + ["no verdict", ""] * len(others) + ["no verdict", "", ""]
        else:
            row += [points(zero["half_width"]), points(one["detectable_drawn"])]
            for at in others:
                row += [share(chance(at, *A_BETTER)), share(chance(at, NOT_SETTLED))]
            row += [share(chance(zero, *NO_GAP)), share(chance(zero, NOT_SETTLED))]
            row += [share(zero["false_alarms"]["share"])]
        rows.append([*row, price(one["usd"], money)])
    return head, rows


def legend(power: Mapping[str, Any]) -> list[str]:
    """What the columns mean, and how sure the chances are."""
    error = 100 * 1.96 * sqrt(0.25 / power["draws"])
    lines = [
        "half-width: of the interval, in points. sees: the smallest true gap, in points, that is found 8 "
        "times in 10.",
        "better: the chance of BETTER or BETTER, SIZE OPEN at that true gap; not settled, equivalent: of "
        "these verdicts; false alarm: that an arm is found ahead though the true gap is 0. Where the aim is "
        "non-inferiority, better and equivalent are both the chance of NON-INFERIOR.",
        f"Each chance is from {power['draws']:,} simulated studies: give or take up to {error:.0f} points "
        "(95%). No answer is lost or cut off in them.",
    ]
    cost = power["money"]
    if cost["free"]:
        lines.append("dollars: local and simulated models cost nothing.")
    elif cost["unpriced"]:
        lines.append(f"dollars: no price is known for {listed(cost['unpriced'])}.")
    else:
        lengths = (
            "answers as long as those in the ledger"
            if cost["learned"]
            else "answers half as long as max_tokens, as some models have none in the ledger yet"
        )
        lines.append(
            f"dollars: expected for all {counted(power['cells'], 'cell')} of the study from the start, "
            f"with {lengths}."
        )
    if power["may_stop_early"]:
        lines.append("The study may stop early; this is for all of its items.")
    return lines


def verdict_on_size(block: Mapping[str, Any], items: int) -> list[str]:
    """How many items the contrast needs: to see its gap, and to show that there is none."""
    wanted = [one for one in block["wanted"] if one["to_see"] is not None]
    if not wanted:
        return []
    shown = [
        wanted[0],
        *[one for one in wanted[1:] if one["replications"] == 3 or one is wanted[-1]][:1],
    ]
    if block["same_again"] == "all":
        shown = shown[:1]
    gap = POINTS.amount(shown[0]["gap"])
    see = _either(shown, "to_see")
    family = f", with α shared by {block['family']} contrasts" if block["family"] > 1 else ""
    lines = [
        f"To see a gap of {gap} 8 times in 10 you need about {see}{family}; this study has "
        f"{counted(items, 'item')}."
    ]
    if shown[0]["to_show_equal"] is not None:
        equal = _either(shown, "to_show_equal")
        margin = POINTS.amount(block["margin"])
        lines.append(
            f"To show that the arms are the same within {margin}, where they are, about {equal}."
        )
    return lines


def _either(shown: list[Mapping[str, Any]], key: str) -> str:
    """ "420 items with 1 replication, or 300 with 3"."""
    first, *rest = shown
    text = f"{about(first[key])} items with {counted(first['replications'], 'replication')}"
    return text + "".join(f", or {about(one[key])} with {one['replications']}" for one in rest)


def power_text(power: Mapping[str, Any]) -> str:
    """The whole answer for a terminal."""
    from splitplot.cli_text import table as columns

    study = power["study"]
    lines = [
        f"study {study}: {counted(power['items'], 'item')}, "
        f"{counted(power['replications'], 'replication')}, {counted(power['cells'], 'cell')}"
    ]
    for block in power["contrasts"]:
        lines += ["", block["name"], heading(block), *assumed_words(block)]
        if block["refused"]:
            lines.append(f"Not simulated: {block['refused']}.")
            continue
        head, rows = table(block, power["money"])
        lines += [columns(head, rows), *_refusals(block), *verdict_on_size(block, power["items"])]
    if power["contrasts_left"]:
        lines += [
            "",
            f"{power['contrasts_left']:,} more pairs are not shown: declare a primary contrast.",
        ]
    if not power["contrasts"]:
        lines += ["", "One cell is nothing to compare: add a condition, a model or a sampling."]
    return "\n".join([*lines, "", *legend(power)])


def _refusals(block: Mapping[str, Any]) -> list[str]:
    """Why sizes get no verdict, each reason once."""
    found = dict.fromkeys(one["at"][0]["refused"] for one in block["points"])
    return [f"no verdict: {reason}." for reason in found if reason]
