"""What a study would still send and cost: only remaining work, per cell, ceiling and expectation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.calls.batch.store import open_keys
from splitplot.calls.gpu_hours import gpu_hours
from splitplot.calls.keys import Prompts
from splitplot.calls.learn import Learned, any_answers, learn, spread
from splitplot.calls.ledger import Ledger
from splitplot.calls.pricing import ceiling, cost
from splitplot.calls.records import KEY_LENGTH, Usage
from splitplot.calls.remaining import Remaining, remaining
from splitplot.calls.requests import cell_of
from splitplot.calls.session import FREE_ROUTES
from splitplot.items import load_items, read_items
from splitplot.items.item import Item
from splitplot.items.load import is_remote
from splitplot.looks import check_alone, closed_parts, identities, looks_of
from splitplot.targets import stage_version
from splitplot.text import dollars

WRITTEN_AT_A_TIME = 4096
UNKNOWN_SHARE = 0.5  # of `max_tokens`, where a trial has no answers yet


@dataclass
class CellEstimate:
    """Remaining work of one cell. Tokens and dollars are of what would be sent, not of what is there.

    route: how it would travel, e.g. "realtime", "batch" or "batch + realtime". in_flight: in open
    batches, neither answered nor to be sent. batch_requests, batches: of `to_send`, by batch, and in
    how many. gaps: recorded failures, sent again by `refill`. usd_*: None where the model has no known
    price. usd_batch_full, usd_saved: what goes by batch is expected to cost so much in real time, and
    so much less by batch. n_learned: on how many answers the expected lengths rest; learned_from:
    "cell", or "trial" where the cell has none yet, or None. not_asked: requests of looks after the one
    that settled the question; they are counted nowhere else.
    """

    trial: str
    condition: str
    model: str
    route: str
    requests: int = 0
    in_ledger: int = 0
    gaps: int = 0
    in_flight: int = 0
    to_send: int = 0
    batch_requests: int = 0
    batches: int = 0
    tokens_in: int = 0
    tokens_out_ceiling: int | None = 0
    tokens_out_expected: int = 0
    usd_ceiling: float | None = 0.0
    usd_expected: float | None = 0.0
    usd_batch_full: float = 0.0
    usd_saved: float = 0.0
    price_source: str | None = None
    n_learned: int = 0
    learned_from: str | None = None
    not_asked: int = 0


@dataclass
class Estimate:
    """Estimate of a study: totals, cells, and the models without a price.

    work: digest of every request that the study consists of, answered or not. An approval is for it.
    looks: how often it may stop early; 0 where it may not. gpu_jobs: jobs that ask for GPUs;
    gpu_hours_at_most: what they reserve; gpu_hours_expected: what they probably use, None where the
    speed of a model is not known.
    """

    study: str
    work: str = ""
    requests: int = 0
    in_ledger: int = 0
    gaps: int = 0
    in_flight: int = 0
    to_send: int = 0
    batch_requests: int = 0
    batches: int = 0
    usd_ceiling: float = 0.0
    usd_expected: float = 0.0
    usd_saved: float = 0.0
    unpriced: list[str] = field(default_factory=list)
    cells: list[CellEstimate] = field(default_factory=list)
    looks: int = 0
    not_asked: int = 0
    gpu_jobs: int = 0
    gpu_hours_at_most: float = 0.0
    gpu_hours_expected: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, the content of estimate.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Estimate":
        """Rebuild from `to_json`."""
        names = {f.name for f in fields(cls)}
        plain = {key: item for key, item in value.items() if key in names}
        return cls(**plain | {"cells": [CellEstimate(**cell) for cell in value["cells"]]})


def estimate(
    plan: dict[str, Any],
    items: Sequence[Item],
    ledger_root: Path,
    closed: frozenset[int] = frozenset(),
    *,
    named: bool = True,
) -> Estimate:
    """Build every request of the plan, look its key up in the ledger, price the rest.

    A request that several cells share is counted once, in the first of them. closed: indices of the
    parts that are not asked (`looks.closed_parts`); without, a study that may stop early counts whole.
    named: whether to make the digest of the work, which an approval is bound to.
    Raises ConfigError where such a study has items that do not stand alone.
    """
    total = Estimate(plan["study"], looks=looks_of(plan))
    if total.looks:
        check_alone(plan, identities(items))
    ledgers: dict[str, Ledger] = {}
    in_flight: dict[str, set[str]] = {}
    # Only cells of one trial can share a request: of those that are done, 16 bytes a key are kept.
    seen: dict[str, set[str]] = {}
    done = bytearray()
    works: list[Remaining] = []
    prompts = Prompts()
    trials = [cell_of(plan, cell["trial"], cell["condition"])[0] for cell in plan["cells"]]
    last = {trial["hash"]: place for place, trial in enumerate(trials)}
    for place, (cell, trial) in enumerate(zip(plan["cells"], trials, strict=True)):
        name = trial["hash"]
        if name not in ledgers:
            # Batches are looked at first: one that is closed in between has its answers in the ledger.
            in_flight[name] = open_keys(ledger_root, name)
            ledgers[name] = Ledger(ledger_root, name, read_only=True)
        keys = seen.setdefault(name, set())
        works.append(
            remaining(plan, cell, items, ledgers[name], in_flight[name], keys, closed, prompts)
        )
        if last[name] == place:
            of_trial = seen.pop(name)
            done += b"".join(sorted(map(bytes.fromhex, of_trial))) if named else b""
    hours = gpu_hours(works)
    total.gpu_jobs, total.gpu_hours_at_most = hours.jobs, hours.at_most
    total.gpu_hours_expected = hours.expected
    for work in works:
        learned, learned_from = _learned(work, works, ledgers[work.trial["hash"]])
        row = _cell(work, learned, rescued=plan["execution"].get("rescue") is not None)
        row.learned_from = learned_from
        total.cells.append(row)
        for name in _SUMS:
            setattr(total, name, getattr(total, name) + (getattr(row, name) or 0))
        unpriced = row.to_send and (row.usd_ceiling is None or row.usd_expected is None)
        if unpriced and row.model not in total.unpriced:
            total.unpriced.append(row.model)
    total.work = _digest_of(done) if named else ""
    return total


def _digest_of(keys: bytearray) -> str:
    """`canonical.digest` of the sorted list of these keys, of which not all are texts at a time."""
    size = KEY_LENGTH // 2
    ordered = sorted(bytes(keys[place : place + size]) for place in range(0, len(keys), size))
    hasher = sha256(b"[")
    for start in range(0, len(ordered), WRITTEN_AT_A_TIME):
        text = b"".join(ordered[start : start + WRITTEN_AT_A_TIME]).hex(",", size)
        quoted = text.replace(",", '","')
        hasher.update(f'{"," if start else ""}"{quoted}"'.encode())
    hasher.update(b"]")
    return hasher.hexdigest()[:16]


_SUMS = (
    "not_asked",
    "requests",
    "in_ledger",
    "gaps",
    "in_flight",
    "to_send",
    "batch_requests",
    "batches",
    "usd_ceiling",
    "usd_expected",
    "usd_saved",
)


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
    in_flight = f", {total.in_flight:,} are in open batches" if total.in_flight else ""
    most = "at most " if total.looks and total.to_send else ""
    return (
        f"study {total.study}: {total.requests:,} requests; {total.in_ledger:,} answers are in the "
        f"ledger{gaps}{in_flight}, {most}{total.to_send:,} would be sent{_by_batch(total)} ({money})"
        f"{_on_gpus(total)}{_by_looks(total)}"
    )


def _on_gpus(total: Estimate) -> str:
    """The words for what is asked of GPUs.

    "; 8 jobs on GPUs, at most 16 GPU-hours by config/models.yaml, about 3.1 expected". More expected than
    the time limits allow is said to be so: those jobs are repeated.
    """
    if not total.gpu_jobs:
        return ""
    jobs = f"{total.gpu_jobs:,} jobs" if total.gpu_jobs > 1 else "one job"
    likely = total.gpu_hours_expected
    expected = "" if likely is None else f", about {likely:,.3g} expected"
    if likely is not None and likely > total.gpu_hours_at_most:
        expected += ": more than one try each"
    limit = f"at most {total.gpu_hours_at_most:,.3g} GPU-hours by config/models.yaml"
    return f"; {jobs} on GPUs, {limit}{expected}"


def _by_looks(total: Estimate) -> str:
    """The words for a study that may stop, or has stopped, before all of it is asked."""
    if total.not_asked:
        return f"; settled: {total.not_asked:,} more requests are not needed"
    if total.looks and total.to_send:
        return f"; it stops once it is settled, after one of {total.looks} looks"
    return ""


def _by_batch(total: Estimate) -> str:
    """The words for what goes by batch: ", of them 4,800 in 8 batches at half price"."""
    if not total.batch_requests:
        return ""
    saved = [(c.usd_saved, c.usd_batch_full) for c in total.cells if c.usd_batch_full]
    halves = [abs(full - 2 * less) < 1e-6 * full for less, full in saved]
    price = (
        " at half price" if saved and all(halves) else " at batch prices" if total.usd_saved else ""
    )
    count = f"{total.batch_requests:,}" if total.batch_requests < total.to_send else "all"
    batches = f"{total.batches:,} batches" if total.batches > 1 else "one batch"
    return f", {'of them ' if count != 'all' else ''}{count} in {batches}{price}"


def present_items(plan: dict[str, Any], root: Path) -> list[Item]:
    """The study's items as its results have them, else loaded afresh, without writing a file."""
    made = _made_items(plan, root)
    if made is None:
        pins = root / paths.REVISIONS
        made, _ = load_items(
            plan["items"],
            root=root,
            limit=plan["item_limit"],
            sample=plan.get("sample"),
            study_file=plan["study_file"],
            pins=pins,
            read_only=True,
        )
    return made


