"""Tables with columns that most studies do not have, and answers to answerable and unanswerable questions."""

import json

import pytest

from splitplot.inference.summary import summarise

SCORERS = [
    {"name": "em", "scorer": "qa_em", "over": "answerable"},
    {"name": "f1", "scorer": "qa_f1", "over": "answerable"},
    {"name": "abstains", "scorer": "abstention"},
    {"name": "honest", "scorer": "no_false_answer"},
    {"name": "grounded", "scorer": "supported"},
]
STATE = {
    "right": (("ok", 1), ("ok", 1), ("ok", 0)),
    "wrong": (("ok", 0), ("ok", 0.2), ("ok", 0)),
    "abstained": (("abstained", 0), ("abstained", 0), ("ok", 1)),
    "refused": (("refused", 0), ("refused", 0), ("ok", 0)),
    "unusable": (("truncated", 0),) * 3,
    "lost": (("error", 0),) * 3,
    "held_back": (None, None, ("ok", 1), ("ok", 1)),
    "false_answer": (None, None, ("ok", 0), ("ok", 0)),
    "refuses unanswerable": (None, None, ("ok", 0), ("refused", 1)),
    "unusable unanswerable": (None, None, ("truncated", 0), ("truncated", 0)),
    "lost unanswerable": (None, None, ("error", 0), ("error", 0)),
}
"""What happened → (outcome, score) by em, f1, abstains and, of an unanswerable item, honest."""


@pytest.fixture
def write_with(write_table):
    """Writes a table and adds columns to it: name and type in arrow's words → the rows' values."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(rows, **types):
        path = write_table(rows)
        table = pq.read_table(path)
        for name, kind in types.items():
            if name in table.column_names:
                continue
            values = pa.array([row.get(name) for row in rows], pa.type_for_alias(kind))
            table = table.append_column(name, values)
        pq.write_table(table, path)
        return path

    return write


@pytest.fixture
def answer(make_row):
    """The rows of one answer. support: of an open-book item, with its score."""

    def rows(condition, item, happened, support=None, **other):
        found = []
        for scorer, graded in zip(SCORERS, STATE[happened], strict=False):
            if graded is None:
                continue
            outcome, score = graded
            row = make_row(condition, item, score, outcome=outcome, scorer=scorer["name"], **other)
            if outcome == "refused":  # what a refusal is worth, by the scorer
                row |= {"strict": float(score)}
            found.append(row | ({"observed": float(score)} if outcome == "ok" else {}))
        if support is not None:
            value, score = support
            found.append(
                make_row(condition, item, score, scorer="grounded", **other) | {"support": value}
            )
        return found

    return rows


@pytest.fixture
def study(make_plan, write_with):
    def make(rows, conditions=("control", "treatment"), primary=(), scorers=SCORERS, **more):
        plan = make_plan(conditions=conditions, primary=list(primary), **more)
        plan["scorers"] = scorers
        path = write_with(rows, support="double", usd="double", tokens_in="int64")
        return path, plan

    return make


@pytest.fixture
def pairs(answer):
    """pairs((control, treatment), count, …): rows of as many items each, numbered on."""
    counter = iter(range(10_000))

    def rows(*wanted, usd=(0.001, 0.0015), **other):
        found = []
        for pair, count in wanted:
            for _ in range(count):
                name = f"i{next(counter):04}"
                for condition, happened, dollars in zip(
                    ("control", "treatment"), pair, usd, strict=True
                ):
                    found += answer(condition, name, happened, usd=dollars, **other)
        return found

    return rows


@pytest.fixture
def summary(study):
    """The inference.json of rows, as plain JSON."""

    def of(rows, **plan):
        return json.loads(json.dumps(summarise(*study(rows, **plan), None), allow_nan=False))

    return of
