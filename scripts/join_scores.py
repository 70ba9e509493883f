"""Join the tables of all cells into the item-response table."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.door import open_door
from splitplot.files import read_json
from splitplot.scoring.export import item_responses


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="the study's folder of scores")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    cells = read_json(args.plan)["cells"]
    tables = [args.scores / cell["trial"] / f"{cell['condition']}.parquet" for cell in cells]
    item_responses(tables, args.output)


if __name__ == "__main__":
    open_door(main)
