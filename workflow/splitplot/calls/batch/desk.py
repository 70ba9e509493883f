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
from pathlib import Path
from typing import Any

from splitplot.calls.batch.collect import collect
from splitplot.calls.batch.http import Http, HttpFailure
from splitplot.calls.batch.protocol import Order, Provider, Snapshot
from splitplot.calls.batch.store import Batch, Store, account_of
from splitplot.calls.budget import NOTHING, settle_batch
from splitplot.calls.chat import tidy
from splitplot.calls.dispatch import CredentialRefused
from splitplot.calls.stop import Stopped
from splitplot.files import read_json, write_json

BUSY_CODES = frozenset({"token_limit_exceeded"})
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
                    raise self.refused(error.failure.message, error.status) from None
                batch.note(batch.seen() | {"at": self.now(), "trouble": error.failure.message})
                self.say(f"{batch.name}: {error}; asked again later")

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
        if seen is None:
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
            old = self.age(created["at"]) > self._settle_s or batch.cancel_wanted
            if error.status not in (404, 410) or not old:
                raise
            gone = ("not_found", "the provider does not know this batch any more")
            cancelled = batch.cancel_wanted  # cancelling removes it at some providers
            why = None if cancelled else gone
            snapshot = Snapshot(created["id"], "ended", "not found", error=why, cancelled=cancelled)
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
        elif not open_question and settled:
            self.retire(batch, "the provider has no such batch: the create call had no effect")
        else:
            batch.note(batch.seen() | {"at": self.now(), "searched_since": since})

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
            async for result in self.provider.results(self.http, candidate, batch.folder):
                if result.key in keys:
                    return candidate, False
            ruled_out.add(candidate.id)
            batch.note(batch.seen() | {"ruled_out": sorted(ruled_out)})
        return None, open_question

    # The end of a batch

    async def _finish(self, batch: Batch) -> None:
        ended = batch.read("ended")
        code = (ended["error"] or [None])[0]
        if code in BUSY_CODES:
            self.was_busy()
            self.retire(batch, f"the provider's queue was full ({code}): it is sent again later")
            return
        self._forget_busy()
        # A file that is not there yet may come; one that does not is lost.
        give_up = self.age(ended["at"]) > self._settle_s
        root, now = self.ledger_root, self.now()
        await collect(batch, root, self.provider, self.http, at=now, give_up=give_up)
        if refs := batch.read("sending").get("refs"):
            with suppress(HttpFailure):  # an input file that stays costs nothing
                await self.provider.discard(self.http, refs)

    def retire(self, batch: Batch, reason: str) -> None:
        """Close a batch that answers nothing: its money and its keys are free again."""
        settle_batch(self.ledger_root, batch.read("intent")["study"], batch.name, NOTHING)
        batch.write("retired", {"at": self.now(), "reason": tidy(reason)})
        (batch.folder / "lines.jsonl").unlink(missing_ok=True)
        self.say(f"{batch.name}: {reason}")

    # A full queue

    def was_busy(self, seconds: float | None = None) -> None:
        """Note that the account's queue is full: nothing is created for a while."""
        count = self._busy().get("count", 0) + 1
        wait = min(float(self.settings["poll_s"]) * 2 ** min(count, 10), LONGEST_BUSY_S)
        until = self._clock() + max(wait, seconds or 0.0)
        write_json(self._busy_file, {"count": count, "until": until})

    def busy_s(self) -> float:
        """Seconds for which the account's queue counts as full."""
        return float(max(0.0, self._busy().get("until", 0.0) - self._clock()))

    def _forget_busy(self) -> None:
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

    def refused(self, message: str, status: int | None) -> CredentialRefused:
        """The error for an account that is refused."""
        variable = self.settings.get("api_key_env") or "the key"
        return CredentialRefused(
            f"{self.settings['protocol']} ({self.settings['base_url']}) refused with HTTP {status} "
            f"({tidy(message)}); check that {variable} holds a key that is valid there and may use "
            "batches. Nothing is lost: mend it and run again"
        )


def _plain(snapshot: Snapshot) -> dict[str, Any]:
    plain = dict(vars(snapshot))
    plain["refs"] = dict(snapshot.refs)
    plain["error"] = list(snapshot.error) if snapshot.error else None
    return plain
