"""Caps that hold across concurrent jobs: reserve the worst case before sending, settle the actual.

Each job keeps one small file in `results/ledger/spend/{study}/`; a reservation is made under a lock of
that folder, against the sum of all files. A job that was killed leaves a file without an end; the next
one to look settles it from that job's ledger file: what was answered at its price, what was in flight
at its worst case, because the provider may bill it. So does a job that ends before all is answered.

A provider's batch outlives the job that made it, and has a file of its own (`batch-{name}.json`): the
job hands the reservation over before it asks for the batch, and whoever collects it settles it.

An intent with a worst case is a new reservation, so the attempt before it may have been billed; one
without is another attempt on the same reservation, after a refusal that cost nothing.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from splitplot.calls.ledger import records
from splitplot.calls.pricing import Price, ceiling
from splitplot.calls.records import LOST
from splitplot.calls.tokens import max_output, upper_bound
from splitplot.errors import CapReached
from splitplot.files import read_json, write_json


@dataclass(frozen=True)
class Amount:
    """What requests cost: calls, tokens (input and output), US dollars."""

    usd: float = 0.0
    calls: int = 0
    tokens: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.usd + other.usd, self.calls + other.calls, self.tokens + other.tokens)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.usd - other.usd, self.calls - other.calls, self.tokens - other.tokens)

    def within(self, cap: dict[str, float | None]) -> bool:
        """Whether no capped quantity is exceeded (a billionth of slack for sums of floats)."""
        return all(
            limit is None or getattr(self, name) <= limit * (1 + 1e-9)
            for name, limit in cap.items()
        )


NOTHING = Amount()
BATCH_FILE = "batch-{name}.json"


class Budget:
    """The caps of one study as one job sees them: `max_usd` over all models, `quota` of its model."""

    def __init__(
        self, ledger: Path, study: str, model: str, caps: dict[str, Any], ledger_file: Path
    ) -> None:
        quota = caps.get("quota", {}).get(model) or {}
        self._study_cap = {"usd": caps.get("max_usd")}
        self._model_cap = {field.name: quota.get(field.name) for field in fields(Amount)}
        self.capped = any(
            limit is not None for limit in (*self._study_cap.values(), *self._model_cap.values())
        )
        self._ledger = ledger
        self._model = model
        self._folder = ledger / "spend" / study
        self._path = self._folder / f"{ledger_file.stem}.json"
        self._ledger_file = str(ledger_file.relative_to(ledger))
        self._spent = NOTHING
        self._reserved = NOTHING
        self._for_batches = False
        self._final: dict[Path, tuple[str, Amount]] = {}
        self._alive: int | None = None

    def open(self) -> None:
        """Say that this job may spend: what it does counts for a cap that is set later, too."""
        with self._locked():
            self._write(final=False)

    def reserve(self, wanted: Sequence[Amount], *, batches: bool = False) -> tuple[int, bool]:
        """Reserve the worst case of the first requests that fit.

        batches: they go by batch, and what is granted is handed over, or settled, before the job sends.
        Returns how many fit, and whether waiting may help: something else that is reserved is still
        unsettled, be it a batch where these go by batch; nobody in real time waits a day for one.
        """
        self._for_batches |= batches
        if not self.capped:
            self._reserved = sum(wanted, self._reserved)
            return len(wanted), False
        with self._locked():
            others, others_model, unsettled = self._others(batches=batches)
            if batches and self._reserved.calls:
                unsettled = True
            granted = 0
            for worst in wanted:
                if not self._fits(worst, others, others_model):
                    break
                self._reserved += worst
                granted += 1
            if granted:
                self._write(final=False)
        # In real time, what was granted just now is soon settled; what goes by batch waits for it all.
        return granted, unsettled or (not batches and self._reserved.calls > 0)

    def worst_of(
        self, body: dict[str, Any], price: Price | None, trial_id: str, *, batch: bool = False
    ) -> Amount:
        """The worst case of one attempt. Without a cap it is one call where nothing bounds it.

        Raises CapReached, and ValueError as `worst_case`, where a cap needs a bound and there is none.
        """
        try:
            worst = worst_case(body, price, batch=batch)
        except ValueError:
            if self.capped:
                raise
            worst = None
        if worst is None and self.capped:
            raise CapReached(
                f"{trial_id}: a cap needs a bound on the answer's length; set `max_tokens` in the "
                "study's sampling"
            )
        return worst or Amount(calls=1)

    def hand_over(self, batch: str, worst: Amount) -> None:
        """Make `worst`, reserved by this job, the reservation of a batch: it outlives the job.

        To be called before the create call leaves; `settle_batch` ends it. A kill on the way counts
        too much until the job is settled, never too little.
        """
        with self._locked():
            state = {"model": self._model, "batch": batch, "final": False}
            write_json(
                self._folder / BATCH_FILE.format(name=batch),
                state | {"spent": asdict(NOTHING), "reserved": asdict(worst)},
            )
            self._reserved -= worst
            if self._reserved.calls == 0:
                self._reserved = NOTHING  # sums of floats leave a rest
            self._write(final=False)

    def retry(self, worst: Amount, *, paid: bool) -> bool:
        """Count the attempt that failed, and hold the request's worst case for another one.

        paid: the failed attempt may have been billed. Its worst case is spent then, and a new one
        must fit; else it was a call for nothing, and the reservation stands.
        Returns False, with nothing changed, where the caps leave no room for another attempt.
        """
        failed = worst if paid else Amount(calls=1)
        if not self.capped or not (paid or self._model_cap["calls"] is not None):
            self._spent += failed
            return True
        with self._locked():
            others, others_model, _ = self._others(batches=False)
            if not self._fits(failed, others, others_model):
                return False
            self._spent += failed
            self._write(final=False)
        return True

    def settle(self, worst: Amount, actual: Amount) -> None:
        """Replace a reservation by what the request did cost. Others see it at the next write."""
        self._reserved -= worst
        self._spent += actual
        if self.capped and self._reserved.calls == 0 and worst.calls:
            self.publish()

    def publish(self) -> None:
        """Let other jobs see what has been settled so far."""
        if self.capped:
            with self._locked():
                self._write(final=False)

    def close(self) -> None:
        """Give back what was reserved and not sent; what was sent and not answered is spent."""
        if self._alive is None:
            return
        # On a full disk the file stays without an end: the next job settles it as after a kill.
        with suppress(OSError):
            if self._reserved.calls:
                _, unanswered = _from_ledger(self._ledger / self._ledger_file) or (NOTHING, NOTHING)
                self._spent += unanswered
                self._reserved = NOTHING
            with self._locked():
                self._write(final=True)
        os.close(self._alive)
        self._alive = None

    def _fits(self, more: Amount, others: Amount, others_model: Amount) -> bool:
        mine = self._spent + self._reserved + more
        return (others + mine).within(self._study_cap) and (others_model + mine).within(
            self._model_cap
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._alive is None:
            # Held for the life of the job: a free lock beside an unfinished file tells of a kill.
            self._alive = os.open(self._path.with_suffix(".alive"), os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.lockf(self._alive, fcntl.LOCK_EX)
        with _folder_lock(self._folder):
            yield

    def _write(self, *, final: bool) -> None:
        write_json(
            self._path,
            {
                "model": self._model,
                "ledger": self._ledger_file,
                "final": final,
                "for_batches": self._for_batches,
                "spent": asdict(self._spent),
                "reserved": asdict(self._reserved),
            },
        )

    def _others(self, *, batches: bool) -> tuple[Amount, Amount, bool]:
        """(all models, this model, is anything unsettled) over the other jobs and batches of the study.

        batches: whether the reservation of a batch counts as unsettled.
        """
        total = model_total = NOTHING
        unsettled = False
        for path in sorted(self._folder.glob("*.json")):
            if path == self._path:
                continue
            if path not in self._final:
                state = read_json(path)
                is_batch = "batch" in state
                if not (state["final"] or is_batch) and _is_dead(path.with_suffix(".alive")):
                    state = _settle_dead(path, state, self._ledger)
                amount = Amount(**state["spent"]) + Amount(**state["reserved"])
                if state["final"]:
                    self._final[path] = (state["model"], amount)
                elif state["reserved"]["calls"] and (batches or not is_batch):
                    unsettled = True
            else:
                state, amount = {"model": self._final[path][0]}, self._final[path][1]
            total += amount
            if state["model"] == self._model:
                model_total += amount
        return total, model_total, unsettled


def settle_batch(ledger_root: Path, study: str, name: str, actual: Amount) -> None:
    """End the reservation of a batch with what it did cost; from any process, any number of times.

    A batch without a reservation has one made here, unless it cost nothing: it was never handed over
    then, or the folder was removed, and what it cost counts all the same.
    """
    folder = ledger_root / "spend" / study
    path = folder / BATCH_FILE.format(name=name)
    if actual == NOTHING and not path.exists():
        return
    with _folder_lock(folder):
        state = read_json(path) if path.exists() else _unreserved(ledger_root, name)
        amounts = {"spent": asdict(actual), "reserved": asdict(NOTHING)}
        write_json(path, state | {"final": True} | amounts)


def settle_dead(ledger_root: Path, study: str) -> None:
    """Settle what killed jobs of a study had reserved, as the next job that asks for money would.

    For whoever ends without asking, what was to be sent being answered by another study's batch. Not
    for a job whose own budget is open: looking at its lock would give it up.
    """
    folder = ledger_root / "spend" / study
    if not folder.exists():
        return
    with _folder_lock(folder):
        for path in sorted(folder.glob("*.json")):
            state = read_json(path)
            is_open = not state["final"] and "batch" not in state
            if is_open and _is_dead(path.with_suffix(".alive")):
                _settle_dead(path, state, ledger_root)


def worst_case(body: dict[str, Any], price: Price | None, *, batch: bool = False) -> Amount | None:
    """The most that one attempt at a request can use; None where nothing bounds its answer.

    batch: it goes by batch; then it costs the batch price where that is certain.

    Raises ValueError as `upper_bound`.
    """
    tokens_in, tokens_out = upper_bound(body), max_output(body, price)
    if tokens_out is None:
        return None
    usd = ceiling(price, tokens_in, tokens_out, batch=batch) if price else 0.0
    return Amount(usd, 1, tokens_in + tokens_out)


def actual_amount(record: dict[str, Any], worst: Amount) -> Amount:
    """What a response cost, from its ledger record: its last attempt, the earlier ones not counted.

    A refusal by status code cost nothing; where price, usage or the fate of the call is unknown (a
    timeout, a cut connection), the worst case counts; a request that was given up unsent is free.
    """
    if record.get("attempts") == 0:
        return NOTHING
    usage = record.get("usage") or {}
    if record["outcome"] in LOST:
        status = (record.get("error") or {}).get("status")
        return Amount(calls=1) if status and status >= 400 else worst
    counted = (usage.get("input_tokens") or 0) + (usage.get("output_tokens") or 0)
    usd = record.get("usd")
    return Amount(worst.usd if usd is None else usd, 1, counted or worst.tokens)


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def _unreserved(ledger: Path, name: str) -> dict[str, Any]:
    """The state of a batch that no reservation tells of: its model is in its intent."""
    intent = next(iter(sorted((ledger / "batches").glob(f"*/{name}/intent.json"))), None)
    return {"model": read_json(intent)["model"] if intent else "", "batch": name}


def _is_dead(alive: Path) -> bool:
    try:
        file = os.open(alive, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _settle_dead(path: Path, state: dict[str, Any], ledger: Path) -> dict[str, Any]:
    settled = state | {"final": True}
    found = _from_ledger(ledger / state["ledger"])
    if found is None and state.get("for_batches"):
        found = NOTHING, NOTHING  # what it had not handed over it had not sent
    if found is not None:  # else nothing tells what was answered: all that was reserved counts
        spent, unanswered = found
        settled |= {"spent": asdict(spent), "reserved": asdict(unanswered)}
    write_json(path, settled)
    return settled


def _from_ledger(path: Path) -> tuple[Amount, Amount] | None:
    """(spent, the worst case of what was sent and has no answer) of one ledger file, if it exists.

    Where a request was attempted more than once, spent has its earlier attempts.
    """
    if not path.exists():
        return None
    in_flight: dict[str, Amount] = {}
    spent = NOTHING
    for record in records(path):
        key = str(record.get("key"))
        if record["kind"] == "intent":
            before, worst = in_flight.get(key), record.get("worst")
            if before is not None:
                spent += before if worst else Amount(calls=1)
            if worst or before is None:
                in_flight[key] = Amount(**worst) if worst else Amount(calls=1)
        elif record["kind"] == "response":
            spent += actual_amount(record, in_flight.pop(key, NOTHING))
    return spent, sum(in_flight.values(), NOTHING)
