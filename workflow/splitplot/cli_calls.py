"""The commands about what is sent and paid: status, approve, refill, cancel, ledger."""

import sys
from argparse import Namespace
from pathlib import Path

from splitplot import paths
from splitplot.cli_shared import EXIT_CAP, EXIT_FAILED, EXIT_OK, items_of, plan_of, show
from splitplot.text import visible


def status(args: Namespace) -> int:
    """Per cell: answered, failed, over quota, in flight, missing."""
    from splitplot.calls.status import open_batches, status
    from splitplot.cli_text import batch_lines, status_table
    from splitplot.looks import looks_of, settled_look

    plan = plan_of(args)
    rows = status(plan, items_of(plan), Path.cwd())
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
    show(args, {"study": plan["study"], **value}, text)
    return EXIT_CAP if refused else EXIT_FAILED if failed else EXIT_OK


def approve(args: Namespace) -> int:
    """Agree to the ceiling of the present estimate."""
    from splitplot.calls.estimate import estimate
    from splitplot.calls.gate import approve
    from splitplot.text import dollars

    plan = plan_of(args)
    total = estimate(plan, items_of(plan), Path(paths.LEDGER))
    approval = approve(total, Path(paths.APPROVAL.format(study=plan["study"])))
    unpriced = f", and {', '.join(total.unpriced)} without a known price" if total.unpriced else ""
    text = (
        f"approved for study {plan['study']}: {total.to_send:,} requests, up to "
        f"{dollars(total.usd_ceiling)}{unpriced}"
    )
    show(args, {"study": plan["study"], "to_send": total.to_send, **approval}, text)
    return EXIT_OK


def refill(args: Namespace) -> int:
    """Open recorded failures and unsent requests again."""
    from splitplot.calls.status import refill
    from splitplot.runs import Run

    plan = plan_of(args)
    Run(Path.cwd(), sys.argv).refuse_beside_a_run(plan["study"], "refill")
    count = refill(plan, items_of(plan), Path.cwd())
    text = (
        f"{count:,} gaps are open again; the next run sends them" if count else "there are no gaps"
    )
    show(args, {"study": plan["study"], "reopened": count}, text)
    return EXIT_OK


def cancel(args: Namespace) -> int:
    """Stop the open batches of a study, and keep what they answered."""
    from splitplot.calls.batch.cancel import cancel
    from splitplot.cli_text import cancel_text

    plan = plan_of(args)

    def say(text: str) -> None:
        print(visible(text), file=sys.stderr)

    done = cancel(plan, Path.cwd(), wait=not args.no_wait, say=say)
    show(args, {"study": plan["study"], **done}, cancel_text(plan["study"], done))
    return EXIT_OK


def ledger(args: Namespace) -> int:
    """What was spent, and whether the table of a study agrees."""
    from splitplot.calls.spending import reconcile, responses, spending, studies
    from splitplot.calls.status import open_batches
    from splitplot.cli_text import ledger_text, ledger_total

    ledger = Path(paths.LEDGER)
    study = args.study
    if study is not None and study not in studies(ledger):  # it may be gone from config/studies
        study = plan_of(args)["study"]
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
    show(args, value, ledger_text(rows, batches, found, str(made)))
    return EXIT_OK if found is None or found.holds else EXIT_FAILED
