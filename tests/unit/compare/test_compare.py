"""Which arms and items are compared, what counts as observed twice, and the numbers of the differences."""

import json

import pyarrow.parquet as pq
import pytest
from scipy import stats

from splitplot.cli import main
from splitplot.compare import compare_text, open_side, words
from splitplot.errors import ConfigError, SplitplotError

ARM = [("m", "control", "text 1")]


def only(value):
    """The one comparison of the one pair."""
    (pair,) = value["pairs"]
    (entry,) = pair["comparisons"]
    return entry


def test_the_same_arm_of_two_ledgers_is_observed_twice(lab):
    lab.write("old", ARM, chance={"control": 0.9}, seed=1)
    lab.write("new", ARM, chance={"control": 0.4}, seed=2, when="2026-06-01")
    value = lab.compare("old", "new")
    (pair,) = value["pairs"]
    assert (pair["kind"], pair["answers_shared"], pair["asked_twice"]) == ("same arm", 0, 40)
    assert (pair["first"]["first_at"][:10], pair["second"]["last_at"][:10]) == (
        "2026-01-01",
        "2026-06-01",
    )
    entry = only(value)
    assert entry["paired"] and entry["n_common"] == 40
    assert entry["difference"]["estimate"] == pytest.approx(
        entry["mean_first"] - entry["mean_second"]
    )
    assert "“control” of old is higher by" in entry["sentence"]


def test_the_p_value_is_mcnemars_and_the_difference_that_of_the_pairs(lab):
    lab.write("one", ARM, scores=lambda item, _: float(item < 30))
    lab.write("two", ARM, scores=lambda item, _: float(18 <= item < 34))
    entry = only(lab.compare("one", "two"))
    # A alone is right on 18 items, B alone on 4
    assert entry["p_value"] == pytest.approx(stats.binomtest(18, 22).pvalue)
    assert entry["difference"]["estimate"] == pytest.approx(14 / 40)
    assert entry["test"] == "McNemar exact"


def test_answers_shared_through_the_ledger_are_the_same_answers(lab):
    lab.write("one", ARM)
    value = lab.compare("one", "one")
    (pair,) = value["pairs"]
    assert pair["same_answers"] and pair["answers_shared"] == 40
    assert pair["comparisons"] == [] and value["n_tests"] == 0
    assert "These are the same answers: 40 answers" in compare_text(value)


