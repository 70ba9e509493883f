"""Questions about a study, answered from its files without changing them.

Only `approve`, `refill` and `cancel` write, and `init` makes a new folder. Exit codes: 0 ok, 1 work
has failed, 2 the configuration is wrong, 3 an approval is needed, 4 a cap is reached.
"""

import os
import shlex
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from splitplot import __version__, paths
from splitplot.cli_text import as_json, table
from splitplot.door import os_reason
from splitplot.errors import ApprovalNeeded, CapReached, ConfigError, SplitplotError
from splitplot.text import visible

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
        name: str,
        run: Callable[[Namespace], int],
        text: str,
        *,
        study: bool = True,
        any_study: bool = False,
    ) -> ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        if study:
            words = "name of a study in config/studies, or its file"
            command.add_argument("study", nargs="?" if any_study else None, help=words)
        command.add_argument("--json", action="store_true", help="machine-readable output")
        command.set_defaults(run=run)
        return command

    init = add("init", _init, "make a folder with a first study in it", study=False)
    init.add_argument("folder", type=Path, help="a new folder, or one without these files")
    add("status", _status, "per cell: answered, failed, over quota, in flight, missing")
    add("estimate", _estimate, "what is still to be sent, and what it would cost")
    power = add(
        "power", _power, "what the study could conclude, by items and replications, before its data"
    )
    power.add_argument("--items", type=_numbers, help="numbers of items, e.g. 50,100,400")
    power.add_argument(
        "--replications", type=_numbers, help="numbers of replications, e.g. 1,2,3,5"
    )
    power.add_argument("--gap", type=float, help="a true gap to plan for: 0.05 is 5 points")
    power.add_argument("--draws", type=int, default=400, help="simulated studies per size and gap")
    add("approve", _approve, "agree to the ceiling of the present estimate")
    add("refill", _refill, "open recorded failures and unsent requests again")
    cancel = add("cancel", _cancel, "stop the open batches of a study, and keep what they answered")
    cancel.add_argument(
        "--no-wait",
        action="store_true",
        help="ask the provider to stop, and do not wait for the end",
    )
    add(
        "ledger",
        _ledger,
        "what was spent, by study, model, route and day; of one study, whether its table agrees",
        any_study=True,
    )
    add("probe", _probe, "ask each model of a study for one word")
    add(
        "models",
        _models,
        "the models of config/models.yaml, their routes, prices, keys",
        study=False,
    )
    return parser


