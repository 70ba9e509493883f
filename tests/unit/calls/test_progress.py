import io

from splitplot.calls.progress import Progress
from splitplot.calls.records import Response, Usage


def test_the_progress_line_is_drawn_twice_a_second_at_most():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    progress = Progress(1000, stream=stream)
    for _ in range(1000):
        progress.add(Response("k", "ok", usage=Usage(1, 1)), 3)
    assert stream.getvalue().count("\r") == 1


def test_the_line_counts_answers_errors_and_money_and_ends_once():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    progress = Progress(4, "demo", stream)
    progress.add(Response("k", "ok", usd=0.25), 2)
    progress.add(Response("l", "error"), 1)
    assert progress.line().startswith("demo: 2/4, ")
    assert progress.line().endswith("1 errors, $0.2500, 1 in flight")
    progress.close()
    progress.close()
    assert stream.getvalue().count("\n") == 1