def test_an_answer_that_both_have_counts_on_neither_side(lab, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    lab.write("one", ARM, seed=1)
    lab.write("two", ARM, seed=2)
    place = tmp_path / "results"
    first = pq.read_table(place / "one/item_responses.parquet")
    second = pq.read_table(place / "two/item_responses.parquet")
    mixed = pa.concat_tables([first.slice(0, 10), second.slice(10)])
    pq.write_table(mixed, place / "two/item_responses.parquet")
    value = lab.compare("one", "two")
    (pair,) = value["pairs"]
    assert (pair["answers_shared"], pair["asked_twice"], pair["same_answers"]) == (10, 30, False)
    assert only(value)["n_common"] == 30
    assert "10 answers are the same in both" in pair["sentence"]


def test_items_whose_content_has_changed_are_left_out_and_counted(lab, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    lab.write("one", ARM, items=range(50), seed=1)
    lab.write("two", ARM, items=range(30), seed=2)
    lab.write("changed", ARM, items=range(30, 45), version=" 2", seed=3)
    place = tmp_path / "results"
    tables = [pq.read_table(place / name / "item_responses.parquet") for name in ("two", "changed")]
    pq.write_table(pa.concat_tables(tables), place / "two/item_responses.parquet")
    value = lab.compare("one", "two")
    assert value["items"] == {"same": 30, "changed": 15, "only_first": 5, "only_second": 0}
    entry = only(value)
    assert (entry["paired"], entry["n_common"], entry["n_union"]) == (True, 30, 35)
    assert "15 with the same id and changed content (left out)" in compare_text(value)


def test_where_all_contents_have_changed_nothing_is_compared(lab):
    lab.write("one", ARM)
    lab.write("two", ARM, version=" 2")
    value = lab.compare("one", "two")
    assert value["items"]["changed"] == 40
    assert only(value)["difference"] is None
    assert "no difference can be given" in only(value)["sentence"]


def test_disjoint_items_are_compared_unpaired_and_it_is_said(lab):
    lab.write("one", ARM, items=range(30), scores=lambda item, _: float(item < 24))
    lab.write("two", ARM, items=range(100, 140), scores=lambda item, _: float(item < 112))
    entry = only(lab.compare("one", "two"))
    assert not entry["paired"] and (entry["n_first"], entry["n_second"]) == (30, 40)
    assert entry["difference"]["method"] == "Newcombe, unpaired"
    assert entry["p_value"] == pytest.approx(stats.fisher_exact([[24, 6], [12, 28]])[1], rel=0.2)
    assert "Unpaired: fewer than half of the items are common" in entry["sentence"]


@pytest.mark.parametrize(("common", "paired"), [(20, True), (13, False)])
def test_half_of_the_items_must_be_common_for_pairs(lab, common, paired):
    lab.write("one", ARM, items=range(20), seed=1)
    lab.write("two", ARM, items=range(20 - common, 40 - common), seed=2)
    assert only(lab.compare("one", "two"))["paired"] is paired


def test_clusters_are_held_together(lab):
    def passage(item):
        return f"p{item // 4}"

    lab.write("one", ARM, seed=1, cluster=passage)
    lab.write("two", ARM, seed=2, cluster=passage)
    entry = only(lab.compare("one", "two"))
    assert entry["n_clusters"] == 10
    assert entry["difference"]["method"].startswith("CR2")


def test_a_scorer_with_another_digest_is_left_out_and_named(lab):
    lab.write("one", ARM, scorers={"numeric": "code 1", "exact": "code 2"}, seed=1)
    lab.write("two", ARM, scorers={"numeric": "code 1", "exact": "code 3", "f1": "c"}, seed=2)
    value = lab.compare("one", "two")
    assert only(value)["scorer"] == "numeric"
    assert (value["scorers"]["differ"], value["scorers"]["only_second"]) == (["exact"], ["f1"])
    assert "“exact” differ in options or code" in compare_text(value)


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("scorers", [{"name": "numeric", "digest": "code 2"}], "scorers"),
        ("scorers", [{"name": n, "digest": "code 1"} for n in ("numeric", "more")], "scorers"),
        (
            "cells",
            [{"trial": "m-low--1", "condition": "control--text 2", "replications": 1}],
            "cells",
        ),
        ("waves", ["", "2026-06"], "waves"),
    ],
)
def test_results_that_are_older_than_the_plan_are_refused(lab, key, value, what):
    """The plan is new when a run begins; the table, when it has scored: here it never did."""
    lab.write("one", ARM, seed=1)
    lab.write("two", ARM, seed=2, scorers={"numeric": "code 2"})
    path = lab.root / "results/one/plan.json"
    changed = json.loads(path.read_text())
    changed["conditions"].append({"id": "control--text 2", "hash": "text 2", "name": "control"})
    path.write_text(json.dumps(changed | {key: value}))
    message = f"one: its results are older than its plan: the {what} of the table"
    with pytest.raises(SplitplotError, match=message):
        lab.compare("one", "two")


def test_a_scorer_that_was_renamed_is_the_same_scorer(lab):
    lab.write("one", ARM, scorers={"numeric": "code 1"}, seed=1)
    lab.write("two", ARM, scorers={"number": "code 1"}, seed=2)
    assert only(lab.compare("one", "two"))["n_common"] == 40


def test_without_a_common_scorer_there_is_nothing_to_compare(lab):
    lab.write("one", ARM)
    lab.write("two", ARM, scorers={"numeric": "code 2"})
    with pytest.raises(ConfigError, match="no scorer in common: “numeric” differ in options"):
        lab.compare("one", "two")


