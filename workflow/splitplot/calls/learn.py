"""What the answers of a trial teach about those to come: their length, and how input is counted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from splitplot.calls.ledger import Ledger, records
from splitplot.calls.records import LOST, Response, Usage
from splitplot.calls.remaining import Answers

LEARN_FROM = 200
"""Answers that stand for those to come."""

LOOK_AT = 5_000
"""Records of other studies' answers that are looked at to find so many."""


@dataclass(frozen=True)
class Learned:
    """What answers have shown.

    answers: how many. output: their mean output tokens. reasoning, cached: shares of the output and of
    the input. input_ratio: counted input tokens to those expected by the bytes of the request; None
    where the requests are not known.
    """

    answers: int
    output: float
    reasoning: float
    cached: float
    input_ratio: float | None

    def usage(self, tokens_in: int, tokens_out: int) -> Usage:
        """The usage of a call of this size, with its likely reasoning and cached tokens."""
        return Usage(
            tokens_in,
            tokens_out,
            reasoning_tokens=round(self.reasoning * tokens_out),
            cached_tokens=round(self.cached * tokens_in),
        )


def learn(samples: Iterable[tuple[Response, int | None]]) -> Learned | None:
    """From (response, expected input tokens of its request); None where no answer says its length."""
    answers = output = reasoning = 0
    counted = cached = compared = expected = 0
    for response, expected_in in samples:
        usage = response.usage
        if response.outcome in LOST or usage.output_tokens is None:
            continue
        answers += 1
        output += usage.output_tokens
        reasoning += usage.reasoning_tokens or 0
        if usage.input_tokens is not None:
            counted += usage.input_tokens
            cached += usage.cached_tokens or 0
            if expected_in:
                compared += usage.input_tokens
                expected += expected_in
    if not answers:
        return None
    return Learned(
        answers,
        output / answers,
        min(1.0, reasoning / output) if output else 0.0,
        min(1.0, cached / counted) if counted else 0.0,
        compared / expected if compared and expected else None,
    )


def spread(ledger: Ledger, *known: Answers) -> Iterator[tuple[Response, int | None]]:
    """At most `LEARN_FROM` of the known answers, from beginning to end: items may be in an order."""
    step = max(1, sum(map(len, known)) // LEARN_FROM)
    chosen = islice(chain.from_iterable(known), 0, None, step)
    for position, expected in islice(chosen, LEARN_FROM):
        yield ledger.read(position), expected


def any_answers(ledger: Ledger) -> Iterator[tuple[Response, int | None]]:
    """Answers of the trial to whatever requests, the latest jobs first."""
    files = sorted(ledger.folder.glob("*.jsonl"), reverse=True)
    every = (record for path in files for record in records(path))
    answers = (
        record
        for record in islice(every, LOOK_AT)
        if record["kind"] == "response" and not record["gap"]
    )
    for record in islice(answers, LEARN_FROM):
        yield Response.from_json(record), None
