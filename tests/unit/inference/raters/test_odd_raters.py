"""Whatever raters leave ungraded, a summary is made that follows its schema."""

import json
import random

import jsonschema
import pytest

from splitplot.inference import methods
from splitplot.inference.summary import summarise
from splitplot.inference_schema import inference_schema

VALIDATOR = jsonschema.Draft202012Validator(inference_schema())
RATERS = ("exact", "kind", "other")


def odd_study(make_row, seed):
    """Few items, raters that grade little, nothing or on scales of their own, clusters, lost answers."""
    draw = random.Random(seed)
    conditions = tuple("abc"[: draw.randint(1, 3)])
    items = draw.choice([0, 1, 2, 19, 40, 60])
    clusters = draw.choice([0, 0, 1, 3, 12])
    missing = {rater: draw.choice([0, 0, 0.1, 0.9, 1]) for rater in RATERS}
    scale = draw.choice([[0, 1], [1], [0, 0.5, 1], [-3.0, 40.0]])
    own = {rater: draw.choice([scale, scale, [0, 1]]) for rater in RATERS}
    outcomes = draw.choice([["ok"], ["ok"] * 4 + ["truncated", "error", "unparseable"]])
    rows = []
    for condition in conditions:
        for i in range(items):
            for k in range(draw.randint(1, 2)):
                cluster = f"p{i % clusters}" if clusters else f"q{i:02d}"
                outcome = draw.choice(outcomes)
                rows += [
                    make_row(
                        condition,
                        f"q{i:02d}",
                        draw.choice(own[rater]),
                        replication=k,
                        scorer=rater,
                        outcome=outcome,
                        cluster=cluster,
                        source=f"d{i % 2}",
                    )
                    for rater in RATERS
                    if draw.random() >= missing[rater]
                ]
    rules = {
        "missing": draw.choice(["strict", "observed"]),
        "metric": draw.choice(["score", "kind"]),
    }
    scope = draw.choice(["items", "fixed", "datasets"])
    contrast = {"name": "b − a", "factor": "condition", "a": "b", "b": "a", "scope": scope, **rules}
    declared = [contrast] if len(conditions) > 1 else []
    named = RATERS if draw.random() < 0.7 else ("exact", "kind")
    return rows, {"conditions": conditions, "primary": declared, "raters": list(named)}


@pytest.mark.parametrize("seed", range(40))
def test_no_raters_are_too_odd_for_a_summary(make_plan, make_row, write_table, seed):
    rows, design = odd_study(make_row, seed)
    plan = make_plan(**design, placebo_runs=0)
    plan["scorers"] = [{"name": name} for name in RATERS]
    result = summarise(write_table(rows), plan, None)
    json.dumps(result, allow_nan=False)
    VALIDATOR.validate(result)
    listed = [method["name"] for method in result["methods"]]
    for name in methods.named(result):
        assert name in ("none", "unavailable") or name.startswith(("no interval", *listed)), name
    for contrast in (result["raters"] or {}).get("contrasts", []):
        for row in (*contrast["rows"], contrast["mean"], contrast["like_these"]):
            assert (row["verdict"] is None) == (row["reason"] is not None)
            assert row["verdict"] is None or row["n_items"] >= 20
