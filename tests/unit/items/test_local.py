import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splitplot.errors import ConfigError
from splitplot.items import load_items


def test_jsonl_rows_become_items_in_file_order(load, lines):
    items = load(
        lines(
            {"id": "b", "input": "Two?", "target": "2", "tier": "easy", "difficulty": 1},
            {"id": "a", "input": "One?", "targets": ["1", "one"], "context": "c", "cluster": "p"},
        )
    )
    assert [(item.id, item.targets, item.tier, item.context) for item in items] == [
        ("b", ("2",), "easy", None),
        ("a", ("1", "one"), None, "c"),
    ]
    assert items[0].difficulty == 1.0
    assert items[1].cluster == "p"
    assert items[0].source == "mine.jsonl"


def test_line_numbers_count_empty_lines(refusal):
    assert refusal('{"id": 1, "input": "x"}\n\n\n{"id": 2, "input": " "}\n').startswith(
        "mine.jsonl:4: input is empty"
    )


def test_a_broken_json_line_is_named(refusal):
    message = refusal('{"id": 1, "input": "x"}\n{"id": 2, "input": "x"\n')
    assert message.startswith("mine.jsonl:2: not JSON (")
    assert "one complete JSON object" in message


@pytest.mark.parametrize("line", ["[1, 2]", '"text"', "3", "null"])
def test_a_line_that_is_no_object_is_refused(refusal, line):
    assert refusal(line + "\n").startswith("mine.jsonl:1: every line must be one JSON object")


def test_nan_is_not_json(refusal):
    assert "mine.jsonl:1: not JSON (NaN" in refusal('{"id": 1, "input": "x", "difficulty": NaN}')


def test_a_byte_order_mark_is_accepted_in_jsonl_and_csv(load):
    assert load(b'\xef\xbb\xbf{"id": "a", "input": "x"}\n')[0].id == "a"
    assert load(b"\xef\xbb\xbfid,input\na,x\n", "csv")[0].id == "a"


def test_wrong_encoding_tells_line_and_byte_offset(refusal):
    first = '{"id": 1, "input": "ä"}\n'.encode()
    second = '{"id": 2, "input": "ä"}\n'.encode("latin-1")
    message = refusal(first + second)
    offset = len(first) + second.index(0xE4)
    assert message == (
        f"mine.jsonl:2: not UTF-8 (byte 0xe4 at offset {offset}, column 21); save the file as UTF-8"
    )


def test_the_byte_offset_counts_a_byte_order_mark(refusal):
    assert "offset 23" in refusal(b'\xef\xbb\xbf{"id": 1, "input": "\xe4"}\n')


def test_utf16_is_named(refusal):
    assert "mine.csv:1: this is UTF-16" in refusal("id,input\na,x\n".encode("utf-16"), "csv")


def test_half_a_surrogate_pair_is_refused(refusal):
    assert "mine.jsonl:1: input holds half a character" in refusal(
        '{"id": 1, "input": "\\ud83d"}\n'
    )


def test_csv_cells_stay_as_they_are_written(load):
    items = load("id,input,target\n007,What?,1.10\n8,Why?,007\n", "csv")
    assert [(item.id, item.targets) for item in items] == [("007", ("1.10",)), ("8", ("007",))]


def test_quoted_csv_cells_hold_commas_quotes_and_line_ends(load):
    text = 'id,input,target\r\n1,"a, ""b""\nc",x\r\n2,d,y\r\n'
    items = load(text, "csv")
    assert [item.input for item in items] == ['a, "b"\nc', "d"]


def test_a_csv_error_names_the_line_on_which_its_row_begins(refusal):
    text = 'id,input\n1,"a\nb"\n2\n'
    assert refusal(text, "csv").startswith("mine.csv:4: 1 cells under 2 columns")


def test_an_open_quote_in_csv_is_refused_at_its_row(refusal):
    assert refusal('id,input\n1,x\n2,"open\n3,y\n', "csv").startswith("mine.csv:3: not CSV")


def test_lists_in_csv_are_json(load, refusal):
    text = 'id,input,targets,tags\n1,x,"[""a"", ""b""]",one\n'
    item = load(text, "csv")[0]
    assert (item.targets, item.tags) == (("a", "b"), ("one",))
    assert "no JSON list" in refusal('id,input,targets\n1,x,"[a, b]"\n', "csv")


def test_a_single_target_in_csv_may_begin_with_a_bracket(load):
    assert load('id,input,target\n1,x,"[1, 2]"\n', "csv")[0].targets == ("[1, 2]",)


