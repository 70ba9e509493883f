"""How the command's answers look on a terminal: tables, JSON, and the words for money and batches."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from splitplot.text import HIDDEN

if TYPE_CHECKING:
    from splitplot.calls.estimate import Estimate
    from splitplot.calls.spending import Reconciliation, Spend
    from splitplot.calls.status import CellStatus


SHOWN_CHARACTERS = 90
"""Of a text in a line of a table."""


def as_json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON in which hidden characters are escaped, so that a terminal shows them."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns padded to their widest entry; numbers to the right."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    right = [all(not isinstance(row[column], str) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


def status_table(rows: Sequence["CellStatus"]) -> str:
    """A line per cell."""
    head = (
        "trial",
        "condition",
        "requests",
        "done",
        "failed",
        "over quota",
        "in flight",
        "missing",
    )
    return table(
        head,
        [
            (
                row.trial,
                row.condition,
                row.requests,
                row.done,
                ", ".join(f"{count} {name}" for name, count in row.failed.items()) or "0",
                row.over_quota,
                row.in_flight,
                row.missing,
            )
            for row in rows
        ],
    )


def estimate_table(total: "Estimate") -> str:
    """A line per cell; columns that would be the same everywhere are left out."""
    from splitplot.text import dollars

    def usd(amount: float | None) -> str:
        return "unpriced" if amount is None else dollars(amount)

    learned = any(cell.n_learned for cell in total.cells)
    head = ["trial", "condition", "route", "in ledger"]
    head += ["in flight"] if total.in_flight else []
    head += ["to send"] + (["by batch"] if total.batch_requests else [])
    head += ["tokens in", "tokens out", "at most", "usd expected", "usd at most"]
    head += ["learned from"] if learned else []
    rows = []
    for cell in total.cells:
        row: list[Any] = [cell.trial, cell.condition, cell.route, cell.in_ledger]
        row += [cell.in_flight] if total.in_flight else []
        row += [cell.to_send] + ([cell.batch_requests] if total.batch_requests else [])
        most = "unbounded" if cell.tokens_out_ceiling is None else cell.tokens_out_ceiling
        row += [cell.tokens_in, cell.tokens_out_expected, most]
        row += [usd(cell.usd_expected), usd(cell.usd_ceiling)]
        row += [_learned(cell.n_learned, cell.learned_from)] if learned else []
        rows.append(row)
    return table(head, rows)


def _learned(answers: int, where: str | None) -> str:
    if not answers:
        return "nothing"
    return f"{_count(answers, 'answer')}{' of other cells' if where == 'trial' else ''}"


def batch_lines(batches: Sequence[Mapping[str, Any]]) -> str:
    """One line per open batch: whose, in what state, how far, since when."""
    return "\n".join(f"open batch: {_batch(batch)}" for batch in batches)


def ledger_text(
    rows: Sequence["Spend"],
    batches: Sequence[Mapping[str, Any]],
    found: "Reconciliation | None",
    table_path: str,
) -> str:
    """What was spent, what is under way, and whether the study's table agrees."""
    from splitplot.text import dollars

    if not rows and not batches and (found is None or found.holds):
        return "the ledger has no answers yet"
    head = ("study", "model", "route", "day", "requests", "answers", "tokens in", "tokens out")
    lines = (
        []
        if not rows
        else [
            table(
                (*head, "cached", "reasoning", "usd"),
                [
                    (
                        row.study,
                        row.model,
                        row.route,
                        row.day,
                        row.requests,
                        row.answers,
                        row.tokens_in,
                        row.tokens_out,
                        row.tokens_cached,
                        row.tokens_reasoning,
                        dollars(row.usd)
                        + (
                            f" and {_count(row.unpriced, 'answer')} unpriced"
                            if row.unpriced
                            else ""
                        ),
                    )
                    for row in rows
                ],
            )
        ]
    )
    total = ledger_total(rows)
    unpriced = total["unpriced"]
    lines.append(
        f"in all: {_count(total['requests'], 'request')}, {_count(total['answers'], 'answer')}, "
        + dollars(total["usd"])
        + (f", and {_count(unpriced, 'answer')} without a known price" if unpriced else "")
    )
    lines += [
        f"open batch: {_batch(batch)}, at most {dollars(batch['usd_at_most'])} reserved"
        for batch in batches
    ]
    if found is not None:
        lines.append(_reconciliation(found, table_path))
    return "\n".join(lines)


