"""Raters: how far several scorers of the same answers agree, and by whom a verdict holds."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from splitplot.report.plots import rows
from splitplot.report.section import Figure, Rows, Section, Table, Value, joined, said
from splitplot.report.sections.common import decimal, gap, share
from splitplot.report.wording import NOTHING, Unit, bounds, difference, number, points

MOST = 6
KINDS = {"mean": "mean of all raters", "like_these": "raters like these"}


def section(inference: Mapping[str, Any], unit: Unit) -> Section | None:
    """The section; None where the study names no raters."""
    found = inference.get("raters") or {}
    if not found.get("raters"):
        return None
    contrasts = found.get("contrasts") or []
    parts = found.get("components") or {}
    figures = _figure(contrasts[:MOST], unit)
    return Section(
        "raters",
        "Do the raters agree?",
        "Raters",
        lead=said(
            *(f"{c.get('contrast')}: {c.get('sentence')}" for c in contrasts[:MOST]),
            *(found.get("sentences") or []),
            parts.get("sentence"),
        ),
        figures=figures,
        tables=(
            *_by_rater(contrasts, unit, folded=figures),
            *_levels(found.get("levels") or [], unit),
            *_agreement(found.get("agreement") or {}),
            *_components(parts.get("rows") or [], unit),
        ),
        notes=said(
            f"{found['left_out']:,} of {found.get('n_answers') or 0:,} answers lack a score of some rater: "
            "the mean of all raters, raters like these and the shares of variance are of the others."
            if found.get("left_out")
            else None,
            "By each rater: what the intervals of that rater's scores alone say; the verdict on a contrast "
            "also counts the other comparisons and analyses. Raters like these: questions and raters both "
            "count as samples of others, so at least three raters are needed.",
            *(parts.get("warnings") or []),
        ),
    )


def lines(contrast: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Every row of a contrast: its kind, its rater (empty for several), and the entry."""
    for row in contrast.get("rows") or []:
        yield "rater", str(row.get("rater") or NOTHING), row
    for kind in KINDS:
        if contrast.get(kind):
            yield kind, "", contrast[kind]


def _by_rater(
    contrasts: Sequence[Mapping[str, Any]], unit: Unit, *, folded: object
) -> tuple[Table, ...]:
    table = Rows(("contrast", "by", "difference", "verdict", "items"))
    for contrast in contrasts:
        for kind, rater, row in lines(contrast):
            own = kind == "rater" and rater == contrast.get("declared")
            table.add(
                str(contrast.get("contrast") or NOTHING),
                Value(f"“{rater}”" if rater else KINDS[kind], tag="declared" if own else ""),
                gap(row.get("difference"), unit) if row.get("difference") else None,
                Value(row.get("verdict") or NOTHING, said(row.get("reason"))),
                f"{row['n_items']:,}" if row.get("n_items") else None,
            )
    return table.table("raters", "Each contrast by the scores of every rater", folded=folded)


def _levels(levels: Sequence[Mapping[str, Any]], unit: Unit) -> tuple[Table, ...]:
    table = Rows(("rater", "mean score", "answers graded", "could not read"))
    for row in levels:
        table.add(
            f"“{row.get('rater')}”",
            _mean(row.get("mean"), unit),
            f"{row['n_answers']:,}" if row.get("n_answers") is not None else None,
            share(row.get("unread_share")),
        )
    return table.table("rater-levels", "What each rater gives to the same answers")


def _agreement(found: Mapping[str, Any]) -> tuple[Table, ...]:
    table = Rows(("measure", "value", "answers"))
    count = f"{found['n_answers']:,}" if found.get("n_answers") is not None else None
    for key in ("alpha", "ac1"):
        one = found.get(key)
        if one:
            ends = (
                (f"{decimal(one['low'])} to {decimal(one['high'])}",)
                if one.get("low") is not None and one.get("high") is not None
                else ()
            )
            name = said(one.get("method"), found.get("scale"))
            table.add(", ".join(name), Value(decimal(one.get("estimate")), ends), count)
    if found.get("observed") is not None:
        table.add("same score, of two raters", share(found["observed"]), count)
    return table.table("rater-agreement", "Agreement on single answers")


def _components(every: Sequence[Mapping[str, Any]], unit: Unit) -> tuple[Table, ...]:
    table = Rows(("source", "share of the variation", "95% interval", "means of its levels"))
    for row in every:
        low, high, ends = row.get("low"), row.get("high"), row.get("range")
        table.add(
            Value(
                str(row.get("label") or row.get("name")),
                ("few levels: describes these",) if row.get("descriptive") else (),
            ),
            share(row.get("share")) if row.get("detectable", True) else "not detectable",
            f"{share(low)} to {share(high)}" if low is not None and high is not None else None,
            f"{_mean(ends[0], unit)} to {_mean(ends[1], unit)}" if ends else None,
        )
    return table.table(
        "rater-components", "Where the variation of single scores comes from, raters included"
    )


def _mean(value: float | None, unit: Unit) -> str:
    return NOTHING if value is None else f"{number(value * unit.factor)}{unit.suffix}"


def _figure(contrasts: Sequence[Mapping[str, Any]], unit: Unit) -> tuple[Figure, ...]:
    """The difference by every rater, by their mean, and for raters like these."""
    drawn: list[rows.Row] = []
    told: list[str] = []
    for contrast in contrasts:
        name, margin = str(contrast.get("contrast") or NOTHING), contrast.get("margin")
        drawn.append(rows.Row(name, head=True))
        for kind, rater, row in lines(contrast):
            label = f"by “{rater}”" if rater else KINDS[kind]
            note = "declared" if kind == "rater" and rater == contrast.get("declared") else ""
            interval = row.get("difference")
            told.append(
                f"{name}, {label}: {difference(interval, unit)}, {row.get('verdict') or ''}"
            )
            drawn.append(
                rows.Row(
                    label,
                    note,
                    points(interval["estimate"], unit) if interval else "",
                    bounds(interval.get("low"), interval.get("high"), unit)
                    if interval
                    else "no estimate",
                    rows.mark(interval, unit, shape="dot" if rater else "diamond"),
                    margin * unit.factor if margin else None,
                )
            )
    if not any(row.marks for row in drawn):
        return ()
    return (
        Figure(
            "raters",
            "The same difference by the scores of each rater",
            joined(told),
            partial(rows.draw, rows=drawn[: rows.MOST_ROWS]),
            (
                ("interval", "one rater"),
                ("diamond", "several raters together"),
                ("band", "within the margin: too small to matter"),
            ),
        ),
    )
