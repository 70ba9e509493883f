"""The answers behind the numbers: for the chosen items, every cell's replies with their scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from splitplot.report.cells import Cell, Cells, Place
from splitplot.report.hostile import cut
from splitplot.report.sample import MOST_REPLIES, Survey, choose, items_to_show, survey
from splitplot.report.tables import rows_of_items
from splitplot.report.wording import NOTHING, OUTCOME_WORDS, duration, number, plural

HEAVY_COLUMNS = (
    *("item_id", "trial_id", "condition_id", "condition", "wave", "replication"),
    *("scorer", "outcome"),
    *("strict", "extracted", "score_reason", "response", "reasoning", "finish_reason", "error"),
    *("tokens_out", "latency_s", "simulated"),
)
ITEM_COLUMNS = ["item_id", "input", "targets", "context", "choices", "tier", "cluster", "source"]
MOST_ITEM_REPLIES = MOST_REPLIES // 5
TEXT_BYTES = 1_200_000
"""All shown response texts together, after escaping."""
INPUT_BYTES = 4000
OPEN_BYTES = 700
"""What of a text is shown before one must unfold the rest."""
SMALL_BYTES = 160


def answers(
    table: Path,
    items: Path,
    *,
    scorer: str | None,
    contrasts: list[Mapping[str, Any]],
    cells: Cells,
    replications: int,
) -> dict[str, Any]:
    """The browsable sample, and what the first pass counted.

    Returns {"items": [...], "links": {(cell, outcome or None): anchor}, "anchors": {(item, cell): anchor},
    "seen": {"rows", "simulated"}, "n_items", "groups", "table"}.
    """
    found = survey(table, scorer, contrasts, cells)
    n_cells = len({cell for cell, _ in found.examples})
    chosen = choose(found, len(contrasts), items_to_show(n_cells, replications))
    limit = text_limit(len(chosen), n_cells, replications)
    replies = _read_replies(table, chosen, limit, scorer, cells)
    details = _read_items(items, chosen)
    order = {item: place for place, item in enumerate(details)}
    first = {**contrasts[0], **cells.arm_names(contrasts[0])} if contrasts else {}
    grouped = sorted(
        chosen, key=lambda i: (_group(found, i, contrasts)[0], order.get(i, len(order)), i)
    )
    shown = []
    links: dict[tuple[Cell, str | None], str] = {}
    anchors: dict[tuple[str, Cell], str] = {}
    for place, item in enumerate(grouped, start=1):
        _, kind = _group(found, item, contrasts)
        view = _item_view(f"a{place}", item, details.get(item), replies.get(item, {}), cells, limit)
        for cell, outcomes, anchor in view.pop("places"):
            anchors[item, cell] = anchor
            for outcome in (None, *outcomes):
                links.setdefault((cell, outcome), anchor)
        means = found.means(item) if contrasts else []
        names = (first.get("a"), first.get("b"))
        shown.append(
            {
                **view,
                "kind": kind,
                "kind_words": _kind_words(kind, first),
                "means": [(n, _score(m)) for n, m in zip(names, means, strict=False)],
            }
        )
    return {
        "items": shown,
        "links": links,
        "anchors": anchors,
        "seen": {"rows": found.rows, "simulated": found.simulated},
        "n_items": len(found.sums),
        "groups": [
            {"kind": k, "words": _kind_words(k, first), "count": sum(s["kind"] == k for s in shown)}
            for k in ("a", "b", "same", "open")
            if any(s["kind"] == k for s in shown)
        ],
        "table": table.name,
    }


def text_limit(items: int, cells: int, replications: int) -> int:
    """Bytes of one response text, so that all shown ones stay within the page's bound."""
    replies = max(1, min(MOST_REPLIES, items * max(1, cells * replications)))
    return max(300, min(6000, TEXT_BYTES // replies))


def _group(found: Survey, item: str, contrasts: list[Mapping[str, Any]]) -> tuple[int, str]:
    """How the arms of the first contrast fared on an item: order and kind."""
    if not contrasts:
        return 0, "same"
    gap = found.gap(item, 0)
    if gap is None:
        return 3, "open"
    return (0, "a") if gap > 1e-9 else (1, "b") if gap < -1e-9 else (2, "same")


def _kind_words(kind: str, contrast: Mapping[str, Any]) -> str:
    if not contrast:
        return ""
    return {
        "a": f"{contrast.get('a')} scored higher",
        "b": f"{contrast.get('b')} scored higher",
        "same": "equal scores",
        "open": "not comparable",
    }[kind]


def _read_replies(
    table: Path, chosen: list[str], limit: int, scorer: str | None, cells: Cells
) -> dict[str, dict[Cell, dict[Place, dict[str, Any]]]]:
    """Second pass: the rows of the chosen items; texts are cut before they leave the batch."""
    import pyarrow.compute as pc

    found: dict[str, dict[Cell, dict[Place, dict[str, Any]]]] = {i: {} for i in chosen}
    for rows in rows_of_items(table, chosen, HEAVY_COLUMNS):
        for name in ("response", "reasoning", "error"):
            at = rows.schema.get_field_index(name)
            if at >= 0:
                rows = rows.append_column(f"{name}_length", pc.utf8_length(rows[name]))
                rows = rows.set_column(at, name, pc.utf8_slice_codeunits(rows[name], 0, limit))
        for row in rows.to_pylist():
            _place(found[row["item_id"]], row, scorer, cells)
    return found


def _place(
    item: dict[Cell, dict[Place, dict[str, Any]]],
    row: dict[str, Any],
    scorer: str | None,
    cells: Cells,
) -> None:
    """One grading event to its reply; the primary scorer's row carries the text and the outcome."""
    replies = item.setdefault(cells.of(row), {})
    place = cells.place(row)
    known = replies.get(place)
    if known is None:
        replies[place] = {**row, "words": cells.place_words(row), "others": []}
    elif scorer is not None and row.get("scorer") == scorer:
        replies[place] = {**row, "words": known["words"], "others": [*known["others"], known]}
    else:
        known["others"].append(row)


def _read_items(items: Path, chosen: list[str]) -> dict[str, dict[str, Any]]:
    """The chosen items in study order."""
    return {
        row["item_id"]: row
        for rows in rows_of_items(items, chosen, ITEM_COLUMNS)
        for row in rows.to_pylist()
    }


def _item_view(
    anchor: str,
    item: str,
    detail: dict[str, Any] | None,
    replies: dict[Cell, dict[Place, dict[str, Any]]],
    cells: Cells,
    limit: int,
) -> dict[str, Any]:
    """One item with its replies; "places" says where each (cell, outcomes) is to be found."""
    detail = detail or {}
    order = {cell: place for place, cell in enumerate(cells.order)}
    views: list[dict[str, Any]] = []
    places = []
    count = 0
    for cell in sorted(replies, key=lambda c: (order.get(c, len(order)), c)):
        if count >= MOST_ITEM_REPLIES:
            break
        count += len(replies[cell])
        name = f"{anchor}-{len(views) + 1}"
        views.append(_cell_view(name, cells.label(cell), replies[cell], limit))
        places.append((cell, [r["outcome"] for r in replies[cell].values()], name))
    targets = detail.get("targets")
    return {
        "anchor": anchor,
        "id": item,
        "input": text_view(detail.get("input"), INPUT_BYTES, 1500),
        "context": text_view(detail.get("context"), INPUT_BYTES),
        "choices": [small(c) for c in (detail.get("choices") or [])[:20]],
        "targets": [small(t) for t in (targets or [])[:10]],
        "about": [
            f"{name}: {small(detail[name])}"
            for name in ("tier", "cluster", "source")
            if detail.get(name) and detail[name] != item
        ],
        "failed": any(r["outcome"] != "ok" for v in views for r in v["replies"]),
        "cells": views,
        "places": places,
        "cells_left": max(0, len(replies) - len(views)),
    }


def _cell_view(
    anchor: str, label: str, replies: dict[Place, dict[str, Any]], limit: int
) -> dict[str, Any]:
    """One cell's replies to one item, by wave and replication, and their mean strict score."""
    ordered = [replies[r] for r in sorted(replies)]
    graded = [r["strict"] for r in ordered if r.get("strict") is not None]
    return {
        "anchor": anchor,
        "label": label,
        "mean": _score(sum(graded) / len(graded)) if graded else NOTHING,
        "replies": [_reply_view(r, limit) for r in ordered],
    }


def _reply_view(row: dict[str, Any], limit: int) -> dict[str, Any]:
    outcome = row["outcome"]
    extracted = row.get("extracted")
    facts = []
    if row.get("tokens_out") is not None:
        facts.append(plural(row["tokens_out"], "token"))
    if row.get("latency_s") is not None:
        facts.append(duration(row["latency_s"]))
    if row.get("finish_reason") not in (None, "stop"):
        facts.append(f"finish reason {small(row['finish_reason'])}")
    if row.get("simulated"):
        facts.append("simulated")
    return {
        "replication": row["words"],
        "outcome": outcome,
        "outcome_words": OUTCOME_WORDS.get(outcome, outcome),
        "score": _score(row.get("strict")),
        "right": row.get("strict") == 1.0,
        "wrong": row.get("strict") == 0.0,
        "extracted": small(extracted) if extracted is not None else None,
        "reason": small(row.get("score_reason") or ""),
        "text": text_view(row.get("response"), limit, length=row.get("response_length")),
        "reasoning": text_view(
            row.get("reasoning"), max(300, limit // 3), 80, length=row.get("reasoning_length")
        ),
        "error": small(row.get("error") or ""),
        "facts": facts,
        "others": [
            {"scorer": small(o.get("scorer") or ""), "score": _score(o.get("strict"))}
            for o in row.get("others", [])
        ],
    }


def text_view(
    text: str | None, limit: int, open_bytes: int = OPEN_BYTES, length: int | None = None
) -> dict[str, Any] | None:
    """A text in up to three parts: shown at once, unfolded on demand, left out (a count of characters).

    length: characters of the whole text where `text` is already its beginning only.
    """
    if not text:
        return None
    kept, _ = cut(text, limit)
    head, _ = cut(kept, open_bytes)
    if len(kept) - len(head) < 80:
        head = kept
    return {"head": head, "rest": kept[len(head) :], "left": (length or len(text)) - len(kept)}


def small(value: Any) -> str:
    """A short piece of text: at most some 160 bytes."""
    text = str(value)
    head, left = cut(text, SMALL_BYTES)
    return f"{head} … ({left:,} more)" if left else head


def _score(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:g}" if value == round(value, 3) else number(value, 2)
