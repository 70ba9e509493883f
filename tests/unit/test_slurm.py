"""What a run tells of jobs that earlier runs left in Slurm's queue, and takes back when it is stopped."""

import os
import stat

import pytest

from splitplot import slurm
from splitplot.errors import ConfigError

LINE = slurm.SEPARATOR.join


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """queue(line, …): a squeue that prints these lines; its commands are in tmp_path/called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def fake(*lines, code=0):
        (tmp_path / "lines").write_text("".join(f"{line}\n" for line in lines))
        for name in ("squeue", "scancel", "scontrol"):
            script = folder / name
            script.write_text(
                f'#!/bin/sh\necho "{name} $@" >> {tmp_path}/called\ncat {tmp_path}/lines\nexit {code}\n'
            )
            script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return tmp_path / "called"

    return fake


def test_jobs_of_this_folder_are_listed_with_the_command_that_ends_them(tmp_path, queue):
    called = queue(
        LINE(
            ["12", "RUNNING", "splitplot_ab", "rule_generate_wildcards_s_m_0-of-2", str(tmp_path)]
        ),
        LINE(["13", "PENDING", "splitplot_ab", "rule_scores_scores", str(tmp_path)]),
        LINE(["14", "RUNNING", "splitplot_cd", "rule_generate", "/elsewhere"]),
        LINE(["15", "RUNNING", "mine", "my own job", str(tmp_path)]),
    )
    text = slurm.notice(tmp_path)
    assert text.startswith(
        "Slurm has 2 jobs of an earlier run in this folder: 12 (running, "
        "rule_generate_wildcards_s_m_0-of-2), 13 (pending, rule_scores_scores)."
    )
    assert text.endswith("scancel --name=splitplot_ab")
    assert f"--user={os.getuid()}" in called.read_text()


def test_a_folder_reached_by_a_link_is_the_same_folder(tmp_path, queue):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    queue(LINE(["1", "RUNNING", "n", "rule_generate", str(tmp_path / "link")]))
    assert "Slurm has 1 job of" in slurm.notice(tmp_path / "real")


def test_many_jobs_are_counted_and_ten_named(tmp_path, queue):
    queue(*(LINE([str(n), "PENDING", "n", "rule_generate", str(tmp_path)]) for n in range(400)))
    text = slurm.notice(tmp_path)
    assert "Slurm has 400 jobs" in text and "9 (pending, rule_generate) and 390 more" in text


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["slurm_load_jobs error: Unable to contact slurm controller"],
        ["", "1|RUNNING|n|rule_generate|/x", slurm.SEPARATOR * 9],
        [LINE(["1", "RUNNING", "n", "(null)", "(null)"])],
    ],
)
def test_lines_that_are_no_jobs_of_ours_say_nothing(tmp_path, queue, lines):
    queue(*lines)
    assert slurm.notice(tmp_path) == ""


def test_a_queue_that_does_not_answer_is_no_hindrance(tmp_path, queue, monkeypatch):
    queue(LINE(["1", "RUNNING", "n", "rule_generate", str(tmp_path)]), code=1)
    assert slurm.notice(tmp_path) == ""
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert slurm.notice(tmp_path) == ""


def test_without_slurm_its_profile_ends_with_what_to_do(queue, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ConfigError, match="profile slurm: sbatch is not on the PATH of ") as caught:
        slurm.check_here()
    assert "login node" in str(caught.value) and "--profile local" in str(caught.value)
    script = tmp_path / "bin" / "sbatch"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    slurm.check_here()


def test_jobs_that_wait_are_taken_back_by_the_name_of_their_run(queue):
    called = queue()

    class Scheduler:
        class _executor:  # noqa: N801
            run_uuid = "splitplot_ab"

    slurm.cancel_waiting(slurm.run_name(Scheduler()))
    assert called.read_text() == "scancel --state=PENDING --name=splitplot_ab\n"


def test_without_a_name_nothing_is_taken_back(queue):
    called = queue()
    slurm.cancel_waiting(slurm.run_name(object()))
    assert not called.exists()


def test_jobs_of_a_run_that_is_at_work_are_not_named_and_their_end_is_not_offered(tmp_path, queue):
    here = str(tmp_path)
    queue(
        LINE(["12", "RUNNING", "splitplot_theirs", "rule_generate", here]),
        LINE(["13", "RUNNING", "splitplot_left", "rule_generate", here]),
    )
    text = slurm.notice(tmp_path, {"splitplot_theirs"})
    assert "Slurm has 1 job of an earlier run in this folder: 13 (" in text
    assert text.endswith("scancel --name=splitplot_left")
    assert slurm.notice(tmp_path, {"splitplot_theirs", "splitplot_left"}) == ""


@pytest.mark.parametrize(
    ("age", "warned"), [("2", True), ("60", True), ("239", True), ("240", False), ("300", False)]
)
def test_a_slurm_that_forgets_jobs_between_two_looks_is_told_of(queue, tmp_path, age, warned):
    config = ["Configuration data as of 2026", "MinJobAge               = " + age + " sec"]
    called = queue(*config, "MinJobAgeOther = 1 sec")
    text = slurm.forgets("squeue")
    assert (f"forgets a job {age} s after its end (MinJobAge)" in text) is warned
    assert ("180 s apart" in text and "MinJobAge=300" in text) is warned
    assert called.read_text() == "scontrol show config\n"


def test_with_accounts_of_jobs_or_without_an_answer_nothing_is_told(queue):
    called = queue("MinJobAge = 2 sec")
    assert slurm.forgets("sacct") == slurm.forgets(None) == "" and not called.exists()
    queue("no such line")
    assert slurm.forgets("squeue") == ""
    queue("MinJobAge = 2 sec", code=1)
    assert slurm.forgets("squeue") == ""
