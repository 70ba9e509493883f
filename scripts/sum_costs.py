"""Make costs.json: tokens and dollars per cell, paid and reused; hours of local models."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.calls.costs import costs, receipt_files
from splitplot.door import open_door
from splitplot.files import read_json, write_json


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--calls", type=Path, required=True, help="the study's folder of calls")
    parser.add_argument("--answers", default="responses.jsonl", help="name of the file of answers")
    parser.add_argument("--ledger", type=Path, default=Path("results/ledger"))
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    plan = read_json(args.plan)
    cells = []
    for cell in plan["cells"]:
        folder = args.calls / cell["trial"] / cell["condition"]
        files = [folder / part / args.answers for part in plan["parts"]]
        cells.append((cell["trial"], cell["condition"], files))
    receipts = receipt_files(plan, args.calls, args.answers)
    write_json(args.output, costs(plan, cells, args.ledger, receipts))


if __name__ == "__main__":
    open_door(main)
