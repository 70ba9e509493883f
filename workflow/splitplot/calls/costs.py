"""What the answers of a study cost, and which of them an earlier study had paid for."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from splitplot.calls.fulfil import FREE_ROUTES, trial_price
from splitplot.calls.pricing import Price, cost
from splitplot.calls.records import LOST, Usage
from splitplot.calls.spending import account
from splitplot.files import read_jsonl

COUNTS = ("requests", "answered", "reused", "tokens_in", "tokens_out", "tokens_reasoning")


def costs(
    plan: dict[str, Any],
    cells: Iterable[tuple[str, str, list[Path]]],
    ledger_root: Path | None = None,
) -> dict[str, Any]:
    """The content of costs.json.

    cells: (trial id, condition id, responses.jsonl of its parts). ledger_root: results/ledger, for what
    the study has paid beside its present answers: `ledger`, else None.
    `reused` counts answers that another study paid for; `spent_usd_this_study` leaves them out. `routes`:
    answers and dollars by the way they came. `saved_usd`: what answers by batch cost less than at the
    present price in real time. `rescued`: answers in real time to what a batch had let expire. A
    request that two cells share is counted in both rows and once in the totals.
    """
    trials = {trial["id"]: trial for trial in plan["trials"]}
    conditions = {condition["id"]: condition for condition in plan["conditions"]}
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    own: dict[str, str] = {}
    keys: list[list[str]] = []
    routes: dict[str, dict[str, Any]] = {}
    saved_total = 0.0
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
            "saved_usd": 0.0,
            "rescued": 0,
            "routes": {},
            "unpriced": False,
        }
        price = trial_price(trial) if trial.get("batch") else None
        keys.append([])
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
            saved = _saved(response, price)
            row["saved_usd"] += saved
            _add_route(row["routes"], response)
            if response.get("route") != "batch":
                keys[-1].append(response["key"])
            row["unpriced"] |= usd is None and trial["route"] not in FREE_ROUTES
            first = min(filter(None, (first, response["started_at"])), default=None)
            last = max(filter(None, (last, response["finished_at"])), default=None)
            if response["key"] not in seen:
                seen.add(response["key"])
                total += usd or 0.0
                saved_total += saved
                _add_route(routes, response)
                if response["study"] == plan["study"]:
                    spent += usd or 0.0
                    own[response["key"]] = response["finished_at"] or ""
        rows.append(row)
    paid = account(ledger_root, plan["study"], own) if ledger_root else None
    if paid is not None and paid.rescued:
        for row, answered in zip(rows, keys, strict=True):
            row["rescued"] = len(paid.rescued.intersection(answered))
    return {
        "schema": 1,
        "cells": rows,
        "total_usd": total,
        "spent_usd_this_study": spent,
        "saved_usd": saved_total,
        "routes": routes,
        "ledger": paid.to_json() if paid is not None else None,
        "wall": {"first": first, "last": last},
    }


def _add_route(routes: dict[str, dict[str, Any]], response: dict[str, Any]) -> None:
    route = routes.setdefault(response.get("route") or "", {"answered": 0, "usd": 0.0})
    route["answered"] += 1
    route["usd"] += response["usd"] or 0.0


def _saved(response: dict[str, Any], price: Price | None) -> float:
    """What an answer by batch cost less than it would at the present price in real time."""
    if response.get("route") != "batch" or price is None or response["usd"] is None:
        return 0.0
    usage = response["usage"]
    full = cost(price, Usage(**{f.name: usage.get(f.name) for f in fields(Usage)}))
    return (full or 0.0) - float(response["usd"])
