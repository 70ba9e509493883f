"""What the answers of a study cost, and which of them an earlier study had paid for."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from splitplot.calls.fulfil import FREE_ROUTES
from splitplot.calls.records import LOST
from splitplot.files import read_jsonl

COUNTS = ("requests", "answered", "reused", "tokens_in", "tokens_out", "tokens_reasoning")


def costs(plan: dict[str, Any], cells: Iterable[tuple[str, str, list[Path]]]) -> dict[str, Any]:
    """The content of costs.json.

    cells: (trial id, condition id, responses.jsonl of its parts). `reused` counts answers that another
    study paid for; `spent_usd_this_study` leaves them out. A request that two cells share is counted
    in both rows and once in the totals.
    """
    trials = {trial["id"]: trial for trial in plan["trials"]}
    conditions = {condition["id"]: condition for condition in plan["conditions"]}
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    total = spent = 0.0
    first: str | None = None
    last: str | None = None
    for trial_id, condition_id, paths in cells:
        trial = trials[trial_id]
        row: dict[str, Any] = {
            "trial": trial_id,
            "model": trial["model"],
            "sampling": trial["sampling"],
            "condition": conditions[condition_id]["name"],
            **dict.fromkeys(COUNTS, 0),
            "usd": 0.0,
            "unpriced": False,
        }
        for response in (line for path in paths for line in read_jsonl(path)):
            row["requests"] += 1
            if response["outcome"] in LOST:
                continue
            usage, usd = response["usage"], response["usd"]
            row["answered"] += 1
            row["reused"] += response["study"] != plan["study"]
            row["tokens_in"] += usage["input_tokens"] or 0
            row["tokens_out"] += usage["output_tokens"] or 0
            row["tokens_reasoning"] += usage["reasoning_tokens"] or 0
            row["usd"] += usd or 0.0
            row["unpriced"] |= usd is None and trial["route"] not in FREE_ROUTES
            first = min(filter(None, (first, response["started_at"])), default=None)
            last = max(filter(None, (last, response["finished_at"])), default=None)
            if response["key"] not in seen:
                seen.add(response["key"])
                total += usd or 0.0
                spent += (usd or 0.0) if response["study"] == plan["study"] else 0.0
        rows.append(row)
    return {
        "schema": 1,
        "cells": rows,
        "total_usd": total,
        "spent_usd_this_study": spent,
        "wall": {"first": first, "last": last},
    }
