"""What the answers of a study cost in dollars and hours, and which of them an earlier study had paid for."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from splitplot.calls.pricing import Price, cost
from splitplot.calls.records import LOST, Usage
from splitplot.calls.session import FREE_ROUTES, trial_price
from splitplot.calls.spending import account
from splitplot.files import read_json, read_jsonl
from splitplot.paths import CALLS, GENERATED, RESPONSES

COUNTS = ("requests", "answered", "reused", "tokens_in", "tokens_out", "tokens_reasoning")
NO_TIME = {"jobs": 0, "hours": 0.0, "gpu_hours": 0.0, "loading": 0.0}


def costs(
    plan: dict[str, Any],
    cells: Iterable[tuple[str, str, list[Path]]],
    ledger_root: Path | None = None,
    receipts: Iterable[Path] = (),
) -> dict[str, Any]:
    """The content of costs.json.

    cells: (trial id, condition id, responses.jsonl of its parts). ledger_root: results/ledger, for what
    the study has paid beside its present answers: `ledger`, else None. receipts: of the jobs that asked
    local models, for the time that took: `local`.
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
        "local": local(plan, receipts),
        "wall": {"first": first, "last": last},
    }


def receipt_files(plan: dict[str, Any], calls_folder: Path, answers: str) -> list[Path]:
    """The receipts of every job that asks a local model for a part of a trial of the plan.

    answers: name of the files of answers. A partial report has files of its own, and no receipts: a
    job may still be at its part.
    """
    if answers != Path(RESPONSES).name:
        return []
    found = GENERATED.removeprefix(f"{CALLS}/")
    return [
        calls_folder / found.format(trial=trial["id"], part=part)
        for trial in plan["trials"]
        if trial["route"] == "local"
        for part in plan["parts"]
    ]


def local(plan: dict[str, Any], receipts: Iterable[Path]) -> dict[str, Any] | None:
    """The time that local models took, by trial and in all; None without a receipt of any.

    jobs: receipts of jobs that loaded a model; the others found everything in the ledger, and took no
    time. hours: loading and answering, GPUs or not. gpu_hours: the same × GPUs of each job.
    loading_share: part of the hours that loading took, so that one sees whether parts are too small;
    None where there are no hours. A part of a trial counts once, and a trial that the plan does not have
    not at all.
    """
    rows = {
        trial["id"]: {
            "trial": trial["id"],
            "model": trial["model"],
            "sampling": trial["sampling"],
            **NO_TIME,
        }
        for trial in plan["trials"]
    }
    total: dict[str, Any] = dict(NO_TIME)
    seen: set[tuple[str, str]] = set()
    for path in receipts:
        receipt = read_json(path)
        part = (receipt["trial"], receipt["part"])
        if part in seen or receipt["trial"] not in rows:
            continue
        seen.add(part)
        for time in (rows[receipt["trial"]], total):
            _add_time(time, receipt)
    if not seen:
        return None
    with_receipts = {trial_id for trial_id, _ in seen}
    found = [row for trial_id, row in rows.items() if trial_id in with_receipts]
    for time in (total, *found):
        loading = time.pop("loading")
        time["loading_share"] = loading / time["hours"] if time["hours"] else None
    return {**total, "trials": found}


def _add_time(time: dict[str, Any], receipt: dict[str, Any]) -> None:
    start, answers = (receipt["seconds"][key] / 3600 for key in ("start", "answers"))
    time["jobs"] += receipt["engine"] is not None
    time["hours"] += start + answers
    time["gpu_hours"] += receipt["gpus"] * (start + answers)
    time["loading"] += start


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
