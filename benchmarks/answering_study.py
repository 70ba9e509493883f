"""A whole study of answering_worlds.py, from drawn answers through `summarise`: for answering_truth.py."""

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from answering_intervals import means_of
from answering_worlds import ANSWERABLE, ARMS, ENDPOINTS, LOSS, MARGIN, Answered, Arm, draw

from splitplot.design import make_plan
from splitplot.inference.summary import summarise

STUDY = f"""study: truth
items: [{{path: data/items.jsonl}}]
models: [robot]
conditions: {{control: control.md, treatment: treatment.md, placebo: placebo.md}}
scorers:
  - {{name: exact_match, scorer: qa_em, over: answerable}}
  - {{name: f1, scorer: qa_f1, over: answerable}}
  - abstention
  - no_false_answer
  - {{scorer: supported, threshold: 0.5}}
analysis:
  control: control
  family: study
  placebo_runs: 0
  primary:
    - name: false answers
      metric: no_false_answer
      contrast: [condition, treatment, control]
      margin: {MARGIN}
    - name: right answers
      metric: exact_match
      aim: non-inferiority
      contrast: [condition, treatment, control]
      margin: {LOSS}
    - {{name: placebo, metric: no_false_answer, contrast: [condition, placebo, control], margin: {MARGIN}}}
"""


@cache
def plan() -> dict[str, Any]:
    """The plan of STUDY, as the workflow makes it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        texts = {
            "config/studies/truth.yaml": STUDY,
            "config/models.yaml": "models: {robot: {model: sim/robot, sim: {seed: 1}}}\n",
            "data/items.jsonl": '{"id": "q", "input": "Which?", "target": "that"}\n',
        }
        texts |= {f"{arm}.md": f"{arm} {{{{ input }}}}\n" for arm in ARMS}
        for name, text in texts.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return make_plan(Path("config/studies/truth.yaml"), root)


def observe(arms: list[Arm], passages: int, random: np.random.Generator) -> dict[str, Any]:
    """What one study of new passages found, out of its inference.json.

    {"gaps": {arm: {endpoint: [low, high]}}, "rates": likewise, "declared": {name: {"verdict", "low", "high",
    "p_adjusted"}}, "price": [low, high] or None, "means": dollars and false answers avoided, of
    the treatment against the control, as `joint_means` has them}.
    """
    answered = draw(arms, passages, random)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "item_responses.parquet"
        write_table(answered, path)
        summary = summarise(path, plan(), None)
    chapter = summary["answering"]
    gaps: dict[str, dict[str, list[float]]] = {}
    for gap in chapter["contrasts"]:
        if gap["endpoint"] not in ENDPOINTS:
            continue
        gaps.setdefault(gap["condition"], {})[gap["endpoint"]] = _ends(gap["difference"])
    price = next(one for one in chapter["price"] if one["condition"] == "treatment")
    return {
        "gaps": gaps,
        "rates": {
            arm["condition"]: {name: _ends(arm["rates"][name]) for name in ENDPOINTS}
            for arm in chapter["arms"]
        },
        "declared": {
            entry["name"]: {
                **dict(zip(("low", "high"), _ends(entry["difference"]), strict=True)),
                **{key: entry[key] for key in ("verdict", "p_adjusted")},
            }
            for entry in summary["contrasts"]
        },
        "price": _ends(price["usd_per_avoided"]) if price["usd_per_avoided"] else None,
        "means": vars(means_of(answered)),
    }


def _ends(interval: dict[str, Any]) -> list[float]:
    return [interval["low"], interval["high"]]


def write_table(answered: dict[str, Answered], path: Path) -> None:
    """The item-response table of the answers: the rows that the scorers of STUDY would write."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    conditions = {one["name"]: one["id"] for one in plan()["conditions"]}
    tables = [
        pa.table(
            {
                "condition_id": pa.array([conditions[arm]] * len(columns["item_id"])),
                "scorer": pa.array([scorer] * len(columns["item_id"])),
                **columns,
            }
        )
        for arm, of_arm in answered.items()
        for scorer, columns in _graded(of_arm)
    ]
    whole = pa.concat_tables(tables)
    n = whole.num_rows
    same = {"trial_id": plan()["trials"][0]["id"], "source": "data/items.jsonl", "route": "sim"}
    for name, value in same.items():
        whole = whole.append_column(name, pa.array([value] * n))
    whole = whole.append_column("item_hash", whole["item_id"])
    whole = whole.append_column("replication", pa.array(np.zeros(n, dtype=np.int32)))
    whole = whole.append_column("tokens_out", pa.nulls(n, pa.int64()))
    whole = whole.append_column("simulated", pa.array(np.zeros(n, dtype=bool)))
    pq.write_table(whole, path)


def _graded(of: Answered) -> Iterator[tuple[str, dict[str, Any]]]:
    """(scorer, columns) of an arm: exact match and F1 of the answerable questions, `no_false_answer` of the
    others."""
    import pyarrow as pa

    passages, questions = of.abstains.shape
    passage = np.repeat(np.arange(passages), questions).reshape(passages, questions)
    answerable = np.broadcast_to(ANSWERABLE, of.abstains.shape)
    every, none = np.ones_like(answerable), np.full(of.abstains.shape, np.nan)
    supported = np.where(of.abstains, 1.0, of.support >= 0.5)
    graded = {
        "exact_match": (answerable, of.right, of.abstains, none),
        "f1": (answerable, of.f1, of.abstains, none),
        "abstention": (every, of.abstains, ~every, none),
        "no_false_answer": (~answerable, of.abstains, ~every, none),
        "supported": (every, supported, ~every, of.support),
    }
    for scorer, (kept, score, silent, support) in graded.items():
        values, held = score[kept].astype(np.float64), silent[kept]
        names = [f"p{p:04d}" for p in passage[kept]]
        place = np.broadcast_to(np.arange(questions), of.abstains.shape)[kept]
        yield (
            scorer,
            {
                "cluster": pa.array(names),
                "item_id": pa.array([f"{name}q{q}" for name, q in zip(names, place, strict=True)]),
                "outcome": pa.array(np.where(held, "abstained", "ok")),
                "strict": pa.array(values),
                "observed": pa.array(values, mask=held),
                "support": pa.array(support[kept], from_pandas=True),
                "usd": pa.array(of.usd[kept]),
            },
        )
