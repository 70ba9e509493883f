"""Answer the requests of one part: reuse what the ledger has, send the rest, write responses.jsonl."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.calls.fulfil import fulfil
from splitplot.door import log_to, open_door
from splitplot.files import read_json


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    for name in ("plan", "items", "folder", "ledger"):  # requests.jsonl lies in the folder
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("trial", "condition", "part"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--log", type=Path, help="messages go here; progress stays on the terminal")
    args = parser.parse_args()
    terminal = log_to(args.log)
    plan = read_json(args.plan)
    place = {"trial_id": args.trial, "condition_id": args.condition, "part": args.part}

    def before_paid(pending: int) -> None:
        from splitplot.calls.gate import open_gate  # reads items and prices: for paid calls only

        open_gate(plan, args.items, args.ledger, **place, pending=pending)

    paths = {"folder": args.folder, "items": args.items, "ledger_root": args.ledger}
    tally = fulfil(plan=plan, **place, **paths, terminal=terminal, before_paid=before_paid)
    outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(tally.outcomes.items()))
    print(
        f"{args.trial} × {args.condition}, part {args.part}: {tally.requests:,} requests, "
        f"{tally.reused:,} from the ledger, {tally.sent:,} new: {outcomes}"
    )


if __name__ == "__main__":
    open_door(main)
