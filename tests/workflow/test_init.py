"""`splitplot init` makes a folder that works at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.mark.long  # test_tutorial.py does the same with the folder, among other things
@pytest.mark.slow
@pytest.mark.model
def test_a_new_folder_gives_a_report_at_once_which_politely_refuses_a_verdict(tmp_path):
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}

    def run(*command, cwd=tmp_path):
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("splitplot", "init", "mine")
    folder = tmp_path / "mine"
    assert "20 would be sent ($0)" in run("snakemake", "--profile", "local", "-n", cwd=folder)
    run("snakemake", "--profile", "local", cwd=folder)
    report = json.loads((folder / "results/first/report.json").read_text())
    (contrast,) = report["contrasts"]
    assert contrast["verdict"] == "NO VERDICT"
    assert "only 5 items" in contrast["sentence"]
    assert "add items" in contrast["sentence"]
    assert (folder / "results/first/report.html").exists()
    assert "Nothing to be done" in run("snakemake", "--profile", "local", cwd=folder)
