"""How well abstentions were told from answers: a paragraph and a table for the section on methods."""

from collections.abc import Iterator, Mapping
from typing import Any

from splitplot.report.section import Rows, Section, Value, said
from splitplot.report.wording import number, plural

CAVEAT = (
    "The hand-written answers were made for this software apart from the patterns that are tried on them, "
    "and sampled from no model: precision depends on how many of the texts abstain, so among this "
    "study's answers it may be another."
)
SETS = {"shipped": "hand-written", "own": "the study's own"}


def section(inference: Mapping[str, Any]) -> Section | None:
    """What was tried and what came of it; None where no score depends on reading abstentions."""
    audit = inference.get("audit")
    if not audit:
        return None
    tried = [(name, audit[key]) for key, name in SETS.items() if audit.get(key)]
    table = Rows(("answers", "read of", "read so", "labelled so", "precision", "recall"))
    for name, found in tried:
        for row in _rows(name, found):
            table.add(*row)
    wrong = [
        f"{plural(len(found['wrong']), 'text')} of {found['n']:,} in {found['path']}"
        for _, found in tried
    ]
    return Section(
        "audit",
        "How well abstentions were read",
        "Abstentions",
        lead=said(*(found["sentence"] for _, found in tried)),
        tables=table.table("audit", "The detector on labelled answers"),
        notes=(
            CAVEAT,
            f"Read otherwise than labelled, as listed in inference.json: {' and '.join(wrong)}.",
        ),
    )


def _rows(name: str, found: Mapping[str, Any]) -> Iterator[tuple[Value | str, ...]]:
    for kind, label in (("abstention", "abstains"), ("refusal", "refuses")):
        read = sum(row[label] for row in found["confusion"].values())
        yield (
            Value(name, (plural(found["n"], "text"),)),
            f"{kind}s",
            f"{read:,}",
            f"{found['labels'][label]:,}",
            _rate(found[kind]["precision"]),
            _rate(found[kind]["recall"]),
        )


def _rate(rate: Mapping[str, Any] | None) -> Value:
    """A share in percent over its limits."""
    if rate is None:
        return Value(number(None))
    low, high = (number(100 * rate[key]) for key in ("low", "high"))
    return Value(f"{number(100 * rate['estimate'])}%", (f"{low}% to {high}%",))
