"""Answer the requests of one part: reuse what the ledger has, send the rest, project the responses.

The order of things is the promise that nothing is paid twice: lock a key, look once more into the
ledger, reserve its worst case, record the intent, send, record the answer, give the lock back.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from splitplot.calls.batch.store import Store, open_keys
from splitplot.calls.budget import NOTHING, Amount, Budget, actual_amount
from splitplot.calls.credentials import api_key
from splitplot.calls.ledger import Ledger, LedgerWriter
from splitplot.calls.locks import KeyLocks
from splitplot.calls.pricing import Price, cost, find_price
from splitplot.calls.records import Request, Response, Usage
from splitplot.calls.requests import cell_of, part_index
from splitplot.calls.stop import requested, stopped, watching
from splitplot.errors import ConfigError
from splitplot.files import read_json, read_jsonl, write_jsonl

WINDOW = 256  # keys locked, looked up and reserved at a time
HELD_ELSEWHERE_SECONDS = 0.5  # how often to look whether another job has answered
FREE_ROUTES = ("local", "sim")


@dataclass
class Tally:
    """What happened to the requests of a part."""

    requests: int = 0
    reused: int = 0
    sent: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)


def fulfil(
    *,
    plan: dict[str, Any],
    trial_id: str,
    condition_id: str,
    part: str,
    folder: Path,
    items: Path,
    ledger_root: Path,
    terminal: TextIO | None = None,
    before_paid: Callable[[int], None] | None = None,
) -> Tally:
    """Make `folder`/responses.jsonl from `folder`/requests.jsonl, sending only what is new.

    plan: plan.json. items: items.parquet (read on the `sim` route only). ledger_root: results/ledger.
    terminal: where progress is shown, if it is one. before_paid: called before the first call that
    may cost money, with the number of requests to send, and not at all if there is none; what it
    raises ends the job.
    Raises SplitplotError when the work itself could not be done: credentials missing or refused, the
    disk full, a stop requested. Everything that was answered until then is in the ledger.
    """
    trial, condition, _ = cell_of(plan, trial_id, condition_id)
    ledger = Ledger(ledger_root, trial["hash"])
    keys = _keys(folder)
    batches = _Batches(plan, trial, folder)
    batches.reopen_for_rescue(ledger, ledger_root, keys)
    settled = ledger.find(keys)
    over_quota = batches.over_quota
    pending = set(keys) - settled.keys() - over_quota
    if not batches.leave_some:  # nothing is sent, but what a batch still brings is waited for
        pending = batches.holding(ledger_root, pending)
    asked = before_paid is None or trial["route"] in FREE_ROUTES
    while pending:
        if requested():
            raise stopped(trial_id)
        # Batches are looked at before the ledger: one closed in between has its answers there.
        in_batches = batches.holding(ledger_root, pending)
        ledger.refresh()
        wanted = pending - in_batches - ledger.find(pending).keys()
        if wanted and batches.leave_some:
            if before_paid is not None and not asked:
                before_paid(len(wanted))
            asked = True
            session = _Session(plan, trial, ledger, ledger_root, (condition_id, part))
            session.total, session.terminal = len(wanted), terminal
            try:
                session.send(_pending_requests(folder, wanted), folder, items, condition["name"])
            finally:
                session.close()
            over_quota |= session.over_quota
            in_batches |= session.in_batches
        if in_batches:
            from splitplot.calls.batch.part import wait_for

            wait_for(ledger_root, trial, in_batches, terminal)
            ledger.refresh()
        # Left are requests of batches that never came to be.
        pending = in_batches - ledger.find(in_batches).keys() - over_quota
        if not batches.leave_some:
            break
    # Snakemake may have been killed and started on other requests, while this job went on.
    keys = _keys(folder)
    return _project(ledger, keys, folder / "responses.jsonl", over_quota, reused=len(settled))


def trial_price(trial: dict[str, Any]) -> Price | None:
    """The price of a trial's model; None where it is free (local, simulated) or not known."""
    if trial["route"] in FREE_ROUTES:
        return None
    endpoint = trial["endpoint"]
    protocol = (trial.get("batch") or {}).get("protocol")
    return find_price(trial["model_id"], endpoint["model"], endpoint.get("price"), protocol)


