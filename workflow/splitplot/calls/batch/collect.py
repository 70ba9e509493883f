"""From a provider's result files to the ledger: every key of a batch gets its answer or its gap."""

from pathlib import Path
from typing import Any

from splitplot.calls.batch.http import Http, HttpFailure
from splitplot.calls.batch.protocol import Provider, Result, Snapshot
from splitplot.calls.batch.store import Batch
from splitplot.calls.budget import NOTHING, Amount, settle_batch
from splitplot.calls.chat import tidy
from splitplot.calls.ledger import Ledger, LedgerWriter
from splitplot.calls.pacing import Failure
from splitplot.calls.pricing import Price, cost, find_price
from splitplot.calls.records import LOST, Outcome, Response


async def collect(
    batch: Batch,
    snapshot: Snapshot,
    ledger_root: Path,
    provider: Provider,
    http: Http,
    *,
    at: str,
    give_up: bool,
) -> dict[str, int]:
    """Record what an ended batch brought, settle its money, and close it; the caller has its lock.

    Can be killed and done again at any point: what was recorded is not recorded twice, and the money
    is settled from all of it. snapshot: the last look at it. at: the present time. give_up: results
    that the provider does not have are lost for good. Returns the number of responses by outcome.
    Raises HttpFailure where the results cannot be had now, or are fewer than the provider has counted.
    """
    intent, created, ended = batch.read("intent"), batch.read("created"), batch.read("ended")
    price = intent_price(intent)
    ledger = Ledger(ledger_root, intent["trial"])
    keys = batch.keys()
    wanted = set(keys)
    sums = _Sums(intent)
    for position in ledger.find(keys).values():
        response = ledger.read(position)
        if response.engine.get("batch") == created["id"] and response.key in wanted:
            wanted.discard(response.key)
            sums.add(response)
    gaps: dict[str, Result] = {}
    about = {
        "route": "batch",
        "study": intent["study"],
        "started_at": created["at"],
        "finished_at": ended["at"],
        "engine": {"batch": created["id"]},
    }
    with LedgerWriter(ledger_root, intent["trial"], batch.header()) as writer:
        gone: HttpFailure | None = None
        try:
            async for result in provider.results(http, snapshot, batch.folder):
                if result.key not in wanted:
                    continue  # a duplicate, or nobody's
                if result.outcome in LOST:
                    gaps[result.key] = result  # an answer may still follow
                    continue
                wanted.discard(result.key)
                gaps.pop(result.key, None)
                response = _response(result, price, about)
                writer.response(response)
                sums.add(response)
        except HttpFailure as error:
            if error.status not in (404, 410) or not give_up:
                raise
            gone = error
        there = len(keys) - len(wanted) + len(gaps)
        lost = max(0, (snapshot.done or 0) - there)
        if lost and not give_up:
            raise _incomplete(snapshot, there)
        for key in keys:
            if key in wanted:
                result = gaps.get(key) or _absent(key, snapshot, gone)
                response = _response(result, price, about)
                writer.response(response)
                sums.add(response)
        sums.add_lost(lost)
    settle_batch(ledger_root, intent["study"], batch.name, sums.amount)
    batch.write("collected", {"at": at, "outcomes": sums.outcomes})
    batch.tidy()
    return sums.outcomes


def snapshot_of(ended: dict[str, Any]) -> Snapshot:
    """The last look at a batch, as recorded in ended.json."""
    fields = {key: ended.get(key) for key in Snapshot.__dataclass_fields__}
    error = ended.get("error")
    return Snapshot(**fields | {"error": tuple(error) if error else None})


def intent_price(intent: dict[str, Any]) -> Price | None:
    """The price of a batch's model; None where nobody has told it."""
    model_id, sent_model, override = intent["price"]
    return find_price(model_id, sent_model, override, intent["settings"]["protocol"])


class _Sums:
    """What the responses of a batch come to: outcomes, and the amount for the caps."""

    def __init__(self, intent: dict[str, Any]) -> None:
        self.outcomes: dict[str, int] = {}
        self.amount = NOTHING
        self._worst, self._count = Amount(**intent["worst"]), int(intent["count"])

    def add(self, response: Response) -> None:
        """Count a recorded response: what it cost follows from the record alone."""
        self.outcomes[response.outcome] = self.outcomes.get(response.outcome, 0) + 1
        usage = response.usage
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        if response.usd is None:  # billed, and nobody knows how much
            self.add_lost(1, tokens)
        elif response.usd or tokens:
            self.amount += Amount(response.usd, 1, tokens)
        elif (response.error or {}).get("status") is not None:
            self.amount += Amount(calls=1)

    def add_lost(self, count: int, tokens: int = 0) -> None:
        """Count requests that were billed, at their share of the worst case."""
        worst, all_ = self._worst, self._count
        share = Amount(worst.usd / all_, 1, tokens or worst.tokens // all_)
        for _ in range(count):
            self.amount += share


def _response(result: Result, price: Price | None, about: dict[str, Any]) -> Response:
    """A result as a response of the ledger, at the batch price: 0 where it is not billed at all."""
    usd: float | None = 0.0
    if result.billed:
        usd = cost(price, result.usage, batch=True) if price is not None else None
    fields = {name: getattr(result, name) for name in Result.__dataclass_fields__}
    fields.pop("billed")
    return Response(**fields, usd=usd, **about)


def _incomplete(snapshot: Snapshot, there: int) -> HttpFailure:
    message = f"it has counted {snapshot.done:,} requests as done, and its results hold {there:,}"
    return HttpFailure(Failure("retry", "incomplete", message, status=410))


def _absent(key: str, snapshot: Snapshot, gone: HttpFailure | None) -> Result:
    """The gap of a request without a line in the results."""
    outcome: Outcome = "error"
    if gone is not None:
        kind, message = "results_gone", f"the results cannot be had any more: {gone}"
    elif snapshot.expired:
        outcome, kind, message = "expired", "expired", "the batch expired before it was answered"
    elif snapshot.cancelled:
        kind, message = "cancelled", "the batch was cancelled before it was answered"
    elif snapshot.error is not None:
        kind, message = snapshot.error
    else:
        kind, message = "no_result", "the batch ended without a line for this request"
    error = {"type": tidy(kind), "message": tidy(message), "status": None}
    return Result(key, outcome, error=error, billed=False)
