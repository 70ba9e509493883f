"""Studies with a pilot, made in memory or in a folder of their own."""

import json

import pytest

from splitplot import paths

CONTRAST = {"contrast": ["condition", "steps", "direct"], "margin": 0.05}


@pytest.fixture
def folder(root, monkeypatch):
    """A workflow folder with 40 items; `root.plan(…)` makes plans in it."""
    monkeypatch.chdir(root.path)
    root.write(
        "data/items.jsonl",
        "".join(
            json.dumps({"id": f"i{n}", "input": f"{n} + 1?", "target": n + 1}) + "\n"
            for n in range(40)
        ),
    )
    return root


@pytest.fixture
def with_answers_to_some(folder):
    """Make the items: of every few of them, one has no answer."""

    def make(n=40, every=4):
        lines = (
            {"id": f"i{k}", "input": f"{k}?", "targets": ["1"] if k % every else [],
             "answerable": k % every > 0}
            for k in range(n)
        )  # fmt: skip
        folder.write("data/items.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    return make


@pytest.fixture
def planned(folder):
    """A plan with one primary contrast, and its items: planned(**changes)."""
    from splitplot.calls.estimate import present_items

    def make(primary=None, **changes):
        analysis = {"primary": CONTRAST if primary is None else primary} | changes.pop(
            "analysis", {}
        )
        plan = folder.plan(**{"models": ["strong"], "analysis": analysis} | changes)
        return plan, present_items(plan, folder.path)

    return make


@pytest.fixture
def write_pilot(folder):
    """Write results/{study}/inference.json."""

    def write(inference, study="before"):
        return folder.write(paths.INFERENCE.format(study=study), json.dumps(inference))

    return write


@pytest.fixture
def pilot():
    """inference.json of a pilot with one contrast of two conditions in one sampling: pilot(**contrast)."""

    def make(
        se=0.05, se_run=0.03, n=100, replications=2, deterministic=False, means=(0.6, 0.4), **more
    ):
        return {
            "simulated": False,
            "conditions": [
                {
                    "trial": "t",
                    "model": "m",
                    "sampling": "warm",
                    "condition": name,
                    "replications": replications,
                    "deterministic": deterministic,
                    "strict": {"estimate": mean},
                }
                for name, mean in zip(("steps", "direct"), means, strict=True)
            ],
            "contrasts": [
                {
                    "name": "steps − direct",
                    "factor": "condition",
                    "a": "steps",
                    "b": "direct",
                    "metric": "score",
                    "scope": "items",
                    "n_items": n,
                    "n_clusters": n,
                    "replications": replications,
                    "difference": {"estimate": 0.2, "se": se},
                    "noise": {"se_run": se_run},
                }
                | more
            ],
        }

    return make
