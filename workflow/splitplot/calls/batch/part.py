"""Takes the requests of one part through a provider's batches: submit, then poll until all is settled."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO, TypeVar

from splitplot.calls.batch.desk import Desk
from splitplot.calls.batch.http import connect
from splitplot.calls.batch.progress import Waiting
from splitplot.calls.batch.protocols import provider
from splitplot.calls.batch.sender import MONEY, Sender
from splitplot.calls.batch.store import Batch, Store, account_of
from splitplot.calls.budget import settle_dead
from splitplot.calls.credentials import checked_key, key_from_environment
from splitplot.calls.ledger import Ledger
from splitplot.calls.records import Request
from splitplot.calls.requests import cell_of
from splitplot.calls.stop import watching
from splitplot.errors import ConfigError
from splitplot.files import read_json, read_jsonl, write_json

T = TypeVar("T")

JOB, ENDED = "job.json", "ended.json"
SLOT_S = 5.0  # at most so long until slots and money are looked at again
SHORTEST_S = 0.05


@dataclass
class Part:
    """One part of a batch trial, and what its job knows.

    folder: of requests.jsonl. before_paid: called once, before the first create call, with the number
    of requests to send; what it raises ends the job.
    """

    plan: dict[str, Any]
    trial: dict[str, Any]
    condition: str
    part: str
    folder: Path
    ledger_root: Path
    before_paid: Callable[[int], None] | None = None
    over_quota: set[str] = field(default_factory=set)
    asked: int = 0

    def __post_init__(self) -> None:
        self.store = Store(self.ledger_root)
        self._read: tuple[tuple[int, ...], list[str]] = ((), [])

    @property
    def settings(self) -> dict[str, Any]:
        """The trial's `batch` in plan.json."""
        value: dict[str, Any] = self.trial["batch"]
        return value

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.trial['id']} × {self.condition}, part {self.part}"

    def keys(self) -> list[str]:
        """The keys of its requests as they are now, in their order; read anew where they changed."""
        path = self.folder / "requests.jsonl"
        found = path.stat()
        version = (found.st_ino, found.st_mtime_ns, found.st_size)
        if version != self._read[0]:
            self._read = (version, [line["custom_id"] for line in read_jsonl(path)])
        return self._read[1]

    def requests(self, wanted: set[str]) -> Iterator[Request]:
        """Its requests with one of these keys."""
        for line in read_jsonl(self.folder / "requests.jsonl"):
            if line["custom_id"] in wanted:
                yield Request(line["custom_id"], line["body"], line["url"])

    def free(self) -> list[str]:
        """Its keys that are neither answered, nor in an open batch, nor over quota.

        Batches are looked at before the ledger: one that is closed in between has its answers there.
        """
        keys = self.keys()
        busy: set[str] = set()
        for batch in self.store.open_batches(trial=self.trial["hash"]):
            busy.update(batch.keys())
        found = Ledger(self.ledger_root, self.trial["hash"]).find(keys)
        taken = found.keys() | busy | self.over_quota
        return [key for key in keys if key not in taken]

    def batches(self) -> list[Batch]:
        """Open batches that will answer requests of this part, whoever made them."""
        return _holding(self.store, self.trial, set(self.keys()))

    def route(self) -> tuple[str, str]:
        """("batch" or "realtime", why): how what is free now is to travel."""
        at_least = int(self.settings["at_least"])
        count = len(self.free())
        if not 0 < count < at_least:
            return "batch", ""
        return "realtime", (
            f"{count:,} requests to send; by batch from {at_least:,} on (execution.batch_at_least)"
        )

    def ask(self, count: int) -> None:
        """Before a paid call: may so many requests be sent? Asked again only for more than before."""
        if count > self.asked and self.before_paid is not None:
            self.before_paid(count)
        self.asked = max(count, self.asked)


