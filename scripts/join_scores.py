"""Join the tables of all cells into the item-response table."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.door import open_door
from splitplot.scoring.export import item_responses


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    item_responses(args.scores, args.output)


if __name__ == "__main__":
    open_door(main)
