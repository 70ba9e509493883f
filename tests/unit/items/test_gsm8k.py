from pathlib import Path

import pytest

from splitplot.errors import ConfigError
from splitplot.items import load_items

OFFICIAL = Path(__file__).resolve().parents[3] / "../shared/data/gsm8k/test.jsonl"


def source(path, **more):
    return {"kind": "dataset", "dataset": "gsm8k", "path": str(path), "split": "test", **more}


def test_the_official_test_file_has_1319_problems_and_whole_number_answers():
    # number of problems: Cobbe et al. 2021, section 2
    if not OFFICIAL.is_file():
        pytest.skip("the official GSM8K file is not here")
    items, provenance = load_items([source(OFFICIAL)], root=Path("/"))
    assert len(items) == provenance[0]["rows"] == 1319
    assert items[0].id == "gsm8k-test-0000"
    assert items[0].targets == ("18",)
    assert items[-1].id == "gsm8k-test-1318"
    assert all(int(item.targets[0]) is not None for item in items)


def test_the_limit_is_the_first_problems(tmp_path, lines):
    rows = [{"question": f"Q{n}", "answer": f"…\n#### {n}"} for n in range(5)]
    (tmp_path / "g.jsonl").write_text(lines(*rows))
    items, _ = load_items([source("g.jsonl", limit=2, id_prefix="x-")], root=tmp_path)
    assert [(item.id, item.targets) for item in items] == [
        ("x-gsm8k-test-0000", ("0",)),
        ("x-gsm8k-test-0001", ("1",)),
    ]


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        ("a #### 1,234,567", "1234567"),
        ("#### -5\n", "-5"),
        ("#### 9 #### 8", "8"),
        ("#### 2.5", "2.5"),
    ],
)
def test_the_answer_is_what_follows_the_last_mark_without_commas(tmp_path, lines, answer, target):
    (tmp_path / "g.jsonl").write_text(lines({"question": "Q", "answer": answer}))
    assert load_items([source("g.jsonl")], root=tmp_path)[0][0].targets == (target,)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"question": "Q", "answer": "18"}, "`answer` must end in a line `#### number`"),
        ({"question": "Q", "answer": "####"}, "`answer` must end in a line `#### number`"),
        ({"question": "Q"}, "`answer` must end"),
        ({"question": " ", "answer": "#### 1"}, "`question` is missing or empty"),
        ({"input": "Q", "answer": "#### 1"}, "`question` is missing or empty"),
    ],
)
def test_what_is_not_the_official_format_is_refused_with_its_line(tmp_path, lines, row, what):
    (tmp_path / "g.jsonl").write_text(lines({"question": "Q", "answer": "#### 1"}, row))
    with pytest.raises(ConfigError) as caught:
        load_items([source("g.jsonl")], root=tmp_path)
    assert str(caught.value).startswith(f"g.jsonl:2: {what}")


def test_another_dataset_is_refused_with_what_is_known(tmp_path):
    with pytest.raises(ConfigError, match='unknown dataset "gsm8"; did you mean "gsm8k"'):
        load_items([{"kind": "dataset", "dataset": "gsm8"}], root=tmp_path)
