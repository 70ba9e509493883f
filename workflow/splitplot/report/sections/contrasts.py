"""Paired contrasts in numbers: difference, single items, noise, what the study could have seen, p last."""

from collections.abc import Mapping, Sequence
from typing import Any

from splitplot.report import ratios
from splitplot.report.cells import Cells
from splitplot.report.plots.forest import forest
from splitplot.report.section import Figure, Rows, Section, Table, Value, said
from splitplot.report.sections import scopes
from splitplot.report.sections.common import decimal, gap
from splitplot.report.sections.families import adjusted_together, adjustment_of, family_size
from splitplot.report.wording import (
    NOTHING,
    Unit,
    bounds,
    level,
    metric_unit,
    number,
    p_value,
    p_words,
    shown_difference,
)

BOXES = 6
"""Verdict boxes on the first screen; further contrasts are in the figure and the table."""
HEAD = (
    *("contrast", "difference", "margin", "single items", "run-to-run noise"),
    *("smallest gap it can see", "items to see the margin", "p"),
)
SIZES = (
    *("contrast", "odds ratio", "Cliff's delta", "Hodges-Lehmann", "d of differences"),
    *("at all comparisons at once", "chosen as best"),
)
TESTS = (
    *("contrast", "not worse by the margin", "better by the margin", "the same within the margin"),
)


def section(inference: Mapping[str, Any], cells: Cells, unit: Unit) -> Section | None:
    """The section; None where no contrast was declared."""
    every = inference.get("contrasts") or []
    if not every:
        return None
    scored = [c for c in every if not ratios.is_ratio(c)]
    families = adjusted_together(inference.get("families") or [])
    lead = said(
        *(c["stops_holding"] for c in every[BOXES:] if c.get("stops_holding")),
        *_families(families),
        *_alone(scored, families),
    )
    scales = list(dict.fromkeys(metric_unit(c.get("metric"), unit).noun for c in scored))
    return Section(
        "contrasts",
        "Paired contrasts",
        "Contrasts",
        lead=lead,
        figures=(*other_forests(every, cells, unit), *scopes.figure(every, cells, unit)),
        tables=(
            *_main(scored, cells, unit, families, scales),
            *ratios.table([{**c, **cells.arm_names(c)} for c in every]),
            *_sizes(every, unit),
            *_tests(every),
            *scopes.table(every, unit),
            *_exploration(inference.get("exploration") or [], unit),
        ),
    )


def by_unit(
    every: Sequence[Mapping[str, Any]], cells: Cells, unit: Unit
) -> list[tuple[Unit, list[dict[str, Any]]]]:
    """The contrasts by how they are measured, in the order of the first of each; no ratio, which has 1
    where a difference has 0."""
    found: dict[Unit, list[dict[str, Any]]] = {}
    for c in every:
        if ratios.is_ratio(c):
            continue
        named = {**c, **cells.arm_names(c)}
        found.setdefault(metric_unit(c.get("metric"), unit), []).append(named)
    return list(found.items())


def first_forest(every: Sequence[Mapping[str, Any]], cells: Cells, unit: Unit) -> Figure | None:
    """The one forest plot of the first screen: all contrasts in the unit of the first."""
    groups = by_unit(every, cells, unit)
    return forest(groups[0][1], groups[0][0]) if groups else None


def other_forests(
    every: Sequence[Mapping[str, Any]], cells: Cells, unit: Unit
) -> tuple[Figure, ...]:
    """Forest plots of contrasts that are measured otherwise: tokens, dollars, seconds."""
    groups = by_unit(every, cells, unit)[1:]
    drawn = (forest(some, u, f"forest-{n}") for n, (u, some) in enumerate(groups, start=2))
    return tuple(figure for figure in drawn if figure)


def _main(
    every: Sequence[Mapping[str, Any]],
    cells: Cells,
    unit: Unit,
    families: Sequence[Mapping[str, Any]],
    scales: Sequence[str],
) -> tuple[Table, ...]:
    table = Rows(HEAD)
    of_family = {name: f for f in families for name in f.get("contrasts") or []}
    for c in every:
        own = metric_unit(c.get("metric"), unit)
        inner = c.get("equivalence")
        outer = c.get("difference")
        soft = ""
        if inner and level(inner) != level(outer):  # of a confidence sequence both are the same
            soft = f"{level(inner)}: {bounds(inner.get('low'), inner.get('high'), own)}"
        pairs = pairs_text({**c, **cells.arm_names(c)})
        needed = c.get("items_needed")
        table.add(
            Value(
                c.get("name") or NOTHING,
                (c.get("verdict") or "NO VERDICT",),
                tag="" if c.get("primary", True) else "exploratory",
            ),
            gap(c.get("difference"), own, soft=soft),
            plus_minus(c.get("margin"), own),
            Value(pairs, (f"of {c.get('n_items') or 0:,}",), link="answers")
            if pairs != NOTHING
            else None,
            plus_minus((c.get("noise") or {}).get("half_width"), own),
            shown_difference(c.get("smallest_detectable"), own, signed=False),
            f"{needed:,}" if needed is not None else None,
            Value(p_value(c.get("p_value")), _p_words(c, of_family.get(c.get("name") or ""), own)),
        )
    scale = "in points (100 points: right on every item against wrong on every item)"
    spoken = ", ".join(scale if noun == "points" else f"in {noun}" for noun in scales)
    spoken = spoken.replace("in on the", "on the")
    return table.table("contrasts", f"Differences paired by item, {spoken}")


