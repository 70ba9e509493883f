"""Write what the ledger has of the responses of one part, without sending anything."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.calls.so_far import write_so_far
from splitplot.door import open_door
from splitplot.files import read_json


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--trial", required=True)
    parser.add_argument("--requests", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    trial = next(trial for trial in read_json(args.plan)["trials"] if trial["id"] == args.trial)
    found, count = write_so_far(trial["hash"], args.requests, args.ledger, args.output)
    print(f"{found:,} of {count:,} requests are answered")


if __name__ == "__main__":
    open_door(main)