def part_of_plan(
    plan: dict[str, Any], trial_id: str, condition_id: str, part: str, folder: Path, ledger: Path
) -> Part:
    """The part that a job is about. Raises ConfigError where its trial has no batch API."""
    trial, _, _ = cell_of(plan, trial_id, condition_id)
    if not trial.get("batch"):
        raise ConfigError(f"{plan['study']}: trial {trial_id} does not go by batch")
    return Part(plan, trial, condition_id, part, folder, ledger)


def submit(part: Part, terminal: TextIO | None = None) -> dict[str, Any]:
    """Create the batch of what is still to be sent, and write the receipt, job.json; returns it.

    A part with less to send than `at_least` is left to the real-time route.
    Raises SplitplotError where the work could not be done: credentials, a limit of the provider, no
    answer from it. What was created until then is in the ledger.
    """
    route, reason = part.route()
    if route == "batch" and part.free():
        _run(part.ledger_root, part.settings, part.label, terminal, partial(send_free, part))
    receipt = {
        "schema": 1,
        "route": route,
        "reason": reason,
        "requests": len(part.keys()),
        "batches": [_of(batch) for batch in part.batches()],
    }
    write_json(part.folder / JOB, receipt)
    return receipt


def poll(part: Part, terminal: TextIO | None = None) -> dict[str, Any]:
    """Wait until every request is settled or over quota, and write ended.json; returns it.

    What was to be sent and is not under way by now (its batch never came to be, or the provider's
    queue was full) is sent. Raises as `submit`.
    """
    by_batch = read_json(part.folder / JOB)["route"] == "batch"
    account = account_of(part.settings)
    done: dict[str, Batch] = {}
    while part.batches() or (by_batch and part.free()):
        if by_batch or _of_account(part.batches(), account):
            settle = partial(_settle, part, by_batch, done)
            _run(part.ledger_root, part.settings, part.label, terminal, settle)
        # Batches made with another key, or at another address, hold some of the requests, too.
        wait_for(part.ledger_root, part.trial, set(part.keys()), terminal)
    settle_dead(part.ledger_root, part.plan["study"])
    ended = {
        "schema": 1,
        "route": "batch" if by_batch else "realtime",
        "over_quota": sorted(part.over_quota),
        "batches": [_of(batch) | _end_of(batch) for _, batch in sorted(done.items())],
    }
    write_json(part.folder / ENDED, ended)
    return ended


def wait_for(
    ledger_root: Path, trial: dict[str, Any], keys: set[str], terminal: TextIO | None = None
) -> None:
    """Wait until none of these keys is in an open batch, whoever made it; sends nothing new."""
    store = Store(ledger_root)
    while holding := _holding(store, trial, keys):
        settings = holding[0].read("intent")["settings"]
        work = partial(_see_closed, store, trial, keys)
        _run(ledger_root, settings, trial["id"], terminal, work)


async def send_free(part: Part, desk: Desk, waiting: Waiting) -> None:
    """Create batches until nothing of the part is free."""
    await desk.help()  # what earlier runs have left in flight, too
    with ExitStack() as stack:
        sender: Sender | None = None
        while free := part.free():
            desk.check_stop()
            if sender is None:
                sender = Sender(part, desk)
                stack.callback(sender.close)
            sender.check(free)
            part.ask(len(free))
            if not await sender.send(free) and sender.waits_for:
                waiting.show([], sender.waits_for)
                await desk.help()
                if sender.waits_for == MONEY:
                    await _help_elsewhere(part, desk)
                longest = min(SLOT_S, float(desk.settings["poll_s"]))
                times = [desk.next_look_s(batch) for batch in desk.in_flight()]
                soonest = min(times, default=desk.busy_s() or longest)
                await desk.pause(min(longest, max(SHORTEST_S, soonest)))


async def _help_elsewhere(part: Part, desk: Desk) -> None:
    """Take the batches of other accounts further that hold money of this study."""
    settings = {
        batch.account: batch.read("intent")["settings"]
        for batch in part.store.open_batches()
        if batch.read("intent")["study"] == part.plan["study"] and batch.account != desk.account
    }
    for other in settings.values():
        async with open_desk(part.ledger_root, other, desk.stop, desk.say) as elsewhere:
            await elsewhere.help()


