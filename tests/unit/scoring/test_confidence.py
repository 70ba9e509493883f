"""What confidence is read in an answer, and the column it is kept in."""

import math
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls.records import Response, Usage
from splitplot.errors import ConfigError
from splitplot.scoring.confidence import confidence_digest, make_reader, stated, token_probability
from splitplot.scoring.export import item_responses
from splitplot.scoring.schema import ADDED, SCHEMA, SCHEMA_VERSION

PATTERN = re.compile(r"Confidence: *([^\n]*)")


@pytest.mark.parametrize(
    ("text", "scale", "value"),
    [
        ("4\nConfidence: 85", "percent", 0.85),
        ("4\nConfidence: 85%", "percent", 0.85),
        ("4\nConfidence: 85 %", "unit", 0.85),
        ("4\nConfidence: 0.85", "unit", 0.85),
        ("4\nConfidence: .5", "unit", 0.5),
        ("4\nConfidence: 99,5", "percent", 0.995),
        ("Confidence: 10\nno, wait\nConfidence: 90", "percent", 0.9),  # the last one counts
        ("4\nConfidence: 0", "percent", 0.0),
        ("4\nConfidence: 100", "percent", 1.0),
        ("4\nConfidence: 110", "percent", None),  # no confidence, and not 1
        ("4\nConfidence: 85", "unit", None),
        ("4\nConfidence: -5", "percent", None),
        ("4\nConfidence: high", "percent", None),
        ("4\nConfidence: 1e400", "unit", None),
        ("4\nConfidence: nan", "unit", None),
        ("4\nConfidence: 0.9 or 0.8", "unit", None),
        ("4", "percent", None),
        ("", "percent", None),
        (None, "percent", None),
    ],
)
def test_a_stated_confidence_is_read_as_a_share(text, scale, value):
    assert stated(text, PATTERN, scale) == value


def test_a_group_that_took_no_part_in_the_match_is_no_confidence():
    assert stated("sure", re.compile(r"sure(?: (\d+))?"), "percent") is None


@given(st.text(), st.sampled_from(["percent", "unit"]))
def test_no_text_raises_and_every_value_is_a_share(text, scale):
    value = stated(f"Confidence: {text}", PATTERN, scale)
    assert value is None or 0 <= value <= 1


def body(*logprobs):
    content = [{"token": "x", "logprob": value, "top_logprobs": []} for value in logprobs]
    return {"choices": [{"message": {"content": "x"}, "logprobs": {"content": content}}]}


def test_token_probability_is_the_geometric_mean():
    found = token_probability(body(math.log(0.9), math.log(0.4), math.log(0.6)))
    assert found == pytest.approx((0.9 * 0.4 * 0.6) ** (1 / 3))
    older = {"choices": [{"logprobs": {"token_logprobs": [math.log(0.5), math.log(0.125)]}}]}
    assert token_probability(older) == pytest.approx(0.25)
    gemini = {"candidates": [{"content": {}, "avgLogprobs": math.log(0.3)}]}
    assert token_probability(gemini) == pytest.approx(0.3)


def test_a_certain_token_may_round_above_0_and_an_impossible_one_is_0():
    assert token_probability(body(0.0, 1e-7)) == 1.0
    assert token_probability(body(-9999.0)) == 0.0


@pytest.mark.parametrize(
    "raw",
    [
        None, "x", [], {}, {"choices": []}, {"choices": [None]}, {"choices": [{}]}, body(),
        {"choices": [{"logprobs": None}]}, {"choices": [{"logprobs": {"content": None}}]},
        body(None), body("0"), body(True), body(0.5), body(-0.1, None), body(float("-inf")), body(-(10**400)),
        body(float("nan")),
        {"choices": [{"logprobs": {"content": ["x"]}}]}, {"candidates": [{}]}, {"candidates": [3]},
    ],
)  # fmt: skip
def test_a_body_without_the_probability_of_every_token_has_no_confidence(raw):
    assert token_probability(raw) is None


def test_the_digest_follows_what_is_read():
    text = {"from": "text", "pattern": "(a)", "scale": "percent"}
    assert confidence_digest(text) == confidence_digest(dict(reversed(text.items())))
    assert confidence_digest(text) != confidence_digest(text | {"scale": "unit"})
    assert confidence_digest(text) != confidence_digest({"from": "logprobs"})


@pytest.fixture
def scored(one_cell):
    """scored(spec): the confidence of an ok, a truncated, a refused and a lost answer of one cell."""
    responses = [
        Response("k0", "ok", "4\nConfidence: 80", usage=Usage(1, 1), raw=body(math.log(0.3))),
        Response("k1", "truncated", "4\nConfidence: 60"),
        Response("k2", "refused", "No. Confidence: 99"),
        Response("k3", "error"),
    ]

    def run(spec):
        rows = one_cell(responses, **({"confidence": spec} if spec else {}))
        return [row["confidence"] for row in rows]

    return run


@pytest.mark.parametrize(
    ("spec", "column"),
    [
        (None, [None] * 4),
        (
            {"from": "text", "pattern": r"Confidence: (\d+)", "scale": "percent"},
            [0.8, 0.6, None, None],
        ),
        ({"from": "logprobs"}, [pytest.approx(0.3), None, None, None]),
    ],
)
def test_the_table_keeps_the_confidence_of_every_answer_with_a_text(scored, spec, column):
    assert scored(spec) == column


def test_a_study_without_the_key_reads_none():
    assert make_reader(None)(Response("k", "ok", "Confidence: 80", raw=body(-0.1))) is None


@pytest.fixture
def older(scored, tmp_path):
    """older(version): the table as version 1 wrote it, without the columns that came later."""

    def run(version="1"):
        scored(None)
        table = pq.read_table(tmp_path / "scores.parquet").drop_columns(
            [name for names in ADDED.values() for name in names]
        )
        metadata = {**SCHEMA.metadata, b"splitplot.schema_version": version.encode()}
        pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "old.parquet")
        return tmp_path / "old.parquet"

    return run


def test_a_table_of_version_1_is_joined_with_an_empty_column(older, scored, tmp_path):
    old = older()
    scored({"from": "text", "pattern": r"Confidence: (\d+)", "scale": "percent"})
    count = item_responses([old, tmp_path / "scores.parquet"], tmp_path / "all.parquet")
    assert count == 8
    table = pq.read_table(tmp_path / "all.parquet")
    assert table.schema.equals(SCHEMA, check_metadata=True)
    assert table.column("confidence").to_pylist() == [None] * 4 + [0.8, 0.6, None, None]
    assert SCHEMA_VERSION == 3


def test_a_table_that_is_not_what_its_version_says_is_refused(older, tmp_path):
    for version in ("2", "3", "4", "none"):
        with pytest.raises(ConfigError, match=f"schema version {version}"):
            item_responses([older(version)], tmp_path / "all.parquet")
    fewer = pq.read_table(older()).drop_columns(["usd"])
    pq.write_table(fewer, tmp_path / "fewer.parquet")
    with pytest.raises(ConfigError, match="schema version 1"):
        item_responses([tmp_path / "fewer.parquet"], tmp_path / "all.parquet")
    assert isinstance(fewer, pa.Table)