def test_empty_csv_cells_are_no_values(load):
    item = load("id,input,context,tier,difficulty\n1,x,, ,\n", "csv")[0]
    assert (item.context, item.tier, item.difficulty) == (None, None, None)


@pytest.mark.parametrize(
    ("header", "what"),
    [("id,,input", "a column has no name"), ("id,input,id", '"id" occurs twice')],
)
def test_a_csv_header_needs_distinct_names(refusal, header, what):
    assert what in refusal(f"{header}\n1,2,3\n", "csv")


def test_semicolons_instead_of_commas_are_recognised(refusal):
    assert "mine.csv:1: only one column" in refusal("id;input\n1;x\n", "csv")


def test_a_long_cell_is_read(load):
    assert len(load(f"id,input\n1,{'x' * 200_000}\n", "csv")[0].input) == 200_000


def test_parquet_rows_keep_their_types(tmp_path):
    table = pa.table(
        {
            "n": [1, 2],
            "question": ["x", "y"],
            "answer": pa.array([7.0, 0.5]),
            "options": [["a", "b"], ["c", "d"]],
            "unused": [b"\xff", b"\xff"],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    mapping = {"id": "n", "input": "question", "target": "answer", "choices": "options"}
    source = {"kind": "path", "path": "t.parquet", "format": "parquet", "map": mapping}
    items, provenance = load_items([source], root=tmp_path)
    assert [(item.id, item.targets, item.choices) for item in items] == [
        ("1", ("7",), ("a", "b")),
        ("2", ("0.5",), ("c", "d")),
    ]
    assert provenance[0]["rows"] == 2


def test_a_wrong_row_of_a_parquet_file_is_named_by_its_number(tmp_path):
    pq.write_table(pa.table({"id": ["a", "b"], "input": ["x", None]}), tmp_path / "t.parquet")
    source = {"kind": "path", "path": "t.parquet", "format": "parquet"}
    with pytest.raises(ConfigError, match=r"t\.parquet: row 2: input is missing or empty"):
        load_items([source], root=tmp_path)


def test_text_that_calls_itself_parquet_is_refused(refusal):
    assert refusal("id,input\n", "parquet").startswith("mine.parquet: not a Parquet file")


@pytest.mark.parametrize(
    ("text", "format_"), [("", "jsonl"), ("\n\n", "jsonl"), ("id,input\n", "csv"), ("", "csv")]
)
def test_an_empty_data_set_is_refused(refusal, text, format_):
    assert refusal(text, format_) == f"mine.{format_}: no items; the data set is empty"


def test_an_empty_parquet_file_is_refused(tmp_path):
    pq.write_table(
        pa.table({"id": pa.array([], pa.string()), "input": pa.array([], pa.string())}),
        tmp_path / "t.parquet",
    )
    with pytest.raises(ConfigError, match=r"t\.parquet: no items"):
        load_items([{"kind": "path", "path": "t.parquet", "format": "parquet"}], root=tmp_path)


def test_a_missing_file_is_named_with_the_near_miss(tmp_path):
    (tmp_path / "items.jsonl").write_text("")
    source = {"kind": "path", "path": "itmes.jsonl", "format": "jsonl"}
    with pytest.raises(
        ConfigError, match=r'itmes\.jsonl: no such file; did you mean "items\.jsonl"'
    ):
        load_items([source], root=tmp_path)


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "d").mkdir()
    with pytest.raises(ConfigError, match="d: is a folder"):
        load_items([{"kind": "path", "path": "d", "format": "jsonl"}], root=tmp_path)


def test_the_limit_of_a_source_is_its_first_rows(load, lines):
    rows = [{"id": n, "input": "x"} for n in range(9)]
    assert [item.id for item in load(lines(*rows), limit=3)] == ["0", "1", "2"]


def test_rows_after_the_limit_are_not_looked_at(load, lines):
    assert len(load(lines({"id": 1, "input": "x"}) + "{broken\n", limit=1)) == 1


def test_provenance_tells_the_files_digest(tmp_path):
    text = b'{"id": "a", "input": "x"}\n'
    (tmp_path / "a.jsonl").write_bytes(text)
    source = {"kind": "path", "path": "a.jsonl", "format": "jsonl"}
    _, provenance = load_items([source], root=tmp_path)
    assert provenance == [
        {
            "source": "a.jsonl",
            "kind": "path",
            "format": "jsonl",
            "sha256": hashlib.sha256(text).hexdigest(),
            "revision": None,
            "rows": 1,
        }
    ]
