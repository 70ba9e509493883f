"""Answer the requests of one part: reuse what the ledger has, send the rest, project the responses.

The order of things is the promise that nothing is paid twice: lock a key, look once more into the
ledger, reserve its worst case, record the intent, send, record the answer, give the lock back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from splitplot import paths
from splitplot.calls.batch.store import open_keys
from splitplot.calls.ledger import Ledger, LedgerWriter
from splitplot.calls.records import Response
from splitplot.calls.requests import cell_of, part_keys, part_requests
from splitplot.calls.session import FREE_ROUTES, Session
from splitplot.calls.stop import requested, stopped
from splitplot.errors import SplitplotError
from splitplot.files import read_json, write_jsonl


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
    disk full, a stop requested. Everything that was answered until then is in the ledger. Nothing is
    sent on the `local` route: its answers are made by `generate`, and are in the ledger already.
    """
    trial, condition, _ = cell_of(plan, trial_id, condition_id)
    ledger = Ledger(ledger_root, trial["hash"])
    keys = part_keys(folder)
    if trial["route"] == "local":
        _check_generated(ledger, keys, paths.generated(plan["study"], trial_id, part))
        return _project(ledger, keys, folder / "responses.jsonl", set(), reused=len(keys))
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
            place = {"condition": condition_id, "part": part}
            session = Session(plan, trial, ledger, ledger_root, place)
            session.total, session.terminal = len(wanted), terminal
            try:
                requests = part_requests(folder, wanted)
                if trial["route"] == "sim":
                    session.simulate(requests, folder, items, condition["name"])
                else:
                    session.send(requests)
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
    keys = part_keys(folder)
    return _project(ledger, keys, folder / "responses.jsonl", over_quota, reused=len(settled))


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


def _check_generated(ledger: Ledger, keys: list[str], receipt: str) -> None:
    """Raise SplitplotError where a local model is said to have answered and the ledger lacks answers."""
    lacking = len(keys) - len(ledger.find(keys))
    if lacking:
        raise SplitplotError(
            f"{lacking:,} of {len(keys):,} answers are not in the ledger, though {receipt} says that the "
            f"model was asked; delete it, and the next run asks for what is missing:  rm {receipt}"
        )


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
                row = ledger.row(found[key])
            else:
                row = Response(key, "over_quota" if key in over_quota else "missing").to_json()
            tally.outcomes[row["outcome"]] = tally.outcomes.get(row["outcome"], 0) + 1
            yield row

    write_jsonl(output, rows())
    return tally
