# What every rule file uses: paths, the studies asked for, and look-ups in their plans.

import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from splitplot import paths, targets
from splitplot.design import item_files, make_plan
from splitplot.errors import SplitplotError

STUDIES_FOLDER = "config/studies"
SCRIPTS = shlex.quote(str(paths.REPOSITORY / "scripts"))
LEDGER = paths.LEDGER
PARTIAL = str(config.get("partial", False)).lower() in ("true", "1", "yes")


if shutil.which("python") is None or not sys.prefix == str(
    Path(shutil.which("python")).parent.parent
):
    raise WorkflowError(
        "The python on PATH is not the one that runs Snakemake, so the jobs would not find splitplot. "
        f"Activate the environment first: source {Path(sys.prefix) / 'bin' / 'activate'}"
    )


wildcard_constraints:
    study=r"[^/]+",
    trial=r"[^/]+--[0-9a-f]{8}",
    condition=r"[^/]+--[0-9a-f]{8}",
    part=r"\d+-of-\d+",
    stage=r"[a-z]+",
    digest=r"[0-9a-f]+",


@cache
def plan_of(study):
    """The plan of a study, expanded from its YAML; a wrong one ends the workflow with its message."""
    try:
        return make_plan(paths.study_file(study), Path.cwd())
    except SplitplotError as error:
        raise WorkflowError(str(error)) from None


def asked_for():
    """The studies of `--config study=…` (one, or several with commas), else of config/config.yaml."""
    chosen = config.get("study", config.get("studies", []))
    return (
        [name.strip() for name in chosen.split(",")]
        if isinstance(chosen, str)
        else chosen
    )


STUDIES = asked_for()


# No rule has `params:`, because Snakemake imports pandas to compare them, a second each time it starts,
# and because it forgets them with its metadata. What a rule follows besides its inputs is a file that
# stands for its present version.
def stamp(stage):
    """An input function: the file that stands for the present version of what a stage depends on."""
    return lambda w: targets.digest_file(plan_of(w.study), stage, partial=PARTIAL)


def parts(w, template):
    """A path template over the parts of a cell; in a partial report, responses only where they are."""
    files = targets.part_files(
        plan_of(w.study), template, trial=w.trial, condition=w.condition
    )
    optional = PARTIAL and template == paths.RESPONSES
    return [path for path in files if not optional or Path(path).exists()]


@cache
def announce(study):
    """In a dry run, say once what would be sent and what that would cost."""
    from splitplot.calls.estimate import preview

    try:
        print(preview(plan_of(study), Path.cwd()), file=sys.stderr)
    except SplitplotError as error:
        raise WorkflowError(str(error)) from None


def preview(w):
    """An input function without inputs: Snakemake asks it whenever it looks at a study."""
    if workflow.dryrun:
        announce(w.study)
    return []
