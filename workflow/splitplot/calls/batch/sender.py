"""Makes the batches of a part: slots, locks, money, then upload and create.

The order of things is the promise that nothing is paid twice: under the lock of the account count the
slots; under that of the trial's keys look who is answered or under way; reserve the worst case; write
the intent with every key; upload; write that the create call is about to leave; create; write the id.
"""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitplot.calls.batch.desk import Desk
from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.protocol import Refused, Uncertain
from splitplot.calls.batch.store import Batch
from splitplot.calls.budget import NOTHING, Amount, Budget
from splitplot.calls.ledger import LedgerWriter
from splitplot.calls.locks import KeyLocks
from splitplot.calls.pacing import NO_MONEY, Failure
from splitplot.calls.pricing import find_price
from splitplot.calls.records import Response
from splitplot.errors import ConfigError, SplitplotError
from splitplot.files import atomic_text

if TYPE_CHECKING:
    from splitplot.calls.batch.part import Part

SHORTEST_LOOK_S = 1.0
ENOUGH = 0.1  # of a part: with money for less, no further round is worth the waiting
BUSY_ALONE = 6  # refusals in a row, over half an hour, with nothing of ours in flight
QUEUE = "room in the provider's queue"
MONEY = "money that other requests in flight have reserved"


class Sender:
    """Makes the batches of one part: its money, its locks."""

    def __init__(self, part: "Part", desk: Desk) -> None:
        self.part, self.desk = part, desk
        self.waits_for = ""
        self._amounts: dict[str, Amount] = {}
        trial, settings, plan = part.trial, part.settings, part.plan
        endpoint = trial["endpoint"]
        self.cap = int(plan["execution"]["max_concurrent_batches"])
        self.priced_as = [trial["model_id"], endpoint["model"], endpoint.get("price")]
        model_id, sent_model, override = self.priced_as
        self.price = find_price(model_id, sent_model, override, settings["protocol"])
        header = {"study": plan["study"], "trial": trial["id"], "part": part.part}
        writer = LedgerWriter(
            part.ledger_root, trial["hash"], header
        )  # for its name: nothing is written
        caps = plan["budget"]
        self.budget = Budget(part.ledger_root, plan["study"], trial["model"], caps, writer.path)
        if self.budget.capped and self.price is None and caps.get("max_usd") is not None:
            raise ConfigError(
                f"{plan['study_file']}: budget.max_usd cannot be held for {trial['model']}: no price "
                f"is known for {trial['model_id']}; set `price` for it in config/models.yaml"
            )
        self.locks = KeyLocks(part.ledger_root / trial["hash"] / "locks")
        self.budget.open()

    def close(self) -> None:
        with ExitStack() as stack:
            stack.callback(self.locks.close)
            stack.callback(self.budget.close)

    def check(self, free: list[str]) -> None:
        """Raise ConfigError where so many requests are more than the provider takes at once."""
        limit = _smallest(self.part.settings["max_requests"], self.desk.provider.limits.requests)
        if limit is not None and len(free) > limit:
            raise _too_large(self.part, f"{len(free):,} requests", f"{limit:,}", len(free) / limit)

    async def send(self, free: list[str]) -> bool:
        """Make one batch of what is ours of `free`; False where that has to wait (`waits_for`)."""
        with ExitStack() as stack:
            taken = self._take(free, self._worst(free), stack)
            if isinstance(taken, str):
                self.waits_for = taken
                return False
            await self._create(taken)
            return True

    def _take(self, free: list[str], worst: dict[str, Amount], stack: ExitStack) -> Batch | str:
        """The intent of a batch, if there are a slot, money and keys, its lock held by `stack`.

        Else what has to be waited for, "" where nothing has.
        """
        part, desk = self.part, self.desk
        with desk.store.account_lock(desk.account):
            if desk.busy_s() > 0:
                return QUEUE
            in_flight = len(desk.in_flight())
            if not in_flight and desk.busy_times() >= BUSY_ALONE:
                desk.forget_busy()
                raise _never_fits(part, len(free))
            if in_flight >= self.cap:
                return f"a slot: {self.cap} batches are in flight"
            with self.locks.claiming(alone=True):
                # First who is at work, then the ledger: who gives a key back has recorded its answer.
                held = self.locks.held_elsewhere(free)
                still_free = set(part.free())
                ours = [key for key in free if key in still_free and key not in held]
                if not ours:
                    return "requests that another job is sending" if held else ""
                granted, may_wait = self.budget.reserve([worst[key] for key in ours], batches=True)
                if granted < len(ours) and may_wait:
                    self.budget.settle(_sum(worst[key] for key in ours[:granted]), NOTHING)
                    return MONEY
                if granted < ENOUGH * len(ours):
                    part.over_quota.update(ours[granted:])
                ours = ours[
                    :granted
                ]  # the rest waits for what these leave over of their worst case
                if not ours:
                    return ""
                batch = desk.store.draft(desk.account, part.trial["hash"], ours)
                total = _sum(worst[key] for key in ours)
                if not stack.enter_context(batch.lock()):
                    self.budget.settle(total, NOTHING)
                    return "another job that is at the same batch"
                batch.write("intent", self._intent(batch, len(ours), total))
        self.budget.hand_over(batch.name, total)
        return batch

    def _intent(self, batch: Batch, count: int, worst: Amount) -> dict[str, Any]:
        trial = self.part.trial
        return {
            "schema": 1,
            "at": self.desk.now(),
            "name": batch.name,
            "batch": self.part.settings["protocol"],
            "trial": trial["hash"],
            "trial_id": trial["id"],
            "study": self.part.plan["study"],
            "model": trial["model"],
            "condition": self.part.condition,
            "part": self.part.part,
            "count": count,
            "sent_model": self.part.settings["model"],
            "price": self.priced_as,
            "worst": asdict(worst),
            "settings": self.part.settings,
        }

    async def _create(self, batch: Batch) -> None:
        """Upload and create; the caller holds the batch's lock."""
        desk = self.desk
        lines = batch.folder / "lines.jsonl"
        self._write_lines(batch, lines)
        try:
            refs = await desk.provider.upload(desk.http, desk.order(batch, lines))
        except HttpFailure as error:
            desk.retire(batch, f"its upload failed: {error}")
            if error.failure.then == "stop":
                raise desk.refused(error.failure) from None
            if error.status == 429:
                desk.was_busy(error.failure.wait)
                return
            raise SplitplotError(f"{self.part.label}: {error}; run again to go on") from None
        if desk.stop.is_set():
            desk.retire(batch, "stopped before it was sent")
            desk.check_stop()
        batch.write("sending", {"at": desk.now(), "refs": refs, "key_mark": desk.key_mark})
        try:
            snapshot = await desk.provider.create(desk.http, desk.order(batch, lines))
        except Refused as refused:
            await self._refused(batch, refused)
            return
        except Uncertain as error:
            desk.say(f"{batch.name}: {error}; looking for it at the provider")
            await self._look_for(batch)
        else:
            batch.write("created", {"at": desk.now(), "id": snapshot.id, "adopted": False})
            desk.say(
                f"{batch.name}: created as {snapshot.id}, {batch.read('intent')['count']:,} requests"
            )
        lines.unlink(missing_ok=True)

    async def _look_for(self, batch: Batch) -> None:
        """Find out whether a create call without an answer has worked; the caller holds the lock.

        Where only the results will tell, days may pass: then whoever polls goes on with it.
        """
        desk = self.desk
        settle_s = float(desk.settings["settle_s"])
        wait_s, waited_s = min(SHORTEST_LOOK_S, settle_s / 8), 0.0
        while waited_s <= 1.5 * settle_s:
            try:
                await desk.reconcile(batch)
            except HttpFailure as failure:
                if failure.failure.then == "stop":
                    raise desk.refused(failure.failure) from None
                desk.say(f"{batch.name}: {failure}; asked again later")
            if batch.step != "sending":
                return
            await desk.pause(wait_s)
            waited_s += wait_s
            wait_s = min(2 * wait_s, settle_s / 4)

    def _write_lines(self, batch: Batch, lines: Path) -> None:
        wanted, model = set(batch.keys()), self.part.settings["model"]
        with atomic_text(lines) as file:
            for request in self.part.requests(wanted):
                line = self.desk.provider.line(request, model, self.part.settings)
                file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        size = lines.stat().st_size
        limit = _smallest(self.part.settings["max_bytes"], self.desk.provider.limits.bytes)
        if limit is not None and size > limit:
            self.desk.retire(batch, "it is too large")
            raise _too_large(
                self.part, f"{size / 1e6:,.1f} MB", f"{limit / 1e6:,.0f} MB", size / limit
            )

    async def _refused(self, batch: Batch, refused: Refused) -> None:
        """What follows when the provider certainly made no batch."""
        if refused.credentials:
            self.desk.retire(batch, f"the provider refused: {refused}")
            no_money = refused.status == 402 or refused.code in ("no_quota", *NO_MONEY)
            kind = "no_quota" if no_money else "credentials"
            raise self.desk.refused(Failure("stop", kind, refused.message, refused.status))
        if refused.wait:
            self.desk.was_busy(refused.seconds)
            await self.desk.discard(batch)
            self.desk.retire(
                batch, f"the provider takes no more at present ({refused}); again later"
            )
            return
        # Nothing that a second attempt would change: typed gaps, which `refill` opens again.
        about = {"type": refused.code, "message": refused.message, "status": refused.status}
        trial_hash = self.part.trial["hash"]
        with LedgerWriter(self.part.ledger_root, trial_hash, batch.header()) as writer:
            for key in batch.keys():  # noqa: SIM118 (a list, no mapping)
                writer.response(
                    Response(
                        key,
                        "error",
                        error=about,
                        attempts=0,
                        route="batch",
                        study=self.part.plan["study"],
                        engine={"batch": batch.name},
                    )
                )
        await self.desk.discard(batch)
        self.desk.retire(batch, f"the provider refused it: {refused}")

    def _worst(self, keys: list[str]) -> dict[str, Amount]:
        """The worst case of each request."""
        missing = set(keys) - self._amounts.keys()
        for request in self.part.requests(missing) if missing else ():
            self._amounts[request.key] = self.budget.worst_of(
                request.body, self.price, self.part.trial["id"], batch=True
            )
        return self._amounts


def _never_fits(part: "Part", count: int) -> SplitplotError:
    return SplitplotError(
        f"{part.label}: {part.settings['protocol']} has refused {BUSY_ALONE} times in a row to queue "
        f"this part's {count:,} requests, with no batch of this workflow in flight. Either others fill "
        "the account's queue: run again later; or a part is more than it may queue at once: set "
        f"execution.parts in {part.plan['study_file']} above {len(part.plan['parts'])}"
    )


def _smallest(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _too_large(part: "Part", size: str, limit: str, times: float) -> ConfigError:
    parts = len(part.plan["parts"])
    needed = int(parts * times * 1.1) + 1  # parts are cut by a hash: they are not all of one size
    return ConfigError(
        f"{part.plan['study_file']}: {part.label} holds {size}, and {part.settings['protocol']} takes "
        f"{limit} in a batch; nothing of it was sent. Set execution.parts to at least {needed} "
        f"(now {parts})"
    )


def _sum(amounts: Iterable[Amount]) -> Amount:
    usd, calls, tokens = 0.0, 0, 0
    for amount in amounts:
        usd, calls, tokens = usd + amount.usd, calls + amount.calls, tokens + amount.tokens
    return Amount(usd, calls, tokens)
