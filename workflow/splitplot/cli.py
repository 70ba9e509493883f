"""Questions about a study, answered from its files without changing them.

Only `approve` and `refill` write, and `init` makes a new folder. Exit codes: 0 ok, 1 work has failed,
2 the configuration is wrong, 3 an approval is needed, 4 a cap is reached.
"""

import json
import os
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from splitplot import __version__, paths
from splitplot.door import os_reason
from splitplot.errors import ApprovalNeeded, CapReached, SplitplotError
from splitplot.text import HIDDEN, visible

EXIT_OK, EXIT_FAILED, EXIT_CONFIG, EXIT_APPROVAL, EXIT_CAP = range(5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = _parser().parse_args(arguments)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except SplitplotError as error:
        return _refuse(args, str(error), error.exit_code)
    except BrokenPipeError:  # `splitplot … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        return _refuse(args, os_reason(error), EXIT_FAILED)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="splitplot",
        description=__doc__.split("\n")[0],
        epilog="Exit codes: 0 ok, 1 work has failed, 2 wrong configuration or command, 3 an approval "
        "is needed, 4 a cap is reached.",
    )
    parser.add_argument("--version", action="version", version=f"splitplot {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command", title="commands")

    def add(
        name: str, run: Callable[[Namespace], int], text: str, *, study: bool = True
    ) -> ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        if study:
            command.add_argument("study", help="name of a study in config/studies, or its file")
        command.add_argument("--json", action="store_true", help="machine-readable output")
        command.set_defaults(run=run)
        return command

    init = add("init", _init, "make a folder with a first study in it", study=False)
    init.add_argument("folder", type=Path, help="a new folder, or one without these files")
    add("status", _status, "per cell: answered, failed, over quota, in flight, missing")
    add("estimate", _estimate, "what is still to be sent, and what it would cost")
    add("approve", _approve, "agree to the ceiling of the present estimate")
    add("refill", _refill, "open recorded failures and unsent requests again")
    add("probe", _probe, "ask each model of a study for one word")
    add(
        "models",
        _models,
        "the models of config/models.yaml, their routes, prices, keys",
        study=False,
    )
    return parser


def _plan(args: Namespace) -> dict[str, Any]:
    from splitplot.design import make_plan
    from splitplot.workspace import find_study

    return make_plan(find_study(args.study, Path.cwd()), Path.cwd())


def _items(plan: dict[str, Any]) -> Any:
    from splitplot.calls.estimate import present_items

    return present_items(plan, Path.cwd())


def _refuse(args: Namespace, message: str, code: int) -> int:
    if args.json:
        print(_json({"error": message, "exit_code": code}))
    print(visible(f"splitplot: {message}"), file=sys.stderr)
    return code


def _show(args: Namespace, value: Any, text: str) -> None:
    print(_json(value, indent=1) if args.json else visible(text))