async def _settle(
    part: Part, by_batch: bool, done: dict[str, Batch], desk: Desk, waiting: Waiting
) -> None:
    """Send what is free, see every batch of the part closed, and again until nothing is left.

    done: receives the batches that were waited for.
    """
    await desk.help()
    while True:
        if by_batch:
            await send_free(part, desk, waiting)
        done |= {batch.name: batch for batch in part.batches()}
        await _see_closed(part.store, part.trial, set(part.keys()), desk, waiting)
        if not by_batch or not part.free():
            return


async def _see_closed(
    store: Store, trial: dict[str, Any], keys: set[str], desk: Desk, waiting: Waiting
) -> None:
    """Wait until no open batch of the desk's account holds one of these keys."""
    while True:
        desk.check_stop()
        for batch in _of_account(_holding(store, trial, keys), desk.account):
            await desk.advance(batch)
        still = _of_account(_holding(store, trial, keys), desk.account)
        if not still:
            return
        for batch in still:
            desk.check_there(batch)
        waiting.show(still)
        await desk.help()  # one job polls: it looks after the others' batches, too
        every = desk.store.open_batches(account=desk.account) or still
        await desk.pause(min(max(SHORTEST_S, desk.next_look_s(batch)) for batch in every))


def _holding(store: Store, trial: dict[str, Any], keys: set[str]) -> list[Batch]:
    batches = store.open_batches(trial=trial["hash"])
    return [batch for batch in batches if not keys.isdisjoint(batch.keys())]


def _of_account(batches: list[Batch], account: str) -> list[Batch]:
    return [batch for batch in batches if batch.account == account]


# At a desk


def _run(
    ledger_root: Path,
    settings: dict[str, Any],
    label: str,
    terminal: TextIO | None,
    work: Callable[[Desk, Waiting], Awaitable[None]],
) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        with watching(stop):
            async with open_desk(ledger_root, settings, stop) as desk:
                await work(desk, Waiting(desk, label, terminal))

    asyncio.run(main())


@asynccontextmanager
async def open_desk(
    ledger_root: Path,
    settings: dict[str, Any],
    stop: asyncio.Event,
    say: Callable[[str], None] = print,
) -> AsyncIterator[Desk]:
    """A desk at the account that `settings` speak of, with its key from the environment.

    Raises SplitplotError naming the variable that is not set.
    """
    name = settings.get("api_key_env")
    what = f"{settings['protocol']} batches"
    key = key_from_environment(name, what, settings["base_url"])
    secret = checked_key(key, {"api_key_env": name})
    spoken = provider(settings["protocol"])
    headers = {**(settings.get("headers") or {}), **spoken.headers(secret, settings)}
    timeout_s = float(settings["timeout_s"])
    async with connect(settings["base_url"], headers, secret, timeout_s=timeout_s) as http:
        desk = Desk(ledger_root, settings, spoken, http, stop=stop, say=say)
        http.sleep = desk.pause  # a stop is not kept waiting by retries
        yield desk


# Receipts


def _of(batch: Batch) -> dict[str, Any]:
    intent = batch.read("intent")
    created = (batch.folder / "created.json").exists()
    return {
        "name": batch.name,
        "account": batch.account,
        "provider": intent["batch"],
        "id": batch.read("created")["id"] if created else None,
        "count": intent["count"],
        "at": intent["at"],
    }


def _end_of(batch: Batch) -> dict[str, Any]:
    step = batch.step
    end: dict[str, Any] = {"step": step}
    if step == "retired":
        return end | {"reason": batch.read("retired")["reason"]}
    if step == "collected":
        end["provider_state"] = batch.read("ended")["provider_state"]
        end["outcomes"] = batch.read("collected")["outcomes"]
    return end