class _Batches:
    """What the batches of a part have left over, from the file that polling them ended with."""

    def __init__(self, plan: dict[str, Any], trial: dict[str, Any], folder: Path) -> None:
        path = folder / "ended.json"
        ended = read_json(path) if trial.get("batch") and path.exists() else None
        self.plan, self.trial = plan, trial
        self.over_quota: set[str] = set(ended["over_quota"]) if ended else set()
        by_batch = ended is not None and ended["route"] == "batch"
        self._rescue = by_batch and plan["execution"].get("rescue") == "realtime"
        self.leave_some = not by_batch or self._rescue
        """Whether something may be sent in real time: not what a batch has answered with a gap."""

    def holding(self, ledger_root: Path, keys: set[str]) -> set[str]:
        """Those of these keys that an open batch holds, whoever made it: they are to be waited for."""
        if self.trial["route"] in FREE_ROUTES:
            return set()
        return keys & open_keys(ledger_root, self.trial["hash"])

    def reopen_for_rescue(self, ledger: Ledger, ledger_root: Path, keys: list[str]) -> None:
        """Open the gaps again that are there because a batch expired, where the study says so."""
        if not self._rescue:
            return
        gaps = {key: position for key, position in ledger.find(keys).items() if position.gap}
        expired = [key for key, gap in gaps.items() if ledger.read(gap).outcome == "expired"]
        if expired:
            header = {"study": self.plan["study"], "trial": self.trial["id"], "reason": "rescue"}
            with LedgerWriter(ledger_root, self.trial["hash"], header) as writer:
                writer.reopen(ledger.gaps(expired))
            ledger.refresh()


