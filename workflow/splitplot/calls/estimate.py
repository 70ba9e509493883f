"""What a study would still send and cost: only remaining work, per cell, ceiling and expectation."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from math import floor, log10
from pathlib import Path
from statistics import fmean
from typing import Any

from splitplot import paths
from splitplot.calls.fulfil import FREE_ROUTES, trial_price
from splitplot.calls.ledger import Ledger, Position
from splitplot.calls.pricing import Price, ceiling, cost
from splitplot.calls.records import LOST, Usage
from splitplot.calls.requests import cell_of, cell_requests
from splitplot.calls.tokens import expected, max_output, upper_bound
from splitplot.canonical import digest
from splitplot.items import load_items, read_items
from splitplot.items.item import Item
from splitplot.items.load import is_remote
from splitplot.targets import stage_version

LEARN_FROM = 200  # answers of a trial whose mean length stands for those to come
UNKNOWN_SHARE = 0.5  # of `max_tokens`, where a trial has no answers yet


@dataclass
class CellEstimate:
    """Remaining work of one cell. Tokens and dollars are of what would be sent, not of what is there.

    usd_*: None where the model has no known price. gaps: recorded failures, sent again by `refill`.
    """

    trial: str
    condition: str
    model: str
    route: str
    requests: int = 0
    in_ledger: int = 0
    gaps: int = 0
    to_send: int = 0
    tokens_in: int = 0
    tokens_out_ceiling: int | None = 0
    tokens_out_expected: int = 0
    usd_ceiling: float | None = 0.0
    usd_expected: float | None = 0.0
    price_source: str | None = None


@dataclass
class Estimate:
    """Estimate of a study: totals, cells, and the models without a price.

    work: digest of every request that the study consists of, answered or not. An approval is for it.
    """

    study: str
    work: str = ""
    requests: int = 0
    in_ledger: int = 0
    gaps: int = 0
    to_send: int = 0
    usd_ceiling: float = 0.0
    usd_expected: float = 0.0
    unpriced: list[str] = field(default_factory=list)
    cells: list[CellEstimate] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, the content of estimate.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Estimate":
        """Rebuild from `to_json`."""
        names = {f.name for f in fields(cls)}
        plain = {key: item for key, item in value.items() if key in names}
        return cls(**plain | {"cells": [CellEstimate(**cell) for cell in value["cells"]]})


def estimate(plan: dict[str, Any], items: Sequence[Item], ledger_root: Path) -> Estimate:
    """Build every request of the plan in memory, look its key up in the ledger, price the rest.

    A request that several cells share is counted once, in the first of them.
    """
    total = Estimate(plan["study"])
    ledgers: dict[str, Ledger] = {}
    seen: set[str] = set()
    for cell in plan["cells"]:
        trial = cell_of(plan, cell["trial"], cell["condition"])[0]
        if trial["hash"] not in ledgers:
            ledgers[trial["hash"]] = Ledger(ledger_root, trial["hash"], read_only=True)
        ledger = ledgers[trial["hash"]]
        row = _estimate_cell(plan, cell["trial"], cell["condition"], items, ledger, seen)
        total.cells.append(row)
        total.requests += row.requests
        total.in_ledger += row.in_ledger
        total.gaps += row.gaps
        total.to_send += row.to_send
        total.usd_ceiling += row.usd_ceiling or 0.0
        total.usd_expected += row.usd_expected or 0.0
        unpriced = row.to_send and (row.usd_ceiling is None or row.usd_expected is None)
        if unpriced and row.model not in total.unpriced:
            total.unpriced.append(row.model)
    total.work = digest(sorted(seen))
    return total


def dollars(amount: float) -> str:
    """An amount for people: cents, or two significant digits where cents would show too little.

    >>> dollars(1234.5), dollars(0.000424), dollars(0)
    ('$1,234.50', '$0.00042', '$0')
    """
    if not amount:
        return "$0"
    decimals = max(2, 1 - floor(log10(abs(amount))))
    return f"${amount:,.{decimals}f}"


def summary_line(total: Estimate) -> str:
    """One line for a dry run: what would be sent, what is there, what it would cost."""
    money = f"at most {dollars(total.usd_ceiling)}, about {dollars(total.usd_expected)} expected"
    if not total.usd_ceiling and not total.unpriced:
        money = "$0"
    if total.unpriced:
        money += f", and no price is known for {', '.join(total.unpriced)}"
    gaps = (
        f", {total.gaps:,} are recorded failures (`refill` sends them again)" if total.gaps else ""
    )
    return (
        f"study {total.study}: {total.requests:,} requests; {total.in_ledger:,} answers are in the "
        f"ledger{gaps}, {total.to_send:,} would be sent ({money})"
    )


def present_items(plan: dict[str, Any], root: Path) -> list[Item]:
    """The study's items as its results have them, else loaded afresh, without writing a file."""
    made = _made_items(plan, root)
    if made is None:
        pins = root / paths.REVISIONS
        made, _ = load_items(
            plan["items"], root=root, limit=plan["item_limit"], pins=pins, read_only=True
        )
    return made


