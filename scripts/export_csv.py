"""Write the item-response table as CSV."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.door import open_door
from splitplot.scoring.export import to_csv


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    to_csv(args.table, args.output)


if __name__ == "__main__":
    open_door(main)
