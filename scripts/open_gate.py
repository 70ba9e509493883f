"""Stop before the first paid call when the estimate is above what was agreed to."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.calls.estimate import Estimate, check_gate
from splitplot.door import open_door
from splitplot.files import read_json, write_json


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--estimate", type=Path, required=True)
    parser.add_argument("--approval", type=Path, required=True, help="read if it is there")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    total = Estimate.from_json(read_json(args.estimate))
    check_gate(read_json(args.plan), total, args.approval)
    write_json(args.output, {"usd_ceiling": total.usd_ceiling, "to_send": total.to_send})


if __name__ == "__main__":
    open_door(main)
