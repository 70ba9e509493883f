"""From a provider's result files to the ledger: every key of a batch gets its answer or its gap."""

from pathlib import Path
from typing import Any

from splitplot.calls.batch.http import Http, HttpFailure
from splitplot.calls.batch.protocol import Provider, Result, Snapshot
from splitplot.calls.batch.store import Batch
from splitplot.calls.budget import NOTHING, Amount, settle_batch
from splitplot.calls.chat import tidy
from splitplot.calls.ledger import Ledger, LedgerWriter
from splitplot.calls.pricing import Price, cost, find_price
from splitplot.calls.records import LOST, Outcome, Response


async def collect(
    batch: Batch, ledger_root: Path, provider: Provider, http: Http, *, at: str, give_up: bool
) -> dict[str, int]:
    """Record what an ended batch brought, settle its money, and close it; the caller has its lock.

    Can be killed and done again at any point: what was recorded is not recorded twice, and the money
    is settled from all of it. at: the present time. give_up: results that the provider does not have
    (HTTP 404, 410) are lost for good. Returns the number of responses by outcome.
    Raises HttpFailure where the results cannot be had now.
    """
    intent, created, ended = batch.read("intent"), batch.read("created"), batch.read("ended")
    snapshot = snapshot_of(ended)
    price = intent_price(intent)
    ledger = Ledger(ledger_root, intent["trial"])
    keys = batch.keys()
    wanted = set(keys)
    sums = _Sums(intent)
    for position in ledger.find(keys).values():
        response = ledger.read(position)
        if response.engine.get("batch") == created["id"] and response.key in wanted:
            wanted.discard(response.key)
            sums.add(response, billed=response.outcome not in LOST)
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
                sums.add(response, billed=result.billed)
        except HttpFailure as error:
            if error.status not in (404, 410) or not give_up:
                raise
            gone = error
        for key in keys:
            if key in wanted:
                result = gaps.get(key) or _absent(key, snapshot, gone)
                response = _response(result, price, about)
                writer.response(response)
                sums.add(response, billed=result.billed and response.usd is not None)
    settle_batch(ledger_root, intent["study"], batch.name, sums.amount)
    batch.write("collected", {"at": at, "outcomes": sums.outcomes})
    for file in batch.folder.iterdir():
        if file.suffix not in (".json", ".txt") and file.name != "lock":
            file.unlink()  # downloads: the ledger has what they said
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

    def add(self, response: Response, *, billed: bool) -> None:
        self.outcomes[response.outcome] = self.outcomes.get(response.outcome, 0) + 1
        if not billed:
            ran = response.outcome == "error" and (response.error or {}).get("status") is not None
            self.amount += Amount(calls=1) if ran else NOTHING
            return
        usage, usd = response.usage, response.usd
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        self.amount += Amount(
            self._worst.usd / self._count if usd is None else usd,
            1,
            tokens or self._worst.tokens // self._count,
        )


def _response(result: Result, price: Price | None, about: dict[str, Any]) -> Response:
    """A result as a response of the ledger, at the batch price."""
    usd = None
    if result.billed and price is not None:
        usd = cost(price, result.usage, batch=True)
    fields = {name: getattr(result, name) for name in Result.__dataclass_fields__}
    fields.pop("billed")
    return Response(**fields, usd=usd, **about)


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