def preview(plan: dict[str, Any], root: Path) -> str:
    """The summary line of a dry run: reads what is there, makes no file, fetches nothing."""
    items = _made_items(plan, root)
    if items is None:
        if any(is_remote(source, root) for source in plan["items"]):
            return f"study {plan['study']}: its requests can be counted once its items are fetched"
        items = present_items(plan, root)
    return summary_line(estimate(plan, items, root / paths.LEDGER))


def _made_items(plan: dict[str, Any], root: Path) -> list[Item] | None:
    """The items in the study's results, if these are not older than what they are made from."""
    version = stage_version(plan, "items", partial=False, root=root)
    table, written = root / paths.ITEMS.format(study=plan["study"]), root / version.path
    try:
        fresh = written.read_text(encoding="utf-8") == version.text
        fresh &= written.stat().st_mtime_ns <= table.stat().st_mtime_ns
    except FileNotFoundError:
        fresh = False
    return read_items(table) if fresh else None


def _estimate_cell(
    plan: dict[str, Any],
    trial_id: str,
    condition_id: str,
    items: Sequence[Item],
    ledger: Ledger,
    seen: set[str],
) -> CellEstimate:
    trial, condition, replications = cell_of(plan, trial_id, condition_id)
    row = CellEstimate(trial_id, condition_id, trial["model"], trial["route"])
    price = trial_price(trial)
    row.price_source = price.source if price else None
    bodies: dict[str, dict[str, Any]] = {}
    for request, _, _ in cell_requests(trial, condition, replications, items):
        if request.key not in seen:
            bodies[request.key] = request.body
    seen.update(bodies)
    found = ledger.find(bodies)
    row.requests = len(bodies)
    row.gaps = sum(1 for position in found.values() if position.gap)
    row.in_ledger = len(found) - row.gaps
    row.to_send = len(bodies) - len(found)
    learned = _mean_output(ledger, list(found.values()))
    free = trial["route"] in FREE_ROUTES
    for key, body in bodies.items():
        if key not in found:
            _add(row, body, price, learned, free=free)
    return row


def _add(
    row: CellEstimate,
    body: dict[str, Any],
    price: Price | None,
    learned: float | None,
    *,
    free: bool,
) -> None:
    tokens_in, bound_in = expected(body), upper_bound(body)
    bound_out = max_output(body, price)
    likely = learned if learned is not None else (bound_out or 0) * UNKNOWN_SHARE
    likely_out = round(min(likely, bound_out) if bound_out is not None else likely)
    row.tokens_in += tokens_in
    row.tokens_out_expected += likely_out
    if bound_out is None or row.tokens_out_ceiling is None:
        row.tokens_out_ceiling = None
    else:
        row.tokens_out_ceiling += bound_out
    if free:
        return
    most = ceiling(price, bound_in, bound_out) if price and bound_out is not None else None
    likely_usd = cost(price, Usage(tokens_in, likely_out)) if price else None
    row.usd_ceiling = _plus(row.usd_ceiling, most)
    row.usd_expected = _plus(row.usd_expected, likely_usd)


def _plus(total: float | None, amount: float | None) -> float | None:
    return None if total is None or amount is None else total + amount


def _mean_output(ledger: Ledger, positions: list[Position]) -> float | None:
    lengths = []
    for position in positions[:LEARN_FROM]:
        response = ledger.read(position)
        if response.outcome not in LOST and response.usage.output_tokens is not None:
            lengths.append(response.usage.output_tokens)
    return fmean(lengths) if lengths else None
