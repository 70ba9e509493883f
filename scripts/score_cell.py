"""Score the responses of one cell: its part of the item-response table."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.door import open_door
from splitplot.files import read_json
from splitplot.scoring.table import score_cell


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--trial", required=True)
    parser.add_argument("--condition", required=True)
    parser.add_argument("--grid", type=Path, nargs="+", required=True, help="one file per part")
    parser.add_argument(
        "--responses", type=Path, nargs="+", required=True, help="in the same order"
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    plan = read_json(args.plan)
    parts = list(zip(plan["parts"], args.grid, args.responses, strict=True))
    score_cell(
        plan=plan,
        trial_id=args.trial,
        condition_id=args.condition,
        items_path=args.items,
        parts=parts,
        output=args.output,
        root=Path.cwd(),
    )


if __name__ == "__main__":
    open_door(main)
