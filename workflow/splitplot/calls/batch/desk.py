"""Takes the batches of one account further: find what a crash has hidden, look, collect.

Whoever waits helps: any job that has to wait, for a slot, for money, or for its own batch, takes every
open batch of the account further meanwhile. So a batch whose job was killed is never forgotten, and no
job waits for what only a job behind it could do.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from splitplot.calls.batch.collect import collect, snapshot_of
from splitplot.calls.batch.http import Http, HttpFailure
from splitplot.calls.batch.protocol import Order, Provider, Snapshot
from splitplot.calls.batch.store import Batch, Store, account_of
from splitplot.calls.budget import NOTHING, settle_batch
from splitplot.calls.chat import tidy
from splitplot.calls.credentials import CredentialRefused
from splitplot.calls.pacing import Failure
from splitplot.calls.stop import Stopped
from splitplot.errors import SplitplotError
from splitplot.files import read_json, write_json

BUSY_CODES = frozenset({"token_limit_exceeded"})
GONE = (404, 410)
LONGEST_POLL_S = 600.0
POLL_SHARE = 0.05  # of a batch's age: the older it is, the less often it is looked at
LONGEST_BUSY_S = 1800.0
CLOCK_TICK_S = 0.001  # recorded times are rounded


class Desk:
    """Works on the batches of one account, for one job.

    settings: a trial's `batch` in plan.json. stop: set when the job has to end. say: tells people.
    clock (seconds since 1970) and sleep are for tests.
    """

    def __init__(
        self,
        ledger_root: Path,
        settings: dict[str, Any],
        provider: Provider,
        http: Http,
        *,
        stop: asyncio.Event,
        say: Callable[[str], None] = print,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[Any]] | None = None,
    ) -> None:
        self.ledger_root, self.settings = ledger_root, settings
        self.provider, self.http = provider, http
        self.store, self.account = Store(ledger_root), account_of(settings)
        self.stop, self.say = stop, say
        self._clock, self._sleep = clock, sleep or self._sleep_until_stopped

    # Time

    def now(self) -> str:
        """The present time, ISO 8601, UTC."""
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="microseconds")

    def age(self, at: str) -> float:
        """Seconds since a recorded time; never negative, whatever the clocks do."""
        return max(0.0, self._clock() - datetime.fromisoformat(at).timestamp())

    def _is_future(self, at: str) -> bool:
        """Whether a recorded time is not yet: the clock has been set back since."""
        return datetime.fromisoformat(at).timestamp() > self._clock() + 1

    async def pause(self, seconds: float) -> None:
        """Wait; raises Stopped once the job has been asked to end."""
        if not self.stop.is_set():
            await self._sleep(seconds)
        self.check_stop()

    def check_stop(self) -> None:
        """Raise Stopped once the job has been asked to end."""
        if self.stop.is_set():
            raise Stopped(
                f"stopped on request; {self.settings['protocol']} goes on with the batches that are in "
                "flight, and the same command collects them"
            )

    async def _sleep_until_stopped(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), seconds)

    # The batches of the account

    def in_flight(self) -> list[Batch]:
        """Open batches on which the provider works, or is about to."""
        return [b for b in self.store.open_batches(account=self.account) if b.step != "ended"]

    async def help(self) -> None:
        """Take every open batch of the account as far as it goes now."""
        for batch in self.store.open_batches(account=self.account):
            self.check_stop()
            await self.advance(batch)

    async def advance(self, batch: Batch) -> None:
        """Take one batch as far as it goes now; left alone while another job works on it.

        A provider that does not answer is asked again later. Raises CredentialRefused.
        """
        with batch.lock() as mine:
            if not mine:
                return
            try:
                await self._advance(batch)
            except HttpFailure as error:
                if error.failure.then == "stop":
                    raise self.refused(error.failure) from None
                seen = batch.seen()
                gone = (seen.get("gone_since") or self.now()) if error.status in GONE else None
                trouble = {"trouble": error.failure.message, "gone_since": gone}
                batch.note(seen | {"at": self.now(), **trouble})
                self.say(f"{batch.name}: {error}; asked again later")

    def check_there(self, batch: Batch) -> None:
        """Raise SplitplotError where the provider has said for a while that it does not have a batch.

        It may have been asked with the key of another account: then what is paid must not be given up.
        """
        since = batch.seen().get("gone_since")
        if since is None or self.age(since) < self._settle_s or not batch.is_open:
            return
        study = batch.read("intent")["study"]
        known = (batch.folder / "created.json").exists()
        name = batch.read("created")["id"] if known else batch.name
        raise SplitplotError(
            f"{self.settings['protocol']} does not have batch {name}, or not all of its results "
            f"({batch.seen().get('trouble')}). Is {self._key_name} a key of the "
            "account that made it? Nothing is given up: mend it and run again. If it was deleted "
            f"there, `splitplot cancel {study}` closes it, and what it did not bring is a gap"
        )

    async def _advance(self, batch: Batch) -> None:
        step = batch.step
        if step == "intent":  # the job that was about to send it was killed
            self.retire(batch, "it was never sent")
        elif step == "sending" and self._due(batch):
            await self.reconcile(batch)
        if batch.step == "created" and self._due(batch):
            await self._look(batch)
        if batch.step == "ended" and (self._due(batch) or not batch.seen().get("trouble")):
            await self._finish(batch)

    def next_look_s(self, batch: Batch) -> float:
        """Seconds until the provider should be asked again about a batch: less often as it ages."""
        seen = batch.seen().get("at")
        if seen is None or self._is_future(seen):
            return 0.0
        poll_s = float(self.settings["poll_s"])
        since_look = self.age(seen)
        age = self.age(batch.read("intent")["at"]) - since_look  # as it was at that look
        interval = min(max(poll_s, age * POLL_SHARE), max(LONGEST_POLL_S, poll_s))
        if batch.step == "sending":
            interval = min(interval, float(self.settings["settle_s"]) / 4)
        return max(0.0, interval - since_look)

    def _due(self, batch: Batch) -> bool:
        return self.next_look_s(batch) <= CLOCK_TICK_S

    async def _look(self, batch: Batch) -> None:
        created = batch.read("created")
        try:
            snapshot = await self.provider.look(self.http, created["id"])
        except HttpFailure as error:
            if error.status not in GONE or not batch.cancel_wanted:
                raise
            # Cancelling removes it at some providers.
            snapshot = Snapshot(created["id"], "ended", "not found", cancelled=True)
        self._note(batch, snapshot)
        if snapshot.state == "ended":
            batch.write("ended", {"at": self.now(), **_plain(snapshot)})

    def _note(self, batch: Batch, snapshot: Snapshot) -> None:
        seen = {"at": self.now(), "id": snapshot.id, "state": snapshot.provider_state}
        batch.note(seen | {"done": snapshot.done, "total": snapshot.total})

    # What a crash, or a create call without an answer, has hidden

    @property
    def _settle_s(self) -> float:
        return float(self.settings["settle_s"])

    async def reconcile(self, batch: Batch) -> None:
        """Look at the provider for a batch whose create call may have worked; the caller has its lock.

        It is adopted when found. When it has not been found for `settle_s` seconds since the first
        search, at which the call was over for certain, it was not made, and its keys are free again.
        """
        since = batch.seen().get("searched_since") or self.now()
        if self._is_future(since):
            since = self.now()
        # As of now: reading a long list takes its time, in which a late batch may come to be.
        settled = self.age(since) >= self._settle_s
        found = await self.provider.find(self.http, self.order(batch))
        if self.provider.tagged:
            mine, open_question = (found[0] if found else None), False
        else:
            mine, open_question = await self._recognise(batch, found)
        if mine is not None:
            batch.write("created", {"at": self.now(), "id": mine.id, "adopted": True})
            self._note(batch, mine)
            self.say(f"{batch.name}: found at the provider as {mine.id}; taken over")
        elif not open_question and settled and self._may_retire(batch):
            self.retire(batch, "the provider has no such batch: the create call had no effect")
        elif not open_question and settled:
            message = "no such batch is listed, and the key is not the one it was sent with"
            raise HttpFailure(Failure("retry", "other_key", message, GONE[0]))
        else:
            batch.note(batch.seen() | {"at": self.now(), "searched_since": since})

    def _may_retire(self, batch: Batch) -> bool:
        """Whether a batch that is not listed was not made: with another key nobody can tell."""
        sent_with = batch.read("sending").get("key_mark", self.key_mark)
        return sent_with == self.key_mark or batch.cancel_wanted

    @property
    def key_mark(self) -> str:
        """Tells whether two keys are the same one, and nothing else: 32 bits of a hash of it."""
        return sha256(f"splitplot batch {self.http.secret}".encode()).hexdigest()[:8]

    async def _recognise(self, batch: Batch, found: list[Snapshot]) -> tuple[Snapshot | None, bool]:
        """(the batch that is ours, whether one that has not ended may still be).

        Without a tag only the results tell, and they are there when a batch has ended.
        """
        known = {
            other.read("created")["id"]
            for other in self.store.all_batches()
            if other.account == self.account and (other.folder / "created.json").exists()
        }
        ruled_out = set(batch.seen().get("ruled_out", []))
        keys = set(batch.keys())
        open_question = False
        for candidate in found:
            if candidate.id in known or candidate.id in ruled_out:
                continue
            if candidate.state != "ended":
                open_question = True
                continue
            try:
                async for result in self.provider.results(self.http, candidate, batch.folder):
                    if result.key in keys:
                        return candidate, False
            except HttpFailure as error:
                if error.status not in GONE:
                    raise
                self.say(
                    f"{batch.name}: the results of {candidate.id} are gone; it is not taken for it"
                )
            ruled_out.add(candidate.id)
            batch.note(batch.seen() | {"ruled_out": sorted(ruled_out)})
        return None, open_question

    # The end of a batch

    async def _finish(self, batch: Batch) -> None:
        snapshot = snapshot_of(batch.read("ended"))
        if batch.seen().get("trouble") and not batch.cancel_wanted:
            snapshot = await self.provider.look(
                self.http, snapshot.id
            )  # its files may be there by now
        busy = snapshot.error is not None and snapshot.error[0] in BUSY_CODES
        if busy and not snapshot.done:
            self.was_busy()
            await self.discard(batch)
            self.retire(batch, "the provider's queue was full: it is sent again later")
            return
        self.forget_busy()
        root, given_up = self.ledger_root, batch.cancel_wanted
        await collect(
            batch, snapshot, root, self.provider, self.http, at=self.now(), give_up=given_up
        )
        await self.discard(batch)

    async def discard(self, batch: Batch) -> None:
        """Remove the uploaded input of a batch at the provider; one that stays costs nothing."""
        if (batch.folder / "sending.json").exists() and (refs := batch.read("sending")["refs"]):
            with suppress(HttpFailure):
                await self.provider.discard(self.http, refs)

    def retire(self, batch: Batch, reason: str) -> None:
        """Close a batch that answers nothing: its money and its keys are free again."""
        settle_batch(self.ledger_root, batch.read("intent")["study"], batch.name, NOTHING)
        batch.write("retired", {"at": self.now(), "reason": tidy(reason)})
        batch.tidy()
        self.say(f"{batch.name}: {reason}")

    # A full queue

    def was_busy(self, seconds: float | None = None) -> None:
        """Note that the account's queue is full: nothing is created for a while."""
        count = self._busy().get("count", 0) + 1
        wait = min(float(self.settings["poll_s"]) * 2 ** min(count, 10), LONGEST_BUSY_S)
        until = self._clock() + min(max(wait, seconds or 0.0), LONGEST_BUSY_S)
        write_json(self._busy_file, {"count": count, "until": until})

    def busy_s(self) -> float:
        """Seconds for which the account's queue counts as full."""
        left = float(self._busy().get("until", 0.0)) - self._clock()
        return min(max(0.0, left), LONGEST_BUSY_S)  # no longer, where the clock was set back

    def busy_times(self) -> int:
        """How often in a row the queue was full."""
        return int(self._busy().get("count", 0))

    def forget_busy(self) -> None:
        """The queue has taken a batch again."""
        self._busy_file.unlink(missing_ok=True)

    @property
    def _busy_file(self) -> Path:
        return self.store.root / self.account / "busy.json"

    def _busy(self) -> dict[str, Any]:
        try:
            value: dict[str, Any] = read_json(self._busy_file)
            return value
        except FileNotFoundError:
            return {}

    # Orders

    def order(self, batch: Batch, lines: Path | None = None) -> Order:
        """What the provider needs to know to make a batch or to find it."""
        intent = batch.read("intent")
        order = Order(
            name=batch.name,
            model=intent["sent_model"],
            count=intent["count"],
            keys=batch.folder / "keys.txt",
            lines=lines,
            settings=intent["settings"],
            at=intent["at"],
        )
        sent = (batch.folder / "sending.json").exists()
        return replace(order, refs=batch.read("sending")["refs"]) if sent else order

    @property
    def _key_name(self) -> str:
        return str(self.settings.get("api_key_env") or "the key")

    def refused(self, failure: Failure) -> CredentialRefused:
        """The error for an account that is refused, or has no money left."""
        where = f"{self.settings['protocol']} ({self.settings['base_url']})"
        if failure.type == "no_quota":
            return CredentialRefused(
                f"{where}: the account behind {self._key_name} has no quota or money left "
                f"({tidy(failure.message)}); top it up and run again. Nothing is lost"
            )
        return CredentialRefused(
            f"{where} refused with HTTP {failure.status} ({tidy(failure.message)}); check that "
            f"{self._key_name} holds a key that is valid there and may use batches. Nothing is lost: "
            "mend it and run again"
        )


def _plain(snapshot: Snapshot) -> dict[str, Any]:
    plain = dict(vars(snapshot))
    plain["refs"] = dict(snapshot.refs)
    plain["error"] = list(snapshot.error) if snapshot.error else None
    return plain
