"""A small study and its item-response table, made in memory."""

import pytest


@pytest.fixture
def make_plan():
    def make(
        conditions=("minimal", "standard"),
        samplings=("greedy",),
        primary=None,
        replications=1,
        **analysis,
    ):
        trials = [
            {
                "id": f"m-{s}--1",
                "role": "solver",
                "model": "m",
                "sampling": s,
                "parameters": {"temperature": 0 if s == "greedy" else 0.7},
            }
            for s in samplings
        ]
        return {
            "study": "demo",
            "study_file": "config/studies/demo.yaml",
            "items": [{"path": "data/items.jsonl"}],
            "item_limit": None,
            "digests": {"analysis": "0123456789abcdef"},
            "trials": trials,
            "conditions": [{"id": f"{c}--1", "name": c} for c in conditions],
            "cells": [
                {"trial": t["id"], "condition": f"{c}--1", "replications": replications}
                for t in trials
                for c in conditions
            ],
            "scorers": [{"name": "exact"}, {"name": "other"}],
            "analysis": {
                "alpha": 0.05,
                "seed": 1337,
                "primary": [
                    {
                        "name": "standard − minimal",
                        "metric": "score",
                        "factor": "condition",
                        "a": "standard",
                        "b": "minimal",
                        "margin": 0.02,
                        "margin_is_default": False,
                        "scope": "items",
                        "missing": "strict",
                    }
                ]
                if primary is None
                else primary,
                **analysis,
            },
        }

    return make


@pytest.fixture
def make_row():
    def make(condition, item, score, replication=0, outcome="ok", sampling="greedy", **other):
        lost = outcome in ("error", "expired", "over_quota", "missing")
        ok = outcome == "ok"
        return {
            "trial_id": f"m-{sampling}--1",
            "condition_id": f"{condition}--1",
            "item_id": item,
            "item_hash": f"hash-{item}",
            "cluster": item,
            "source": "data/items.jsonl",
            "scorer": "exact",
            "outcome": outcome,
            "replication": replication,
            "strict": None if lost else float(score) if ok else 0.0,
            "observed": float(score) if ok else None,
            "tokens_out": 7,
            "simulated": False,
            "response": "never read",
        } | other

    return make


@pytest.fixture
def write_table(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            (name, pa.string())
            for name in (
                "trial_id",
                "condition_id",
                "item_id",
                "item_hash",
                "cluster",
                "scorer",
                "outcome",
                "source",
            )
        ]
        + [
            ("replication", pa.int32()),
            ("strict", pa.float64()),
            ("observed", pa.float64()),
            ("tokens_out", pa.int64()),
            ("simulated", pa.bool_()),
            ("response", pa.string()),
        ]
    )

    costs = [("usd", pa.float64()), ("latency_s", pa.float64()), ("route", pa.string())]

    def write(rows, name="item_responses.parquet", row_group_size=None, with_costs=False):
        path = tmp_path / name
        columns = pa.schema([*schema, *map(pa.field, *zip(*costs, strict=True))])
        table = pa.Table.from_pylist(rows, schema=columns if with_costs else schema)
        pq.write_table(table, path, row_group_size=row_group_size)
        return path

    return write
