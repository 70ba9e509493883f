"""Make inference.json: means, paired contrasts, noise, data health and verdicts."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.door import open_door
from splitplot.files import read_json, write_json
from splitplot.frozen import note_read
from splitplot.inference.summary import summarise
from splitplot.inference.table import any_answer
from splitplot.looks import looks_of, read_identities


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--table", type=Path, required=True, help="item_responses.parquet")
    parser.add_argument("--items", type=Path, required=True, help="also those never asked")
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument(
        "--labels", type=Path, help="where the plan's labels lie; default as it says"
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    plan = read_json(args.plan)
    frozen = note_read(args.ledger, plan, answered=any_answer([args.table]))
    if args.labels is not None:
        plan["labels"] = {**plan["labels"], "file": str(args.labels)}
    known = {"planned_items": len(read_identities(args.items))} if looks_of(plan) else {}
    write_json(args.output, summarise(args.table, plan | known, frozen))


if __name__ == "__main__":
    open_door(main)
