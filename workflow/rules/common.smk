# What all rules share: paths, the studies asked for, and look-ups in their plans.

import atexit
import os
import shutil
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake_interface_executor_plugins.settings import ExecMode
from splitplot import job_resources, paths, slurm, targets, waves
from splitplot.design import make_plan
from splitplot.calls import gpus
from splitplot.drain import Drain
from splitplot.errors import SplitplotError
from splitplot.files import read_json
from splitplot.providers import BATCH_URLS
from splitplot.runs import Run
from splitplot.workspace import find_study

try:
    PARTIAL = targets.is_partial(config)
    WAVE = waves.named(config["wave"]) if "wave" in config else None
except SplitplotError as error:
    print(f"splitplot: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
ANSWERS = paths.RESPONSES_SO_FAR if PARTIAL else paths.RESPONSES

# For the shell commands of the rules. They name folders rather than all their input files: a command
# is one string, and Linux takes none above 128 KiB.
os.environ.update(
    SPLITPLOT_SCRIPTS=str(paths.REPOSITORY / "scripts"),
    SPLITPLOT_ANSWERS=Path(ANSWERS).name,
    PYTHONPATH=f"{paths.REPOSITORY / 'workflow'}:{os.environ.get('PYTHONPATH', '')}".rstrip(
        ":"
    ),
)


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
    look=r"\d+",


def in_job():
    """Whether this is a job of a run, on a node of a cluster for instance, rather than the run itself."""
    return workflow.exec_mode != ExecMode.DEFAULT


@cache
def plan_of(study):
    """The plan of a study, expanded from its YAML; a wrong one ends everything with its message.

    A job reads the plan as it was when its run began: the study's files may have changed since.
    """
    try:
        if in_job():
            return read_json(Path(paths.PLAN.format(study=study)))
        return make_plan(find_study(study, Path.cwd()), Path.cwd(), WAVE)
    except SplitplotError as error:
        give_up(error)


def trial_of(w):
    """The trial of a job, as in the plan."""
    try:
        return targets.trial_of(plan_of(w.study), w.trial)
    except SplitplotError as error:
        give_up(error)


def give_up(error):
    """End with one message and the exit code of the error, without Snakemake's own words around it."""
    print(f"splitplot: {error}", file=sys.stderr)
    sys.exit(error.exit_code)


def asked_for():
    """The studies of `--config study=…` (one, or several with commas), else of config/config.yaml."""
    chosen = config.get("study", config.get("studies", []))
    names = chosen if isinstance(chosen, list) else str(chosen).split(",")
    return [str(name).strip() for name in names]


STUDIES = asked_for()


RUN = Run(Path.cwd(), sys.argv)
DRAIN = Drain(RUN, Path.cwd())
if "--unlock" in sys.argv:
    try:
        RUN.unlock()
    except SplitplotError as error:
        give_up(error)


def enter(study):
    """Begin to work on a study, unless another run does; before anything of it is written."""
    try:
        if on_slurm():
            slurm.check_here()
        notices = RUN.enter(study)
    except SplitplotError as error:
        give_up(error)
    for notice in notices:
        print(f"splitplot: {notice}", file=sys.stderr)
    watch()


def on_slurm():
    """Whether this run hands its jobs to Slurm."""
    return getattr(workflow.executor_plugin, "name", "") == "slurm"


def slurm_notices():
    """What a run by Slurm tells before it begins, each "" where there is nothing to tell."""
    status_command = getattr(workflow.executor_settings, "status_command", None)
    return [
        slurm.notice(Path.cwd(), RUN.jobs_at_work()),
        slurm.forgets(status_command),
    ]


def name_jobs():
    """Let other runs in this folder know which jobs of Slurm are this run's."""
    if on_slurm():
        RUN.name_jobs(slurm.run_name(workflow.scheduler))


def stop_scheduling():
    """Start no more jobs. Of those at Slurm the ones that wait are taken back; the others drain."""
    workflow.scheduler.exit_gracefully()
    if on_slurm():
        slurm.cancel_waiting(slurm.run_name(workflow.scheduler))


def lift_default_job_rate():
    """Start jobs as they become ready, unless another rate than Snakemake's default is asked for.

    Its limiter of 100 starts a second looks at all ready jobs again a second after each look, and
    each job that ends begins another such series: time that grows with the square of the jobs.
    """
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


@cache
def watch():
    """Hear requests to stop, from now to the end of the process; tell of jobs that earlier runs left."""
    for told in slurm_notices() if on_slurm() else ():
        if told:
            print(f"splitplot: {told}", file=sys.stderr)
    DRAIN.start()
    atexit.register(RUN.leave)


def record_waves():
    """Write down the waves of the studies of which requests are going to be made."""
    asked = {
        job.wildcards.study
        for job in workflow.dag.needrun_jobs()
        if job.rule.name == "requests"
    }
    for study in asked:
        waves.record(plan_of(study), Path.cwd())


def writes_nothing():
    """Whether no job will run: a dry run, or only conda environments, a summary … are asked for."""
    return workflow.dryrun or workflow.executor_plugin is None


# What a job follows besides its inputs is a small file that is rewritten when it changes. `params:` is
# not used: Snakemake forgets params with its metadata, skips them for jobs behind one that has to run
# when the edge is ancient(), and imports pandas to compare them, a second at each start.
@cache
def up_to_date(study):
    """Write the version files of a study that have changed; all at once, before Snakemake looks."""
    if writes_nothing():
        return
    if not in_job():
        enter(study)
        targets.bring_up_to_date(plan_of(study), partial=PARTIAL)


@cache
def stage_version(study, stage):
    """The version of a stage, worked out once."""
    return targets.stage_version(plan_of(study), stage, partial=PARTIAL)


def input_version(study, version):
    """The path of a version file; where none is written, a file that is newer instead."""
    up_to_date(study)
    if writes_nothing() and not version.is_current():
        return plan_of(study)["study_file"]
    return version.path


def version(stage):
    """An input function: the file that stands for what a stage depends on."""

    def path(w):
        if in_job():
            return paths.VERSION.format(study=w.study, stage=stage)
        return input_version(w.study, stage_version(w.study, stage))

    return path


def cell_version(w):
    """An input function: the file that stands for a cell's number of replications."""
    if in_job():
        return paths.CELL_VERSION.format(**w)
    wanted = targets.cell_version(plan_of(w.study), w.trial, w.condition)
    return input_version(w.study, wanted)


def parts(w, template):
    """A path template over the parts of a cell."""
    return targets.part_files(
        plan_of(w.study), template, trial=w.trial, condition=w.condition
    )


def opening(w):
    """An input function: the decision after the look before that of a part, which may leave it empty."""
    return targets.opening(plan_of(w.study), w.part)


def look_parts(w, template):
    """A path template over the parts of a cell that belong to a look."""
    return targets.look_part_files(
        plan_of(w.study), template, w.look, trial=w.trial, condition=w.condition
    )


def polled(w):
    """An input function: what the batches of a part ended with, where its trial may go by batch."""
    return paths.ENDED if targets.by_batch(plan_of(w.study), w.trial) else []


def generated(w):
    """An input function: the receipt of a local model that was asked, where a trial's is one."""
    return paths.GENERATED if targets.by_engine(plan_of(w.study), w.trial) else []


# At each provider one job at a time makes batches, and one polls: who waits there looks after all that is
# in flight. Jobs that take no core share a pool of cores + 5 processes with the others: at most five of
# them wait, so that work is not kept waiting. Registered, so that `--resources` cannot drop it.
WAITING = {"submitter": 2, "poller": 3}
for kind, most in WAITING.items():
    workflow.register_resource(f"batch_{kind}", most)
    for provider in BATCH_URLS:
        workflow.register_resource(f"{kind}_{provider}", 1)


def waits(kind):
    """The resources of a job that mostly waits: one of all, and the one of its trial's provider."""

    def takes(provider):
        return lambda w: int(
            targets.batch_protocol(plan_of(w.study), w.trial) == provider
        )

    return {f"batch_{kind}": 1} | {
        f"{kind}_{provider}": takes(provider) for provider in BATCH_URLS
    }


def asked_for_model():
    """The resources of a job that loads a model, from config/models.yaml by way of the plan.

    What a model does not say, `default-resources` of the profile does: Snakemake itself would take None
    from a rule for an answer.
    """
    defaults = workflow.resource_settings.default_resources or {}

    def asked(name, ask):
        def value(w, **given):
            wanted = ask(trial_of(w))
            if wanted is None and name in defaults:
                return defaults[name].evaluate(w, **given).value
            return wanted

        return value

    here = {job_resources.GPUS_HERE: job_resources.gpus}
    return {
        name: asked(name, ask) for name, ask in (job_resources.ASKED | here).items()
    }


# Jobs on this machine share its GPUs; those that a cluster runs elsewhere are not counted.
workflow.register_resource(job_resources.GPUS_HERE, max(1, len(gpus.shown())))
workflow.resource_scopes.update({job_resources.GPUS_HERE: "local"})


@cache
def announce(study):
    """In a dry run, say once, and at its end, what would be sent and what that would cost."""
    from splitplot.calls.estimate import preview

    if PARTIAL:
        line = f"study {study}: a partial report sends nothing"
        atexit.register(print, line, file=sys.stderr)
        return
    try:
        line = preview(plan_of(study), Path.cwd())
    except SplitplotError as error:
        give_up(error)
    atexit.register(print, line, file=sys.stderr)


def failure_hint():
    """What to do when jobs have failed: where their messages are, and how to get a report all the same."""
    chosen = f"study={config['study']} " if "study" in config else ""
    logs = ", ".join(paths.LOGS.format(study=study) for study in STUDIES)
    partial = f"snakemake --profile local --config {chosen}partial=true"
    if DRAIN.asked:
        return "\nStopped on request: what was answered is kept, and the same command goes on from there."
    return (
        f"\nNot everything could be done; what the failed jobs say is above and in {logs}.\n"
        "What was answered is kept: once the cause is mended, the same command goes on from there."
        + (
            ""
            if PARTIAL
            else f"\nFor a report of what is there, without sending anything:\n    {partial}"
        )
    )


def preview(w):
    """An input function without inputs: Snakemake asks it whenever it looks at a study."""
    if workflow.dryrun:
        announce(w.study)
    return []