def test_two_models_with_the_same_prompts_are_compared_prompt_by_prompt(lab):
    lab.write("one", [("m", "a", "x"), ("m", "b", "y")], seed=1)
    lab.write("two", [("k", "a", "x"), ("k", "other name", "y")], seed=2)
    value = lab.compare("one", "two")
    assert [
        (pair["kind"], pair["factors"], pair["first"]["condition"], pair["second"]["condition"])
        for pair in value["pairs"]
    ] == [
        ("one factor", ["model"], "a", "a"),
        ("one factor", ["model"], "b", "other name"),
    ]
    assert value["pairs"][0]["differs"] == [{"what": "model", "first": "lab/m", "second": "lab/k"}]
    assert value["n_tests"] == 2


def test_holm_is_over_all_that_is_shown(lab):
    arms = [("m", name, name) for name in "abc"]
    lab.write("one", arms, chance={"a": 0.8}, seed=1)
    lab.write("two", arms, chance={"a": 0.5}, seed=2)
    value = lab.compare("one", "two")
    entries = [pair["comparisons"][0] for pair in value["pairs"]]
    smallest = min(entries, key=lambda entry: entry["p_value"])
    assert smallest["p_adjusted"] == pytest.approx(min(1, 3 * smallest["p_value"]))
    assert "among 3 comparisons (Holm)" in smallest["sentence"]


def test_arms_that_differ_in_two_factors_need_names(lab):
    lab.write("one", [("m", "old", "x")], seed=1)
    lab.write("two", [("k", "new", "y")], seed=2)
    with pytest.raises(ConfigError, match="--arm CONDITION=CONDITION"):
        lab.compare("one", "two")
    (pair,) = lab.compare("one", "two", ("old", "new"))["pairs"]
    assert (pair["kind"], pair["factors"]) == ("named", ["model", "condition"])
    with pytest.raises(ConfigError, match='one has no condition "odl"; did you mean "old"'):
        lab.compare("one", "two", ("odl", "new"))


def test_named_conditions_meet_within_each_model(lab):
    lab.write("one", [("m", "old", "x"), ("k", "old", "x")], seed=1)
    lab.write("two", [("k", "new", "y"), ("m", "new", "y")], seed=2)
    pairs = lab.compare("one", "two", ("old", "new"))["pairs"]
    assert [(pair["first"]["model"], pair["second"]["model"]) for pair in pairs] == [
        ("m", "m"),
        ("k", "k"),
    ]


def test_other_settings_are_named_one_by_one(lab):
    lab.write("one", ARM, seed=1)
    lab.write("two", ARM, sampling={"temperature": 0.7, "top_p": 0.9}, seed=2)
    (pair,) = lab.compare("one", "two")["pairs"]
    assert pair["factors"] == ["sampling"]
    assert pair["differs"] == [
        {"what": "temperature", "first": 0, "second": 0.7},
        {"what": "top_p", "first": None, "second": 0.9},
    ]


def test_two_waves_of_a_study_are_compared(lab):
    lab.write("s", ARM, waves=("", "2026-06"), seed=1)
    value = lab.compare("s@first", "s@2026-06")
    assert only(value)["n_common"] == 40
    assert (value["first"]["wave"], value["pairs"][0]["answers_shared"]) == ("first", 0)
    with pytest.raises(ConfigError, match='no wave "2026-07"; did you mean "2026-06"'):
        lab.compare("s@first", "s@2026-07")
    with pytest.raises(ConfigError, match="names no wave"):
        lab.compare("s@", "s")


def test_a_table_of_several_row_groups_is_compared_as_one_of_a_single_group(lab):
    lab.write("one", ARM, items=range(60), seed=1)
    lab.write("two", ARM, items=range(60), seed=2)
    whole = lab.compare("one", "two")
    for study in ("one", "two"):
        path = lab.root / f"results/{study}/item_responses.parquet"
        pq.write_table(pq.read_table(path), path, row_group_size=25)
        assert pq.ParquetFile(path).num_row_groups == 3
    assert lab.compare("one", "two") == whole


