"""Answer the requests of one part: reuse what the ledger has, send the rest, write responses.jsonl."""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from splitplot.calls.fulfil import fulfil
from splitplot.door import log_to, open_door
from splitplot.files import read_json


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--trial", required=True)
    parser.add_argument("--condition", required=True)
    parser.add_argument("--part", required=True)
    parser.add_argument("--folder", type=Path, required=True, help="requests.jsonl lies here")
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--log", type=Path, help="messages go here; progress stays on the terminal")
    args = parser.parse_args()
    terminal = log_to(args.log)
    plan = read_json(args.plan)
    tally = fulfil(
        plan=plan,
        trial_id=args.trial,
        condition_id=args.condition,
        part=args.part,
        folder=args.folder,
        items=args.items,
        ledger_root=args.ledger,
        terminal=terminal,
        before_paid=partial(_open_gate, plan, args.items, args.ledger),
    )
    outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(tally.outcomes.items()))
    print(
        f"{args.trial} × {args.condition}, part {args.part}: {tally.requests:,} requests, "
        f"{tally.reused:,} from the ledger, {tally.sent:,} new: {outcomes}"
    )


def _open_gate(plan: dict[str, Any], items: Path, ledger: Path) -> None:
    from splitplot.calls.gate import open_gate  # reads items and prices: for paid calls only

    open_gate(plan, items, ledger)


if __name__ == "__main__":
    open_door(main)
