"""Ask a local model for one part of a trial, in all its conditions; write the receipt."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.calls.generate import generate
from splitplot.door import log_to, open_door
from splitplot.files import read_json, write_json


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    for name in ("plan", "calls", "ledger", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("trial", "part"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--log", type=Path, help="messages go here; progress stays on the terminal")
    args = parser.parse_args()
    terminal = log_to(args.log)
    plan = read_json(args.plan)
    receipt = generate(plan, args.trial, args.part, args.calls, args.ledger, terminal)
    write_json(args.output, receipt)
    outcomes = ", ".join(f"{count:,} {name}" for name, count in receipt["outcomes"].items())
    print(
        f"{args.trial}, part {args.part}: {receipt['requests']:,} requests, "
        f"{receipt['reused']:,} in the ledger, {receipt['sent']:,} asked now"
        + (f": {outcomes}" if outcomes else "; no model was loaded")
    )


if __name__ == "__main__":
    open_door(main)
