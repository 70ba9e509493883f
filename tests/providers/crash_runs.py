"""How crash_matrix.py runs the jobs of its studies: the scripts alone, or real Snakemake."""

import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import crash_at
from crash_world import BASES, REPOSITORY, World, cell

SCRIPTS = REPOSITORY / "scripts"
SLOT_S = 0.3
"""Who waits for a slot, or for keys that another job holds, looks so often; else every five seconds."""
PATIENCE_S = 90


# Jobs, each a process of its own: forked from one that has imported what they need, to be there at once


def fork(work, log: Path, folder: Path) -> int:
    """Do `work` in a new process whose output goes to `log`; returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.chdir(folder)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(pids) -> tuple[int, int]:
    """(process id, exit code) of the first of these that ends; TimeoutError if none does."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for pid in pids:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return pid, os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    raise TimeoutError(f"jobs were still at work after {PATIENCE_S} s")


def import_what_jobs_need() -> None:
    import aiohttp  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import yaml  # noqa: F401

    import splitplot.calls.batch.script
    import splitplot.calls.estimate
    import splitplot.calls.fulfil
    import splitplot.calls.gate
    import splitplot.calls.realtime
    import splitplot.design
    import splitplot.items  # noqa: F401
    from splitplot.calls import pricing
    from splitplot.calls.batch import part, protocols

    for name in BASES:
        protocols.provider(name)
    pricing.price_table()
    part.SLOT_S = SLOT_S


JOBS = (
    ("submit_batch.py", "job.json"),
    ("poll_batch.py", "ended.json"),
    ("answer_requests.py", "responses.jsonl"),
)


def run_jobs(world: World, crash: tuple[str, str, Path] | None) -> bool:
    """Run the workflows of all studies at the same time; True when everything is made.

    A job that fails ends its part, as in one run of Snakemake; another run goes on from what is there.
    """
    waiting = list(world.parts())
    running: dict[int, tuple] = {}
    failed = False
    while waiting or running:
        for place in waiting:
            if job := _next_job(world, *place):
                running[_start(world, *place, job, crash)] = place
        waiting = []
        if running:
            pid, code = wait(running)
            place = running.pop(pid)
            if code == 0:
                waiting = [place]
            failed |= code != 0
    return not failed


def _next_job(world: World, study: str, plan: dict, part: str) -> str | None:
    folder = world.part(study, plan, part)
    return next((script for script, output in JOBS if not (folder / output).exists()), None)


def _start(world: World, study: str, plan: dict, part: str, script: str, crash) -> int:
    trial, condition = cell(plan)
    results = f"results/{study}"
    command = [str(SCRIPTS / script), "--plan", f"{results}/plan.json"]
    command += ["--items", f"{results}/items.parquet", "--trial", trial, "--condition", condition]
    command += ["--part", part, "--folder", str(world.part(study, plan, part))]
    command += ["--ledger", "results/ledger"]

    def work() -> None:
        if crash:
            crash_at.run(*crash, command)
        else:
            sys.argv = command
            runpy.run_path(command[0], run_name="__main__")

    return fork(work, world.folder / "jobs.log", world.folder)


# Real Snakemake

SITE = """import sys
sys.path.append({providers!r})
import crash_at
crash_at.arm_from_environment()
"""


def prepare_snakemake(world: World) -> None:
    """What a folder needs for Snakemake to run in it, and what makes its jobs die."""
    world.write("Snakefile", f'include: "{REPOSITORY}/Snakefile"\n')
    world.write("config/config.yaml", f"studies: [{', '.join(world.studies)}]\n")
    world.write("site/sitecustomize.py", SITE.format(providers=str(Path(__file__).parent)))
    (world.folder / "profiles").mkdir()
    (world.folder / "profiles/local").symlink_to(REPOSITORY / "profiles/local")


def run_snakemake(world: World, crash: tuple[str, str, Path] | None) -> bool:
    """One Snakemake for each study, at the same time; True when everything is made."""
    from splitplot.design import make_plan
    from splitplot.paths import RESPONSES

    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(world.folder / "site"),
    }
    if crash:
        variables[crash_at.VARIABLE] = " ".join(map(str, crash))
    processes = []
    for study in world.studies:
        plan = make_plan(Path(f"config/studies/{study}.yaml"), world.folder)
        trial, condition = cell(plan)
        targets = [
            RESPONSES.format(study=study, trial=trial, condition=condition, part=part)
            for part in plan["parts"]
        ]
        command = ["snakemake", "--profile", "profiles/local", "--cores", "2", *targets]
        with (world.folder / "jobs.log").open("ab") as log:
            processes.append(
                subprocess.Popen(
                    command,
                    cwd=world.folder,
                    env=os.environ | variables,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
    codes = [process.wait(PATIENCE_S) for process in processes]
    return not any(codes)


def wait_for_orphans(world: World) -> None:
    """Jobs that outlived their Snakemake end by themselves."""
    import psutil

    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if not any(_works_in(process, world.folder) for process in psutil.process_iter()):
            return
        time.sleep(0.05)
    raise TimeoutError(f"a job was still at work after {PATIENCE_S} s")


def _works_in(process, folder: Path) -> bool:
    import psutil

    try:
        return (
            process.cwd() == str(folder)
            and process.status() != psutil.STATUS_ZOMBIE
            and process.pid != os.getpid()
        )
    except psutil.Error:
        return False
