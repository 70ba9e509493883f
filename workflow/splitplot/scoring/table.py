"""From the responses of a cell to its rows of the item-response table, streamed."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from splitplot.calls.records import Response
from splitplot.calls.requests import cell_of, part_index
from splitplot.files import atomic_path, read_jsonl
from splitplot.items import read_items
from splitplot.items.item import Item
from splitplot.scoring.confidence import Reader, make_reader
from splitplot.scoring.grader import WITH_TEXT, Row, grade, make_grader
from splitplot.scoring.patience import Patience, TooSlow
from splitplot.scoring.score import ScoringError
from splitplot.waves import FIRST

ROW_GROUP = 2000
"""Rows that are held in memory before they are written."""


def score_cell(
    *,
    plan: dict[str, Any],
    trial_id: str,
    condition_id: str,
    items_path: Path,
    parts: list[tuple[str, Path, Path]],
    output: Path,
    root: Path,
) -> dict[str, Any]:
    """Score every response of a cell with every scorer of the plan that grades its item; write the table.

    plan: plan.json. parts: (part id such as "0-of-4", its grid.jsonl, its responses.jsonl).
    root: the workflow root, for a user's scorers. Rows come in the order of parts, grid, scorers.
    Memory holds the items of one part and one row group, not the responses.
    Returns {"rows", "responses_missing", "outcomes": {scorer: {outcome: rows}}}.
    Raises ScoringError for an item that cannot be scored or is not in items.parquet, and for a pattern
    of the study that takes without end over an answer; ConfigError for a scorer that cannot be made and
    for a cell that is not in the plan.
    """
    patience = Patience()
    graders = [make_grader(entry, root, patience) for entry in plan["scorers"]]
    confidence = _reader(plan.get("confidence"), patience)
    fixed = _fixed(plan, trial_id, condition_id)
    tally: dict[str, Counter[str]] = {entry["name"]: Counter() for entry in plan["scorers"]}
    unanswered = 0

    def rows() -> Iterator[Row]:
        nonlocal unanswered
        for part, grid, responses in parts:
            items = {item.id: item for item in read_items(items_path, part=part_index(part))}
            described = {}
            with responses.open("rb") as file:
                reader = _ResponseReader(file)
                for place in read_jsonl(grid):
                    item = items.get(place["item_id"])
                    if item is None:
                        raise ScoringError(
                            f'{grid}: item "{place["item_id"]}" is not among the items of part {part} in '
                            f"{items_path}; the files are of different runs: delete {grid.parent} "
                            "(answers stay in the ledger) and run again"
                        )
                    if item.id not in described:
                        described[item.id] = _item_columns(item)
                    response = reader.get(place["key"])
                    if response is None:
                        unanswered += 1
                        response = Response(place["key"], "missing")
                    try:
                        sure = confidence(response) if response.outcome in WITH_TEXT else None
                        verdicts = [
                            (one.entry, grade(one, response, item))
                            for one in graders
                            if one.grades(item)
                        ]
                    except TooSlow as problem:
                        raise ScoringError(_too_slow(plan, place, problem)) from None
                    common = {
                        **described[item.id],
                        "part": part,
                        "wave": place.get("wave", FIRST),
                        "replication": place["replication"],
                        "route": fixed["route"],
                        "simulated": fixed["simulated"],
                        **_response_columns(response),
                        "confidence": sure,
                    }
                    for entry, verdict in verdicts:
                        tally[entry["name"]][verdict["outcome"]] += 1
                        yield {
                            **common,
                            "scorer": entry["name"],
                            "scorer_digest": entry["digest"],
                            **verdict,
                        }

    with patience:
        count = _write(output, fixed, rows())
    return {
        "rows": count,
        "responses_missing": unanswered,
        "outcomes": {name: dict(sorted(counts.items())) for name, counts in tally.items()},
    }


def _reader(spec: dict[str, Any] | None, patience: Patience) -> Reader:
    """The reader of the study's confidence; likewise."""
    reader = make_reader(spec)
    if spec is None or spec["from"] != "text":
        return reader
    return patience.bound(reader, f"confidence: pattern {spec['pattern']!r}")


def _too_slow(plan: dict[str, Any], place: dict[str, Any], problem: TooSlow) -> str:
    return (
        f'{plan["study_file"]}: {problem} over the answer to item "{place["item_id"]}" (key {place["key"]}): '
        "repetition within repetition, such as (a+)+, tries without end where nothing matches; write the "
        "pattern without it and run again (answers stay in the ledger, nothing is sent again)"
    )


