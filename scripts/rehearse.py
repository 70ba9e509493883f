"""Make rehearsal.html and rehearsal.json: the whole analysis on simulated answers, before the data."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.door import open_door
from splitplot.files import read_json, write_json
from splitplot.items import read_items
from splitplot.rehearsal.run import rehearse
from splitplot.report.rehearsal import write_page


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True, help="items.parquet")
    parser.add_argument(
        "--ledger", type=Path, required=True, help="for the length of answers so far"
    )
    parser.add_argument("--html", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    plan = read_json(args.plan)
    content = rehearse(plan, read_items(args.items), Path.cwd(), args.ledger)
    write_json(args.json, content)
    write_page(args.html, content)


if __name__ == "__main__":
    open_door(main)
