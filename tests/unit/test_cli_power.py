"""`splitplot power`: what it says on a terminal, as JSON, and of wishes that make no sense."""

import json

import pytest

from splitplot.cli import main

QUICK = ("--items", "30,60", "--replications", "1,2", "--draws", "20")


@pytest.fixture
def here(root, monkeypatch):
    """A workspace with a study of 25 items, two conditions and one primary contrast."""
    monkeypatch.chdir(root.path)
    rows = [{"id": f"i{n}", "input": f"{n} + 1?", "target": n + 1} for n in range(25)]
    root.write("data/items.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    contrast = {"contrast": ["condition", "steps", "direct"], "margin": 0.05}
    root.study |= {"models": ["strong"], "analysis": {"primary": contrast}}
    root.save()
    return root


@pytest.fixture
def call(capsys):
    def run(*arguments):
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_the_chances_of_a_study_are_a_table_and_sentences(here, call):
    code, out, err = call("power", "s", *QUICK)
    assert (code, err) == (0, "")
    assert "study s: 25 items, 1 replication, 2 cells" in out
    assert "“steps” against “direct”, margin 5.0 points" in out
    assert "No pilot was named: cautious defaults" in out
    lines = [line.split() for line in out.splitlines()]
    assert [line[:2] for line in lines if line[:1] in (["30"], ["60"])] == [
        ["30", "1"],
        ["30", "2"],
        ["60", "1"],
        ["60", "2"],
    ]
    assert all(line[-1] == "free" for line in lines if line[:1] in (["30"], ["60"]))
    assert "To see a gap of 5.0 points 8 times in 10 you need about" in out
    assert "this study has 25 items" in out


def test_the_json_has_every_number_of_the_table(here, call):
    code, out, _ = call("power", "s", "--json", *QUICK, "--gap", "0.2")
    power = json.loads(out)
    assert code == 0 and power["draws"] == 20
    [block] = power["contrasts"]
    assert block["gaps"] == [0.0, 0.05, 0.2]
    assert [(one["items"], one["replications"]) for one in block["points"]] == [
        (30, 1),
        (30, 2),
        (60, 1),
        (60, 2),
    ]
    assert block["points"][0]["answers"] == 60


def test_a_fresh_study_of_one_item_has_an_answer_too(root, call, monkeypatch):
    monkeypatch.chdir(root.path)
    root.save(models=["sims"])
    code, out, err = call("power", "s", "--draws", "20")
    assert (code, err) == (0, "")
    assert "no verdict" in out and "at least 20 are needed" in out


def test_a_study_of_one_cell_is_told_that_there_is_nothing_to_compare(here, call):
    here.save(analysis=None, conditions={"direct": "prompts/solver/direct.md"})
    code, out, _ = call("power", "s", *QUICK)
    assert code == 0 and "One cell is nothing to compare" in out


def test_power_makes_no_file(here, call):
    before = sorted(here.path.rglob("*"))
    call("power", "s", *QUICK)
    assert sorted(here.path.rglob("*")) == before


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (("--items", "1"), "--items 1: must be from 2 to 200,000"),
        (("--replications", "0"), "--replications 0: must be from 1 to 100"),
        (("--gap", "5"), "--gap 5: must be from 0.0001 to 0.99"),
        (("--draws", "1"), "--draws 1: must be from 20 to 20,000"),
    ],
)
def test_a_wish_out_of_range_ends_with_2(here, call, wish, message):
    code, out, err = call("power", "s", *wish)
    assert (code, out) == (2, "")
    assert message in err


def test_numbers_that_are_none_end_with_2(here, capsys):
    with pytest.raises(SystemExit) as ended:
        main(("power", "s", "--items", "5,many"))
    assert ended.value.code == 2
    assert '"5,many" must be whole numbers with commas' in capsys.readouterr().err


def test_an_absent_pilot_ends_with_2_and_one_json_value(here, call):
    analysis = here.study["analysis"] | {"pilot": {"from": "nowhere"}}
    here.save(analysis=analysis)
    code, out, err = call("power", "s", "--json", *QUICK)
    assert code == 2 and json.loads(out)["exit_code"] == 2
    assert "results/nowhere/inference.json is not there" in err