def test_a_folder_without_a_plan_or_a_table_of_a_study_is_told(lab):
    lab.write("one", ARM)
    lab.write("two", ARM)
    (lab.root / "results/two/plan.json").write_text("{}")
    with pytest.raises(ConfigError, match="two: no plan and table of a study"):
        lab.compare("one", "two")


def test_too_few_items_lost_answers_and_simulation_are_said(lab):
    lab.write("one", ARM, items=range(12), seed=1, lost=(1, 2))
    lab.write("two", ARM, items=range(12), seed=2, simulated=True)
    value = lab.compare("one", "two")
    assert only(value)["n_common"] == 10
    assert "Only 10 items: fewer than 20 are too few" in only(value)["sentence"]
    told = value["pairs"][0]["sentence"]
    assert "16.7% of the answers of “control” of one were lost" in told
    assert "Simulated answers" in told


def test_of_a_scorer_that_counts_events_their_rate_is_compared(lab):
    """30 of 40 held back against 16, two of them by the second alone: 10 and 24 of 40 are false answers."""
    scorers = {"no_false_answer": "code 1"}
    lab.write("one", ARM, scorers=scorers, scores=lambda item, _: float(item < 30))
    lab.write("two", ARM, scorers=scorers, scores=lambda item, _: float(16 <= item < 32))
    value = lab.compare("one", "two")
    entry = only(value)
    said = entry["sentence"]
    assert "“control” of one makes 25.0% and “control” of two 60.0% false answers" in said
    low, high = (100 * entry["difference"][limit] for limit in ("low", "high"))
    assert f"“control” of two makes {low:.1f} to {high:.1f} points more (95% interval)" in said
    text = compare_text(value)
    assert "no_false_answer: false answers  25.0%  60.0%  −35.0 (" in text and said in text


@pytest.mark.parametrize(
    ("low", "high", "p"), [(0.01, 0.2, 0.12), (-0.2, -0.01, 0.12), (-0.01, 0.12, 0.02)]
)
def test_where_interval_and_test_disagree_nothing_is_claimed(lab, low, high, p):
    lab.write("one", ARM, seed=1)
    lab.write("two", ARM, seed=2)
    value = lab.compare("one", "two")
    entry = only(value)
    entry["difference"] |= {"low": low, "high": high, "estimate": (low + high) / 2}
    entry |= {"p_value": p, "p_adjusted": p}
    with open_side("one", lab.root) as one, open_side("two", lab.root) as two:
        said = words.sentence(one, two, value["pairs"][0], entry, 1, 0.05)
    assert "these data cannot tell them apart" in said and " is higher by" not in said
    assert "and its interval and its test disagree" in said
    assert "These data cannot tell the two apart on any of the scorers." in compare_text(value)


def test_nothing_found_is_one_sentence_for_all_scorers(lab):
    scorers = {"numeric": "code 1", "exact": "code 2"}
    lab.write("one", ARM, scorers=scorers, items=range(15), scores=lambda item, _: float(item % 2))
    lab.write(
        "two", ARM, scorers=scorers, items=range(15), scores=lambda item, _: float(item % 3 > 0)
    )
    text = compare_text(lab.compare("one", "two"))
    assert text.count("These data cannot tell the two apart on any of the scorers.") == 1
    assert text.count("Only 15 items: fewer than 20") == 1 and "scores 46.7%" not in text
    assert "numeric and exact: Tango score; McNemar exact" in text


def test_the_command_answers_in_text_and_in_json(lab, monkeypatch, capsys):
    lab.write("one", ARM, seed=1)
    lab.write("two", ARM, seed=2)
    monkeypatch.chdir(lab.root)
    assert main(["compare", "one", "two"]) == 0
    text = capsys.readouterr().out
    assert "control (m, low) − control (m, low): the same model, settings and prompt" in text
    assert "40 answers, 2026-01-01, by m-0101 | 40 answers" in text
    assert main(["compare", "one", "two", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["pairs"][0]["comparisons"][0]["difference"]["level"] == 0.95
    assert main(["compare", "one", "tow"]) == 2
    assert 'did you mean "two"' in capsys.readouterr().err
    assert main(["compare", "one", "two", "--arm", "control"]) == 2
