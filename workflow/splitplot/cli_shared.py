"""What all commands of `splitplot` share: the study that was named, how an answer is printed, how it ends."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from splitplot.cli_text import as_json
from splitplot.text import visible

EXIT_OK, EXIT_FAILED, EXIT_CONFIG, EXIT_APPROVAL, EXIT_CAP = range(5)


def plan_of(args: Namespace) -> dict[str, Any]:
    """The plan of the study that a command names, as its file is now. Raises ConfigError."""
    from splitplot.design import make_plan
    from splitplot.workspace import find_study

    return make_plan(find_study(args.study, Path.cwd()), Path.cwd())


def items_of(plan: dict[str, Any]) -> Any:
    """The items of a study; no file is written. Raises ConfigError."""
    from splitplot.calls.estimate import present_items

    return present_items(plan, Path.cwd())


def refuse(args: Namespace, message: str, code: int) -> int:
    """Print why there is no answer, with `--json` as JSON too; returns the exit code."""
    if args.json:
        print(as_json({"error": message, "exit_code": code}))
    print(visible(f"splitplot: {message}"), file=sys.stderr)
    return code


def show(args: Namespace, value: Any, text: str) -> None:
    """Print an answer: the text, or with `--json` the value."""
    print(as_json(value, indent=1) if args.json else visible(text))
