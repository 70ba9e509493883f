"""The tutorial runs as it stands, and prints what it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MARK = "=== end of block"


def steps():
    """[commands, lines that they are said to print] of each block of commands in the tutorial."""
    text = (REPOSITORY / "docs/tutorial.md").read_text(encoding="utf-8")
    found = []
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language == "sh":
            found.append((block, []))
        elif language == "text":
            found[-1][1].extend(block.splitlines())
    return found


def shows(line, output):
    """Whether the output has the line; "…" stands for anything, and spaces for any number of them."""
    parts = [" +".join(map(re.escape, part.split())) for part in line.split("…")]
    return re.search(f"^{'.*'.join(parts)}$", output, re.MULTILINE) is not None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cell … done", True),
        ("cell   requests  done", True),
        ("… 10", True),
        ("cell", False),
        ("requests  done", False),
        ("cell … 10", False),
    ],
)
def test_what_is_shown_is_a_whole_line_of_what_is_printed(line, found):
    assert shows(line, "cell  requests  done\na     10        10\n") is found


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(400)
def test_the_commands_of_the_tutorial_run_and_print_what_it_shows(tmp_path):
    script = "".join(f"{commands}echo '{MARK}'\n" for commands, _ in steps())
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=360,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    printed = done.stdout.split(f"{MARK}\n")
    for (commands, lines), output in zip(steps(), printed[:-1], strict=True):
        for line in lines:
            assert shows(line, output), f"{commands}\n{line}\n\n{output[-3000:]}"
    assert len(list((tmp_path / "mine/results").glob("*/report.html"))) == 1
