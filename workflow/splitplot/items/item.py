"""The item: one question with everything a template and a scorer need."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from splitplot.canonical import digest


@dataclass(frozen=True)
class Item:
    """One question.

    id: unique within the study.
    input: the question as the model will see it through the template.
    targets: acceptable answers, possibly empty (open-ended or unanswerable).
    context: passage or other material; choices: options of a multiple-choice question, in order.
    cluster: passage, repository … that items share; None where each item stands alone.
    tier: difficulty tier; tags: free labels; difficulty: number on any scale, larger is harder.
    metadata: whatever a scorer needs (JSON values only), e.g. the entry of a procedural task.
    source: which entry of the study's `items` it came from, for the report.
    """

    id: str
    input: str
    targets: tuple[str, ...] = ()
    context: str | None = None
    choices: tuple[str, ...] = ()
    cluster: str | None = None
    tier: str | None = None
    tags: tuple[str, ...] = ()
    difficulty: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    @property
    def hash(self) -> str:
        """Content hash: input, targets, context, choices and metadata; not the id, tags or source."""
        return digest(
            [self.input, list(self.targets), self.context, list(self.choices), self.metadata]
        )


def id_fraction(item_id: str) -> int:
    """The first 64 bits of the SHA-256 of the id: the numerator of a fraction u over 2**64."""
    return int.from_bytes(hashlib.sha256(item_id.encode("utf-8")).digest()[:8], "big")


def part_of(item_id: str, parts: int) -> int:
    """The part, 0 … parts − 1, to which an item belongs: floor(u · parts), u the fraction of its id.

    Parts are ranges of u, so the parts of two layouts overlap as ranges do: part 0 of 2 is exactly
    parts 0 and 1 of 4. Which other items exist does not matter. Raises ValueError if parts < 1.
    """
    if parts < 1:
        raise ValueError(f"the number of parts must be at least 1, not {parts}")
    return (id_fraction(item_id) * parts) >> 64
