"""Mistakes that the engine could make: with each of them the crash matrix has to fail.

python tests/providers/crash_matrix.py --providers openai --ways kill --defect retire-at-once
"""

from contextlib import contextmanager


def retire_at_once() -> None:
    """A batch whose create call may have worked is given up without a search."""
    from splitplot.calls.batch import desk

    async def reconcile(self, batch):
        self.retire(batch, "given up")

    desk.Desk.reconcile = reconcile


def do_not_wait() -> None:
    """One search that finds nothing is enough to give up a batch whose create call may have worked."""
    from splitplot.calls.batch import desk

    desk.Desk._settle_s = 0.0


def ignore_open_batches() -> None:
    """What is under way in a batch counts as free to be sent."""
    from splitplot.calls.batch import part
    from splitplot.calls.ledger import Ledger

    def free(self):
        keys = self.keys()
        found = Ledger(self.ledger_root, self.trial["hash"]).find(keys)
        return [key for key in keys if key not in found and key not in self.over_quota]

    part.Part.free = free


def keep_half_files() -> None:
    """A download that is there counts as complete."""
    from splitplot.calls.batch import http

    true = http.Http.download

    @contextmanager
    def in_place(path):
        yield path

    async def download(self, path, to, *more, **named):
        if not to.exists():
            await true(self, path, to, *more, **named)

    http.atomic_path, http.Http.download = in_place, download


def record_twice() -> None:
    """What an earlier attempt has recorded of a batch is not looked at."""
    from splitplot.calls.batch import collect

    class Ledger(collect.Ledger):
        def find(self, keys):
            return {}

    collect.Ledger = Ledger


def keep_reservations() -> None:
    """The money of a batch that came to nothing stays reserved."""
    from splitplot.calls.batch import desk

    desk.settle_batch = lambda *given: None


DEFECTS = {
    made.__name__.replace("_", "-"): made
    for made in (
        retire_at_once,
        do_not_wait,
        ignore_open_batches,
        keep_half_files,
        record_twice,
        keep_reservations,
    )
}
