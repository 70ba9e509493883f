"""The page on scaling up runs as it stands, and prints what it shows; only the provider is a local one."""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PAGE = REPOSITORY / "docs/scaling_up.md"
MARK = "=== end of block"
FAILED = "=== exit code"
KEY = "sk-test-0123456789abcdef"
TOKENS = {"output": 296, "reasoning": 256}
ANSWERS = {"answers": {"right": 0.9}, "usage": TOKENS, "cancelled_answers": 0.4}
FAULTS = {"A batch expires": {"expire": 0.6}}


def blocks(start=None, end=None):
    """(heading, commands, lines that they are said to print) of each block between two headings."""
    text = PAGE.read_text(encoding="utf-8")
    found, heading = [], ""
    pattern = r"^(?:##+ (?P<heading>[^\n]*)|```(?P<language>\w+)\n(?P<block>.*?)^```)$"
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        if match["heading"]:
            heading = match["heading"]
            found.append((heading, None, None))
        elif match["language"] == "sh":
            found.append((heading, match["block"], []))
        elif match["language"] == "text":
            found[-1][2].extend(match["block"].splitlines())
    headings = [heading if commands is None else None for heading, commands, _ in found]
    chosen = found[headings.index(start) if start else 0 : headings.index(end) if end else None]
    return [block for block in chosen if block[1] is not None]


def shows(line, output):
    """Whether the output has the line: any figures for figures, any spaces for spaces, "…" for anything."""
    pieces = [" +".join(map(re.escape, part.split())) for part in line.split("…")]
    pattern = ".*".join(re.sub(r"\d(?:\\?[\d.,])*", r"\\d[\\d.,]*", piece) for piece in pieces)
    return re.search(f"^ *{pattern}$", output, re.MULTILINE) is not None


class Terminal:
    """A shell in which the reader types one block after the other."""

    def __init__(self, folder, batches, realtime):
        self.batches, self.realtime = batches, realtime
        self.root = folder / "grow"
        self.shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "OPENAI_API_KEY": KEY},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._send(f"trap 'echo \"{FAILED} $?\"' ERR")

    def _send(self, text):
        self.shell.stdin.write(f"{text}\n")
        self.shell.stdin.flush()

    def type(self, commands):
        """What a block prints; it must fail exactly where it says so, by "# exit code N"."""
        in_background = commands.rstrip().endswith("&")
        self.batches.set(run_s=600)
        looks = self.looks()
        self._send(f"{commands}\nprintf '\\n{MARK}\\n'")  # what a file ends with may be no new line
        lines = []
        while (line := self.shell.stdout.readline()) != f"{MARK}\n":
            assert line, "".join(lines)
            lines.append(line)
            if line.startswith("Job stats"):
                self.batches.set(run_s=0)  # the batches of a run that is waited for end soon
        output = "".join(lines)
        failed = re.findall(f"^{FAILED} (\\d+)$", output, re.MULTILINE)
        assert failed == re.findall(r"# exit code (\d+)", commands), f"{commands}\n{output[-3000:]}"
        if "splitplot init" in commands:
            self.redirect()
        if in_background:
            self.wait_for(lambda: self.is_in_flight() and self.looks() > looks)
        return output

    def redirect(self):
        """Put the local servers in the place of OpenAI's address."""
        endpoints = {
            "base_url": f"{self.realtime.url}/v1",
            "batch": {"protocol": "openai", "base_url": self.batches.base_url, "poll_s": 0.2},
        }
        with (self.root / "config/models.yaml").open("a", encoding="utf-8") as file:
            file.write(f"\nproviders: {json.dumps({'openai': endpoints})}\n")

    def is_in_flight(self):
        """Whether both batches are made, and the job that waits for them is at work."""
        return self.batches.stats()["created"] >= 2 and len(self.polls()) == 1

    def looks(self):
        return self.batches.stats()["calls"].get("retrieve", 0)

    def polls(self):
        """The jobs of the shell's run that wait for batches."""
        found = []
        for child in psutil.Process(self.shell.pid).children(recursive=True):
            with suppress(psutil.Error):
                if any(word.endswith("/poll_batch.py") for word in child.cmdline()[1:2]):
                    found.append(child)
        return found

    def wait_for(self, condition):
        until = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < until, (self.root / "run.log").read_text()[-3000:]
            time.sleep(0.1)

    def close(self):
        self.shell.kill()
        self.shell.wait()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cwd() == str(self.root):
                    process.kill()
        self.shell.stdin.close()
        self.shell.stdout.close()


@pytest.fixture
def terminal(tmp_path, batch_server, server):
    server.set_faults(usage=TOKENS)
    terminal = Terminal(tmp_path, batch_server("openai", **ANSWERS), server)
    yield terminal
    terminal.close()


def follow(terminal, chosen):
    """Type the blocks, and hold what they print against what the page shows."""
    for heading, commands, lines in chosen:
        faults = FAULTS.get(heading, {})
        terminal.batches.set(expire=None)
        terminal.batches.set(**faults)
        output = terminal.type(commands)
        for line in lines:
            assert shows(line, output), f"{commands}\n{line}\n\n{output[-3000:]}"


def paid_once(terminal):
    """The number of requests that were billed by batch: none of them twice."""
    billed = terminal.batches.billed()
    assert set(billed.values()) == {1}
    return len(billed)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("paid $2 for 7 answers", True),
        ("paid … answers", True),
        ("paid $2 for … questions", False),
        ("paid two for 7 answers", False),
        ("paid $2", False),
    ],
)
def test_what_is_shown_may_have_other_figures_but_no_other_words(line, found):
    assert shows(line, "first\n  paid   $1.31 for 4,000 answers\n") is found


def test_the_way_from_twenty_items_to_all_of_them_runs_as_written(terminal):
    follow(terminal, blocks(end="What if"))
    assert terminal.realtime.received() == 80
    assert paid_once(terminal) == 3920 and terminal.batches.stats()["created"] == 2


@pytest.mark.long
def test_what_to_do_when_something_is_in_the_way_runs_as_written(terminal):
    begin = blocks(end="What if")
    follow(terminal, begin[: 1 + [b"study: scale" in b[1].encode() for b in begin].index(True)])
    follow(terminal, blocks(start="What if"))
    assert paid_once(terminal)