def ledger_total(rows: Sequence["Spend"]) -> dict[str, Any]:
    """Requests, answers, dollars and unpriced answers of all rows."""
    from math import fsum

    counts = {
        name: sum(getattr(row, name) for row in rows)
        for name in ("requests", "answers", "unpriced")
    }
    return {**counts, "usd": fsum(row.usd for row in rows)}


def _reconciliation(found: "Reconciliation", table_path: str) -> str:
    from splitplot.text import dollars

    parts = (
        (found.in_table, "answer", f"in {table_path}"),
        (found.not_in_table, "answer", "not in it: removed since, or it is older than they are"),
        (found.twice, "answer", "to requests that had one already"),
        (found.billed_failures, "failure", "billed without a usable answer"),
    )
    lines = [f"{found.study} has paid {dollars(found.paid.usd)}:"]
    lines += [
        f"    {dollars(line.usd)} for {_count(line.count, noun)} {where}"
        for line, noun, where in parts
        if line.count
    ]
    if found.free.count:
        lines.append(f"    {_count(found.free.count, 'answer')} of these free: simulated or local")
    if found.other_studies.count:
        lines.append(
            f"    {_count(found.other_studies.count, 'answer')} in the table more, worth "
            f"{dollars(found.other_studies.usd)}, paid by other studies"
        )
    if found.lost.count:
        lines.append(
            f"    {_count(found.lost.count, 'answer')} in the table, worth {dollars(found.lost.usd)}, "
            "that the ledger does not have"
        )
    lines.append(
        "which agrees to the cent"
        if found.holds
        else f"which does not agree: {dollars(abs(found.difference))} of difference; make the table "
        "again by a run, and see whether files of the ledger are missing"
    )
    return "\n".join(lines)


def audit_text(found: Mapping[str, Any], *, texts: bool = True) -> str:
    """The detector on one set of labelled answers: counts, precision and recall, what it misread.

    found: an entry of `audit` in inference.json. texts: whether the misread ones are listed.
    """
    kinds = list(found["confusion"])
    counts = [
        (label, found["labels"][label], *(read[kind] for kind in kinds))
        for label, read in found["confusion"].items()
    ]
    rates = [
        (f"{kind}s", _rate(found[kind]["precision"]), _rate(found[kind]["recall"]))
        for kind in ("abstention", "refusal")
    ]
    lines = [
        f"{_count(found['n'], 'labelled answer')} in {found['path']}",
        table(("label", "texts", *(f"read: {kind}" for kind in kinds)), counts),
        table(("read of", "precision (95% interval)", "recall (95% interval)"), rates),
    ]
    sets = [("all", found["declining"])]
    sets += [(one["condition"], one) for one in found["by_condition"]]
    said = [
        (name, _rate(one["declines_read_as_answers"]), _rate(one["answers_read_as_declines"]))
        for name, one in sets
    ]
    lines.append(table(("answers", "declining read as answering", "answering as declining"), said))
    if texts and found["wrong"]:
        wrong = [
            (one["id"], one["label"], one["read"], shortened(" ".join(one["text"].split())))
            for one in found["wrong"]
        ]
        lines.append(table(("misread", "label", "read", "text"), wrong))
    return "\n\n".join(lines)


def shortened(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} …"


def _rate(rate: Mapping[str, Any] | None) -> str:
    if rate is None:
        return "–"
    return f"{rate['estimate']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"


def cancel_text(study: str, done: Mapping[str, int]) -> str:
    """What a cancellation came to."""
    if not any(done.values()):
        return f"{study} has no open batches"
    text = (
        f"{_count(done['cancelled'], 'batch')} of {study} asked to stop; {done['ended']:,} ended: "
        f"{_count(done['answers_kept'], 'answer')} kept, "
        f"{_count(done['unanswered'], 'request')} without one"
    )
    if done["still_running"]:
        text += (
            f"; {done['still_running']:,} still running at the provider: their answers are taken in by "
            "the next run, or by this command again"
        )
    if done["unanswered"]:
        text += f"; `splitplot refill {study}` opens what has none"
    return text


def _batch(batch: Mapping[str, Any]) -> str:
    done, total = batch["done"], batch["total"]
    progress = f"{done:,} of {total:,} done" if done is not None else f"{total:,} requests"
    age = datetime.now(UTC) - datetime.fromisoformat(batch["at"])
    return (
        f"{batch['provider']} {batch['id'] or batch['name']} ({batch['trial']} × "
        f"{batch['condition']}, part {batch['part']}) is {batch['state']}, {progress}, "
        f"{_duration(max(0.0, age.total_seconds()))} old"
    )


def _count(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith('ch') else 's'}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
