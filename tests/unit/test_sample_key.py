"""`sample` of a study and the official sources: what the plan says, what changes, what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from splitplot.calls.estimate import present_items
from splitplot.canonical import digest
from splitplot.design import digests
from splitplot.items import read_items

OFFICIAL = Path(__file__).parent / "items/official"
SPEED = """
models:
  tiny:
    model: local/tiny
    weights: {path: tiny.gguf}
    sha256: "%s"
    speed: {answers_per_minute: 30}
""" % ("ab" * 32)


def test_the_plan_has_the_sample_with_its_defaults_in_one_order(root):
    assert root.plan(sample={"size": 1})["sample"] == {
        "size": 1,
        "seed": 0,
        "by": ["source", "kind", "answerable"],
    }
    sample = root.plan(sample={"size": 1, "seed": 7, "by": ["tier", "kind"]})["sample"]
    assert sample == {"size": 1, "seed": 7, "by": ["kind", "tier"]}
    assert root.plan(sample={"size": 1, "by": []})["sample"]["by"] == []


def test_a_plan_without_a_sample_has_the_digests_it_had_before_there_were_any(root):
    plan = root.plan()
    assert "sample" not in plan
    assert plan["digests"]["items"] == digest([plan["items"], plan["item_limit"]])


def test_a_sample_changes_the_items_and_the_plan_and_nothing_else(root):
    before, after = root.plan(), root.plan(sample={"size": 1})
    changed = {key for key in before["digests"] if before["digests"][key] != after["digests"][key]}
    assert changed == {"items", "plan"}
    for change in ({"seed": 1}, {"by": ["tier"]}):
        other = after | {"sample": after["sample"] | change}
        assert digests(other)["items"] != after["digests"]["items"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sample": {}}, "sample.size: is missing"),
        ({"sample": {"size": 0}}, "sample.size: must be at least 1, not 0"),
        ({"sample": {"size": 5, "sede": 1}}, 'did you mean "seed"?'),
        ({"sample": {"size": 5, "seed": -1}}, "sample.seed: must be at least 0"),
        (
            {"sample": {"size": 5, "by": ["sauce"]}},
            '"sauce" is not allowed; did you mean "source"?',
        ),
        ({"sample": {"size": 5, "by": ["kind", "kind"]}}, "names something twice"),
        (
            {"sample": {"size": 5}, "items": [{"path": "data/items.jsonl", "limit": 4}]},
            "`sample` asks for 5 items, and the sources have at most 4",
        ),
        (
            {"items": [{"dataset": "gsm8k", "cluster_by": "passage"}]},
            "`cluster_by` belongs to squad2; gsm8k has no passages",
        ),
        ({"items": [{"dataset": "squad2", "cluster_by": "title"}]}, "cluster_by"),
        ({"items": [{"dataset": "squad2", "path": "data/x.json"}]}, "no file data/x.json"),
        ({"items": [{"dataset": "squad"}]}, '"squad" is not allowed; did you mean "squad2"?'),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(root, changes, expected):
    assert expected in root.refusal(**changes)


def test_sources_stand_in_the_plan_with_their_splits_and_clusters(root):
    names = ["gsm8k", "squad2", "triviaqa", "nq_open"]
    items = root.plan(items=[{"dataset": name} for name in names])["items"]
    plain = {
        "kind": "dataset",
        **dict.fromkeys(("id_prefix", "limit", "path", "revision", "tier")),
        "tags": [],
    }
    assert items == [
        plain | {"dataset": "gsm8k", "split": "test"},
        plain | {"dataset": "squad2", "split": "validation", "cluster_by": "passage"},
        plain | {"dataset": "triviaqa", "split": "validation"},
        plain | {"dataset": "nq_open", "split": "validation"},
    ]


def test_parts_are_reckoned_with_the_size_of_the_sample(root):
    root.write("config/models.yaml", SPEED)
    unlimited = {"items": [{"path": "data/items.jsonl"}], "execution": {"part_minutes": 10}}
    # 300 items × 2 conditions at 30 a minute: 20 minutes
    assert len(root.plan(**unlimited, sample={"size": 300})["parts"]) == 2
    limited = unlimited | {"items": [{"path": "data/items.jsonl", "limit": 900}]}
    assert len(root.plan(**limited, sample={"size": 300})["parts"]) == 2
    dev = {"budget": {"policy": "dev", "dev_items": 100}}
    assert len(root.plan(**limited, **dev, sample={"size": 300})["parts"]) == 1
    assert "or the study a `sample`" in root.refusal(**unlimited)


def test_a_dry_run_sees_exactly_the_sampled_items(root):
    rows = [{"id": f"i{n}", "input": f"{n}?", "targets": ["x"] * (n % 3 > 0)} for n in range(90)]
    root.write("data/items.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    plan = root.plan(sample={"size": 12, "seed": 7})
    items = present_items(plan, root.path)
    assert len(items) == 12
    assert sum(bool(item.targets) for item in items) == 8
    dev = root.plan(sample={"size": 12, "seed": 7}, budget={"policy": "dev", "dev_items": 5})
    assert {item.id for item in present_items(dev, root.path)} < {item.id for item in items}


def test_the_stage_writes_the_sampled_items_and_their_strata(root):
    for name in ("squad2.json", "triviaqa.json"):
        root.write(f"data/{name}", (OFFICIAL / name).read_text())
    sources = [
        {"dataset": "squad2", "path": "data/squad2.json"},
        {"dataset": "triviaqa", "path": "data/triviaqa.json"},
    ]
    plan = root.plan(items=sources, sample={"size": 4, "seed": 7})
    root.write("plan.json", json.dumps(plan))
    script = Path(__file__).resolve().parents[2] / "scripts" / "load_items.py"
    arguments = ["--plan", "plan.json", "--items", "i.parquet", "--provenance", "i.json"]
    command = [sys.executable, script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root.path, check=True)
    assert "4 items" in done.stdout
    strata = json.loads((root.path / "i.json").read_text())[-1]["strata"]
    assert [(row["items"], row["taken"]) for row in strata] == [(3, 2), (2, 1), (2, 1)]
    made = read_items(root.path / "i.parquet")
    assert made == present_items(plan, root.path)