class _Session:
    """One job's sending: its locks, its budget, its own ledger file."""

    def __init__(
        self,
        plan: dict[str, Any],
        trial: dict[str, Any],
        ledger: Ledger,
        ledger_root: Path,
        place: tuple[str, str],
    ) -> None:
        self.trial, self.ledger, self.study = trial, ledger, plan["study"]
        self.total = 0
        self.terminal: TextIO | None = None
        self.price = trial_price(trial)
        self.api_key = api_key(trial)
        self.over_quota: set[str] = set()
        self.in_batches: set[str] = set()
        self.batches = Store(ledger_root) if trial["route"] not in FREE_ROUTES else None
        self.worst: dict[str, Amount] = {}
        self.stop = asyncio.Event()
        header = {
            "study": self.study,
            "trial": trial["id"],
            "model": trial["model"],
            "condition": place[0],
            "part": place[1],
            "route": trial["route"],
        }
        self.writer = LedgerWriter(ledger_root, trial["hash"], header)
        self.locks = KeyLocks(ledger_root / trial["hash"] / "locks")
        caps = plan["budget"] if trial["route"] not in FREE_ROUTES else {}
        self.budget = Budget(ledger_root, self.study, trial["model"], caps, self.writer.path)
        if self.budget.capped and self.price is None and caps.get("max_usd") is not None:
            raise ConfigError(
                f"{plan['study_file']}: budget.max_usd cannot be held for {trial['model']}: no price "
                f"is known for {trial['model_id']}; set `price` for it in config/models.yaml"
            )
        if trial["route"] not in FREE_ROUTES:
            self.budget.open()

    def close(self) -> None:
        with ExitStack() as stack:  # each of them, whatever the others meet on a full disk
            stack.callback(self.locks.close)
            stack.callback(self.writer.close)
            stack.callback(self.budget.close)

    def send(self, requests: Iterator[Request], folder: Path, items: Path, condition: str) -> None:
        """Send by the trial's route until everything is answered, over quota, or stopped."""
        route, endpoint = self.trial["route"], self.trial["endpoint"]
        if route == "sim":
            self._simulate(requests, folder, items, condition)
        elif route == "local":
            from splitplot.calls.local import endpoint_for, serve
            from splitplot.calls.realtime import answer

            with serve(endpoint) as server:
                self._run(
                    partial(answer, route="local", engine=server.engine, api_key=server.api_key),
                    requests,
                    endpoint_for(server, endpoint),
                )
        elif route == "litellm":
            from splitplot.calls.litellm_route import answer as litellm_answer

            self._run(partial(litellm_answer, api_key=self.api_key), requests, endpoint)
        else:
            from splitplot.calls.realtime import answer

            self._run(partial(answer, api_key=self.api_key), requests, endpoint)

    def _run(
        self, answer: Callable[..., Any], requests: Iterator[Request], endpoint: dict[str, Any]
    ) -> None:
        from splitplot.calls.dispatch import run
        from splitplot.calls.progress import Progress

        async def main() -> None:
            with watching(self.stop):
                await answer(
                    self._feed(requests),
                    endpoint,
                    record=self._record,
                    on_send=self._intend,
                    price=self._usd,
                    stop=self.stop,
                    progress=Progress(self.total, self.trial["id"], self.terminal),
                )

        run(main())
        if self.stop.is_set():
            raise stopped(self.trial["id"])

    def _simulate(
        self, requests: Iterator[Request], folder: Path, items: Path, condition: str
    ) -> None:
        from splitplot.items import read_items

        part = part_index(folder.name)
        by_id = {item.id: item for item in read_items(items, part=part)}
        place = {
            row["key"]: (by_id[row["item_id"]], row["replication"])
            for row in read_jsonl(folder / "grid.jsonl")
        }
        while window := list(islice(requests, WINDOW)):
            if requested():
                raise stopped(self.trial["id"])
            held = self._simulate_window(window, place, condition)
            while held:  # another job makes these at this moment
                time.sleep(HELD_ELSEWHERE_SECONDS)
                held = self._simulate_window(held, place, condition)

    def _simulate_window(
        self, window: list[Request], place: dict[str, tuple[Any, int]], condition: str
    ) -> list[Request]:
        """Answer what is ours; returns the requests that another job holds."""
        from splitplot.calls.sim import simulate

        granted, held = self._claim(window)
        for request in granted:
            item, replication = place[request.key]
            self._record(simulate(request, item, condition, replication, self.trial["endpoint"]))
        return held

    def _claim(self, window: list[Request]) -> tuple[list[Request], list[Request]]:
        """(requests that are ours to send, requests that another job is sending).

        What is in an open batch is neither: `in_batches` keeps it for later. Batches are looked at
        before the ledger: one that is closed in between has its answers there.
        """
        with self.locks.claiming():
            ours = self.locks.acquire(request.key for request in window)
            in_batches: set[str] = set()
            if self.batches is not None:
                for batch in self.batches.open_batches(trial=self.trial["hash"]):
                    in_batches |= ours.intersection(batch.keys())
            self.ledger.refresh()
            taken = in_batches | self.ledger.find(ours).keys()
            for key in taken:
                self.locks.release(key)
        self.in_batches |= in_batches
        granted = [r for r in window if r.key in ours and r.key not in taken]
        return granted, [request for request in window if request.key not in ours]

    async def _feed(self, requests: Iterator[Request]) -> AsyncIterator[Request]:
        window: list[Request] = []
        waiting: deque[Request] = deque()
        more = True
        while more or waiting:
            window = []
            while more and len(window) < WINDOW:
                request = next(requests, None)
                if request is None:
                    more = False
                else:
                    window.append(request)
            if not window:  # only what others hold is left: give them time, then look again
                await asyncio.sleep(HELD_ELSEWHERE_SECONDS)
                window = [waiting.popleft() for _ in range(min(WINDOW, len(waiting)))]
            granted, held = self._claim(window)
            waiting.extend(held)
            async for request in self._reserve(granted):
                yield request

    async def _reserve(self, granted: list[Request]) -> AsyncIterator[Request]:
        """Yield the requests for which there is money; the others are over quota."""
        if self.trial["route"] in FREE_ROUTES:
            for request in granted:
                yield request
            return
        queue = deque(
            (request, self.budget.worst_of(request.body, self.price, self.trial["id"]))
            for request in granted
        )
        while queue:
            count, may_wait = self.budget.reserve([worst for _, worst in queue])
            for _ in range(count):
                request, worst = queue.popleft()
                self.worst[request.key] = worst
                yield request
            if count == 0 and may_wait:
                await asyncio.sleep(0.2)
                self.budget.publish()
            elif count == 0:
                request, _ = queue.popleft()
                self.over_quota.add(request.key)
                self.locks.release(request.key)

    def _intend(self, request: Request, attempt: int, paid: bool) -> bool:
        """Write down that an attempt is about to leave; False where no cap leaves room for it."""
        worst = self.worst.get(request.key)
        if attempt > 1 and worst and not self.budget.retry(worst, paid=paid):
            return False
        fresh = worst if attempt == 1 or paid else None
        self.writer.intent(request.key, attempt, vars(fresh) if fresh else None)
        return True

    def _record(self, response: Response) -> None:
        response = replace(response, study=self.study)
        self.writer.response(response)
        self.locks.release(response.key)
        worst = self.worst.pop(response.key, NOTHING)
        self.budget.settle(worst, actual_amount(response.to_json(), worst))

    def _usd(self, usage: Usage) -> float | None:
        if self.trial["route"] in FREE_ROUTES:
            return 0.0
        return cost(self.price, usage) if self.price else None


def _project(
    ledger: Ledger, keys: list[str], output: Path, over_quota: set[str], reused: int
) -> Tally:
    """Write responses.jsonl in the order of the requests; the ledger stays the record."""
    ledger.refresh()
    found = ledger.find(keys)
    tally = Tally(len(keys), reused, sum(1 for key in keys if key in found) - reused)

    def rows() -> Iterator[dict[str, Any]]:
        for key in keys:
            if key in found:
                response = ledger.read(found[key])
            else:
                response = Response(key, "over_quota" if key in over_quota else "missing")
            tally.outcomes[response.outcome] = tally.outcomes.get(response.outcome, 0) + 1
            yield response.to_json()

    write_jsonl(output, rows())
    return tally


def _keys(folder: Path) -> list[str]:
    return [line["custom_id"] for line in read_jsonl(folder / "requests.jsonl")]


def _pending_requests(folder: Path, pending: set[str]) -> Iterator[Request]:
    for line in read_jsonl(folder / "requests.jsonl"):
        if line["custom_id"] in pending:
            yield Request(line["custom_id"], line["body"], line["url"])
