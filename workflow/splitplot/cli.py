"""Questions about a study, answered from its files without changing them.

Only `approve`, `refill` and `cancel` write; `init` makes a new folder, `archive` a new file. Exit
codes: 0 ok, 1 work has failed, 2 the configuration is wrong, 3 an approval is needed, 4 a cap is
reached.
"""

import os
import shlex
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from splitplot import __version__, cli_archive, cli_calls, cli_models, paths
from splitplot.cli_shared import EXIT_FAILED, EXIT_OK, items_of, plan_of, refuse, show
from splitplot.door import os_reason
from splitplot.errors import ApprovalNeeded, CapReached, ConfigError, SplitplotError
from splitplot.text import visible


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = _parser().parse_args(arguments)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except SplitplotError as error:
        return refuse(args, str(error), error.exit_code)
    except BrokenPipeError:  # `splitplot … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        return refuse(args, os_reason(error), EXIT_FAILED)


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
    init.add_argument(
        "--study",
        default="first",
        metavar="NAME",
        help="one of splitplot's own studies, with its prompts and items, in place of a first one",
    )
    add("status", cli_calls.status, "per cell: answered, failed, over quota, in flight, missing")
    add("estimate", _estimate, "what is still to be sent, and what it would cost")
    prompts = add("prompts", _prompts, "what each prompt sends and adds, before anything is sent")
    prompts.add_argument("--show", metavar="NAME", help="the whole text of one condition")
    prompts.add_argument(
        "--exact",
        action="store_true",
        help="count by each local GGUF model's own tokenizer, which loads it",
    )
    power = add(
        "power", _power, "what the study could conclude, by items and replications, before its data"
    )
    power.add_argument("--items", type=_numbers, help="numbers of items, e.g. 50,100,400")
    power.add_argument(
        "--replications", type=_numbers, help="numbers of replications, e.g. 1,2,3,5"
    )
    power.add_argument("--gap", type=float, help="a true gap to plan for: 0.05 is 5 points")
    power.add_argument("--draws", type=int, default=400, help="simulated studies per size and gap")
    add("approve", cli_calls.approve, "agree to the ceiling of the present estimate")
    add("refill", cli_calls.refill, "open recorded failures and unsent requests again")
    cancel = add(
        "cancel", cli_calls.cancel, "stop the open batches of a study, and keep what they answered"
    )
    cancel.add_argument(
        "--no-wait",
        action="store_true",
        help="ask the provider to stop, and do not wait for the end",
    )
    add(
        "ledger",
        cli_calls.ledger,
        "what was spent, by study, model, route and day; of one study, whether its table agrees",
        any_study=True,
    )
    add("probe", cli_models.probe, "ask each model of a study for one word")
    compare = add(
        "compare",
        cli_archive.compare,
        "two studies, archives or waves: what their arms differ by",
        study=False,
    )
    cli_archive.compare_arguments(compare)
    archive = add(
        "archive",
        cli_archive.archive,
        "one file of a finished study; --verify or --report one",
        any_study=True,
    )
    cli_archive.archive_arguments(archive)
    audit = add(
        "audit",
        _audit,
        "how well abstentions and refusals are told from answers, on labelled answers",
        any_study=True,
    )
    audit.add_argument("--counts", action="store_true", help="leave out the misread texts")
    add(
        "models",
        cli_models.models,
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


def _init(args: Namespace) -> int:
    from splitplot.workspace import FIRST, create

    files = [str(path) for path in create(args.folder, args.study)]
    own = "it asks five questions" if args.study == FIRST else "it comes with its prompts and items"
    text = (
        f"{args.folder} is ready. Next:\n    cd {shlex.quote(str(args.folder))}\n"
        "    snakemake --profile local -n    # what would be done, sent and paid\n"
        f"    snakemake --profile local       # the report: results/{args.study}/report.html\n"
        f"The study is config/studies/{args.study}.yaml; {own}, to be replaced by yours."
    )
    show(args, {"folder": str(args.folder), "files": files}, text)
    return EXIT_OK


def _estimate(args: Namespace) -> int:
    from splitplot.calls.estimate import estimate, summary_line
    from splitplot.calls.gate import check_cap, check_gate
    from splitplot.calls.sizes import check_sizes
    from splitplot.cli_text import estimate_table
    from splitplot.looks import closed_parts

    plan = plan_of(args)
    items = items_of(plan)
    total = estimate(plan, items, Path(paths.LEDGER), closed_parts(plan, Path.cwd()))
    warning, code = None, EXIT_OK
    try:
        check_sizes(plan, items, Path(paths.LEDGER))
        check_gate(plan, total, Path(paths.APPROVAL.format(study=plan["study"])))
        check_cap(plan, total, Path(paths.LEDGER))
    except (ApprovalNeeded, CapReached, ConfigError) as error:
        warning, code = str(error), error.exit_code
    show(
        args,
        total.to_json() | {"warning": warning},
        f"{estimate_table(total)}\n{summary_line(total)}",
    )
    if warning:
        print(visible(f"splitplot: {warning}"), file=sys.stderr)
    return code


def _prompts(args: Namespace) -> int:
    from splitplot.cli_prompts import prompts_of_study, prompts_text, shown, shown_text

    plan = plan_of(args)
    if args.show is not None:
        arm = shown(plan, args.show)
        show(args, arm, shown_text(arm))
    else:
        found = prompts_of_study(plan, items_of(plan), exact=args.exact)
        show(args, found, prompts_text(found))
    return EXIT_OK


def _power(args: Namespace) -> int:
    from splitplot.rehearsal.study import Wanted, power_of_study
    from splitplot.rehearsal.words import power_text

    plan = plan_of(args)
    wanted = Wanted(args.items, args.replications, args.gap, args.draws)
    power = power_of_study(plan, items_of(plan), Path.cwd(), Path(paths.LEDGER), wanted)
    show(args, power, power_text(power))
    return EXIT_OK


def _audit(args: Namespace) -> int:
    from splitplot.cli_text import audit_text
    from splitplot.inference.chapters.audit import audits, conditions_of

    plan = plan_of(args) if args.study is not None else {}
    found = audits(plan.get("labels"), Path.cwd(), conditions_of(plan))
    text = "\n\n".join(audit_text(one, texts=not args.counts) for one in found.values() if one)
    show(args, {"study": plan.get("study"), **found}, text)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
