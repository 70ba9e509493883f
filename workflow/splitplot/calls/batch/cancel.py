"""Cancels what a study has in flight at providers, and keeps what is finished."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.calls.batch.desk import GONE, Desk
from splitplot.calls.batch.http import HttpFailure
from splitplot.calls.batch.part import SHORTEST_S, open_desk
from splitplot.calls.batch.store import Batch, Store
from splitplot.calls.records import LOST
from splitplot.calls.stop import watching


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
                waiting_for_answer = set(batches)
                while True:
                    for batch in sorted(waiting_for_answer, key=lambda batch: batch.name):
                        await desk.advance(batch)
                        if batch.step == "sending" and batch.seen().get("gone_since"):
                            batch.want_cancelled()  # sent with another key: nobody will ever know
                        if batch.step == "sending" or (batch.is_open and not _is_created(batch)):
                            continue  # nobody knows yet whether it was made
                        if batch.step == "created" and not await _ask(desk, batch):
                            continue
                        asked += batch.cancel_wanted
                        waiting_for_answer.discard(batch)
                    for batch in batches:
                        await desk.advance(batch)
                    still = [batch for batch in batches if batch.is_open]
                    if not still or not (wait or waiting_for_answer):
                        break
                    looks = [max(SHORTEST_S, desk.next_look_s(batch)) for batch in still]
                    await desk.pause(min(looks))
    return asked


def _is_created(batch: Batch) -> bool:
    return (batch.folder / "created.json").exists()


async def _ask(desk: Desk, batch: Batch) -> bool:
    """Ask the provider to stop a batch; False where it did not answer, and is to be asked again."""
    created = batch.read("created")["id"]
    try:
        await desk.provider.cancel(desk.http, created)
    except HttpFailure as error:
        if error.failure.then == "stop":
            raise desk.refused(error.failure) from None
        if error.status not in GONE:
            desk.say(f"{batch.name} ({created}): {error}; asked again later")
            return False
    batch.want_cancelled()
    batch.note(
        {key: value for key, value in batch.seen().items() if key != "at"}
    )  # worth a look now
    desk.say(f"{batch.name} ({created}): asked to stop")
    return True
