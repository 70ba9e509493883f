"""Make items.parquet, one row per item, and items.json, where the items come from."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot.door import open_door
from splitplot.files import read_json, write_json
from splitplot.items import load_items, write_items
from splitplot.looks import check_alone, identities, looks_of
from splitplot.paths import REVISIONS


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True, help="items.parquet to write")
    parser.add_argument("--provenance", type=Path, required=True, help="items.json to write")
    args = parser.parse_args()
    plan = read_json(args.plan)
    items, provenance = load_items(
        plan["items"],
        root=Path.cwd(),
        limit=plan["item_limit"],
        sample=plan.get("sample"),
        study_file=plan["study_file"],
        pins=Path(REVISIONS),
    )
    if looks_of(plan):
        check_alone(plan, identities(items))
    write_items(args.items, items)
    write_json(args.provenance, provenance)
    print(f"{len(items):,} items")


if __name__ == "__main__":
    open_door(main)
