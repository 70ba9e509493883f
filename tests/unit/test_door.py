"""How scripts end: one readable line and an exit code, never a traceback."""

import subprocess
import sys

import pytest

from splitplot.door import open_door, os_reason
from splitplot.errors import ApprovalNeeded, CapReached, ConfigError, SplitplotError


@pytest.fixture(autouse=True)
def _meta_path(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))


def ending(capsys, error):
    def main():
        if error is not None:
            raise error

    try:
        open_door(main)
        code = 0
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SplitplotError("x: y"), 1),
        (ConfigError("x: y"), 2),
        (ApprovalNeeded("x: y"), 3),
        (CapReached("x: y"), 4),
    ],
)
def test_an_expected_error_is_one_line_and_its_exit_code(capsys, error, code):
    assert ending(capsys, error) == (code, "splitplot: x: y\n")


def test_control_sequences_in_an_error_are_shown_and_do_nothing(capsys):
    error = ConfigError("a\tb\n\x1b]0;title\x07 \x9b2J \u202eabc")
    assert ending(capsys, error) == (
        2,
        "splitplot: a\tb\n⟨U+001B⟩]0;title⟨U+0007⟩ ⟨U+009B⟩2J ⟨U+202E⟩abc\n",
    )


def test_a_full_disk_is_one_line_with_the_path(capsys):
    error = OSError(28, "No space left on device", "results/s/plan.json")
    assert ending(capsys, error) == (
        1,
        "splitplot: results/s/plan.json: No space left on device\n",
    )


def test_work_that_ends_well_prints_nothing(capsys):
    assert ending(capsys, None) == (0, "")


def test_a_mistake_of_the_program_keeps_its_traceback(capsys):
    with pytest.raises(ZeroDivisionError):
        ending(capsys, ZeroDivisionError())


def test_an_error_of_the_system_without_number_or_path_keeps_its_text():
    assert os_reason(OSError("the line was written in part")) == "the line was written in part"


def test_pandas_stays_out_of_a_job_and_pyarrow_works_without(tmp_path):
    code = (
        "from splitplot.door import open_door\n"
        "def main():\n"
        "    import sys, pyarrow\n"
        "    print(pyarrow.array([1, 2]).to_pylist(), sys.modules.get('pandas'))\n"
        "open_door(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[1, 2] None\n"


def test_a_jobs_messages_go_to_its_log_those_of_c_libraries_too(tmp_path):
    log = tmp_path / "deep" / "job.log"
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom splitplot.door import log_to\n"
        f"terminal = log_to(Path({str(log)!r}))\n"
        "print('said', flush=True)\nos.write(2, b'by C\\n')\nprint('progress', file=terminal)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert log.read_text() == "said\nby C\n"
    assert (done.stdout, done.stderr) == ("", "progress\n")
