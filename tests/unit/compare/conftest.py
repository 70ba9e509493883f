"""Small studies with results, written as a plan and a table, without asking anybody."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splitplot.compare import compare, open_side
from splitplot.compare.sides import OTHER, REPEATED


def plan(study, arms, scorers, sampling):
    """arms: (model, condition, text of its prompt)."""
    models = dict.fromkeys(model for model, _, _ in arms)
    texts = {condition: text for _, condition, text in arms}
    return {
        "study": study,
        "digests": {"plan": f"digest of {study}"},
        "trials": [
            {
                "id": f"{model}-low--1",
                "hash": f"{model}-{json.dumps(sampling)}",
                "role": "solver",
                "model": model,
                "model_id": f"lab/{model}",
                "identity": {"model": f"lab/{model}"},
                "sampling": "low",
                "parameters": sampling,
                "route": "realtime",
            }
            for model in models
        ],
        "conditions": [
            {"id": f"{name}--{text}", "hash": text, "name": name} for name, text in texts.items()
        ],
        "cells": [
            {"trial": f"{model}-low--1", "condition": f"{name}--{text}", "replications": 1}
            for model, name, text in arms
        ],
        "scorers": [{"name": name, "digest": code} for name, code in scorers.items()],
    }


class Lab:
    """write(study, arms, …) makes results; compare(first, second) reads them."""

    def __init__(self, root):
        self.root = root

    def write(self, study, arms, *, items=range(40), scorers=None, sampling=None, chance=None, seed=0,
              when="2026-01-01", version="", keys=None, waves=("",), cluster=None, lost=(),
              simulated=False, scores=None):  # fmt: skip
        """arms: (model, condition, prompt). chance: of a right answer, per condition."""
        scorers = {"numeric": "code 1"} if scorers is None else scorers
        drawn = np.random.default_rng(seed)
        made = plan(study, arms, scorers, sampling or {"temperature": 0})
        if len(waves) > 1:
            made["waves"] = list(waves)
        rows = []
        for wave in waves:
            for model, condition, text in arms:
                for item in items:
                    right = float(drawn.random() < (chance or {}).get(condition, 0.5))
                    right = right if scores is None else scores(item, condition)
                    key = (keys or "") + f"{model}/{text}/{item}/{wave}"
                    is_lost = item in lost
                    rows += [
                        {
                            "wave": wave,
                            "trial_id": f"{model}-low--1",
                            "condition_id": f"{condition}--{text}",
                            "item_id": f"i{item}",
                            "item_hash": f"hash {item}{version}",
                            "cluster": cluster(item) if cluster else f"i{item}",
                            "scorer": scorer,
                            "scorer_digest": code,
                            "outcome": "error" if is_lost else "ok",
                            "provider_model": f"{model}-0101",
                            "replication": 0,
                            "strict": None if is_lost else right,
                            "observed": None if is_lost else right,
                            "tokens_out": 5,
                            "key": key,
                            "provider_id": f"{study} {key}",
                            "started_at": f"{when}T10:00:00+00:00",
                            "finished_at": f"{when}T10:00:01+00:00",
                            "simulated": simulated,
                        }
                        for scorer, code in scorers.items()
                    ]
        folder = self.root / "results" / study
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text(json.dumps(made))
        pq.write_table(pa.Table.from_pylist(rows).select([*REPEATED, *OTHER]),
                       folder / "item_responses.parquet")  # fmt: skip

    def compare(self, first, second, *arms):
        with open_side(first, self.root) as one, open_side(second, self.root) as two:
            return compare(one, two, arms)


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)
