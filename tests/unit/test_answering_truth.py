"""The benchmark of system prompts of known effect: its truths are those of its population, its studies are
read as they were drawn, and it goes on where it stopped."""

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from splitplot.inference.intervals import Interval
from splitplot.inference.mcnemar import tango
from splitplot.inference.verdict import decide
from splitplot.inference.words import DIFFERENCE, NON_INFERIORITY

REPOSITORY = Path(__file__).resolve().parents[2]
PASSAGES = 30


@pytest.fixture(scope="module")
def modules():
    """The benchmark's modules by the last word of their names, as they are found when it is run."""
    sys.path.insert(0, str(REPOSITORY / "benchmarks"))
    try:
        names = ("worlds", "study", "intervals", "tables", "truth")
        return SimpleNamespace(**{name: import_module(f"answering_{name}") for name in names})
    finally:
        sys.path.remove(str(REPOSITORY / "benchmarks"))


@pytest.fixture(scope="module")
def observed(modules):
    """One small study, and the answers that it was made of."""
    arms = modules.worlds.WORLDS["halved"]
    found = modules.study.observe(arms, PASSAGES, np.random.default_rng(3))
    return found, modules.worlds.draw(arms, PASSAGES, np.random.default_rng(3))


@pytest.mark.parametrize("world", ["halved", "at the margin", "nothing gained"])
def test_the_truths_are_the_means_of_a_very_large_simulation(modules, world):
    worlds = modules.worlds
    arms = worlds.WORLDS[world]
    answered = worlds.draw(arms, 100_000, np.random.default_rng(1))
    answerable = worlds.ANSWERABLE
    for name, true in worlds.truths(arms).items():
        arm = answered[name]
        by_question = {
            "false_answers": ~arm.abstains[:, ~answerable],
            "exact_match": arm.right[:, answerable],
            "f1": arm.f1[:, answerable],
            "abstention": arm.abstains,
            "unsupported": arm.support < 0.5,  # not so where it abstains
            "usd": arm.usd,
        }
        assert by_question.keys() == true.keys()
        for rate, values in by_question.items():
            means = values.mean(axis=1)
            error = means.std(ddof=1) / np.sqrt(means.size)
            assert abs(means.mean() - true[rate]) < 4 * error, (name, rate)


def test_the_effects_are_the_ones_that_the_docs_state(modules):
    worlds = modules.worlds
    true = {world: worlds.truths(arms) for world, arms in worlds.WORLDS.items()}
    for world, halved, loss in (
        ("halved", 0.2, None),
        ("at the margin", 0.2, worlds.LOSS),
        ("nothing gained", 0.4, worlds.LOSS),
    ):
        control, treatment = true[world]["control"], true[world]["treatment"]
        assert control["false_answers"] == pytest.approx(0.4, abs=1e-9)
        assert treatment["false_answers"] == pytest.approx(halved, abs=1e-9)
        lost = control["exact_match"] - treatment["exact_match"]
        assert lost == pytest.approx(loss, abs=1e-9) if loss else 0.02 < lost < worlds.LOSS / 2
        for rate in modules.tables.ENDPOINTS:  # only its system prompt is dearer
            assert true[world]["placebo"][rate] == control[rate]


def test_questions_of_a_passage_are_alike_and_so_are_differences_of_arms(modules):
    found = modules.truth.correlations(20_000)
    assert 0.25 < found["exact match of the control"] < 0.35
    assert 0.15 < found["difference"] < 0.3


def test_the_correlation_within_passages_is_that_of_all_ordered_pairs(modules):
    values = np.random.default_rng(2).normal(size=(400, 1)) + np.random.default_rng(3).normal(
        size=(400, 3)
    )
    pairs = [(values[:, i], values[:, j]) for i in range(3) for j in range(3) if i != j]
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    assert modules.worlds.icc(values) == pytest.approx(np.corrcoef(first, second)[0, 1])


