"""What a cell still has to send: its requests without those that are answered or under way."""

from __future__ import annotations  # array[int] is a type for the checker only

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from splitplot.calls.fulfil import trial_price
from splitplot.calls.ledger import Ledger, Position
from splitplot.calls.pricing import Price
from splitplot.calls.requests import cell_of, cell_requests
from splitplot.calls.tokens import expected, max_output, upper_bound
from splitplot.items.item import Item, part_of


@dataclass
class Remaining:
    """What one cell still has to send, a column a quantity, and what it has.

    bound_out: the most output tokens of one request, None where nothing bounds it.
    tokens_in: expected by the bytes; bound_in: at most; part: the number of the part.
    answers: where they lie, with the expected input tokens of their requests.
    """

    trial: dict[str, Any]
    condition: str
    price: Price | None
    bound_out: int | None = None
    requests: int = 0
    gaps: int = 0
    in_flight: int = 0
    not_asked: int = 0
    tokens_in: array[int] = field(default_factory=lambda: array("q"))
    bound_in: array[int] = field(default_factory=lambda: array("q"))
    part: array[int] = field(default_factory=lambda: array("h"))
    answers: list[tuple[Position, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.part)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """(expected input tokens, at most, part) of each request."""
        return zip(self.tokens_in, self.bound_in, self.part, strict=True)

    def by_batch(self) -> set[int]:
        """The parts that would go by batch: those that have enough to send, as when they are sent."""
        batch = self.trial.get("batch")
        if not batch:
            return set()
        return {part for part, count in Counter(self.part).items() if count >= batch["at_least"]}


def remaining(
    plan: dict[str, Any],
    cell: dict[str, Any],
    items: Sequence[Item],
    ledger: Ledger,
    in_flight: set[str],
    seen: set[str],
    closed: frozenset[int] = frozenset(),
) -> Remaining:
    """The remaining work of a cell of the plan.

    in_flight: keys of the trial in open batches. seen: keys of the cells before, to which its own are
    added: a request that several cells share belongs to the first. closed: indices of the parts that
    are not asked because the study was settled before; their requests are counted apart.
    """
    trial, condition, replications = cell_of(plan, cell["trial"], cell["condition"])
    work = Remaining(trial, condition["id"], trial_price(trial))
    sizes: dict[str, tuple[int, int, int]] = {}
    body: dict[str, Any] = {}
    not_asked: set[str] = set()
    last_item: Item | None = None
    size = (0, 0, 0)
    for request, item, _ in cell_requests(trial, condition, replications, items):
        if request.key in seen:
            continue
        if item is not last_item:  # replications have the same body
            last_item, body = item, request.body
            size = (expected(body), upper_bound(body), part_of(item.id, len(plan["parts"])))
        if size[2] in closed:
            not_asked.add(request.key)
            continue
        sizes[request.key] = size
        seen.add(request.key)
    work.not_asked = len(not_asked - seen)
    seen |= not_asked
    if body:
        work.bound_out = max_output(body, work.price)  # by parameters of the trial alone
    found = ledger.find(sizes)
    work.requests = len(sizes)
    for key, (tokens_in, bound_in, part) in sizes.items():
        position = found.get(key)
        if position is None and key in in_flight:
            work.in_flight += 1
        elif position is None:
            work.tokens_in.append(tokens_in)
            work.bound_in.append(bound_in)
            work.part.append(part)
        elif position.gap:
            work.gaps += 1
        else:
            work.answers.append((position, tokens_in))
    return work