class _ResponseReader:
    """Answers by key from responses.jsonl, read once from front to back.

    The grid asks for keys in the order of the lines, so the next line nearly always has the key; lines
    that were passed are found again by their offset (several places of the grid may share a key).
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._offsets: dict[str, int] = {}
        self._front = 0
        self._last: Response | None = None

    def get(self, key: str) -> Response | None:
        """The response with this key; None if the file has none."""
        if self._last is not None and self._last.key == key:
            return self._last
        if key in self._offsets:
            self._file.seek(self._offsets[key])
            self._last = Response.from_json(json.loads(self._file.readline()))
            return self._last
        self._file.seek(self._front)
        while line := self._file.readline():
            offset, self._front = self._front, self._front + len(line)
            if not line.strip():
                continue
            row = json.loads(line)
            self._offsets[row["key"]] = offset
            if row["key"] == key:
                self._last = Response.from_json(row)
                return self._last
        return None


def _fixed(plan: dict[str, Any], trial_id: str, condition_id: str) -> Row:
    """The columns that are the same in all rows of a cell."""
    trial, condition, _replications = cell_of(plan, trial_id, condition_id)
    return {
        "study": plan["study"],
        "trial_id": trial_id,
        "trial_hash": trial["hash"],
        "model": trial["model"],
        "model_id": trial["model_id"],
        "sampling": trial["sampling"],
        "role": trial["role"],
        "condition_id": condition_id,
        "condition": condition["name"],
        # A hole of a simulated cell is no observation of a model either.
        "simulated": trial["route"] == "sim",
        "route": trial["route"],
    }


def _item_columns(item: Item) -> Row:
    return {
        "item_id": item.id,
        "item_hash": item.hash,
        "source": item.source,
        "cluster": item.id if item.cluster is None else item.cluster,
        "tier": item.tier,
    }


def _response_columns(response: Response) -> Row:
    row = {
        "key": response.key,
        "response": response.text,
        "reasoning": response.reasoning,
        "finish_reason": response.finish_reason,
        "error": _error_text(response.error),
        "tokens_in": response.usage.input_tokens,
        "tokens_out": response.usage.output_tokens,
        "tokens_reasoning": response.usage.reasoning_tokens,
        "tokens_cached": response.usage.cached_tokens,
        "usd": response.usd,
        "latency_s": response.latency_s,
        "provider_model": response.provider_model,
        "provider_id": response.provider_id,
        "request_id": response.request_id,
        "started_at": response.started_at,
        "finished_at": response.finished_at,
    }
    if response.outcome != "missing":  # what was never sent keeps what the trial says
        row |= {"route": response.route, "simulated": response.simulated}
    return row


def _error_text(error: dict[str, Any] | None) -> str | None:
    if not error:
        return None
    status = f" {error['status']}" if error.get("status") is not None else ""
    return f"{error.get('type', 'error')}{status}: {error.get('message', '')}"


def _write(output: Path, fixed: Row, rows: Iterable[Row]) -> int:
    """Write rows in row groups; returns their number. fixed: columns that no row needs to bring."""
    import pyarrow.parquet as pq

    from splitplot.scoring.schema import SCHEMA

    count = 0
    with (
        atomic_path(output) as temporary,
        pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer,
    ):
        held: list[Row] = []
        for row in rows:
            held.append(row)
            if len(held) == ROW_GROUP:
                writer.write_table(_table(fixed, held))
                count += len(held)
                held.clear()
        if held:
            writer.write_table(_table(fixed, held))
            count += len(held)
    return count


def _table(fixed: Row, rows: list[Row]) -> Any:
    import pyarrow as pa

    from splitplot.scoring.schema import SCHEMA

    brought = set().union(*rows)
    columns = [
        _column([row.get(field.name) for row in rows], field.type)
        if field.name in brought
        else pa.repeat(pa.scalar(_storable(fixed.get(field.name)), field.type), len(rows))
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _column(values: list[Any], kind: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values, type=kind)
    except UnicodeEncodeError:
        return pa.array(map(_storable, values), type=kind)


def _storable(value: Any) -> Any:
    """Parquet text is UTF-8: half of a surrogate pair, as some servers cut them, becomes `?`."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode("utf-8")
    return value
