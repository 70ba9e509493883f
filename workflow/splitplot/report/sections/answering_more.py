"""What stands under answers, abstentions and false answers: examples, thresholds, subgroups, power, price."""

from collections.abc import Mapping, Sequence
from typing import Any

from splitplot.report.cells import Cells
from splitplot.report.endpoints import endpoint, state
from splitplot.report.flips import FIRST
from splitplot.report.section import Rows, Table, Value, said
from splitplot.report.sections.common import average, gap, named, share
from splitplot.report.wording import (
    NOTHING,
    POINTS,
    bounds,
    dollars,
    level,
    number,
    p_value,
    p_words,
    plural,
    points,
)

MOST_PAIRS = 4
"""Pairs of arms of which price and power are said; the others are in report.json."""
OPEN_EXAMPLES = 2
"""Examples of one direction that stand open."""
POOLED = (("fixed", "these datasets together"), ("random", "datasets like these"))


def examples(
    flipped: Sequence[Mapping[str, Any]],
    cells: Cells,
    control: str,
    arm: str | None,
    *,
    several: bool,
) -> tuple[Table, ...]:
    """Answers that changed: the question and both answers; the item leads to its answers on the page.

    A few of one arm stand open, in each of the directions that matter most; the others are folded.
    """
    head = (
        "item",
        "change",
        "condition",
        "question",
        "answer of the control",
        "answer of the condition",
    )
    front, rest = Rows(head), Rows(head)
    seen: dict[str, int] = {}
    for one in flipped:
        way = str(one.get("direction") or "")
        before, arrow, after = way.partition("→")
        model = cells.label((one["cell"][0], "")).removesuffix(" · ")
        times = str(one.get("replication") or "")
        chosen = way in FIRST and one.get("condition") == arm and seen.get(way, 0) < OPEN_EXAMPLES
        seen[way] = seen.get(way, 0) + chosen
        (front if chosen else rest).add(
            Value(one["item_id"], said(model, times), link=one.get("anchor") or ""),
            f"{state(before)} → {state(after)}" if arrow else state(before),
            named(one) if several else None,
            one.get("question"),
            one.get("before"),
            one.get("after"),
        )
    how = f"Answers that changed against “{control}”: examples, chosen by a hash of the item"
    more = f"More answers that changed against “{control}”"
    return (
        *front.table("answering-flips", how),
        *rest.table("answering-flips-more", more, folded=True),
    )


def thresholds(chapter: Mapping[str, Any], control: str, *, several: bool) -> tuple[Table, ...]:
    """Unsupported claims where the support that an answer needs is set otherwise."""
    table = Rows(
        ("support needed", "condition", f"with “{control}”", "with the condition", "difference")
    )
    for row in chapter.get("threshold") or []:
        at = row.get("threshold")
        table.add(
            number(at, 2) if at is not None else None,
            named(row) if several else None,
            *(_share_or_rate(row.get(key)) for key in ("rate_control", "rate_arm")),
            gap(_as_interval(row.get("difference")), POINTS),
        )
    caption = "Unsupported claims at other thresholds of support: does the difference hang on it?"
    return table.table("answering-threshold", caption)


def _share_or_rate(rate: Any) -> Value | None:
    if isinstance(rate, Mapping):
        return average(rate, POINTS)
    return None if rate is None else Value(share(rate))


def _as_interval(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) or value is None else {"estimate": value}


def subgroups(chapter: Mapping[str, Any], *, several: bool) -> tuple[Table, ...]:
    """Differences within parts of the items: exploratory, with p after Benjamini and Hochberg."""
    table = Rows(("part of the items", "rate", "condition", "difference", "items", "p"))
    for row in chapter.get("subgroups") or []:
        after, count, clusters = row.get("p_bh"), row.get("n_items"), row.get("n_clusters")
        level_ = str(row["level"]) if row.get("level") is not None else ""
        words = level_.replace("_", " ") if row.get("by") == "kind" else level_
        part = ": ".join(text for text in (str(row.get("by") or ""), words) if text)
        table.add(
            part or NOTHING,
            endpoint(row.get("endpoint")),
            named(row) if several else None,
            gap(row.get("difference"), POINTS),
            Value(f"{count:,}", (f"in {plural(clusters, 'cluster')}",) if clusters else ())
            if count is not None
            else None,
            Value(
                p_value(row.get("p_value")),
                (f"{p_value(after)} after Benjamini-Hochberg",) if after is not None else (),
            ),
        )
    caption = (
        "Exploratory: the differences within parts of the items, which suggest what to ask next"
    )
    return table.table("answering-subgroups", caption, folded=True)


