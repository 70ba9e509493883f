"""The commands about finished studies: what two of them differ by, and one of them as one file."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from splitplot import __version__, paths
from splitplot.cli_shared import EXIT_FAILED, EXIT_OK, plan_of, show
from splitplot.errors import ConfigError


def compare_arguments(parser: ArgumentParser) -> None:
    """What `compare` takes."""
    for side in ("first", "second"):
        parser.add_argument(side, help="a study with results, STUDY@WAVE, or an archive")
    parser.add_argument(
        "--arm",
        action="append",
        default=[],
        metavar="CONDITION=CONDITION",
        help="conditions of the first and the second that belong together; may be given again",
    )


def archive_arguments(parser: ArgumentParser) -> None:
    """What `archive` takes beside the study."""
    parser.add_argument("--output", type=Path, help="the archive, or with --report a new folder")
    parser.add_argument("--verify", type=Path, metavar="FILE", help="check an archive")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="make the report of an archive anew"
    )


def compare(args: Namespace) -> int:
    """What the arms of two studies, archives or waves differ by."""
    from splitplot.compare import compare as compared
    from splitplot.compare import compare_text, open_side

    named: list[tuple[str, str]] = []
    for pair in args.arm:
        first, equals, second = pair.partition("=")
        if not (first and equals and second):
            raise ConfigError(f'--arm "{pair}": write CONDITION=CONDITION, as --arm old=new')
        named.append((first, second))
    root = Path.cwd()
    with open_side(args.first, root) as first, open_side(args.second, root) as second:
        value = compared(first, second, named)
    show(args, value, compare_text(value))
    return EXIT_OK


def archive(args: Namespace) -> int:
    """One file of a finished study; `--verify` or `--report` one."""
    from splitplot.archive import make_archive, rebuild, verify
    from splitplot.archive.words import made_text, rebuilt_text, verified_text

    if sum(given is not None for given in (args.study, args.verify, args.report)) != 1:
        raise ConfigError("archive: give either a study, or --verify FILE, or --report FILE")
    if args.verify is not None:
        if args.output is not None:
            raise ConfigError("archive --verify: writes nothing; leave out --output")
        found = verify(args.verify)
        show(args, found, verified_text(found))
        return EXIT_FAILED if found["problems"] else EXIT_OK
    if args.report is not None:
        if args.output is None:
            raise ConfigError("archive --report: give a new folder, --output FOLDER")
        done = rebuild(args.report, args.output)
        show(args, done, rebuilt_text(done))
        return EXIT_OK if done["identical"] or done["made_by"] != __version__ else EXIT_FAILED
    from splitplot.runs import Run

    plan = plan_of(args)
    Run(Path.cwd(), sys.argv).refuse_beside_a_run(
        plan["study"], "an archive", "would hold files of two moments"
    )
    output = args.output or Path(paths.ARCHIVE.format(study=plan["study"]))
    made = make_archive(plan, Path.cwd(), output)
    show(args, {"study": plan["study"], **made}, made_text(plan["study"], made))
    return EXIT_OK
