"""Answers that differ between an arm and the control: their texts, read from the item-response table."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from splitplot.report.cells import Cell, Cells, Place
from splitplot.report.hostile import cut
from splitplot.report.tables import rows_of_items

PER_DIRECTION = 3
MOST_FLIPS = 36
TEXT_BYTES = 320
"""What is shown of a question or an answer, after escaping."""
READ_CHARACTERS = 400
"""What of an answer leaves the table: a text of the longest kind is cut before it is in memory as text."""
ANSWER_COLUMNS = (
    *("item_id", "trial_id", "condition_id", "condition", "wave", "replication"),
    *("scorer", "outcome", "response"),
)
FIRST = (
    *("false_answer→held_back", "held_back→false_answer", "right→abstained", "wrong→abstained"),
    *("right→wrong", "wrong→right"),
)
"""The directions that matter most, and come first."""

Key = tuple[str, Cell, Place]


def flips(
    answering: Mapping[str, Any] | None,
    table: Path,
    items: Path,
    cells: Cells,
    anchors: Mapping[tuple[str, Cell], str],
) -> list[dict[str, Any]]:
    """Some of the flips of each direction, with question and both answers; [] where the study has none.

    answering: the chapter of inference.json. anchors: (item id, cell) → where the page shows its answers.
    Returns rows with condition, control, direction, item_id, cell, replication (in words), anchor (or ""),
    question, before and after (texts cut to some 320 bytes, None where the table or the items lack them).
    """
    chosen = list(_chosen((answering or {}).get("flips") or []))
    if not chosen:
        return []
    ids = list(dict.fromkeys(str(flip.get("item_id")) for flip in chosen))
    questions = _questions(items, ids)
    keys = {key for flip in chosen for key in _keys(flip, cells)}
    texts = _texts(table, ids, keys, cells)
    found = []
    for flip in chosen:
        before, after = _keys(flip, cells)
        item, cell, _ = after
        found.append(
            {
                **{key: flip.get(key) for key in ("condition", "control", "direction")},
                "item_id": item,
                "cell": cell,
                "replication": cells.place_words(flip) if cells.place(flip) != (0, 0) else "",
                "anchor": anchors.get((item, cell), ""),
                "question": questions.get(item),
                "before": texts.get(before),
                "after": texts.get(after),
            }
        )
    return found


def _chosen(every: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """A few of each pair of arms and direction, in the order given; false answers come first."""
    order = {name: place for place, name in enumerate(FIRST)}
    ranked = sorted(every, key=lambda f: order.get(str(f.get("direction")), len(order)))
    seen: dict[tuple[str, ...], int] = {}
    left = MOST_FLIPS
    for flip in ranked:
        kind = tuple(str(flip.get(key)) for key in ("condition", "control", "direction"))
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= PER_DIRECTION and left and flip.get("item_id"):
            left -= 1
            yield flip


def _keys(flip: Mapping[str, Any], cells: Cells) -> tuple[Key, Key]:
    """Where the control's answer and the arm's answer are."""
    item, trial = str(flip.get("item_id")), str(flip.get("trial_id") or "")
    place = cells.place(flip)
    before, after = (
        (item, (trial, cells.name(str(flip.get(arm) or ""))), place)
        for arm in ("control", "condition")
    )
    return before, after


def _questions(items: Path, ids: Sequence[str]) -> dict[str, str | None]:
    return {
        row["item_id"]: shortened(row.get("input"))
        for rows in rows_of_items(items, ids, ("item_id", "input"))
        for row in rows.to_pylist()
    }


def _texts(table: Path, ids: Sequence[str], keys: set[Key], cells: Cells) -> dict[Key, str | None]:
    """The answers of these keys, of one grading event each: all those of an answer carry its text."""
    import pyarrow.compute as pc

    found: dict[Key, str | None] = {}
    for rows in rows_of_items(table, ids, ANSWER_COLUMNS):
        lengths = pc.utf8_length(rows["response"])
        short = pc.utf8_slice_codeunits(rows["response"], 0, READ_CHARACTERS)
        at = rows.schema.get_field_index("response")
        rows = rows.set_column(at, "response", short).append_column("length", lengths)
        for row in rows.to_pylist():
            key = (row["item_id"], cells.of(row), cells.place(row))
            if key in keys and found.get(key) is None:
                found[key] = shortened(row["response"], row["length"])
    return found


def shortened(text: str | None, length: int | None = None) -> str | None:
    """A text on one line, cut to `TEXT_BYTES`; length: of the whole where `text` is its beginning."""
    if not text:
        return text
    head, _ = cut(text, TEXT_BYTES)
    left = (length or len(text)) - len(head)
    return f"{head} … ({left:,} more characters)" if left > 0 else head
