"""One job's sending: what is locked, claimed, paid and recorded while requests are on their way."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, TypeVar

from splitplot.calls.batch.store import Store
from splitplot.calls.budget import NOTHING, Amount, Budget, actual_amount
from splitplot.calls.credentials import api_key
from splitplot.calls.ledger import Ledger, LedgerWriter
from splitplot.calls.locks import KeyLocks
from splitplot.calls.pricing import Price, cost, find_price
from splitplot.calls.records import Request, Response, Usage
from splitplot.calls.requests import part_index
from splitplot.calls.stop import requested, stopped, watching
from splitplot.errors import ConfigError
from splitplot.files import read_jsonl

WINDOW = 256  # keys locked, looked up and reserved at a time
HELD_ELSEWHERE_SECONDS = 0.5  # how often to look whether another job has answered
FREE_ROUTES = ("local", "sim")

T = TypeVar("T")


class Session:
    """One job's sending: its locks, its budget, its own ledger file.

    place: what the ledger file says of the job, e.g. its condition and part.
    """

    def __init__(
        self,
        plan: dict[str, Any],
        trial: dict[str, Any],
        ledger: Ledger,
        ledger_root: Path,
        place: dict[str, str],
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
            **place,
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
        """Give locks and reservations back, and close the ledger file."""
        with ExitStack() as stack:  # each of them, whatever the others meet on a full disk
            stack.callback(self.locks.close)
            stack.callback(self.writer.close)
            stack.callback(self.budget.close)

    def send(self, requests: Iterator[Request]) -> None:
        """Send in real time until everything is answered, over quota, or stopped."""
        if self.trial["route"] == "litellm":
            from splitplot.calls.litellm_route import answer
        else:
            from splitplot.calls.realtime import answer
        send = partial(answer, api_key=self.api_key)

        async def main() -> None:
            with watching(self.stop):
                await send(self.feed(requests), self.trial["endpoint"], **self.hooks())

        self.run(main())

    def hooks(self) -> dict[str, Any]:
        """What every route calls, of `dispatch`: record, on_send, price, stop, progress."""
        from splitplot.calls.progress import Progress

        return {
            "record": self.record,
            "on_send": self._intend,
            "price": self._usd,
            "stop": self.stop,
            "progress": Progress(self.total, self.trial["id"], self.terminal),
        }

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run the sending to its end. Raises Stopped if it was asked to stop on the way."""
        from splitplot.calls.dispatch import run

        done = run(main)
        if self.stop.is_set():
            raise stopped(self.trial["id"])
        return done

    def simulate(
        self, requests: Iterator[Request], folder: Path, items: Path, condition: str
    ) -> None:
        """Answer by the simulator, which looks at the items of a part."""
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
            self.record(simulate(request, item, condition, replication, self.trial["endpoint"]))
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

    async def feed(self, requests: Iterator[Request]) -> AsyncGenerator[Request, None]:
        """The requests that are ours to send, each locked until it is recorded.

        What another job is sending is waited for, and sent if that job ends without an answer.
        """
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

    def record(self, response: Response) -> None:
        """Write an answer into the ledger; its key is free from then on."""
        response = replace(response, study=self.study)
        self.writer.response(response)
        self.locks.release(response.key)
        worst = self.worst.pop(response.key, NOTHING)
        self.budget.settle(worst, actual_amount(response.to_json(), worst))

    def _usd(self, usage: Usage) -> float | None:
        if self.trial["route"] in FREE_ROUTES:
            return 0.0
        return cost(self.price, usage) if self.price else None


def trial_price(trial: dict[str, Any]) -> Price | None:
    """The price of a trial's model; None where it is free (local, simulated) or not known."""
    if trial["route"] in FREE_ROUTES:
        return None
    endpoint = trial["endpoint"]
    protocol = (trial.get("batch") or {}).get("protocol")
    return find_price(trial["model_id"], endpoint["model"], endpoint.get("price"), protocol)