def preview(plan: dict[str, Any], root: Path) -> str:
    """The summary line of a dry run: reads what is there, makes no file, fetches nothing."""
    items = _made_items(plan, root)
    if items is None:
        if any(is_remote(source, root) for source in plan["items"]):
            return f"study {plan['study']}: its requests can be counted once its items are fetched"
        items = present_items(plan, root)
    closed = closed_parts(plan, root)
    return summary_line(estimate(plan, items, root / paths.LEDGER, closed, named=False))


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


def _learned(
    work: Remaining, works: list[Remaining], ledger: Ledger
) -> tuple[Learned | None, str | None]:
    """What the answers of the cell teach; of the trial's other cells, or any, where it has none."""
    if not len(work):
        return None, None
    if own := learn(spread(ledger, work.answers)):
        return own, "cell"
    others = [other.answers for other in works if other.trial is work.trial]
    found = learn(spread(ledger, *others)) or learn(any_answers(ledger))
    return found, "trial" if found else None


def _cell(work: Remaining, learned: Learned | None, *, rescued: bool) -> CellEstimate:
    """How the cell's requests would travel, their tokens and their dollars.

    rescued: what a batch leaves unanswered is sent in real time then, at the full price.
    """
    trial, price, bound_out = work.trial, work.price, work.bound_out
    parts = work.by_batch()
    row = CellEstimate(
        trial["id"],
        work.condition,
        trial["model"],
        trial["route"],
        not_asked=work.not_asked,
        requests=work.requests,
        in_ledger=len(work.answers),
        gaps=work.gaps,
        in_flight=work.in_flight,
        to_send=len(work),
        batches=len(parts),
        price_source=price.source if price else None,
        n_learned=learned.answers if learned else 0,
    )
    likely = learned.output if learned else (bound_out or 0) * UNKNOWN_SHARE
    out = round(likely if bound_out is None else min(likely, bound_out))
    ratio = (learned.input_ratio if learned else None) or 1.0
    priced: dict[tuple[int, int, bool], tuple[float | None, float | None, float]] = {}
    free = trial["route"] in FREE_ROUTES
    row.tokens_out_expected = out * len(work)
    if len(work):
        row.tokens_out_ceiling = None if bound_out is None else bound_out * len(work)
    if free:
        row.tokens_in = sum(
            count * min(round(expected_in * ratio), bound_in)
            for (expected_in, bound_in), count in Counter(
                zip(work.tokens_in, work.bound_in, strict=True)
            ).items()
        )
        row.batch_requests = sum(part in parts for part in work.part) if parts else 0
    for expected_in, bound_in, part in () if free else work:
        by_batch = part in parts
        tokens_in = min(round(expected_in * ratio), bound_in)
        row.batch_requests += by_batch
        row.tokens_in += tokens_in
        size = (tokens_in, bound_in, by_batch)
        if size not in priced:
            usage = learned.usage(tokens_in, out) if learned else Usage(tokens_in, out)
            full = cost(price, usage) if price else None
            usd = cost(price, usage, batch=by_batch) if price else None
            most = None
            if price and bound_out is not None:
                most = ceiling(price, bound_in, bound_out, batch=by_batch and not rescued)
            priced[size] = (most, usd, (full or 0.0) if by_batch else 0.0)
        most, usd, full_by_batch = priced[size]
        row.usd_ceiling = _plus(row.usd_ceiling, most)
        row.usd_expected = _plus(row.usd_expected, usd)
        row.usd_batch_full += full_by_batch
        row.usd_saved += full_by_batch - (usd or 0.0) if by_batch else 0.0
    if row.batches:
        row.route = "batch"
        if price and price.batch_source:
            row.price_source = f"{price.source}; {price.batch_source}"
        if row.batch_requests < row.to_send:
            row.route += f" + {trial['route']}"
    return row


def _plus(total: float | None, amount: float | None) -> float | None:
    return None if total is None or amount is None else total + amount
