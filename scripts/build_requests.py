"""Make the requests of one part of a cell: requests.jsonl and grid.jsonl."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.calls.requests import write_part
from splitplot.door import open_door
from splitplot.files import read_json


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--trial", required=True)
    parser.add_argument("--condition", required=True)
    parser.add_argument("--part", required=True, help="for instance 0-of-1")
    parser.add_argument("--folder", type=Path, required=True, help="where the two files go")
    parser.add_argument(
        "--decision", type=Path, nargs="*", help="of the look before, if there is one"
    )
    args = parser.parse_args()
    plan = read_json(args.plan)
    decision = args.decision[0] if args.decision else None
    place = (args.trial, args.condition, args.part)
    count = write_part(plan, *place, args.items, args.folder, decision)
    print(f"{count:,} distinct requests")


if __name__ == "__main__":
    open_door(main)
