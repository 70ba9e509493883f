"""Pages of docs as a reader uses them: commands are typed, what they print is held against the page."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MARK = "=== end of block"
FAILED = "=== exit code"
FIGURES = r"(?:(?<=\bp )(?:\\?<|=) |\\?<)?[−+]?\d(?:[.,]?\d)*"
"""A number with its sign, or a p-value: "= 0.02" or "\\< 0.001" hangs on the figure, and so does a sign."""


class Line(NamedTuple):
    """A line that commands are said to print, on every machine or where they print this text, too."""

    text: str
    where: str = ""


class Block(NamedTuple):
    """Commands of a page, the heading above them, and the lines that they are said to print."""

    heading: str
    commands: str
    lines: list[Line]


def blocks(page: str, start: str | None = None, end: str | None = None) -> list[Block]:
    """The blocks of a page of docs from one heading on and before another one.

    What is shown (```text) belongs to the commands (```sh) before it, across headings. Above what a
    model's answers may turn stands a comment, `<!-- where: TEXT -->`: it is shown where TEXT is.
    """
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    shown = r"(?:<!-- where: (?P<where>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<block>.*?)^```"
    pattern = rf"^(?:##+ (?P<heading>[^\n]*)|{shown})$"
    found: list[Block] = []
    heading, first, last = "", 0, None
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        if match["heading"]:
            heading = match["heading"]
            first = len(found) if heading == start else first
            last = len(found) if heading == end else last
        elif match["language"] == "sh":
            found.append(Block(heading, match["block"], []))
        elif match["language"] == "text":
            lines = match["block"].splitlines()
            found[-1].lines.extend(Line(line, match["where"] or "") for line in lines)
    for name in (start, end):
        assert name is None or f"# {name}\n" in text, name
    return found[first:last]


def shows(line: str, output: str, *, same_figures: bool = False) -> bool:
    """Whether the output has the line: any spaces for spaces, "…" for anything, any figures for figures."""
    if not same_figures:
        line, output = (re.sub(FIGURES, "#", text) for text in (line, output))
    pieces = [" +".join(map(re.escape, part.split())) for part in line.split("…")]
    return re.search(f"^ *{'.*'.join(pieces)}$", output, re.MULTILINE) is not None


class Terminal:
    """A shell in which the reader types one block after the other."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._send(f"trap 'echo \"{FAILED} $?\"' ERR")

    def _send(self, text: str) -> None:
        self.shell.stdin.write(f"{text}\n")
        self.shell.stdin.flush()

    def type(self, commands: str, watch: Callable[[str], None] = lambda line: None) -> str:
        """What a block prints; it must fail exactly where it says so, by "# exit code N".

        watch: is told every line as it comes.
        """
        self._send(f"{commands}\nprintf '\\n{MARK}\\n'")  # what a file ends with may be no new line
        lines = []
        while (line := self.shell.stdout.readline()) != f"{MARK}\n":
            assert line, "".join(lines)
            lines.append(line)
            watch(line)
        output = "".join(lines)
        failed = re.findall(f"^{FAILED} (\\d+)$", output, re.MULTILINE)
        assert failed == re.findall(r"# exit code (\d+)", commands), f"{commands}\n{output[-3000:]}"
        return output

    def close(self) -> None:
        """End the shell, and whatever it has left at work in the folder."""
        self.shell.kill()
        self.shell.wait()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if Path(process.cwd()).is_relative_to(self.folder):
                    process.kill()
        self.shell.stdin.close()
        self.shell.stdout.close()


def compare(block: Block, output: str, *, same_figures: bool = False) -> None:
    """Hold what a block has printed against what the page shows under it."""
    for line in (one.text for one in block.lines if one.where in output):
        found = shows(line, output, same_figures=same_figures)
        assert found, f"{block.commands}\n{line}\n\n{output[-3000:]}"


def follow(terminal: Terminal, chosen: Iterable[Block], *, same_figures: bool = False) -> None:
    """Type the blocks one after the other, and hold what they print against what the page shows."""
    for block in chosen:
        compare(block, terminal.type(block.commands), same_figures=same_figures)
