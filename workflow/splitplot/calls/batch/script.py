"""What the scripts of the batch rules share: arguments, gate, one call."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from splitplot.calls.batch.part import Part, part_of_plan
from splitplot.door import log_to
from splitplot.files import read_json


def run_script(text: str | None, work: Callable[[Part, TextIO | None], dict[str, Any]]) -> None:
    """Read the arguments, take the part through `work` (submit or poll), print what came of it."""
    parser = ArgumentParser(description=text)
    for name in ("plan", "items", "folder", "ledger"):  # requests.jsonl lies in the folder
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("trial", "condition", "part"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--log", type=Path, help="messages go here; progress stays on the terminal")
    args = parser.parse_args()
    terminal = log_to(args.log)
    plan = read_json(args.plan)
    place = (args.trial, args.condition, args.part)
    part = part_of_plan(plan, *place, args.folder, args.ledger)

    def before_paid(pending: int) -> None:
        from splitplot.calls.gate import open_gate  # reads items and prices: for paid calls only

        names = dict(zip(("trial_id", "condition_id", "part"), place, strict=True))
        open_gate(plan, args.items, args.ledger, **names, pending=pending, by_batch=True)

    part.before_paid = before_paid
    result = work(part, terminal)
    batches = ", ".join(batch["id"] or batch["name"] for batch in result["batches"])
    why = f" ({result['reason']})" if result.get("reason") else ""
    print(f"{part.label}: route {result['route']}{why}; batches: {batches or 'none'}")
