"""Whoever dies at whichever step, in whatever way: every request is billed once and answered once.

The work is done by tests/providers/crash_matrix.py; docs/crash_matrix.md shows what it prints.
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MATRIX = REPOSITORY / "tests/providers/crash_matrix.py"
LONG = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]


def matrix(folder, *arguments):
    """(exit code, what was printed) of the command; folders of what went wrong stay in `folder`."""
    command = [sys.executable, str(MATRIX), "--keep", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_job_killed_at_any_step_leaves_nothing_billed_twice_and_nothing_unanswered(tmp_path):
    code, printed = matrix(tmp_path, "--providers", "openai,anthropic", "--ways", "kill")
    assert code == 0, printed
    assert "24 deaths, 0 wrong" in printed


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("defect", "step", "complaint"),
    [
        ("retire-at-once", "after-create", "times that a request was billed: {1: "),
        ("do-not-wait", "during-create", "times that a request was billed: {1: "),
        ("ignore-open-batches", "after-record", "lines billed: "),
        ("keep-half-files", "download", "not done after 5 runs"),
        ("record-twice", "answers", "times that the ledger holds an answer: {1: "),
        ("keep-reservations", "before-create", "dollars and calls still reserved: "),
    ],
)
def test_the_matrix_sees_a_broken_engine(tmp_path, defect, step, complaint):
    code, printed = matrix(
        tmp_path, "--providers", "openai", "--ways", "kill", "--steps", step, "--defect", defect
    )
    assert code == 1, printed
    assert complaint in printed


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param([], marks=LONG, id="jobs"),
        pytest.param(["--racing"], marks=LONG, id="jobs of two studies that race"),
        pytest.param(["--snakemake"], marks=LONG, id="snakemake"),
        pytest.param(["--snakemake", "--racing"], marks=LONG, id="two snakemakes that race"),
    ],
)
def test_the_whole_matrix_holds(tmp_path, setting):
    code, printed = matrix(tmp_path, *setting)
    print(printed)
    assert code == 0, printed


def test_the_page_shows_every_step_and_no_case_that_went_wrong():
    page = (REPOSITORY / "docs/crash_matrix.md").read_text(encoding="utf-8")
    for step in runpy.run_path(str(MATRIX.with_name("crash_at.py")))["STEPS"].values():
        rows = [line for line in page.splitlines() if line.startswith(f"| {step} |")]
        assert len(rows) == 4, step
        for cell in " ".join(rows).replace(f"| {step} |", "").replace("|", "").split():
            held, _, deaths = cell.partition("/")
            assert held == deaths, step