def _exploration(every: Sequence[Mapping[str, Any]], unit: Unit) -> tuple[Table, ...]:
    """Every other pair, in short: what suggests a question for the next study, and answers none."""
    table = Rows(("pair", "difference", "by itself", "p"))
    for c in every:
        own = metric_unit(c.get("metric"), unit)
        after = c.get("p_adjusted")
        how = c.get("adjustment") or "none"
        words = (f"{p_value(after)} after {how}",) if after is not None and how != "none" else ()
        table.add(
            c.get("name") or NOTHING,
            gap(c.get("difference"), own),
            c.get("verdict"),
            Value(p_value(c.get("p_value")), words),
        )
    return table.table(
        "exploration", "Every other pair, exploratory: it suggests what to ask next", folded=True
    )


def _p_words(
    contrast: Mapping[str, Any], family: Mapping[str, Any] | None, unit: Unit
) -> tuple[str, ...]:
    """Under a p: the adjusted one with its family, and the test."""
    words = []
    adjusted = contrast.get("p_adjusted")
    how = adjustment_of(contrast, family, unit)
    if adjusted is not None and (adjusted != contrast.get("p_value") or family):
        size = family_size(family or {})
        among = f", family “{family.get('name')}” of {size}" if family and size > 1 else ""
        if how != "none" and (size > 1 or not family):
            words.append(f"{p_value(adjusted)} after {how}{among}")
    return (*words, *([contrast["test"]] if contrast.get("test") else []))


def _families(families: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence on families with more than one comparison."""
    counted = [f for f in families if family_size(f) > 1]
    if not counted:
        return []
    parts = [
        f"“{f.get('name')}” ({f.get('kind') or 'primary'}, {family_size(f)} comparisons, "
        f"{f.get('adjustment') or 'none'})"
        for f in counted[:6]
    ]
    return [f"p-values are adjusted within each family: {'; '.join(parts)}."]


def _alone(every: Sequence[Mapping[str, Any]], families: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the sizes in the table leave out, where several comparisons are adjusted together."""
    shared = {name for f in families if family_size(f) > 1 for name in f.get("contrasts") or []}
    sizes = ("smallest_detectable", "items_needed")
    if not any(
        c.get("name") in shared and c.get(size) is not None for c in every for size in sizes
    ):
        return []
    return [
        "The smallest gap and the items to see the margin are for a test against no difference, 8 times "
        "in 10, as if it were the only contrast: adjusted for its family it takes a larger gap or more items."
    ]


def _sizes(every: Sequence[Mapping[str, Any]], unit: Unit) -> tuple[Table, ...]:
    """How big: effects beside the difference, and the intervals that allow for many comparisons."""
    table = Rows(SIZES)
    for c in every:
        own, effects = metric_unit(c.get("metric"), unit), c.get("effects") or {}
        odds, chosen = c.get("odds_ratio"), c.get("selected")
        cliff, d_z = effects.get("cliffs_delta"), effects.get("d_z")
        if not any(
            (odds, cliff, d_z, effects.get("hodges_lehmann"), c.get("simultaneous"), chosen)
        ):
            continue
        table.add(
            c.get("name") or NOTHING,
            Value(_odds(odds), (odds.get("method") or "",)) if odds else None,
            _plain(cliff),
            gap(effects.get("hodges_lehmann"), own) if effects.get("hodges_lehmann") else None,
            _plain(d_z),
            gap(c.get("simultaneous"), own) if c.get("simultaneous") else None,
            gap(chosen.get("difference"), own, soft=chosen.get("sentence") or "")
            if chosen
            else None,
        )
    return table.table(
        "effects", "How big: effect sizes, and intervals that allow for many comparisons"
    )


def _tests(every: Sequence[Mapping[str, Any]]) -> tuple[Table, ...]:
    """One-sided tests against the margin: small p-values speak for the heading of their column."""
    table = Rows(TESTS)
    for c in every:
        tests = c.get("one_sided") or {}
        keys = ("non_inferiority", "superiority_by_margin", "equivalence")
        if any(tests.get(key) is not None for key in keys):
            table.add(c.get("name") or NOTHING, *(p_words(tests.get(key)) for key in keys))
    return table.table(
        "margins", "Tests against the margin: a small p speaks for the heading of its column"
    )


def _plain(interval: Mapping[str, Any] | None) -> Value | None:
    """An effect without a unit, with two decimals."""
    if not interval or interval.get("estimate") is None:
        return None
    low, high = interval.get("low"), interval.get("high")
    ends = (
        f" ({number(low, 2)} to {number(high, 2)})" if low is not None and high is not None else ""
    )
    how = (interval["method"],) if interval.get("method") else ()
    return Value(f"{number(interval['estimate'], 2)}{ends}", how)


def _odds(ratio: Mapping[str, Any]) -> str:
    """An odds ratio; an end that is not bounded says so."""
    value, low, high = (ratio.get(key) for key in ("estimate", "low", "high"))
    ends = f"{decimal(low, 2)} to {decimal(high, 2) if high is not None else 'no upper end'}"
    return f"{decimal(value, 2)} ({ends})"


def plus_minus(value: float | None, unit: Unit) -> str:
    """A half-width: “±2.0”."""
    return NOTHING if value is None else f"±{shown_difference(value, unit, signed=False)}"


def pairs_text(contrast: Mapping[str, Any]) -> str:
    """How single items split: discordant counts where scores are 0 or 1, else wins, ties, losses."""
    a, b = contrast.get("a", "a"), contrast.get("b", "b")
    alone = contrast.get("discordant")
    if alone:
        counts = (alone.get("a_only", 0), alone.get("b_only", 0))
        return f"“{a}” alone right on {counts[0]:,}, “{b}” alone right on {counts[1]:,}"
    if contrast.get("wins") is None:
        return NOTHING
    wins, ties, losses = (contrast.get(k) or 0 for k in ("wins", "ties", "losses"))
    return f"“{a}” higher on {wins:,}, equal on {ties:,}, “{b}” higher on {losses:,}"
