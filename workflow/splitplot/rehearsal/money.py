"""What a study of another size would cost: expected dollars of one answer in each cell.

By the prices, routes and learned lengths that `splitplot estimate` goes by, at the study's present size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitplot.calls.estimate import UNKNOWN_SHARE
from splitplot.calls.learn import Learned, any_answers, learn, spread
from splitplot.calls.ledger import Ledger
from splitplot.calls.pricing import cost
from splitplot.calls.records import Usage
from splitplot.calls.remaining import Remaining, remaining
from splitplot.calls.session import FREE_ROUTES
from splitplot.items.item import Item


@dataclass(frozen=True)
class Answer:
    """One answer of a cell, as it is expected. usd: None without a known price, 0 on a free route."""

    trial: str
    condition: str
    model: str
    usd: float | None
    free: bool
    tokens_in: float
    tokens_out: float
    learned: int


@dataclass(frozen=True)
class Money:
    """The answers of all cells of a study."""

    answers: tuple[Answer, ...]

    @property
    def unpriced(self) -> list[str]:
        """Models without a known price."""
        return list(dict.fromkeys(one.model for one in self.answers if one.usd is None))

    @property
    def per_item(self) -> float | None:
        """Dollars of one more item, answered once in every cell; None where a price is not known."""
        known = [one.usd for one in self.answers if one.usd is not None]
        return sum(known) if len(known) == len(self.answers) else None

    def of(self, items: int, replications: int) -> dict[str, Any]:
        """Answers and dollars of a whole study of this size, none of it answered yet."""
        count = items * replications
        usd = None if self.per_item is None else self.per_item * count
        return {"answers": len(self.answers) * count, "usd": usd}

    def to_json(self) -> dict[str, Any]:
        """Plain values. learned: how many answers say how long answers are, at least, in every cell;
        0: half of `max_tokens` is assumed somewhere."""
        return {
            "free": all(one.free for one in self.answers),
            "unpriced": self.unpriced,
            "usd_per_item": self.per_item,
            "learned": min((one.learned for one in self.answers), default=0),
        }


def money_of(plan: Mapping[str, Any], items: Sequence[Item], ledger_root: Path) -> Money:
    """The answers of the plan's cells. ledger_root: results/ledger, which is only read."""
    seen: set[str] = set()
    found = []
    for cell in plan["cells"]:
        trial = next(one for one in plan["trials"] if one["id"] == cell["trial"])
        ledger = Ledger(ledger_root, trial["hash"], read_only=True)
        work = remaining(dict(plan), cell, items, ledger, set(), seen)
        learned = learn(spread(ledger, work.answers)) or learn(any_answers(ledger))
        found.append(_answer(plan, work, learned))
    return Money(tuple(found))


def _answer(plan: Mapping[str, Any], work: Remaining, learned: Learned | None) -> Answer:
    trial = work.trial
    sizes = [*work.tokens_in, *(expected for _, expected in work.answers)]
    tokens_in = sum(sizes) / len(sizes) if sizes else 0.0
    tokens_in *= (learned.input_ratio if learned else None) or 1.0
    likely = learned.output if learned else (work.bound_out or 0) * UNKNOWN_SHARE
    tokens_out = likely if work.bound_out is None else min(likely, work.bound_out)
    free = trial["route"] in FREE_ROUTES
    usd: float | None = 0.0
    if not free:
        batch = trial.get("batch")
        by_batch = batch is not None and work.requests / len(plan["parts"]) >= batch["at_least"]
        size = round(tokens_in), round(tokens_out)
        usage = learned.usage(*size) if learned else Usage(*size)
        usd = cost(work.price, usage, batch=by_batch) if work.price else None
    return Answer(
        trial["id"],
        work.condition,
        trial["model"],
        usd,
        free,
        tokens_in,
        tokens_out,
        learned.answers if learned else 0,
    )
