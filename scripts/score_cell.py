"""Score the responses of one cell: its part of the item-response table, or of the table of a look."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.door import open_door
from splitplot.files import read_json
from splitplot.looks import of_look
from splitplot.scoring.table import score_cell


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--trial", required=True)
    parser.add_argument("--condition", required=True)
    parser.add_argument("--calls", type=Path, required=True, help="the study's folder of calls")
    parser.add_argument("--answers", default="responses.jsonl", help="name of the file of answers")
    parser.add_argument("--look", type=int, help="only the items of this look")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    plan = read_json(args.plan)
    plan = of_look(plan, args.look) if args.look else plan
    folders = [args.calls / args.trial / args.condition / part for part in plan["parts"]]
    score_cell(
        plan=plan,
        trial_id=args.trial,
        condition_id=args.condition,
        items_path=args.items,
        parts=[(place.name, place / "grid.jsonl", place / args.answers) for place in folders],
        output=args.output,
        root=Path.cwd(),
    )


if __name__ == "__main__":
    open_door(main)
