"""Cost: requests, reuse, tokens and dollars per cell, and the time it took."""

from collections.abc import Mapping
from typing import Any

from splitplot.report.cells import Cells, shown
from splitplot.report.plots.pareto import Point, pareto
from splitplot.report.section import Figure, Rows, Table, Value
from splitplot.report.sections.common import average, cell_label, share
from splitplot.report.wording import (
    NOTHING,
    Unit,
    digits_for,
    dollars,
    duration,
    instant,
    number,
    p_value,
    parse_instant,
    percent,
    plural,
)

FREE_ROUTES = {"local": "local model", "sim": "simulated"}


def spending(costs: Mapping[str, Any], cells: Cells) -> dict[str, Any] | None:
    """Table of costs per cell, totals and wall time; None where costs.json holds no cell."""
    every = costs.get("cells") or []
    if not every:
        return None
    kept, left = shown(every)
    unpriced = sum(bool(c.get("unpriced")) for c in every)
    return {
        "rows": [_row(c, cells) for c in kept],
        "left": left,
        "sentences": _sentences(costs, every, unpriced, cells),
        "reasoning": any(c.get("tokens_reasoning") for c in every),
        "batch": any(_by_batch(c)["answered"] for c in every),
    }


def frontier(
    inference: Mapping[str, Any], cells: Cells, unit: Unit
) -> tuple[str, tuple[Figure, ...], tuple[Table, ...]]:
    """Cost against score: the sentence, the figure and the table; empty where costs are unknown."""
    found = inference.get("pareto") or {}
    every = [r for r in found.get("rows") or [] if _mean_of(r) is not None]
    if not every:
        return "", (), ()
    tokens = found.get("axis") == "tokens_out"
    what = "output tokens per answer" if tokens else "dollars per answer"
    table = Rows(("cell", what, "interval of it", "mean score", "on the front", "share of redraws"))
    points = []
    for row in every:
        label, price = cell_label(row, cells), row.get("usd_per_answer")
        mean, ends = _mean_of(row), row.get("usd_interval")
        interval = row["mean"] if isinstance(row["mean"], Mapping) else {"estimate": mean}
        low, high = interval.get("low"), interval.get("high")
        says = number if tokens else dollars
        table.add(
            label,
            says(price),
            f"{says(ends[0])} to {says(ends[1])}" if ends else None,
            average(interval, unit)
            if low is not None
            else f"{number((mean or 0.0) * unit.factor)}{unit.suffix}",
            "yes" if row.get("on_front") else "no",
            share(row.get("member_probability"), 0),
        )
        points.append(
            Point(
                label,
                price or 0.0,
                (mean or 0.0) * unit.factor,
                None if low is None else low * unit.factor,
                None if high is None else high * unit.factor,
                ends[0] if ends else None,
                ends[1] if ends else None,
                on_front=bool(row.get("on_front")),
                member=row.get("member_probability"),
            )
        )
    figure = pareto(points, unit, what)
    items, every_item = found.get("n_items"), inference.get("n_items")
    only = ""
    if items and every_item and items < every_item:
        only = (
            f" Cost and score are those of the {items:,} items of {every_item:,} that "
            f"“{found.get('metric')}” grades and every cell has answered."
        )
    return (
        f"{found.get('sentence') or ''}{only}".strip(),
        (figure,) if figure else (),
        table.table(
            "pareto",
            "Cost against score: on the front is what no cell beats at both",
            folded=figure,
        ),
    )


AMOUNTS = {
    "usd": "dollars per answer",
    "tokens_out": "output tokens per answer",
    "latency_s": "seconds per answer",
    "usd_per_correct": "dollars per right answer",
}


def spent(inference: Mapping[str, Any]) -> tuple[Table, ...]:
    """How many times the tokens, dollars and seconds of the other arm an arm of a contrast takes."""
    table = Rows(("contrast", "amount", "first arm", "second arm", "first ÷ second", "p"))
    for row in inference.get("spent") or []:
        ratio, amount = row.get("ratio") or {}, str(row.get("amount") or "")
        low, high = ratio.get("low"), ratio.get("high")
        says = dollars if amount.startswith("usd") else number
        known = low is not None and high is not None
        ends = f" ({number(low, 2)} to {number(high, 2)})" if known else ""
        table.add(
            str(row.get("contrast") or NOTHING),
            AMOUNTS.get(amount, amount),
            *(says(row.get(key)) for key in ("mean_a", "mean_b")),
            Value(f"{number(ratio.get('estimate'), 2)}{ends}", strong=True),
            p_value(row.get("p_value")),
        )
    return table.table("spent", "What the arms of each contrast take, as a ratio")


def _mean_of(row: Mapping[str, Any]) -> float | None:
    """The mean of a row, given as a number or as an interval."""
    mean = row.get("mean")
    value = mean.get("estimate") if isinstance(mean, Mapping) else mean
    return None if value is None else float(value)


