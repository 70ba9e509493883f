"""The page on scaling up runs as it stands, and prints what it shows; only the provider is a local one."""

import json
import time
from contextlib import suppress

import psutil
import pytest

from .pages import Terminal, blocks, compare, shows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAGE = "scaling_up.md"
KEY = "sk-test-0123456789abcdef"
TOKENS = {"output": 296, "reasoning": 256}
ANSWERS = {"answers": {"right": 0.9}, "usage": TOKENS, "cancelled_answers": 0.4}
FAULTS = {"A batch expires": {"expire": 0.6}}


class Reader:
    """Types the page's blocks, with local servers in the place of OpenAI's address."""

    def __init__(self, folder, batches, realtime):
        self.batches, self.realtime = batches, realtime
        self.root = folder / "grow"
        self.terminal = Terminal(folder, OPENAI_API_KEY=KEY)

    def type(self, commands):
        """What a block prints; batches take their time but for a run that is waited for."""
        in_background = commands.rstrip().endswith("&")
        self.batches.set(run_s=600)
        looks = self.looks()
        output = self.terminal.type(commands, self.hurry)
        if "splitplot init" in commands:
            self.redirect()
        if in_background:
            self.wait_for(lambda: self.is_in_flight() and self.looks() > looks)
        return output

    def hurry(self, line):
        if line.startswith("Job stats"):
            self.batches.set(run_s=0)  # the batches of a run that is waited for end soon

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
        for child in psutil.Process(self.terminal.shell.pid).children(recursive=True):
            with suppress(psutil.Error):
                if any(word.endswith("/poll_batch.py") for word in child.cmdline()[1:2]):
                    found.append(child)
        return found

    def wait_for(self, condition):
        until = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < until, (self.root / "run.log").read_text()[-3000:]
            time.sleep(0.1)


@pytest.fixture
def reader(tmp_path, batch_server, server):
    server.set_faults(usage=TOKENS)
    reader = Reader(tmp_path, batch_server("openai", **ANSWERS), server)
    yield reader
    reader.terminal.close()


def follow(reader, chosen):
    """Type the blocks, and hold what they print against what the page shows."""
    for block in chosen:
        faults = FAULTS.get(block.heading, {})
        reader.batches.set(expire=None)
        reader.batches.set(**faults)
        compare(block, reader.type(block.commands))


def paid_once(reader):
    """The number of requests that were billed by batch: none of them twice."""
    billed = reader.batches.billed()
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


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (r"**+4.2 (−3.6 to 14.0)**, p \< 0.001", True),
        (r"**−4.2 (−3.6 to −1)**, p = 0.50", True),
        (r"**4 (3 to 14)**, q = 0.50", False),
        (r"**4.2 (−3.6 or 14.0)**, p = 0.50", False),
        (r"**4.2 (−3.6 to 14.0), p = 0.50", False),
    ],
)
def test_a_sign_and_what_kind_a_p_is_belong_to_the_figure(line, found):
    assert shows(line, "**−2.2 (−4.9 to 0.5)**, p = 0.11\n") is found
    assert not shows(line, "**−2.2 (−4.9 to 0.5)**, p = 0.11\n", same_figures=True)


@pytest.mark.long
def test_the_way_from_twenty_items_to_all_of_them_runs_as_written(reader):
    follow(reader, blocks(PAGE, end="What if"))
    assert reader.realtime.received() == 80
    assert paid_once(reader) == 3920 and reader.batches.stats()["created"] == 2


@pytest.mark.long
def test_what_to_do_when_something_is_in_the_way_runs_as_written(reader):
    begin = blocks(PAGE, end="What if")
    defined = ["study: scale" in block.commands for block in begin].index(True)
    follow(reader, begin[: defined + 1])
    follow(reader, blocks(PAGE, start="What if"))
    assert paid_once(reader)
