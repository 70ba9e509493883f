"""Make report.html, report.md and report.json."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.door import open_door
from splitplot.files import read_json
from splitplot.report import write_report


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    for name in ("plan", "inference", "costs", "table", "items", "provenance"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the reports go")
    args = parser.parse_args()
    write_report(
        plan=read_json(args.plan),
        inference=read_json(args.inference),
        costs=read_json(args.costs),
        table=args.table,
        items=args.items,
        output_dir=args.folder,
    )


if __name__ == "__main__":
    open_door(main)