def _row(cell: Mapping[str, Any], cells: Cells) -> dict[str, Any]:
    answered, reused = cell.get("answered") or 0, cell.get("reused") or 0
    return {
        "label": cells.label(cells.of(cell)),
        "requests": _count(cell.get("requests")),
        "new": _count(max(0, answered - reused)),
        "reused": _count(reused),
        "tokens_in": _count(cell.get("tokens_in")),
        "tokens_out": _count(cell.get("tokens_out")),
        "tokens_reasoning": _count(cell.get("tokens_reasoning")),
        "batch": _count(_by_batch(cell)["answered"]),
        "usd": _money(cell, cells),
    }


def _money(cell: Mapping[str, Any], cells: Cells) -> str:
    """The dollars of a cell; what costs nothing says why, what has no price says so."""
    route = cells.trials.get(cells.of(cell)[0], {}).get("route", "")
    if not cell.get("usd") and route in FREE_ROUTES:
        return f"$0: {FREE_ROUTES[route]}"
    return dollars(None if cell.get("unpriced") else cell.get("usd"))


def _sentences(
    costs: Mapping[str, Any], every: list[Mapping[str, Any]], unpriced: int, cells: Cells
) -> list[str]:
    answered = sum(c.get("answered") or 0 for c in every)
    reused = sum(c.get("reused") or 0 for c in every)
    routes = {t.get("route") for t in cells.trials.values()}
    lines = []
    total, spent = costs.get("total_usd"), costs.get("spent_usd_this_study")
    if not total and not spent and routes <= set(FREE_ROUTES):
        why = "; ".join(FREE_ROUTES[r] for r in sorted(routes) if r)
        lines.append(f"{plural(answered, 'answer')} for $0 ({why}).")
    else:
        least = "at least " if unpriced else ""
        paid = f", of which this study paid {dollars(spent)}" if spent is not None else ""
        lines.append(f"{plural(answered, 'answer')} worth {least}{dollars(total)}{paid}.")
    lines.append(
        f"{plural(reused, 'answer')} came from the ledger, made for other studies; "
        f"{max(0, answered - reused):,} were made for this one."
        if reused
        else "Every answer was made for this study."
    )
    lines += _by_route(costs, every) + _beside(costs) + _local(costs)
    if unpriced:
        lines.append(f"{plural(unpriced, 'cell')} without a known price: not in the total.")
    wall = costs.get("wall") or {}
    first, last = parse_instant(wall.get("first")), parse_instant(wall.get("last"))
    if first and last:
        took = duration((last - first).total_seconds())
        lines.append(
            f"Answered between {instant(wall['first'])} and {instant(wall['last'])}: "
            f"{took} from first to last."
        )
    return lines


def _by_route(costs: Mapping[str, Any], every: list[Mapping[str, Any]]) -> list[str]:
    """What went by batch, what that saved, and what had to be rescued from it."""
    batch, lines = _by_batch(costs), []
    if batch["answered"]:
        saved = costs.get("saved_usd") or 0.0
        less = f", {dollars(saved)} less than in real time" if saved > 0 else ""
        lines.append(
            f"By batch: {plural(batch['answered'], 'answer')} for {dollars(batch['usd'])}{less}."
        )
    if rescued := sum(c.get("rescued") or 0 for c in every):
        lines.append(
            f"{plural(rescued, 'answer')} that a batch did not bring before it expired came in real "
            "time, at the full price."
        )
    return lines


def _beside(costs: Mapping[str, Any]) -> list[str]:
    """What the study has paid beside the answers above, so that the sum is that of the ledger."""
    ledger = costs.get("ledger") or {}
    parts = []
    for name, noun, why in (
        ("billed_failures", "failure", "billed without an answer"),
        ("elsewhere", "answer", "in no cell of this report (removed since, or a second one)"),
    ):
        line = ledger.get(name) or {}
        if line.get("usd"):
            parts.append(f"{dollars(line['usd'])} for {plural(line['count'], noun)} {why}")
    if not parts:
        return []
    paid = ledger["paid"]["usd"]
    return [f"Beside these the study paid {' and '.join(parts)}: {dollars(paid)} in all."]


def _local(costs: Mapping[str, Any]) -> list[str]:
    """What the jobs of each local model took: GPU-hours, or without GPUs the time alone."""
    models: dict[str, list[Mapping[str, Any]]] = {}
    for row in (costs.get("local") or {}).get("trials") or []:
        models.setdefault(str(row["model"]), []).append(row)
    lines = []
    for model, rows in models.items():
        jobs, hours, gpu_hours = (
            sum(row[key] for row in rows) for key in ("jobs", "hours", "gpu_hours")
        )
        if not jobs:
            lines.append(f"{model} was not loaded: its answers were in the ledger.")
            continue
        took, of = f"took {duration(3600 * hours)}", "of it"
        if gpu_hours:
            took, of = f"used {number(gpu_hours, digits_for(gpu_hours))} GPU-hours", "of them"
        loading = sum((row["loading_share"] or 0.0) * row["hours"] for row in rows)
        share = f", {percent(loading, hours)} {of} loading the model" if hours else ""
        lines.append(f"{model}: {plural(jobs, 'job')} {took}{share}.")
    return lines


def _by_batch(costs: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (costs.get("routes") or {}).get("batch", {"answered": 0, "usd": 0.0})
    return found


def _count(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"
