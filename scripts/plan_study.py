"""Make plan.json: the expanded design of a study, with all hashes and the frozen analysis plan."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.design import make_plan
from splitplot.door import open_door
from splitplot.files import write_json


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, required=True, help="the study's YAML file")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    write_json(args.output, make_plan(args.study, Path.cwd()))


if __name__ == "__main__":
    open_door(main)
