"""Make costs.json: tokens and dollars per cell, paid and reused."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.calls.costs import costs
from splitplot.door import open_door
from splitplot.files import read_json, write_json


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument(
        "--responses", type=Path, nargs="+", required=True, help="in folders trial/condition/part"
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    plan = read_json(args.plan)
    cells = {(cell["trial"], cell["condition"]): [] for cell in plan["cells"]}
    for path in args.responses:
        trial, condition, _part, _name = path.parts[-4:]
        cells[trial, condition].append(path)
    write_json(args.output, costs(plan, [(*cell, paths) for cell, paths in cells.items()]))


if __name__ == "__main__":
    open_door(main)
