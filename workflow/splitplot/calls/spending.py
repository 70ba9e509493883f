"""What was spent, from the ledger itself: by study, model, route and day; and whether a table agrees.

Every response record that was ever paid for counts, be its study deleted, its condition removed, or its
answer there twice. Attempts that failed before an answer came have no record of their own: what a
provider may have billed for them is in the accounts of the caps (`results/ledger/spend`) alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from math import fsum
from pathlib import Path
from typing import Any

from splitplot.calls.ledger import records
from splitplot.calls.records import LOST
from splitplot.calls.session import FREE_ROUTES

CENT = 0.005
"""Sums that differ by less are equal to the cent."""


@dataclass
class Spend:
    """Responses of one study, model, route and day (UTC), and what they cost.

    requests: responses and failures for good. answers: those of them that are answers. unpriced:
    answers from a provider whose price nobody has told.
    """

    study: str
    model: str
    route: str
    day: str
    requests: int = 0
    answers: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_reasoning: int = 0
    usd: float = 0.0
    unpriced: int = 0

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return asdict(self)


COUNTS = (
    "requests",
    "answers",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "tokens_reasoning",
    "unpriced",
)


@dataclass
class Lines:
    """How many responses, and dollars that add up exactly in whatever order they come."""

    count: int = 0
    amounts: list[float] = field(default_factory=list)

    def add(self, usd: float | None) -> None:
        """One more."""
        self.count += 1
        if usd:
            self.amounts.append(usd)

    @property
    def usd(self) -> float:
        """Their sum."""
        return fsum(self.amounts)

    def to_json(self) -> dict[str, Any]:
        """{"count", "usd"}."""
        return {"count": self.count, "usd": self.usd}


def responses(ledger_root: Path, study: str | None = None) -> Iterator[dict[str, Any]]:
    """Every response record of the ledger, or of the jobs of one study, with `study` and `model`.

    `trial` is the name of its folder. A file is read from beginning to end, one record at a time.
    """
    for path, header in _files(ledger_root):
        if study is not None and header.get("study") != study:
            continue
        for record in records(path):
            if record["kind"] == "response":
                yield record | {
                    "study": record.get("study") or header.get("study", ""),
                    "model": header.get("model") or "",
                    "trial": path.parent.name,
                }


def spending(every: Iterable[dict[str, Any]]) -> list[Spend]:
    """Sums over response records (of `responses`), sorted by study, model, route and day."""
    groups: dict[tuple[str, ...], tuple[Spend, list[float]]] = {}
    names: dict[str, str] = {}
    for record in every:
        trial, model, route = record["trial"], record["model"], record.get("route") or ""
        names[trial] = model or names.get(trial, "")
        place = (record["study"], trial, model, route, record["at"][:10])
        row, amounts = groups.setdefault(place, (Spend(place[0], model, route, place[4]), []))
        _count(row, record)
        amounts.append(record.get("usd") or 0.0)
    merged: dict[tuple[str, ...], tuple[Spend, list[float]]] = {}
    for (study, trial, model, route, day), (row, amounts) in groups.items():
        # A job that did not say its model has the trial of one that did.
        shown = (study, model or names[trial] or trial, route, day)
        into, sums = merged.setdefault(shown, (Spend(*shown), []))
        for name in COUNTS:
            setattr(into, name, getattr(into, name) + getattr(row, name))
        sums += amounts
    for row, amounts in merged.values():
        row.usd = fsum(amounts)
    return [merged[shown][0] for shown in sorted(merged)]


def _count(row: Spend, record: dict[str, Any]) -> None:
    usage, answer = record.get("usage") or {}, not record["gap"]
    row.requests += record.get("attempts") != 0  # what was given up unsent was no request
    row.answers += answer
    row.tokens_in += usage.get("input_tokens") or 0
    row.tokens_out += usage.get("output_tokens") or 0
    row.tokens_cached += usage.get("cached_tokens") or 0
    row.tokens_reasoning += usage.get("reasoning_tokens") or 0
    row.unpriced += answer and record.get("usd") is None and not _is_free(record)


@dataclass
class Reconciliation:
    """Where each dollar that a study has paid stands.

    paid: all of it, from the ledger. in_table: answers that stand in the item-response table, at the
    table's prices. not_in_table: answers to what the table does not ask (any more). twice: further
    answers to a request that has one. billed_failures: billed, and no answer came. free: of all these
    answers, simulated and local ones. other_studies: answers in the table that another study paid for.
    lost: answers in the table that the ledger does not have.
    """

    study: str
    paid: Lines = field(default_factory=Lines)
    in_table: Lines = field(default_factory=Lines)
    not_in_table: Lines = field(default_factory=Lines)
    twice: Lines = field(default_factory=Lines)
    billed_failures: Lines = field(default_factory=Lines)
    free: Lines = field(default_factory=Lines)
    other_studies: Lines = field(default_factory=Lines)
    lost: Lines = field(default_factory=Lines)

    @property
    def difference(self) -> float:
        """Dollars that the ledger has and the lines have not (or the other way round)."""
        lines = (self.in_table, self.not_in_table, self.twice, self.billed_failures)
        return fsum([self.paid.usd, *(-line.usd for line in lines)])

    @property
    def holds(self) -> bool:
        """Whether it agrees to the cent, and the ledger has every answer of the table."""
        return abs(self.difference) < CENT and not self.lost.count

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        lines = {
            name: line.to_json() for name, line in vars(self).items() if isinstance(line, Lines)
        }
        return {"study": self.study, **lines, "difference": self.difference, "holds": self.holds}


def reconcile(ledger_root: Path, study: str, table: Path) -> Reconciliation:
    """Compare what a study has paid, by the ledger, with its item_responses.parquet."""
    prices = _table_prices(table)
    result = Reconciliation(study)
    settled: dict[str, tuple[str, str, float | None]] = {}  # key → (at, study, usd) of what counts
    for record in responses(ledger_root):
        ours, key, usd = record["study"] == study, record["key"], record.get("usd")
        if ours:
            result.paid.add(usd)
        if record["gap"]:
            if ours and usd:
                result.billed_failures.add(usd)
            continue
        if ours and _is_free(record):
            result.free.add(usd)
        if key not in prices:
            if ours:
                result.not_in_table.add(usd)
            continue
        this, known = (record["at"], record["study"], usd), settled.get(key)
        earliest = known is None or this[0] < known[0]
        later = known if earliest else this
        if earliest:
            settled[key] = this
        if later is not None and later[1] == study:
            result.twice.add(later[2])
    for key, usd in prices.items():
        if key not in settled:
            result.lost.add(usd)
        elif settled[key][1] == study:
            result.in_table.add(usd)
        else:
            result.other_studies.add(usd)
    return result


@dataclass
class StudyAccount:
    """What a study has paid according to the ledger, for costs.json.

    paid: everything. counted: what is among its present answers (keys). billed_failures: billed
    without an answer. elsewhere: the rest: of removed conditions, or there twice. rescued: keys that
    a batch let expire and that were opened again to be sent in real time.
    """

    paid: Lines = field(default_factory=Lines)
    counted: Lines = field(default_factory=Lines)
    billed_failures: Lines = field(default_factory=Lines)
    elsewhere: Lines = field(default_factory=Lines)
    rescued: set[str] = field(default_factory=set)

    def to_json(self) -> dict[str, Any]:
        """What costs.json says of it."""
        names = ("paid", "billed_failures", "elsewhere")
        return {name: getattr(self, name).to_json() for name in names}


def account(ledger_root: Path, study: str, present: dict[str, str]) -> StudyAccount:
    """The account of a study. present: key → the time of finishing, of its present answers of its own."""
    result = StudyAccount()
    left = dict(present)
    for record in responses(ledger_root, study):
        key, usd = record["key"], record.get("usd")
        result.paid.add(usd)
        if record["gap"]:
            if usd:
                result.billed_failures.add(usd)
        elif key in left and left[key] == (record.get("finished_at") or ""):
            del left[key]
            result.counted.add(usd)
        else:
            result.elsewhere.add(usd)
    for path, header in _files(ledger_root):
        if header.get("reason") == "rescue" and header.get("study") == study:
            for record in records(path):
                if record["kind"] == "reopen":
                    result.rescued.update(record["gaps"])
    return result


def studies(ledger_root: Path) -> list[str]:
    """The studies of which the ledger has files."""
    return sorted({str(header.get("study", "")) for _, header in _files(ledger_root)} - {""})


def _files(ledger_root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every ledger file with its first record: who wrote it, and for what."""
    for path in sorted(ledger_root.glob("*/*.jsonl")):
        header = next(records(path), {})
        yield path, header if header.get("kind") == "open" else {}


def _is_free(record: dict[str, Any]) -> bool:
    return bool(record.get("simulated")) or record.get("route") in FREE_ROUTES


def _table_prices(table: Path) -> dict[str, float | None]:
    """Key → dollars of every answer in an item-response table; a row a scorer counts once."""
    from pyarrow import parquet

    prices: dict[str, float | None] = {}
    for batch in parquet.ParquetFile(table).iter_batches(columns=["key", "outcome", "usd"]):
        columns = batch.to_pydict()
        rows = zip(columns["key"], columns["outcome"], columns["usd"], strict=True)
        prices.update((key, usd) for key, outcome, usd in rows if key and outcome not in LOST)
    return prices
