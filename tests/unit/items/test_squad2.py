"""SQuAD 2.0: the authors' file, rows as on the hub, clusters, and what is refused."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splitplot.canonical import digest
from splitplot.errors import ConfigError
from splitplot.files import file_sha256
from splitplot.items import load_items

FILE = Path(__file__).parent / "official/squad2.json"


def source(path=FILE, **more):
    return {
        "kind": "dataset",
        "dataset": "squad2",
        "path": str(path),
        "split": "validation",
        "cluster_by": "passage",
        **more,
    }


def items_of(root=FILE.parent, **more):
    return load_items([source(**more)], root=root)[0]


def test_questions_come_with_passage_golds_and_tags_in_the_order_of_the_file():
    items = items_of(tags=["pilot"])
    assert [(item.id, item.targets, item.tags) for item in items] == [
        ("5a0001", ("1871", "in 1871"), ("open_book", "answerable", "pilot")),
        ("5a0002", (), ("open_book", "unanswerable", "pilot")),
        ("5a0003", ("oil",), ("open_book", "answerable", "pilot")),
        ("5a0004", (), ("open_book", "unanswerable", "pilot")),
        ("5a0005", ("north", "the north side"), ("open_book", "answerable", "pilot")),
    ]
    assert items[0].input == "When was the lighthouse at Marlow built?"
    assert items[0].context.startswith("The lighthouse at Marlow")
    assert items[0].metadata == {
        "rule": "squad2",
        "passage": digest(items[0].context, 12),
        "article": "Marlow_Lighthouse",
    }
    assert {item.source for item in items} == {"squad2:validation"}


def test_a_plausible_answer_is_never_a_gold():
    assert all("silver" not in item.targets for item in items_of())


def test_an_impossible_question_has_no_golds_though_answers_are_given(tmp_path):
    document = json.loads(FILE.read_text())
    question = document["data"][0]["paragraphs"][0]["qas"][0]
    question["is_impossible"] = True
    (tmp_path / "s.json").write_text(json.dumps(document))
    assert items_of(tmp_path, path="s.json")[0].targets == ()


def test_clusters_are_passages_or_articles_and_the_content_is_the_same():
    passages, articles = items_of(), items_of(cluster_by="article")
    assert sorted(Counter(item.cluster for item in passages).values()) == [1, 2, 2]
    assert Counter(item.cluster for item in articles) == {"Marlow_Lighthouse": 3, "Tarn_Moss": 2}
    assert [item.cluster for item in passages] == [item.metadata["passage"] for item in passages]
    assert [item.hash for item in passages] == [item.hash for item in articles]


def test_the_limit_and_the_prefix():
    assert [item.id for item in items_of(limit=2, id_prefix="x-")] == ["x-5a0001", "x-5a0002"]


def test_the_provenance_tells_file_digest_and_clusters():
    _, provenance = load_items([source()], root=FILE.parent)
    assert provenance == [
        {
            "source": "squad2:validation",
            "kind": "dataset",
            "path": str(FILE),
            "sha256": file_sha256(FILE),
            "revision": None,
            "cluster_by": "passage",
            "rows": 5,
        }
    ]


def test_two_files_of_the_set_have_names_of_their_own(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(FILE.read_bytes())
    sources = [source(path="a.json"), source(path="b.json", id_prefix="b-")]
    spec = {"size": 4, "seed": 1, "by": ["source"]}
    items, provenance = load_items(sources, root=tmp_path, sample=spec)
    names = ["squad2:validation (a.json)", "squad2:validation (b.json)"]
    assert [record["source"] for record in provenance[:2]] == names
    assert [(row["source"], row["taken"]) for row in provenance[2]["strata"]] == [
        (name, 2) for name in names
    ]
    assert sorted(item.source for item in items) == sorted(2 * names)
    assert {item.hash for item in items} <= {item.hash for item in items_of()}


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (0, "s.parquet: not a Parquet file"),
        (1, "s.parquet: damaged after row 1,000 ("),
        (2, "s.parquet: not a Parquet file"),
    ],
)
def test_a_broken_parquet_file_is_named(tmp_path, keep, message):
    row = {"id": "a", "title": "t", "context": "c", "question": "q"}
    rows = [
        row | {"id": f"a{n}", "answers": {"text": ["c"], "answer_start": [0]}} for n in range(3000)
    ]
    path = tmp_path / "s.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=1000)
    data = path.read_bytes()
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    at = column.dictionary_page_offset or column.data_page_offset
    torn = (
        data[:at]
        + b"\xff" * column.total_compressed_size
        + data[at + column.total_compressed_size :]
    )
    path.write_bytes((b"no Parquet", torn, data[:-100])[keep])
    with pytest.raises(ConfigError) as caught:
        items_of(tmp_path, path="s.parquet")
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_rows_as_on_the_hub_are_the_same_items(tmp_path, lines, ending):
    rows = [
        {
            "id": item.id,
            "title": item.metadata["article"],
            "context": item.context,
            "question": item.input,
            "answers": {"text": list(item.targets), "answer_start": [0] * len(item.targets)},
        }
        for item in items_of()
    ]
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "s.parquet")
    else:
        (tmp_path / "s.jsonl").write_text(lines(*rows))
    assert items_of(tmp_path, path=f"s.{ending}") == items_of()


def changed(**path_to_value):
    """The text of the file with one value changed; None removes the key."""
    document = json.loads(FILE.read_text())
    for place, value in path_to_value.items():
        *way, last = [int(key) if key.isdigit() else key for key in place.split("__")]
        inside = document
        for key in way:
            inside = inside[key]
        if value is None:
            del inside[last]
        else:
            inside[last] = value
    return json.dumps(document).encode()


FIRST = "data__0__paragraphs__0__qas__0"
AT = "s.json: data[0].paragraphs[0].qas[0]"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "s.json: the file is empty"),
        (b" \n", "s.json: the file is empty"),
        (b'{"version":\n "v2.0",', "s.json:2: not JSON ("),
        (b'{"a": "\xff"}', "s.json:1: not UTF-8 (byte 0xff at offset 7"),
        (b"[]", 's.json: version: must be "v2.0", as in the files of SQuAD 2.0, not None'),
        (changed(version="1.1"), 's.json: version: must be "v2.0"'),
        (changed(data=None), "s.json: `data` is missing or no list"),
        (changed(data=[]), "squad2:validation (s.json): no items"),
        (b'{"version": ' + b"9" * 5000 + b"}", "s.json: not JSON that can be read: Exceeds"),
        (changed(data__1__title=None), "s.json: data[1]: `title` is missing or empty"),
        (changed(data__1__paragraphs={}), "s.json: data[1]: `paragraphs` is missing or no list"),
        (
            changed(data__0__paragraphs__1__context=" "),
            "s.json: data[0].paragraphs[1]: `context` is missing or empty",
        ),
        (changed(**{f"{FIRST}__id": None}), f"{AT}: `id` is missing or empty"),
        (changed(**{f"{FIRST}__question": 3}), f"{AT}: `question` is missing or empty"),
        (changed(**{f"{FIRST}__answers": None}), f"{AT}: answers: `text` is missing or no list"),
        (changed(**{f"{FIRST}__answers": ["x"]}), f"{AT}: answers: `text` holds what is no text"),
        (changed(**{f"{FIRST}__answers": [{"text": " "}]}), f"{AT}: every text under `answers`"),
        (changed(**{f"{FIRST}__is_impossible": "no"}), f"{AT}: `is_impossible` must be true or"),
        (
            changed(**{f"{FIRST}__id": "5a0005"}),
            's.json: data[1].paragraphs[0].qas[1]: the id "5a0005"',
        ),
        (changed(**{FIRST: "x"}), f"{AT}: `id` is missing or empty"),
    ],
)
def test_what_is_not_the_official_format_is_refused_with_its_place(tmp_path, data, message):
    (tmp_path / "s.json").write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        items_of(tmp_path, path="s.json")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
