"""Decide after a look whether the question of a study is settled: looks/{look}.json."""

from argparse import ArgumentParser
from pathlib import Path

from splitplot import paths
from splitplot.door import open_door
from splitplot.files import read_json, write_json
from splitplot.frozen import note_read
from splitplot.inference.sequential.interim import decide
from splitplot.inference.table import any_answer


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--look", type=int, required=True)
    parser.add_argument("--answers", default="responses.jsonl", help="name of the file of answers")
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    plan = read_json(args.plan)
    interim = args.output.parent.glob(f"{args.look}/*/*.parquet")
    note_read(args.ledger, plan, answered=any_answer(interim))  # from here on the plan is frozen
    partial = args.answers == Path(paths.RESPONSES_SO_FAR).name
    decision = decide(args.output.parent, plan, args.look, partial=partial)
    write_json(args.output, decision)
    settled = decision["settled_at"]
    print("not settled" if settled is None else f"settled at look {settled}")


if __name__ == "__main__":
    open_door(main)