def test_a_study_reads_the_answers_that_were_drawn(modules, observed):
    """Rates of the drawn answers by hand lie within the study's intervals of them; the difference in false
    answers is Tango's of the one question without an answer in each passage."""
    answerable = modules.worlds.ANSWERABLE
    found, answered = observed
    control, treatment = answered["control"], answered["treatment"]
    ours, theirs = (~arm.abstains[:, ~answerable].ravel() for arm in (treatment, control))
    by_hand = tango(int((ours & ~theirs).sum()), int((theirs & ~ours).sum()), PASSAGES)
    assert found["gaps"]["treatment"]["false_answers"] == pytest.approx([by_hand.low, by_hand.high])
    low, high = proportion_confint(int(ours.sum()), PASSAGES, method="wilson")
    assert found["rates"]["treatment"]["false_answers"] == pytest.approx([low, high])
    low, high = found["rates"]["control"]["exact_match"]
    assert low < control.right[:, answerable].mean() < high
    low, high = found["rates"]["control"]["unsupported"]
    assert low < (control.support < 0.5).mean() < high
    assert found["means"]["x"] == pytest.approx((treatment.usd - control.usd).mean())
    assert found["means"]["y"] == pytest.approx((theirs.mean() - ours.mean()) / 3)


@pytest.mark.long
@pytest.mark.parametrize(
    ("world", "passages", "seed"),
    [("halved", 60, 0), ("at the margin", 25, 1), ("nothing gained", 40, 2)],
)
def test_the_whole_analysis_finds_what_the_functions_find(modules, world, passages, seed):
    """Intervals, adjusted p-values, verdicts and price, to nine digits."""
    arms = modules.worlds.WORLDS[world]
    whole = modules.study.observe(arms, passages, np.random.default_rng(seed))
    alone = modules.intervals.observe_directly(arms, passages, np.random.default_rng(seed))
    for name, found in whole.items():
        assert modules.tables.same(found, alone[name]), (name, found, alone[name])


def test_results_are_the_same_only_where_every_number_and_word_is(modules):
    same = modules.tables.same
    one = {"a": [0.1, 0.2], "b": {"word": "BETTER", "p": None}}
    assert same(one, {"b": {"p": None, "word": "BETTER"}, "a": [0.1, 0.2 + 1e-12]})
    assert not same(one, one | {"a": [0.1, 0.2001]})
    assert not same(one, one | {"b": {"word": "WORSE", "p": None}})
    assert not same(one, one | {"b": {"word": "BETTER", "p": 0.1}})
    assert not same(one, {"a": one["a"]})
    assert not same([0.1, 0.2], None) and not same(None, [0.1, 0.2])


def test_what_is_counted_of_a_study_is_what_it_found(modules, observed):
    counts = modules.tables.counts
    found, _ = observed
    worlds = modules.worlds
    true = worlds.truths(worlds.WORLDS["halved"])
    counted = counts(found, true)
    low, high = found["gaps"]["treatment"]["abstention"]
    gap = true["treatment"]["abstention"] - true["control"]["abstention"]
    assert counted["gap treatment abstention"] == (low <= gap <= high)
    moved = {arm: dict(rates) for arm, rates in true.items()}
    moved["treatment"]["abstention"] = true["control"]["abstention"] + high + 0.01
    assert not counts(found, moved)["gap treatment abstention"]
    assert counted["priced"] == (found["price"] is not None)
    never_priced = counts(found | {"price": None}, true)
    assert "price" not in never_priced and never_priced["fieller"] == counted["fieller"]
    right = found["declared"]["right answers"] | {"verdict": "NON-INFERIOR"}
    claimed = found | {"declared": found["declared"] | {"right answers": right}}
    assert not counts(claimed, true)["false word"]
    at_margin = counts(claimed, worlds.truths(worlds.WORLDS["at the margin"]))
    assert at_margin["false word"] and at_margin["wrongly not inferior"]
    assert "not inferior" not in at_margin


