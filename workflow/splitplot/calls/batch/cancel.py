"""Cancels what a study has in flight at providers, and keeps what is finished."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.calls.batch.desk import Desk
from splitplot.calls.batch.part import SHORTEST_S, open_desk
from splitplot.calls.batch.store import Batch, Store
from splitplot.calls.records import LOST
from splitplot.calls.stop import watching

LOCK_S = 0.2


def cancel(
    plan: dict[str, Any], root: Path, wait: bool, say: Callable[[str], None] = print
) -> dict[str, int]:
    """Ask providers to stop every open batch that this study has made.

    wait: until the batches have ended, and collect what they answered; else a later run does that.
    Returns counts: cancelled (batches asked to stop), ended (of all, by now), still_running,
    answers_kept and unanswered (requests of those that ended).
    Raises SplitplotError where an account refuses, or its key is missing.
    """
    ledger_root = root / paths.LEDGER
    store = Store(ledger_root)
    ours = [b for b in store.open_batches() if b.read("intent")["study"] == plan["study"]]
    accounts: dict[str, list[Batch]] = {}
    for batch in ours:
        accounts.setdefault(batch.account, []).append(batch)
    asked = asyncio.run(_cancel_all(ledger_root, list(accounts.values()), wait, say))
    outcomes: dict[str, int] = {}
    for batch in ours:
        if batch.step == "collected":
            for outcome, count in batch.read("collected")["outcomes"].items():
                outcomes[outcome] = outcomes.get(outcome, 0) + count
    running = sum(batch.is_open for batch in ours)
    return {
        "cancelled": asked,
        "ended": len(ours) - running,
        "still_running": running,
        "answers_kept": sum(n for outcome, n in outcomes.items() if outcome not in LOST),
        "unanswered": sum(n for outcome, n in outcomes.items() if outcome in LOST),
    }


async def _cancel_all(
    ledger_root: Path,
    accounts: list[list[Batch]],
    wait: bool,
    say: Callable[[str], None],
) -> int:
    stop, asked = asyncio.Event(), 0
    with watching(stop, None):  # a STOP that ended the run before does not keep this from its work
        for batches in accounts:
            settings = batches[0].read("intent")["settings"]
            async with open_desk(ledger_root, settings, stop, say) as desk:
                for batch in batches:
                    asked += await _cancel(desk, batch)
                while wait and (still := [batch for batch in batches if batch.is_open]):
                    for batch in still:
                        await desk.advance(batch)
                    still = [batch for batch in still if batch.is_open]
                    if still:
                        looks = [max(SHORTEST_S, desk.next_look_s(batch)) for batch in still]
                        await desk.pause(min(looks))
    return asked


async def _cancel(desk: Desk, batch: Batch) -> bool:
    """Whether the provider was asked to stop a batch; one that was never sent is only closed."""
    await desk.advance(batch)
    while batch.step == "sending":  # nobody knows yet whether it was made
        await desk.pause(max(LOCK_S, desk.next_look_s(batch)))
        await desk.advance(batch)
    if batch.step != "created":
        return False
    batch.want_cancelled()
    await desk.provider.cancel(desk.http, batch.read("created")["id"])
    seen = batch.seen()
    seen.pop("at", None)  # it is worth another look now
    batch.note(seen)
    desk.say(f"{batch.name} ({batch.read('created')['id']}): asked to stop")
    return True
