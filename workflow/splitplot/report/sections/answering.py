"""Answers, abstentions and false answers: what each prompt does to them, and what it costs."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.cells import Cells
from splitplot.report.content import first_sentence
from splitplot.report.endpoints import (
    ANSWERABLE,
    direction,
    endpoint,
    in_order,
    moves,
    state,
)
from splitplot.report.plots import rows
from splitplot.report.plots.flow import flow, title
from splitplot.report.section import Figure, Rows, Section, Table, Value, first, joined, said
from splitplot.report.sections import answering_more
from splitplot.report.sections.common import average, gap, named, share
from splitplot.report.wording import (
    NOTHING,
    POINTS,
    bounds,
    difference,
    dollars,
    level,
    number,
    p_value,
    plural,
    points,
)

MOST_SENTENCES = 4
ANSWERED = ("exact_match", "f1", "false_answers", "unsupported")
WITHHELD = (
    *("abstention", "abstention_answerable", "abstention_unanswerable"),
    *("refusals", "unusable"),
)
NOTES = (
    "A false answer is an answer to a question that has none: neither an abstention nor a refusal. "
    "Differences are rates of the condition minus rates of the control, in points, paired by item.",
    "In the rates an answer that was cut off, empty or unreadable counts as wrong, as a false answer or as "
    "unsupported; in what became of the answers it is unusable, a state of its own. There right is an exact "
    "match: what has part of the words of a reference answer is wrong.",
)


def section(
    inference: Mapping[str, Any], cells: Cells, flipped: Sequence[Mapping[str, Any]] = ()
) -> Section | None:
    """The section; None where the study has no chapter `answering`.

    flipped: the examples of `splitplot.report.flips`.
    """
    chapter = inference.get("answering") or {}
    arms = chapter.get("arms") or []
    if not arms:
        return None
    contrasts = chapter.get("contrasts") or []
    control, shown = _control(chapter, arms), _first_arm(chapter, arms)
    several = len({str(arm.get("condition")) for arm in arms}) > 2
    flows = [one for one in chapter.get("flows") or [] if moves(one)]
    picture = flow([f for f in flows if f.get("condition") == shown], control, shown or "")
    plot = _forest(contrasts, control, several=several)
    return Section(
        "answering",
        "Answers, abstentions and false answers",
        "False answers",
        lead=said(
            *_lead(contrasts, shown),
            *answering_more.misread(chapter),
            *answering_more.prices(chapter, of=shown),
        ),
        figures=tuple(figure for figure in (plot, picture) if figure),
        tables=(
            *_arms(arms, control),
            *_contrasts(contrasts, control, several=several),
            *_flows(flows, control, several=several, drawn=shown if picture else None),
            *answering_more.examples(flipped, cells, control, shown, several=several),
            *answering_more.thresholds(chapter, control, several=several),
            *answering_more.subgroups(chapter, several=several),
            *answering_more.across(chapter, several=several),
        ),
        notes=said(
            *answering_more.powers(chapter),
            *answering_more.prices(chapter, other_than=shown),
            *NOTES,
            _lost(arms),
            *_without_rates(arms),
        ),
    )


def _control(chapter: Mapping[str, Any], arms: Sequence[Mapping[str, Any]]) -> str:
    return str(chapter.get("control") or arms[0].get("condition") or "")


def _first_arm(chapter: Mapping[str, Any], arms: Sequence[Mapping[str, Any]]) -> str | None:
    """The arm whose flows are drawn: that of the first primary contrast, else the first but the control."""
    control = _control(chapter, arms)
    primary = [c.get("condition") for c in chapter.get("contrasts") or [] if c.get("primary")]
    every = [arm.get("condition") for arm in arms]
    return next((str(name) for name in (*primary, *every) if name and name != control), None)


def _lead(contrasts: Sequence[Mapping[str, Any]], arm: str | None) -> list[str]:
    """What the primary contrasts say first; without one, those on right and on false answers.

    The whole sentences are in the boxes of the first screen and in the table.
    """
    chosen = [c for c in contrasts if c.get("primary")] or [
        c
        for c in contrasts
        if c.get("condition") == arm and c.get("endpoint") in ("false_answers", "exact_match")
    ]
    return [
        f"{spoken}: {first_sentence(str(c['sentence']))[0]}"
        for c in chosen[:MOST_SENTENCES]
        if c.get("sentence") and (spoken := _capital(endpoint(c.get("endpoint"))))
    ]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _arms(arms: Sequence[Mapping[str, Any]], control: str) -> tuple[Table, ...]:
    """What each condition answers, and what it withholds: two tables, so that both fit a page."""
    answered = Rows(("condition", "answers", *(endpoint(name) for name in ANSWERED)))
    withheld = Rows(
        ("condition", *(endpoint(name) for name in WITHHELD), "per 1,000 answers", "tokens in")
    )
    known: Mapping[str, Any] | None = None
    for arm in arms:
        name = named(arm)
        rates = arm.get("rates") or {}
        known = known or next((rate for rate in rates.values() if rate), None)
        who = Value(name, tag="control" if name == control != "control" else "")
        answered.add(who, _size(arm), *(_rate(rates.get(one)) for one in ANSWERED))
        usd, tokens = arm.get("usd_per_1000"), arm.get("tokens_in_mean")
        withheld.add(
            who,
            *(_rate(rates.get(one)) for one in WITHHELD),
            dollars(usd) if usd is not None else None,
            number(tokens, 0) if tokens is not None else None,
        )
    confidence = level(dict(known) if known else None)
    return (
        *answered.table(
            "answering-arms", f"What each condition answers: rates, {confidence} intervals"
        ),
        *(
            t
            for t in withheld.table("answering-withheld", "What it withholds, and what it takes")
            if len(t.head) > 1
        ),
    )


def _size(arm: Mapping[str, Any]) -> Value | None:
    """Answers, and of which items."""
    if arm.get("n_answers") is None:
        return None
    kinds = [
        f"{arm[key]:,} {key[2:]}"
        for key in ("n_answerable", "n_unanswerable")
        if arm.get(key) is not None
    ]
    items = [plural(arm["n_items"], "item")] if arm.get("n_items") is not None else []
    return Value(f"{arm['n_answers']:,}", (*items, *kinds))


def _rate(rate: Mapping[str, Any] | None) -> Value | None:
    """A rate, its interval and the items it rests on."""
    if not rate or rate.get("estimate") is None:
        return None
    value = average(rate, POINTS)
    count = rate.get("n_items")
    return Value(
        value.text, said(*value.soft, plural(count, "item") if count is not None else None)
    )


def _forest(
    contrasts: Sequence[Mapping[str, Any]], control: str, *, several: bool
) -> Figure | None:
    """Every difference to the control, by endpoint; None where none has an estimate."""
    drawn = [c for c in contrasts if (c.get("difference") or {}).get("estimate") is not None]
    if not drawn:
        return None
    declared = any(c.get("primary") for c in contrasts)
    lines: list[rows.Row] = []
    names = dict.fromkeys(c.get("endpoint") for c in contrasts)
    for name in names:
        here = [c for c in contrasts if c.get("endpoint") == name]
        way = direction(here[0].get("lower_is_better"))
        if several:
            lines.append(rows.Row(endpoint(name), way, head=True))
        for c in here:
            label, note = (named(c), "") if several else (endpoint(name), way)
            lines.append(_row(c, label, note, hollow=declared and not c.get("primary")))
    kept = lines[: rows.MOST_ROWS]
    while kept and kept[-1].head:
        kept.pop()
    confidence = level(drawn[0]["difference"])
    told = [_told(c, several=several) for c in contrasts]
    sides = (f"lower than {control}", f"higher than {control}")
    legend = [
        (
            "interval",
            f"{'declared as primary' if declared else 'difference'}, {confidence} interval",
        )
    ]
    if any(mark.hollow for row in kept for mark in row.marks):
        legend.append(("hollow", "not declared as primary"))
    return Figure(
        "answering-forest",
        f"Differences of rates to “{control}”, in points, with {confidence} intervals",
        joined(first(told, 24, "differences")),
        partial(rows.draw, rows=kept, sides=sides),
        tuple(legend),
    )


def _row(contrast: Mapping[str, Any], label: str, note: str, *, hollow: bool) -> rows.Row:
    interval = contrast.get("difference") or {}
    value = interval.get("estimate")
    if value is None:
        return rows.Row(label, note, "", "no estimate")
    ends = bounds(interval.get("low"), interval.get("high"))
    return rows.Row(label, note, points(value), ends, rows.mark(interval, POINTS, hollow=hollow))


def _told(contrast: Mapping[str, Any], *, several: bool) -> str:
    """One difference in words: endpoint, arm, numbers, which way is better."""
    who = f", {named(contrast)}" if several else ""
    way = direction(contrast.get("lower_is_better")).strip("◂▸ ")
    return f"{endpoint(contrast.get('endpoint'))}{who}: {difference(contrast.get('difference'))}, {way}"


def _contrasts(
    contrasts: Sequence[Mapping[str, Any]], control: str, *, several: bool
) -> tuple[Table, ...]:
    table = Rows(
        ("rate", "condition", "of it", "of the control", "difference", "better", "p", "p, adjusted")
    )
    words = Rows(("rate", "condition", "in words"))
    for c in contrasts:
        name = endpoint(c.get("endpoint")) or NOTHING
        who = named(c) if several else None
        table.add(
            Value(name, tag="primary" if c.get("primary") else ""),
            who,
            *(
                share(c[key]) if c.get(key) is not None else None
                for key in ("rate", "control_rate")
            ),
            gap(c.get("difference"), POINTS),
            {True: "lower", False: "higher"}.get(c.get("lower_is_better")),  # type: ignore[arg-type]
            p_value(c.get("p_value")),
            _adjusted(c),
        )
        if c.get("sentence"):
            words.add(name, who, c["sentence"])
    return (
        *table.table(
            "answering-contrasts",
            f"Differences to “{control}”, in points, and the rates of the items that both answered",
        ),
        *words.table("answering-words", f"Each difference to “{control}” in words", folded=True),
    )


def _adjusted(contrast: Mapping[str, Any]) -> Value | None:
    """p after Holm of a primary difference, after Benjamini and Hochberg of another."""
    null = contrast.get("against")
    holm = "Holm" if null is None else f"Holm, against {points(null)}"
    for key, how in (("p_adjusted", holm), ("p_bh", "Benjamini-Hochberg, exploratory")):
        if contrast.get(key) is not None:
            return Value(p_value(contrast[key]), (how,))
    return None


def _flows(
    flows: Sequence[Mapping[str, Any]], control: str, *, several: bool, drawn: str | None
) -> tuple[Table, ...]:
    """Counts of each flow, folded: the first arm's stand in the figure."""
    found: tuple[Table, ...] = ()
    for place, kind in enumerate(ANSWERABLE):
        here = [one for one in flows if one.get("answerable") is kind]
        ends = in_order(after for one in here for _, after, _ in moves(one))
        table = Rows(
            ("answer of the control", "condition", *(f"→ {state(name)}" for name in ends), "in all")
        )
        for one in here:
            for before, counts in _by_state(one).items():
                table.add(
                    f"{state(before)} with “{control}”",
                    named(one) if several else None,
                    *(f"{counts[name]:,}" if counts.get(name) else "0" for name in ends),
                    f"{sum(counts.values()):,}",
                )
        arms = list(dict.fromkeys(named(one) for one in here))
        who = f" with “{arms[0]}”" if len(arms) == 1 else " with each condition"
        size = f" ({title(here[0]).partition(': ')[2]})" if len(here) == 1 else ""
        found += table.table(
            f"answering-flows-{place + 1}",
            f"What the answers with “{control}” to {ANSWERABLE[kind]} became{who}{size}",
            folded=drawn,
        )
    return found


def _by_state(one: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for before, after, count in moves(one):
        found.setdefault(before, {})[after] = count
    return found


def _without_rates(arms: Iterable[Mapping[str, Any]]) -> list[str]:
    """Which rates have no interval, and why."""
    why: dict[str, list[str]] = {}
    for arm in arms:
        for name, reason in (arm.get("no_rate") or {}).items():
            why.setdefault(str(reason), []).append(f"{endpoint(name)} with “{named(arm)}”")
    return [f"Without a rate: {', '.join(rates)}: {reason}." for reason, rates in why.items()]


def _lost(arms: Iterable[Mapping[str, Any]]) -> str | None:
    """What the states leave out, where it is known."""
    lost = [(named(arm), (arm.get("states") or {}).get("lost")) for arm in arms]
    lost = [(name, count) for name, count in lost if count]
    if not lost:
        return None
    counts = ", ".join(f"{count:,} with “{name}”" for name, count in lost)
    return f"Answers that never came are left out of the states: {counts}."
