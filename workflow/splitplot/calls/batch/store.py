"""What is known of every batch, on disk: one folder per batch in `results/ledger/batches/{account}/`.

Each step of a batch's life is a file of its own, written once and atomically, so that a kill leaves
either the step or no trace of it:

    intent.json     these keys are to be sent as one batch (keys.txt); nothing has been sent
    sending.json    the create call is about to leave; from here on only the provider can tell
    created.json    the provider's id
    ended.json      the provider works on it no longer
    collected.json  every key has its answer, or its gap, in the ledger
    retired.json    no batch came of it, or none that answers anything: its keys are free again

A batch is open until it is collected or retired, and its keys are nobody else's meanwhile.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from splitplot.canonical import digest
from splitplot.files import atomic_text, read_json, write_json

Step = Literal["intent", "sending", "created", "ended", "collected", "retired"]
STEPS: tuple[Step, ...] = ("retired", "collected", "ended", "created", "sending", "intent")
CLOSED = ("collected", "retired")
NAME_DIGITS = 32


def account_of(batch: dict[str, Any]) -> str:
    """The folder name of the account that a trial's `batch` settings speak of: never its key."""
    names = ("base_url", "account", "api_key_env", "api_version", "headers")
    place = [batch["protocol"], *(batch.get(name) or None for name in names)]
    return f"{batch['protocol']}--{digest(place, 8)}"


class Batch:
    """One batch's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Any] = {}
        self._keys: list[str] | None = None

    @property
    def name(self) -> str:
        """Content-derived tag, also at the provider."""
        return self.folder.name

    @property
    def account(self) -> str:
        """The account's folder name."""
        return self.folder.parent.name

    @property
    def step(self) -> Step | None:
        """The last step that was taken; None before the intent is complete."""
        return next((step for step in STEPS if (self.folder / f"{step}.json").exists()), None)

    @property
    def is_open(self) -> bool:
        """Whether its keys may still be answered by it."""
        return self.step not in (None, *CLOSED)

    def read(self, step: Step) -> dict[str, Any]:
        """What was recorded at a step that has been taken."""
        if step not in self._read:
            self._read[step] = read_json(self.folder / f"{step}.json")
        value: dict[str, Any] = self._read[step]
        return value

    def write(self, step: Step, value: dict[str, Any]) -> None:
        """Take a step: durable when this returns. value: with the time, `at`."""
        write_json(self.folder / f"{step}.json", value)
        _sync(self.folder)

    def header(self) -> dict[str, Any]:
        """What a ledger file says at its beginning, when it records what came of this batch."""
        intent = self.read("intent")
        names = ("study", "model", "condition", "part")
        return {"trial": intent["trial_id"], "route": "batch"} | {n: intent[n] for n in names}

    def keys(self) -> list[str]:
        """The keys of its requests, in the order of its lines."""
        if self._keys is None:
            text = (self.folder / "keys.txt").read_text(encoding="ascii")
            self._keys = text.split()
        return self._keys

    def tidy(self) -> None:
        """Remove what was uploaded and downloaded: the ledger has what it said."""
        for file in self.folder.iterdir():
            if file.suffix not in (".json", ".txt") and file.name != "lock":
                file.unlink()

    def note(self, value: dict[str, Any]) -> None:
        """Remember the last look at it, for other jobs and for `status`; may be lost."""
        write_json(self.folder / "seen.json", value)

    def seen(self) -> dict[str, Any]:
        """The last look at it, {} before the first."""
        try:
            value: dict[str, Any] = read_json(self.folder / "seen.json")
            return value
        except FileNotFoundError:
            return {}

    def want_cancelled(self) -> None:
        """Remember that the provider is being asked to stop it: some then know it no longer."""
        (self.folder / "cancel.json").touch()

    @property
    def cancel_wanted(self) -> bool:
        """Whether the provider has been asked to stop it."""
        return (self.folder / "cancel.json").exists()

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Whether this process alone may take steps with the batch now; never waits.

        The lock ends with the process. Not to be taken twice by one process.
        """
        file = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(file)


class Store:
    """All batches of a ledger. Closed ones are remembered, so that a second look is short."""

    def __init__(self, ledger_root: Path) -> None:
        self.root = ledger_root / "batches"
        self._closed: set[str] = set()
        self._known: dict[str, Batch] = {}

    def open_batches(self, *, account: str | None = None, trial: str | None = None) -> list[Batch]:
        """The open batches, oldest intent first; of one account, or of one trial (its hash)."""
        found = []
        for folder in self._folders(account):
            batch = self._known.setdefault(folder.name, Batch(folder))
            step = batch.step
            if step in CLOSED:
                self._closed.add(folder.name)
                self._known.pop(folder.name)
            elif step is not None and trial in (None, batch.read("intent")["trial"]):
                found.append(batch)
        return sorted(found, key=lambda batch: (batch.read("intent")["at"], batch.name))

    def all_batches(self) -> Iterator[Batch]:
        """Every batch with an intent, open or closed."""
        for path in sorted(self.root.glob("*/*/intent.json")):
            yield Batch(path.parent)

    def draft(self, account: str, trial: str, keys: Iterable[str]) -> Batch:
        """Make the folder of a new batch, with its keys; it exists for others from its intent on.

        The name follows from account, trial and keys; a second attempt at the same ones gets another.
        """
        listed = list(keys)
        attempt = 0
        while True:
            name = "sp-" + digest([account, trial, sorted(listed), attempt], NAME_DIGITS)
            folder = self.root / account / name
            if not (folder / "intent.json").exists():
                break
            attempt += 1
        with atomic_text(folder / "keys.txt") as file:
            file.writelines(f"{key}\n" for key in listed)
        _sync(folder.parent)
        return Batch(folder)

    @contextmanager
    def account_lock(self, account: str) -> Iterator[None]:
        """Held while slots of an account are counted and taken; waits for its turn."""
        folder = self.root / account
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("a+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield

    def _folders(self, account: str | None) -> Iterator[Path]:
        accounts = [self.root / account] if account else _subfolders(self.root)
        for folder in accounts:
            for path in _subfolders(folder):
                if path.name not in self._closed:
                    yield path


def open_keys(ledger_root: Path, trial_hash: str) -> set[str]:
    """Keys of a trial that open batches hold at this moment."""
    batches = Store(ledger_root).open_batches(trial=trial_hash)
    return {key for batch in batches for key in batch.keys()}  # noqa: SIM118 (a list, no mapping)


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir()]
    except FileNotFoundError:
        return []


def _sync(folder: Path) -> None:
    """Make names in a folder durable, where the file system knows how."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