def test_an_interval_that_holds_the_truth_says_no_false_word(modules):
    random = np.random.default_rng(5)
    words = set()
    for _ in range(4000):
        difference, margin = random.uniform(-0.2, 0.2), random.uniform(0.01, 0.1)
        below, above = random.uniform(0, 0.2, 2)
        whole = Interval(difference, difference - below, difference + above, 0.95, "any")
        inner = Interval(difference, difference - 0.8 * below, difference + 0.8 * above, 0.9, "any")
        for aim in (DIFFERENCE, NON_INFERIORITY):
            word = decide(whole, inner, margin, aim)
            words.add(word)
            assert not modules.tables.is_false(word, difference, margin), (word, difference, margin)
    assert len(words) == 8


@pytest.mark.parametrize(
    ("word", "difference", "false"),
    [
        ("NON-INFERIOR", -0.1, True),
        ("NON-INFERIOR", -0.09, False),
        ("BETTER", 0.1, True),
        ("BETTER, SIZE OPEN", 0.0, True),
        ("WORSE", -0.1, True),
        ("WORSE, SIZE OPEN", -0.1, False),
        ("EQUIVALENT", 0.1, True),
        ("NOT BETTER BY MARGIN", 0.1, True),
        ("NOT SETTLED", 0.3, False),
        ("NO VERDICT", 0.3, False),
    ],
)
def test_a_word_is_false_where_the_truth_is_not_what_it_claims(modules, word, difference, false):
    assert modules.tables.is_false(word, difference, 0.1) is false


def test_a_share_is_bold_where_chance_does_not_explain_it(modules):
    shown, column = modules.tables.shown, modules.tables.Column
    covered, alarms = column("x", 0.95), column("x", 0.05, most=True)
    assert shown({"x": [185, 200]}, covered) == ".925"  # two errors are three points
    assert shown({"x": [183, 200]}, covered) == "**.915**"
    assert shown({"x": [4_690, 5_000]}, covered) == "**.938**"
    assert shown({"x": [4_710, 5_000]}, covered) == ".942"  # less than a point
    assert shown({"x": [200, 200]}, covered) == "1.000"
    assert shown({"x": [17, 200]}, alarms) == "**.085**"
    assert shown({"x": [0, 200]}, alarms) == ".000"
    assert shown({}, covered) == "–"


@pytest.mark.long
def test_a_run_goes_on_where_the_store_ends_and_writes_its_place_in_the_page(
    modules, tmp_path, monkeypatch
):
    truth, tables = modules.truth, modules.tables.TABLES
    monkeypatch.setattr(truth, "correlations", lambda: {})
    page, store = tmp_path / "page.md", tmp_path / "runs.jsonl"
    page.write_text(
        "".join(f"before\n<!-- truth: {t} -->\nto be replaced\n<!-- end -->\n" for t in tables)
    )
    command = ["answering_truth.py", "--seeds", "2", "--draws", "5", "--passages", "25"]
    more = ["--worlds", "halved", "--store", str(store), "--markdown", str(page)]
    monkeypatch.setattr(sys, "argv", [*command, *more])
    truth.main()
    first, lines = page.read_text(), store.read_text().splitlines(keepends=True)
    assert len(lines) == 3 and "to be replaced" not in first
    assert first.count("| halved | 25 |") == sum(max(1, len(t.arms)) for t in tables.values())
    store.write_text("".join(lines[:2]) + lines[2][:50])
    truth.main()
    assert page.read_text() == first
    assert store.read_text().endswith("\n" + lines[2])
    assert len(truth.stored(store)) == 3


def test_every_table_has_a_place_in_the_docs(modules):
    text = (REPOSITORY / "docs/methods_answering.md").read_text(encoding="utf-8")
    for name, table in modules.tables.TABLES.items():
        body = text.partition(f"<!-- truth: {name} -->\n")[2].partition("<!-- end -->")[0]
        rows = 3 * len(modules.worlds.WORLDS) * max(1, len(table.arms))
        assert len(body.splitlines()) == 2 + rows, name