def across(chapter: Mapping[str, Any], *, several: bool) -> tuple[Table, ...]:
    """Each rate over all datasets, and how far the datasets differ."""
    table = Rows(("rate", "condition", "over", "difference", "how far the datasets differ"))
    for row in chapter.get("across_datasets") or []:
        pooled = row.get("pooled") or {}
        arm = named(row) if several else None
        for one in row.get("rows") or []:
            count = plural(one["n_items"], "item") if one.get("n_items") is not None else ""
            where = Value(str(one.get("dataset") or NOTHING), (count,) if count else ())
            table.add(
                endpoint(row.get("endpoint")), arm, where, gap(one.get("difference"), POINTS), None
            )
        kinds = [(words, pooled[key]) for key, words in POOLED if pooled.get(key)]
        if not kinds and "estimate" in pooled:
            kinds = [("all datasets", pooled)]
        for place, (words, interval) in enumerate(kinds):
            table.add(
                endpoint(row.get("endpoint")),
                arm,
                words,
                gap(interval, POINTS),
                None if place else _spread(row.get("heterogeneity") or pooled),
            )
        if kinds and pooled.get("prediction"):
            ends = pooled["prediction"]
            text = bounds(ends.get("low"), ends.get("high"))
            table.add(endpoint(row.get("endpoint")), arm, "one new dataset", text, None)
    return table.table("answering-datasets", "Differences across datasets, in points")


def _spread(found: Mapping[str, Any]) -> str | None:
    parts = []
    if found.get("q") is not None:
        text = f"Q = {number(found['q'], 2)}"
        text += f" on {found['q_df']:g} degrees of freedom" if found.get("q_df") is not None else ""
        parts.append(text + (f" ({p_words(found['q_p'])})" if found.get("q_p") is not None else ""))
    if found.get("i2") is not None:
        parts.append(f"I² = {share(found['i2'], 0)}")
    tau = found.get("tau")
    if tau is None and found.get("tau2") is not None:
        tau = max(0.0, found["tau2"]) ** 0.5
    if tau is not None:
        parts.append(f"standard deviation between datasets {points(tau, signed=False)}")
    return ", ".join(parts) or None


def powers(chapter: Mapping[str, Any]) -> list[str]:
    """What difference of the false-answer rate the design sees, in words."""
    found = []
    for row in (chapter.get("power") or [])[:MOST_PAIRS]:
        if row.get("sentence"):
            found.append(str(row["sentence"]))
            continue
        parts = []
        if row.get("smallest_detectable") is not None:
            items = (
                f"with {plural(row['n_items'], 'item')} " if row.get("n_items") is not None else ""
            )
            gap_ = points(row["smallest_detectable"], signed=False)
            parts.append(f"{items}this study could reliably see only differences above {gap_}")
        if row.get("items_for_halving") is not None:
            parts.append(
                f"about {plural(row['items_for_halving'], 'such item')} would show that the rate is halved"
            )
        if parts:
            pair = f"“{named(row)}” against “{named(row, 'control')}”"
            rate = endpoint(row.get("endpoint") or "false_answers")
            found.append(f"{rate.capitalize()}, {pair}: {'; '.join(parts)}.")
    return found


def misread(chapter: Mapping[str, Any]) -> list[str]:
    """What misread answers do to the false answers: how often declining is read as answering, and the
    corrected difference of up to MOST_PAIRS conditions."""
    found = chapter.get("misread") or {}
    corrected = [row.get("sentence") for row in (found.get("contrasts") or [])[:MOST_PAIRS]]
    return [str(text) for text in (found.get("sentence"), *corrected) if text]


def prices(
    chapter: Mapping[str, Any], *, of: str | None = None, other_than: str | None = None
) -> list[str]:
    """What an avoided false answer costs with a condition, or with the others: or why it cannot be said."""
    wanted = [
        row
        for row in chapter.get("price") or []
        if (row.get("condition") == of if of is not None else row.get("condition") != other_than)
    ]
    return [text for row in wanted[:MOST_PAIRS] if (text := _price(row))]


def _price(row: Mapping[str, Any]) -> str | None:
    if row.get("sentence"):
        return str(row["sentence"])
    pair = f"“{named(row)}” against “{named(row, 'control')}”"
    cost, why = row.get("usd_per_avoided") or {}, row.get("reason")
    if cost.get("estimate") is not None:
        low, high = cost.get("low"), cost.get("high")
        ends = f"{level(cost)} interval {dollars(low)} to {dollars(high)}"
        known = low is not None and high is not None
        span = f" ({ends})" if known else " (no interval)"
        return f"{pair}: each false answer avoided costs {dollars(cost['estimate'])}{span}."
    return f"{pair}: no cost per avoided false answer: {str(why).rstrip('.')}." if why else None