def _numbers(text: str) -> list[int]:
    """Whole numbers with commas between them, for argparse."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f'"{text}" must be whole numbers with commas, as 1,2,3') from None


def _plan(args: Namespace) -> dict[str, Any]:
    from splitplot.design import make_plan
    from splitplot.workspace import find_study

    return make_plan(find_study(args.study, Path.cwd()), Path.cwd())


def _items(plan: dict[str, Any]) -> Any:
    from splitplot.calls.estimate import present_items

    return present_items(plan, Path.cwd())


def _refuse(args: Namespace, message: str, code: int) -> int:
    if args.json:
        print(as_json({"error": message, "exit_code": code}))
    print(visible(f"splitplot: {message}"), file=sys.stderr)
    return code


def _show(args: Namespace, value: Any, text: str) -> None:
    print(as_json(value, indent=1) if args.json else visible(text))


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
    from splitplot.calls.status import open_batches, status
    from splitplot.cli_text import batch_lines, status_table
    from splitplot.looks import looks_of, settled_look

    plan = _plan(args)
    rows = status(plan, _items(plan), Path.cwd())
    text = status_table(rows)
    settled = settled_look(plan, Path.cwd())
    if settled is not None:
        text += f"\nsettled after look {settled} of {looks_of(plan)}: later items are not asked"
    refused = sum(row.over_quota for row in rows)
    failed = sum(count for row in rows for count in row.failed.values())
    if refused:
        text += (
            f"\n{refused:,} were left unsent because of a cap: raise it in {plan['study_file']}, then "
            f"`splitplot refill {plan['study']}` and run again"
        )
    if failed:
        text += f"\n{failed:,} have failed for good: `splitplot refill {plan['study']}` opens them again"
    batches = open_batches(Path.cwd(), plan["study"])
    if batches:
        text += f"\n{batch_lines(batches)}"
    value = {"cells": [row.to_json() for row in rows], "batches": batches}
    _show(args, {"study": plan["study"], **value}, text)
    return EXIT_CAP if refused else EXIT_FAILED if failed else EXIT_OK


def _estimate(args: Namespace) -> int:
    from splitplot.calls.estimate import estimate, summary_line
    from splitplot.calls.gate import check_cap, check_gate
    from splitplot.calls.sizes import check_sizes
    from splitplot.cli_text import estimate_table
    from splitplot.looks import closed_parts

    plan = _plan(args)
    items = _items(plan)
    total = estimate(plan, items, Path(paths.LEDGER), closed_parts(plan, Path.cwd()))
    warning, code = None, EXIT_OK
    try:
        check_sizes(plan, items, Path(paths.LEDGER))
        check_gate(plan, total, Path(paths.APPROVAL.format(study=plan["study"])))
        check_cap(plan, total, Path(paths.LEDGER))
    except (ApprovalNeeded, CapReached, ConfigError) as error:
        warning, code = str(error), error.exit_code
    _show(
        args,
        total.to_json() | {"warning": warning},
        f"{estimate_table(total)}\n{summary_line(total)}",
    )
    if warning:
        print(visible(f"splitplot: {warning}"), file=sys.stderr)
    return code


def _power(args: Namespace) -> int:
    from splitplot.rehearsal.study import Wanted, power_of_study
    from splitplot.rehearsal.words import power_text

    plan = _plan(args)
    wanted = Wanted(args.items, args.replications, args.gap, args.draws)
    power = power_of_study(plan, _items(plan), Path.cwd(), Path(paths.LEDGER), wanted)
    _show(args, power, power_text(power))
    return EXIT_OK


def _approve(args: Namespace) -> int:
    from splitplot.calls.estimate import estimate
    from splitplot.calls.gate import approve
    from splitplot.text import dollars

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
    from splitplot.runs import Run

    plan = _plan(args)
    Run(Path.cwd(), sys.argv).refuse_beside_a_run(plan["study"], "refill")
    count = refill(plan, _items(plan), Path.cwd())
    text = (
        f"{count:,} gaps are open again; the next run sends them" if count else "there are no gaps"
    )
    _show(args, {"study": plan["study"], "reopened": count}, text)
    return EXIT_OK


def _cancel(args: Namespace) -> int:
    from splitplot.calls.batch.cancel import cancel
    from splitplot.cli_text import cancel_text

    plan = _plan(args)

    def say(text: str) -> None:
        print(visible(text), file=sys.stderr)

    done = cancel(plan, Path.cwd(), wait=not args.no_wait, say=say)
    _show(args, {"study": plan["study"], **done}, cancel_text(plan["study"], done))
    return EXIT_OK


def _ledger(args: Namespace) -> int:
    from splitplot.calls.spending import reconcile, responses, spending, studies
    from splitplot.calls.status import open_batches
    from splitplot.cli_text import ledger_text, ledger_total

    ledger = Path(paths.LEDGER)
    study = args.study
    if study is not None and study not in studies(ledger):  # it may be gone from config/studies
        study = _plan(args)["study"]
    rows = spending(responses(ledger, study))
    batches = open_batches(Path.cwd(), study)
    made = Path(paths.TABLE.format(study=study))
    found = reconcile(ledger, study, made) if study is not None and made.is_file() else None
    value = {
        "study": study,
        "rows": [row.to_json() for row in rows],
        "total": ledger_total(rows),
        "batches": batches,
        "reconciliation": found.to_json() if found else None,
    }
    _show(args, value, ledger_text(rows, batches, found, str(made)))
    return EXIT_OK if found is None or found.holds else EXIT_FAILED


def _probe(args: Namespace) -> int:
    from splitplot.calls.probe import probe

    plan = _plan(args)
    first_trials = {trial["model"]: trial for trial in reversed(plan["trials"])}
    ledger = Path.cwd() / paths.LEDGER
    probes = [probe(first_trials[model], plan, ledger) for model in sorted(first_trials)]
    rows = [(row.model, row.route, row.state, row.message) for row in probes]
    text = table(("model", "route", "state", "message"), rows)
    _show(args, {"models": [row.to_json() for row in probes]}, text)
    return EXIT_OK if all(row.state == "ok" for row in probes) else EXIT_FAILED


def _models(args: Namespace) -> int:
    from splitplot.calls.pricing import find_price
    from splitplot.calls.session import FREE_ROUTES
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
                "batch": model.batch["protocol"] if model.batch else None,
                "batch_reason": model.batch_reason,
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
            row["batch"] or "no",
            "free" if row["free"] else row["price"] or "unpriced",
            f"{row['api_key_env']} {'set' if row['api_key_set'] else 'NOT SET'}"
            if row["api_key_env"]
            else "needs none",
        )
        for row in rows
    ]
    groups = "".join(f"\ngroup {name}: {', '.join(m)}" for name, m in registry.groups.items())
    text = table(("name", "model", "route", "batch", "price", "key"), lines) + groups
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