def _json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON in which hidden characters are escaped, so that a terminal shows them."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns padded to their widest entry; numbers to the right."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    right = [all(not isinstance(row[column], str) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


def _init(args: Namespace) -> int:
    from splitplot.workspace import create

    files = [str(path) for path in create(args.folder)]
    text = (
        f"{args.folder} is ready. Next:\n    cd {shlex.quote(str(args.folder))}\n"
        "    snakemake --profile local -n    # what would be done, sent and paid\n"
        "    snakemake --profile local       # the report: results/first/report.html\n"
        "The study is config/studies/first.yaml; it asks five questions, to be replaced by yours."
    )
    _show(args, {"folder": str(args.folder), "files": files}, text)
    return EXIT_OK


def _status(args: Namespace) -> int:
    from splitplot.calls.status import status

    plan = _plan(args)
    rows = status(plan, _items(plan), Path.cwd())
    text = _table(
        ("trial", "condition", "requests", "done", "failed", "over quota", "in flight", "missing"),
        [
            (
                row.trial,
                row.condition,
                row.requests,
                row.done,
                ", ".join(f"{count} {name}" for name, count in row.failed.items()) or "0",
                row.over_quota,
                row.in_flight,
                row.missing,
            )
            for row in rows
        ],
    )
    refused = sum(row.over_quota for row in rows)
    failed = sum(count for row in rows for count in row.failed.values())
    if refused:
        text += (
            f"\n{refused:,} were left unsent because of a cap: raise it in {plan['study_file']}, then "
            f"`splitplot refill {plan['study']}` and run again"
        )
    if failed:
        text += f"\n{failed:,} have failed for good: `splitplot refill {plan['study']}` opens them again"
    _show(args, {"study": plan["study"], "cells": [row.to_json() for row in rows]}, text)
    return EXIT_CAP if refused else EXIT_FAILED if failed else EXIT_OK


def _estimate(args: Namespace) -> int:
    from splitplot.calls.estimate import dollars, estimate, summary_line
    from splitplot.calls.gate import check_cap, check_gate

    plan = _plan(args)
    total = estimate(plan, _items(plan), Path(paths.LEDGER))

    def amount(usd: float | None) -> str:
        return "unpriced" if usd is None else dollars(usd)

    rows = [
        (
            cell.trial,
            cell.condition,
            cell.route,
            cell.in_ledger,
            cell.to_send,
            cell.tokens_in,
            cell.tokens_out_expected,
            "unbounded" if cell.tokens_out_ceiling is None else cell.tokens_out_ceiling,
            amount(cell.usd_expected),
            amount(cell.usd_ceiling),
        )
        for cell in total.cells
    ]
    head = ("trial", "condition", "route", "in ledger", "to send", "tokens in", "tokens out")
    text = _table((*head, "at most", "usd expected", "usd at most"), rows)
    warning, code = None, EXIT_OK
    try:
        check_gate(plan, total, Path(paths.APPROVAL.format(study=plan["study"])))
        check_cap(plan, total, Path(paths.LEDGER))
    except (ApprovalNeeded, CapReached) as error:
        warning, code = str(error), error.exit_code
    _show(args, total.to_json() | {"warning": warning}, f"{text}\n{summary_line(total)}")
    if warning:
        print(visible(f"splitplot: {warning}"), file=sys.stderr)
    return code


def _approve(args: Namespace) -> int:
    from splitplot.calls.estimate import dollars, estimate
    from splitplot.calls.gate import approve

    plan = _plan(args)
    total = estimate(plan, _items(plan), Path(paths.LEDGER))
    approval = approve(total, Path(paths.APPROVAL.format(study=plan["study"])))
    unpriced = f", and {', '.join(total.unpriced)} without a known price" if total.unpriced else ""
    text = (
        f"approved for study {plan['study']}: {total.to_send:,} requests, up to "
        f"{dollars(total.usd_ceiling)}{unpriced}"
    )
    _show(args, {"study": plan["study"], "to_send": total.to_send, **approval}, text)
    return EXIT_OK


def _refill(args: Namespace) -> int:
    from splitplot.calls.status import refill

    plan = _plan(args)
    count = refill(plan, _items(plan), Path.cwd())
    text = (
        f"{count:,} gaps are open again; the next run sends them" if count else "there are no gaps"
    )
    _show(args, {"study": plan["study"], "reopened": count}, text)
    return EXIT_OK


def _probe(args: Namespace) -> int:
    from splitplot.calls.probe import probe

    plan = _plan(args)
    first_trials = {trial["model"]: trial for trial in reversed(plan["trials"])}
    ledger = Path.cwd() / paths.LEDGER
    probes = [probe(first_trials[model], plan, ledger) for model in sorted(first_trials)]
    rows = [(row.model, row.route, row.state, row.message) for row in probes]
    text = _table(("model", "route", "state", "message"), rows)
    _show(args, {"models": [row.to_json() for row in probes]}, text)
    return EXIT_OK if all(row.state == "ok" for row in probes) else EXIT_FAILED


def _models(args: Namespace) -> int:
    from splitplot.calls.fulfil import FREE_ROUTES
    from splitplot.calls.pricing import find_price
    from splitplot.registry import load_registry

    registry = load_registry(Path.cwd())
    rows: list[dict[str, Any]] = []
    for name in registry.names():
        model = registry.resolve(name)
        endpoint = model.endpoint
        priced = None
        if model.route not in FREE_ROUTES:
            priced = find_price(model.model_id, endpoint["model"], endpoint.get("price"))
        key = endpoint.get("api_key_env")
        rows.append(
            {
                "name": name,
                "model_id": model.model_id,
                "route": model.route,
                "price": priced.source if priced else None,
                "free": model.route in FREE_ROUTES,
                "api_key_env": key,
                "api_key_set": bool(os.environ.get(key)) if key else None,
            }
        )
    lines = [
        (
            row["name"],
            row["model_id"],
            row["route"],
            "free" if row["free"] else row["price"] or "unpriced",
            f"{row['api_key_env']} {'set' if row['api_key_set'] else 'NOT SET'}"
            if row["api_key_env"]
            else "needs none",
        )
        for row in rows
    ]
    groups = "".join(f"\ngroup {name}: {', '.join(m)}" for name, m in registry.groups.items())
    text = _table(("name", "model", "route", "price", "key"), lines) + groups
    if not rows:
        text = (
            "config/models.yaml names no models; a study may use any provider/model without an entry"
            if Path("config/models.yaml").exists()
            else f"{Path.cwd()} has no config/models.yaml; go to the folder of a workflow, or make one "
            "with `splitplot init FOLDER`"
        )
    _show(args, {"models": rows, "groups": registry.groups}, text)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
