"""Whatever comes back, a summary is made: plain JSON that follows its schema, and no claim from nothing."""

import json
import random

import jsonschema
import pytest

from splitplot.amounts import AMOUNTS
from splitplot.inference import methods
from splitplot.inference.summary import summarise
from splitplot.inference_schema import inference_schema

OUTCOMES = ["ok"] * 6 + ["truncated", "refused", "empty", "error", "missing", "unparseable"]
NO_METHOD = ("none", "unavailable")
VALIDATOR = jsonschema.Draft202012Validator(inference_schema())


def odd_study(make_row, seed):
    """Few items, few or no differences, clusters of any kind, holes anywhere."""
    draw = random.Random(seed)
    conditions = tuple("abcd"[: draw.randint(1, 4)])
    samplings = draw.choice([("greedy",), ("greedy", "warm")])
    items = draw.choice([0, 1, 2, 19, 20, 40, 60])
    scores = draw.choice([[0], [1], [0, 1], [0, 0, 0, 0, 1], [0, 0.5, 1], [-3.0, 40.0]])
    clusters = draw.choice([0, 0, 1, 2, 5, 12])
    replications = draw.randint(1, 3)
    outcomes = draw.choice([["ok"], OUTCOMES, ["ok"] * 40 + ["error"], ["error"]])
    rows = [
        make_row(
            condition,
            f"q{i:02d}",
            draw.choice(scores),
            replication=k,
            outcome=draw.choice(outcomes),
            sampling=sampling,
            cluster=f"p{i % clusters}" if clusters else f"q{i:02d}",
            source=f"d{i % 3}",
        )
        for condition in conditions
        for sampling in samplings
        for i in range(items)
        for k in range(replications)
        if draw.random() > 0.05
    ]
    scope = draw.choice(["items", "items", "fixed", "datasets"])
    contrast = {"name": "b − a", "factor": "condition", "a": "b", "b": "a", "scope": scope}
    declared = [contrast] if len(conditions) > 1 and draw.random() < 0.6 else []
    return rows, {"conditions": conditions, "samplings": samplings, "primary": declared}


@pytest.mark.parametrize("seed", range(60))
def test_no_study_is_too_odd_for_a_summary(make_plan, make_row, write_table, seed):
    rows, design = odd_study(make_row, seed)
    plan = make_plan(**design, placebo_runs=20)
    result = summarise(write_table(rows), plan, None)
    json.dumps(result, allow_nan=False)
    VALIDATOR.validate(result)
    listed = [method["name"] for method in result["methods"]]
    for name in methods.named(result):
        assert name in NO_METHOD or name.startswith(("no interval", *listed)), name
    for contrast in result["contrasts"] + result["exploration"]:
        if contrast["difference"] is None:
            assert contrast["verdict"] == "NO VERDICT"
            assert contrast["p_value"] is None, "a p-value without an interval"


@pytest.mark.parametrize("seed", range(60))
def test_no_study_is_too_odd_for_a_ratio(make_plan, make_row, write_table, seed):
    rows, design = odd_study(make_row, seed)
    draw = random.Random(1000 + seed)
    most = draw.choice([0, 1, 50, 3000])
    for row in rows:
        row["tokens_out"] = draw.choice([None, *[draw.randint(0, most)] * 9])
        row["usd"] = draw.choice([None, *[draw.randint(0, most) * 1e-6] * 9])
        row["latency_s"] = draw.random() * most
        row["route"] = draw.choice(["realtime"] * 30 + ["batch"])
    scope = draw.choice(["items", "these items"])
    contrast = {"factor": "condition", "a": "b", "b": "a", "scope": scope, "margin": 0.1}
    declared = [{**contrast, "name": metric, "metric": metric} for metric in AMOUNTS]
    plan = make_plan(
        **design | {"primary": declared if len(design["conditions"]) > 1 else []}, placebo_runs=5
    )
    result = summarise(write_table(rows, with_costs=True), plan, None)
    json.dumps(result, allow_nan=False)
    VALIDATOR.validate(result)
    listed = [method["name"] for method in result["methods"]]
    for name in methods.named(result):
        assert name in NO_METHOD or name.startswith(("no interval", *listed)), name
    for entry in result["contrasts"]:
        if entry["primary"]:
            assert entry["effect"] == "ratio" and entry["difference"] is None
            if entry["ratio"] is None:
                assert (entry["verdict"], entry["p_value"]) == ("NO VERDICT", None)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_identical_arms_are_never_said_to_differ(make_plan, make_row, write_table, score):
    rows = [
        make_row(condition, f"q{i:03d}", score)
        for condition in ("minimal", "standard")
        for i in range(300)
    ]
    [contrast] = summarise(write_table(rows), make_plan(), None)["contrasts"]
    assert contrast["verdict"] in ("EQUIVALENT", "NOT SETTLED", "NOT BETTER BY MARGIN")
    assert contrast["p_value"] == 1.0
    width = contrast["difference"]["high"] - contrast["difference"]["low"]
    assert width > 0.01
