"""Print the JSON Schema of inference.json, or its reference as Markdown."""

import argparse
import json

from splitplot.inference_schema import inference_schema
from splitplot.study.reference import reference


def main() -> None:
    """Print the JSON Schema, or its reference."""
    parser = argparse.ArgumentParser(prog="python -m splitplot.inference_schema")
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--schema", action="store_true", help="JSON Schema")
    wanted.add_argument("--reference", action="store_true", help="Markdown tables of every key")
    if parser.parse_args().schema:
        print(json.dumps(inference_schema(), indent=2, ensure_ascii=False))
    else:
        print(reference(inference_schema(), "inference.json"), end="")


if __name__ == "__main__":
    main()
