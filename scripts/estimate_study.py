"""Make estimate.json: what would be sent and what it would cost, for remaining work only."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.calls.estimate import estimate, summary_line
from splitplot.door import open_door
from splitplot.files import read_json, write_json
from splitplot.items import read_items


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    total = estimate(read_json(args.plan), read_items(args.items), args.ledger)
    write_json(args.output, total.to_json())
    print(summary_line(total))


if __name__ == "__main__":
    open_door(main)
