"""Money: what must be agreed to before the first paid call, and what the caps will leave out."""

import fcntl
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitplot.calls.budget import NOTHING, Amount
from splitplot.calls.session import trial_price
from splitplot.canonical import digest
from splitplot.errors import ApprovalNeeded, CapReached
from splitplot.files import read_json, write_json
from splitplot.items import read_items
from splitplot.text import dollars

if TYPE_CHECKING:
    from splitplot.calls.estimate import Estimate


def open_gate(
    plan: dict[str, Any],
    items: Path,
    ledger_root: Path,
    *,
    trial_id: str,
    condition_id: str,
    part: str,
    pending: int,
    by_batch: bool = False,
) -> None:
    """Called by a job before its first paid call: is what the study may still cost agreed to?

    pending: requests that the job is going to send for its part. by_batch: by batch; in real time
    they cost more, so no more may go that way than was estimated for it.
    The whole study is estimated once for all its jobs; gate.json beside `items` (items.parquet) keeps
    that it passed for as long as plan, items, approval and prices stay the same and the jobs of a cell
    send no more than was estimated for it, as they would with another ledger.
    Raises ApprovalNeeded as `check_gate`, and ConfigError as `check_sizes`.
    """
    approval, gate = items.with_name("approval.json"), items.with_name("gate.json")
    cell = f"{trial_id}/{condition_id}"
    key = _state(plan, items, approval)
    with gate.with_suffix(".lock").open("a+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        known = read_json(gate) if gate.exists() else {}
        passed = known.get("key") == key
        passed = passed and _count(known, cell, part, pending, by_batch=by_batch)
        if not passed:
            from splitplot.calls.estimate import (
                estimate,  # half a second of imports: once for all jobs
            )
            from splitplot.calls.sizes import check_sizes

            every = read_items(items)
            check_sizes(plan, every, ledger_root)
            total = estimate(plan, every, ledger_root)
            check_gate(plan, total, approval)
            rows = {f"{row.trial}/{row.condition}": row for row in total.cells}
            known = {
                "key": key,
                "to_send": {name: row.to_send for name, row in rows.items()},
                "realtime": {name: row.to_send - row.batch_requests for name, row in rows.items()},
                "jobs": {},
                "realtime_jobs": {},
            }
            # A request that cells share is estimated in the first of them only.
            for limit in ("to_send",) if by_batch else ("to_send", "realtime"):
                known[limit][cell] = max(pending, known[limit].get(cell, 0))
            _count(known, cell, part, pending, by_batch=by_batch)
        write_json(gate, known)


def _count(known: dict[str, Any], cell: str, part: str, pending: int, *, by_batch: bool) -> bool:
    """Count a job's requests; whether the cell's are still within what was estimated for it."""
    within = True
    for jobs, limit in (("jobs", "to_send"), ("realtime_jobs", "realtime")):
        if by_batch and jobs == "realtime_jobs":
            continue
        parts = known[jobs].setdefault(cell, {})
        parts[part] = max(pending, parts.get(part, 0))
        within &= sum(parts.values()) <= known[limit].get(cell, 0)
    return within


def _state(plan: dict[str, Any], items: Path, approval: Path) -> str:
    """Digest of what a pass is good for, other than the ledger."""
    files = sha256(items.read_bytes() + (approval.read_bytes() if approval.exists() else b""))
    prices = [(trial["id"], trial_price(trial)) for trial in plan["trials"]]
    rates = [[name, asdict(price) if price else None] for name, price in prices]
    sending = [plan["digests"]["money"], len(plan["parts"]), plan["execution"].get("rescue")]
    return digest([sending, files.hexdigest(), rates])


def check_gate(plan: dict[str, Any], total: "Estimate", approval: Path) -> None:
    """Stop before the first paid call when the remaining work may cost more than was agreed to.

    The ceiling is compared, not the expectation, and without what is in flight: that was agreed to when
    it was sent. A model without a price needs an approval too. An
    approval is for the study's requests as they were when it was given, however many of them have
    been answered since; other requests need another one.
    Raises ApprovalNeeded with the one command that approves.
    """
    allowed = float(plan["budget"]["confirm_above_usd"])
    limit = f"budget.confirm_above_usd is {dollars(allowed)}"
    unpriced_allowed: set[str] = set()
    if approval.exists():
        granted = read_json(approval)
        if granted["work"] != total.work:
            limit += ", and what was approved was another set of requests"
        else:
            unpriced_allowed = set(granted["unpriced"])
            if granted["usd"] > allowed:
                allowed = float(granted["usd"])
                limit = f"{dollars(allowed)} was approved"
    questions = []
    if total.usd_ceiling > allowed:
        questions.append(
            f"{total.to_send:,} requests may cost up to {dollars(total.usd_ceiling)} (about "
            f"{dollars(total.usd_expected)} expected), and {limit}"
        )
    if unknown := sorted(set(total.unpriced) - unpriced_allowed):
        questions.append(
            f"no price is known for {', '.join(unknown)} (set `price` in config/models.yaml; zeros "
            "where it costs nothing)"
        )
    if questions:
        raise ApprovalNeeded(
            f"study {plan['study']}: {'; '.join(questions)}. Nothing of it has been sent. To approve:"
            f"\n    splitplot approve {plan['study']}\nand run again"
        )


def approve(total: "Estimate", approval: Path) -> dict[str, Any]:
    """Record the agreement to the ceiling of an estimate and to its unpriced models; returns it."""
    granted = {"usd": total.usd_ceiling, "unpriced": total.unpriced, "work": total.work}
    write_json(approval, granted)
    return granted


def check_cap(plan: dict[str, Any], total: "Estimate", ledger_root: Path) -> None:
    """Tell that the caps of the study leave too little for what is expected of the remaining work.

    Nothing is wrong with running all the same: what does not fit is left out as over quota.
    Raises CapReached.
    """
    spent = _spent(ledger_root, plan["study"])
    wanted: dict[str, Amount] = {}
    for cell in total.cells:
        tokens = cell.tokens_in + cell.tokens_out_expected
        wanted[cell.model] = wanted.get(cell.model, NOTHING) + Amount(
            cell.usd_expected or 0.0, cell.to_send, tokens
        )
    caps: list[tuple[str, dict[str, Any], Amount, Amount]] = [
        (
            "max_usd",
            {"usd": plan["budget"]["max_usd"]},
            sum(spent.values(), NOTHING),
            sum(wanted.values(), NOTHING),
        )
    ]
    for model, quota in plan["budget"]["quota"].items():
        used, more = spent.get(model, NOTHING), wanted.get(model, NOTHING)
        caps.append((f"quota of {model}", quota, used, more))
    too_small = [
        f"budget.{name} is {_quantity(limit, unit)}, {_quantity(getattr(used, unit), unit)} of it "
        f"is used, and what is left to send is expected to take {_quantity(needed, unit)}"
        for name, quota, used, more in caps
        for unit, limit in quota.items()
        if limit is not None
        and (needed := getattr(more, unit))
        and getattr(used, unit) + needed > limit * (1 + 1e-9)
    ]
    if too_small:
        raise CapReached(
            f"study {plan['study']}: {'; '.join(too_small)}. What does not fit is left out as over "
            f"quota; to have it, raise the cap in {plan['study_file']}"
        )


def _spent(ledger_root: Path, study: str) -> dict[str, Amount]:
    """What each model has used of the study's caps, in-flight requests at their worst case."""
    spent: dict[str, Amount] = {}
    for path in (ledger_root / "spend" / study).glob("*.json"):
        state = read_json(path)
        amount = Amount(**state["spent"]) + Amount(**state["reserved"])
        spent[state["model"]] = spent.get(state["model"], NOTHING) + amount
    return spent


def _quantity(value: float, unit: str) -> str:
    return dollars(value) if unit == "usd" else f"{value:,.0f} {unit}"
