"""Crossed scores with known components, as arrays and as the data of a study."""

import numpy as np
import pytest

from splitplot.inference.components.crossed import collapse

TRUTH = {
    "model": 0.010,
    "condition": 0.004,
    "item": 0.060,
    "item × model": 0.020,
    "item × condition": 0.010,
    "item × model × condition": 0.015,
    "run": 0.090,
}
"""Variances that `drawn` uses unless told otherwise."""


def drawn(items, models, prompts, replications, seed=0, **other):
    """Normal scores, shape (items, models, prompts, replications)."""
    random = np.random.default_rng(seed)
    variance = TRUTH | {name.replace("_", " × "): value for name, value in other.items()}
    shapes = {
        "model": (1, models, 1, 1),
        "condition": (1, 1, prompts, 1),
        "item": (items, 1, 1, 1),
        "item × model": (items, models, 1, 1),
        "item × condition": (items, 1, prompts, 1),
        "item × model × condition": (items, models, prompts, 1),
        "run": (items, models, prompts, replications),
    }
    total = np.full((items, models, prompts, replications), 0.5)
    for name, shape in shapes.items():
        total = total + random.normal(0, np.sqrt(variance[name]), shape)
    return total


def rows_of(scores):
    """(item, cell, score, level) of every entry that is not NaN; cells in nested loops."""
    _, models, prompts, _ = scores.shape
    place = np.indices(scores.shape).reshape(4, -1)
    flat = scores.ravel()
    kept = ~np.isnan(flat)
    cell = place[1] * prompts + place[2]
    level = np.array([(m, p) for m in range(models) for p in range(prompts)])
    return place[0][kept], cell[kept], flat[kept], level


def crossed(scores):
    """`CrossedScores` of scores with the factors model and condition; NaN is a hole."""
    item, cell, flat, level = rows_of(scores)
    return collapse(item, cell, flat, level, ("model", "condition"), scores.shape[0])


@pytest.fixture
def make_study(tmp_path):
    """Scores of shape (items, models, prompts, replications) → StudyData; NaN is a lost answer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from splitplot.inference.data import load_data

    def make(scores, primary=None, cluster=None, usd=0.01, greedy=False, order=None, **plan):
        items, models, prompts, _ = scores.shape
        trials = [
            {
                "id": f"m{m}--1",
                "role": "solver",
                "model": f"m{m}",
                "sampling": "s",
                "parameters": {"temperature": 0 if greedy else 1},
            }
            for m in range(models)
        ]
        content = {
            "study": "demo",
            "study_file": "config/studies/demo.yaml",
            "items": [{"kind": "generate", "generate": "reasoning_gym", "size": items}],
            "item_limit": None,
            "trials": trials,
            "conditions": [{"id": f"p{p}--1", "name": f"p{p}"} for p in range(prompts)],
            "cells": [
                {"trial": t["id"], "condition": f"p{p}--1"} for t in trials for p in range(prompts)
            ],
            "scorers": [{"name": "exact"}],
            "analysis": {"alpha": 0.05, "seed": 1337, "primary": primary or []},
        } | plan
        i, m, p, r = (axis.ravel() for axis in np.indices(scores.shape))
        flat = scores.ravel()
        lost = np.isnan(flat)
        names = np.array([f"q{n:05d}" for n in range(items)])
        groups = names if cluster is None else np.array([f"c{c}" for c in cluster])
        column = {
            "trial_id": np.array([t["id"] for t in trials])[m],
            "condition_id": np.array([f"p{n}--1" for n in range(prompts)])[p],
            "item_id": names[i],
            "item_hash": names[i],
            "cluster": groups[i],
            "scorer": np.full(flat.size, "exact"),
            "outcome": np.where(lost, "error", "ok"),
            "replication": r.astype(np.int32),
            "strict": pa.array(flat, mask=lost),
            "observed": pa.array(flat, mask=lost),
            "tokens_out": np.full(flat.size, 7),
            "simulated": np.zeros(flat.size, dtype=bool),
            "usd": np.full(flat.size, np.nan if usd is None else usd),
        }
        table = pa.table(column)
        if order is not None:
            table = table.take(order)
        path = tmp_path / "item_responses.parquet"
        pq.write_table(table, path)
        return load_data(path, content)

    return make
