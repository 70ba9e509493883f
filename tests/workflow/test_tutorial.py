"""The tutorial runs as it stands, and prints what it shows."""

from contextlib import closing

import pytest

from .pages import Terminal, blocks, follow, shows


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cell … done", True),
        ("cell   requests  done", True),
        ("… 10", True),
        ("… 11", False),
        ("cell", False),
        ("requests  done", False),
        ("cell … 10", False),
    ],
)
def test_what_is_shown_is_a_whole_line_of_what_is_printed(line, found):
    output = "cell  requests  done\na     10        10\n"
    assert shows(line, output, same_figures=True) is found


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(400)
def test_the_commands_of_the_tutorial_run_and_print_what_it_shows(tmp_path):
    with closing(Terminal(tmp_path)) as terminal:
        follow(terminal, blocks("tutorial.md"), same_figures=True)
    assert len(list((tmp_path / "mine/results").glob("*/report.html"))) == 1
