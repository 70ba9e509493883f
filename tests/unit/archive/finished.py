"""A finished study, made by the library on the simulated route, without Snakemake."""

import json
from pathlib import Path

import yaml

from splitplot import paths, targets
from splitplot.calls.costs import costs, receipt_files
from splitplot.calls.fulfil import fulfil
from splitplot.calls.requests import write_part
from splitplot.design import make_plan
from splitplot.files import read_json, write_json
from splitplot.frozen import note_read
from splitplot.inference.summary import summarise
from splitplot.items import load_items, write_items
from splitplot.report import write_report
from splitplot.scoring.export import item_responses
from splitplot.scoring.table import score_cell

MODELS = {
    "models": {
        "robot": {"model": "sim/robot", "sim": {"seed": 1, "ability": 0.3}},
        "other": {"model": "sim/other", "sim": {"seed": 2, "ability": 1.5}},
        "nick": {"alias_of": "robot"},
    }
}
STUDY = {
    "question": "Does B beat A?",
    "items": [{"path": "data/items.jsonl"}],
    "models": ["robot"],
    "sampling": [{"name": "low", "max_tokens": 50}],
    "conditions": {"a": "prompts/a.md", "b": "prompts/b.md"},
    "replications": 2,
    "scorers": ["numeric"],
    "analysis": {"primary": {"contrast": ["condition", "b", "a"], "margin": 0.05}},
}


class Workspace:
    """A folder with a study `s`; the current one, because the targets' paths are relative."""

    def __init__(self, root: Path, n_items: int = 30) -> None:
        self.root = root
        self.write("config/models.yaml", yaml.safe_dump(MODELS))
        self.write("prompts/a.md", "{{ input }}\n")
        self.write("prompts/b.md", "Think. {{ input }}\n")
        self.items(range(n_items))

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def items(self, numbers, extra: str = "") -> None:
        rows = [
            {"id": f"i{n}", "input": f"What is {n} + 2?{extra}", "target": n + 2} for n in numbers
        ]
        self.write("data/items.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def plan(self, study: str = "s", **changes):
        values = {"study": study, **STUDY, **changes}
        self.write(f"config/studies/{study}.yaml", yaml.safe_dump(values, sort_keys=False))
        return make_plan(paths.study_file(study), self.root)

    def finish(self, study: str = "s", **changes):
        """Run every stage in its order; returns the plan."""
        plan = self.plan(study, **changes)
        at = {name: Path(getattr(paths, name).format(study=study)) for name in
              ("PLAN", "ITEMS", "PROVENANCE", "TABLE", "INFERENCE", "COSTS", "STUDY", "CALLS",
               "ESTIMATE")}  # fmt: skip
        targets.bring_up_to_date(plan, partial=False)
        items, provenance = load_items(
            plan["items"], root=self.root, limit=None, pins=Path(paths.REVISIONS)
        )
        write_items(at["ITEMS"], items)
        write_json(at["PROVENANCE"], provenance)
        write_json(at["ESTIMATE"], {})
        ledger = Path(paths.LEDGER)
        tables, answered = [], []
        for cell in plan["cells"]:
            ids = {"study": study, "trial": cell["trial"], "condition": cell["condition"]}
            parts = []
            for part in plan["parts"]:
                folder = Path(paths.PART.format(part=part, **ids))
                write_part(plan, ids["trial"], ids["condition"], part, at["ITEMS"], folder)
                fulfil(
                    plan=plan,
                    trial_id=ids["trial"],
                    condition_id=ids["condition"],
                    part=part,
                    folder=folder,
                    items=at["ITEMS"],
                    ledger_root=ledger,
                )
                parts.append((part, folder / "grid.jsonl", folder / "responses.jsonl"))
            tables.append(Path(paths.SCORES.format(**ids)))
            score_cell(
                plan=plan,
                trial_id=ids["trial"],
                condition_id=ids["condition"],
                items_path=at["ITEMS"],
                parts=parts,
                output=tables[-1],
                root=self.root,
            )
            answered.append((ids["trial"], ids["condition"], [part[2] for part in parts]))
        item_responses(tables, at["TABLE"])
        # As in a JSON file, where the scripts read it.
        plan = read_json(at["PLAN"])
        write_json(at["INFERENCE"], summarise(at["TABLE"], plan, note_read(ledger, plan)))
        receipts = receipt_files(plan, at["CALLS"], "responses.jsonl")
        write_json(at["COSTS"], costs(plan, answered, ledger, receipts))
        write_report(
            plan=plan,
            inference=read_json(at["INFERENCE"]),
            costs=read_json(at["COSTS"]),
            table=at["TABLE"],
            items=at["ITEMS"],
            output_dir=at["STUDY"],
        )
        return plan
