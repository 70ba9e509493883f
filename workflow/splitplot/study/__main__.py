"""Print the JSON Schema of a study, or its reference as Markdown."""

import argparse
import json

from splitplot.study import study_schema
from splitplot.study.reference import study_reference


def main() -> None:
    """Write what was asked for to standard output."""
    parser = argparse.ArgumentParser(prog="python -m splitplot.study", description=__doc__)
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--schema", action="store_true", help="JSON Schema, for editors")
    wanted.add_argument("--reference", action="store_true", help="Markdown tables of every key")
    if parser.parse_args().schema:
        print(json.dumps(study_schema(), indent=2, ensure_ascii=False))
    else:
        print(study_reference(), end="")


if __name__ == "__main__":
    main()
