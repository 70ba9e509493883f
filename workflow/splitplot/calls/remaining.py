"""What a cell still has to send: its requests without those that are answered or under way."""

from __future__ import annotations  # array[int] is a type for the checker only

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from splitplot.calls.keys import Prompts, TrialKeys
from splitplot.calls.ledger import Ledger, Position
from splitplot.calls.pricing import Price
from splitplot.calls.requests import cell_of
from splitplot.calls.session import trial_price
from splitplot.calls.tokens import max_output, sizes_of, text_bytes
from splitplot.items.item import Item, part_of
from splitplot.waves import waves_of


@dataclass
class Answers:
    """Where the answers of a cell lie, with the expected input tokens of their requests: 20 bytes each."""

    paths: dict[Path, int] = field(default_factory=dict)
    file: array[int] = field(default_factory=lambda: array("I"))
    offset: array[int] = field(default_factory=lambda: array("Q"))
    tokens_in: array[int] = field(default_factory=lambda: array("q"))

    def append(self, position: Position, tokens_in: int) -> None:
        """One more."""
        self.file.append(self.paths.setdefault(position.path, len(self.paths)))
        self.offset.append(position.offset)
        self.tokens_in.append(tokens_in)

    def __len__(self) -> int:
        return len(self.file)

    def __iter__(self) -> Iterator[tuple[Position, int]]:
        paths = list(self.paths)
        for file, offset, tokens_in in zip(self.file, self.offset, self.tokens_in, strict=True):
            yield Position(paths[file], offset, gap=False), tokens_in


@dataclass
class Remaining:
    """What one cell still has to send, a column a quantity, and what it has.

    bound_out: the most output tokens of one request, None where nothing bounds it.
    tokens_in: expected by the bytes; bound_in: at most; part: the number of the part.
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
    answers: Answers = field(default_factory=Answers)

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
    prompts: Prompts | None = None,
) -> Remaining:
    """The remaining work of a cell of the plan.

    in_flight: keys of the trial in open batches. seen: keys of the cells before, to which its own are
    added: a request that several cells share belongs to the first. closed: indices of the parts that
    are not asked because the study was settled before; their requests are counted apart. prompts:
    what is known of the messages already, for several cells.
    """
    trial, condition, replications = cell_of(plan, cell["trial"], cell["condition"])
    work = Remaining(trial, condition["id"], trial_price(trial))
    prompts, keys, waves = prompts or Prompts(), TrialKeys(trial), waves_of(plan)
    parameters = text_bytes({"messages": [], **trial["parameters"]})
    sizes: dict[str, tuple[int, int, int]] = {}
    not_asked: set[str] = set()
    any_new = False
    for item in items:
        prompt = prompts.of(condition, item)
        part = _part_of(item.id, len(plan["parts"]))
        size = (*sizes_of(prompt.text + parameters, prompt.count), part)
        for key in keys.of(prompt.json, replications, waves):
            if key in seen:
                continue
            any_new = True
            if part in closed:
                not_asked.add(key)
                continue
            sizes[key] = size
            seen.add(key)
    work.not_asked = len(not_asked - seen)
    seen |= not_asked
    if any_new:
        work.bound_out = max_output(trial["parameters"], work.price)
    found = ledger.find(sizes)
    work.requests = len(sizes)
    keep = work.answers.append
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
            keep(position, tokens_in)
    return work


@lru_cache(maxsize=1 << 16)
def _part_of(item_id: str, parts: int) -> int:
    """`part_of`, asked for the same items in every cell."""
    return part_of(item_id, parts)
