"""What `splitplot power` answers: sizes, gaps, dollars, sentences."""

import json

import pytest

from splitplot.calls.ledger import LedgerWriter
from splitplot.calls.records import Response, Usage
from splitplot.calls.requests import cell_of, cell_requests
from splitplot.errors import ConfigError
from splitplot.rehearsal import words
from splitplot.rehearsal.money import money_of
from splitplot.rehearsal.study import Wanted, cluster_codes, item_grid, per_cluster, power_of_study

QUICK = {"items": [40], "replications": [1], "draws": 40}
PAID = """
models:
  paid:
    model: lab/paid
    base_url: http://127.0.0.1:9/v1
    api_key_env: NO_SUCH_KEY
    price: {usd_per_million_input_tokens: 1000, usd_per_million_output_tokens: 2000}
  unknown: {model: lab/unknown, base_url: "http://127.0.0.1:9/v1", api_key_env: NO_SUCH_KEY}
  strong: {model: sim/strong, route: sim, sim: {ability: 1}}
"""


@pytest.fixture
def power(folder, planned):
    def run(wanted=None, **changes):
        plan, items = planned(**changes)
        return power_of_study(
            plan, items, folder.path, folder.path / "results/ledger", wanted or Wanted(**QUICK)
        )

    return run


def test_items_around_the_studys_own_are_looked_at():
    assert item_grid(60, None) == [30, 60, 120, 240, 480]
    assert item_grid(1_319, None) == [130, 330, 660, 1_319, 2_600]
    assert item_grid(28_000, None) == [2_800, 7_000, 14_000, 28_000]
    assert item_grid(60, [500, 50, 50]) == [50, 500]


def test_the_default_grid_is_five_sizes_by_four_replications(power):
    [block] = power(Wanted(draws=20))["contrasts"]
    assert len(block["points"]) == 20
    assert [one["replications"] for one in block["points"][:4]] == [1, 2, 3, 5]


def test_gaps_are_none_the_margin_and_the_one_assumed(power):
    [block] = power(analysis={"pilot": {"gap": 0.12}})["contrasts"]
    assert block["gaps"] == [0.0, 0.05, 0.12]
    [block] = power(Wanted(**QUICK, gap=0.2), analysis={"pilot": {"gap": 0.12}})["contrasts"]
    assert block["gaps"] == [0.0, 0.05, 0.2]
    assert block["wanted"][0]["gap"] == 0.2


def test_contrasts_share_alpha_and_each_has_a_block(power):
    found = power(
        primary=[
            {"contrast": ["condition", "steps", "direct"], "margin": 0.05},
            {"contrast": ["sampling", "a", "b"]},
        ],
        sampling=[{"name": "a", "temperature": 0}, {"name": "b", "temperature": 1}],
    )
    assert [block["family"] for block in found["contrasts"]] == [2, 2]
    assert [block["margin_is_default"] for block in found["contrasts"]] == [False, True]
    assert found["contrasts"][0]["same_again"] == "some"
    assert found["contrasts"][0]["averaged_over"] == "2 samplings (a, b)"


def test_replications_add_nothing_at_temperature_0(power):
    wanted = Wanted(items=[40], replications=[1, 5], draws=40)
    [still] = power(wanted)["contrasts"]
    assert still["same_again"] == "all"
    once, again = still["points"]
    assert once["half_width"] == again["half_width"]
    [warm] = power(wanted, sampling=[{"name": "w", "temperature": 1.0}])["contrasts"]
    assert warm["points"][1]["half_width"] < 0.9 * warm["points"][0]["half_width"]


def test_undeclared_contrasts_are_shown_up_to_a_limit(folder, power):
    conditions = {f"c{n}": f"prompts/solver/c{n}.md" for n in range(5)}
    for name, path in conditions.items():
        folder.write(path, f"{{{{ input }}}}\n{name}")
    found = power(primary=[], conditions=conditions)
    assert len(found["contrasts"]) == 6 and found["contrasts_left"] == 4
    assert {block["family"] for block in found["contrasts"]} == {10}
    assert "4 more pairs are not shown" in words.power_text(found)


def test_a_scope_that_is_not_drawn_says_why(folder, power):
    folder.write("prompts/solver/third.md", "Please. {{ input }}\n")
    found = power(
        primary={"contrast": ["sampling", "a", "b"], "scope": "prompts", "margin": 0.05},
        sampling=[{"name": "a", "temperature": 0.5}, {"name": "b", "temperature": 1}],
        conditions={
            f"p{n}": f"prompts/solver/{name}.md"
            for n, name in enumerate(("direct", "steps", "third"))
        },
        analysis={"random": ["condition"]},
    )
    [block] = found["contrasts"]
    assert "how much prompts differ" in block["refused"] and block["points"] == []
    assert "Not simulated: the scope “prompts”" in words.power_text(found)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"items": [1]}, "--items 1: must be from 2"),
        ({"replications": [0]}, "--replications 0: must be from 1"),
        ({"draws": 5}, "--draws 5: must be from 20"),
        ({"gap": 1.0}, "--gap 1: must be from"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(power, wish, message):
    with pytest.raises(ConfigError, match=message):
        power(Wanted(**QUICK | wish))


SOME = {
    "scorers": [
        {"name": "f1", "scorer": "qa_f1"},
        {"name": "em", "scorer": "qa_em", "over": "answerable"},
        "no_false_answer",
    ],
    "primary": [
        {"name": name, "metric": name, "contrast": ["condition", "steps", "direct"], "margin": 0.05}
        for name in ("f1", "no_false_answer", "em")
    ],
}


def test_a_scorer_of_some_items_has_the_power_of_those(with_answers_to_some, power):
    """As a study of 100 items that are all graded, at the price of 400."""
    with_answers_to_some()
    wanted = Wanted(items=[100, 400], replications=[1], draws=40)
    every, quarter, _rest = power(wanted, **SOME)["contrasts"]
    assert quarter["graded"] == {"by": "no_false_answer", "items": 10, "of": 40}
    widths = {one["items"]: one["half_width"] for one in every["points"]}
    assert [one["items"] for one in quarter["points"]] == [100, 400]
    assert quarter["points"][1]["half_width"] == widths[100]
    assert quarter["points"][0]["half_width"] > 1.5 * widths[100]
    needed, all_graded = quarter["wanted"][0]["to_see"], every["wanted"][0]["to_see"]
    assert needed == pytest.approx(4 * all_graded, rel=0.01)


def test_how_many_items_a_scorer_grades_is_said(with_answers_to_some, power):
    with_answers_to_some()
    text = words.power_text(power(**SOME))
    assert "no_false_answer grades 10 of the 40 items" in text and "em grades 30 of the 40" in text
    assert "f1 grades" not in text


def test_a_scorer_that_grades_no_item_is_not_simulated(with_answers_to_some, power):
    with_answers_to_some(every=1_000)
    [_every, none, _rest] = power(**SOME)["contrasts"]
    assert none["refused"] == "its scorer grades 1 item of the study" and none["points"] == []


def test_the_first_scorer_grades_its_own_items_too(with_answers_to_some, power):
    """A plan calls its contrasts' metric "score", whatever the scorer is called."""
    with_answers_to_some()
    em = {"name": "em", "scorer": "qa_em", "over": "answerable"}
    found = power(scorers=[em, "no_false_answer"], primary={**SOME["primary"][0], "metric": "em"})
    [block] = found["contrasts"]
    assert block["graded"] == {"by": "em", "items": 30, "of": 40}
    assert "em grades 30 of the 40 items" in words.power_text(found)


def test_graded_items_of_one_cluster_are_not_simulated_and_stop_nothing_else(folder, power):
    lines = (
        {"id": f"i{k}", "input": f"{k}?", "cluster": f"c{min(k, 36) // 4}", "answerable": k < 36,
         "targets": ["1"] if k < 36 else []}
        for k in range(40)
    )  # fmt: skip
    folder.write("data/items.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    every, none, _rest = power(Wanted(items=[2, 40], draws=40), **SOME)["contrasts"]
    assert none["refused"] == "all 4 items that its scorer grades are of one cluster"
    assert [one["items"] for one in every["points"][:1]] == [2]
    assert every["points"][0]["at"][0]["refused"]


@pytest.mark.parametrize(("family", "sizes"), [("study", [3, 3, 3]), ("metric", [1, 1, 1])])
def test_alpha_is_shared_by_what_is_adjusted_together(with_answers_to_some, power, family, sizes):
    with_answers_to_some()
    found = power(**{**SOME, "analysis": {"family": family}})
    assert [block["family"] for block in found["contrasts"]] == sizes


def test_clusters_of_the_items_are_kept(folder, power):
    folder.write(
        "data/items.jsonl",
        "".join(
            json.dumps({"id": f"i{n}", "input": f"{n}?", "target": 1, "cluster": f"c{n // 4}"})
            + "\n"
            for n in range(40)
        ),
    )
    found = power(Wanted(items=[40, 80], replications=[1], draws=30))
    assert found["items_per_cluster"] == 4
    assert [one["clusters"] for one in found["contrasts"][0]["points"]] == [10, 20]


def test_items_without_a_cluster_stand_alone(planned):
    _, items = planned()
    assert cluster_codes(items) is None and per_cluster(cluster_codes(items)) == 1


def test_copies_of_items_count_as_one_cluster_before_they_are_asked_too(folder, power):
    lines = [{"id": f"i{n}", "input": f"{n // 4}?", "target": 1} for n in range(40)]
    folder.write("data/items.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    found = power(Wanted(items=[40, 80], replications=[1], draws=30))
    assert found["items_per_cluster"] == 4
    assert [one["clusters"] for one in found["contrasts"][0]["points"]] == [10, 20]


def test_local_and_simulated_models_are_free(power):
    found = power()
    assert found["money"]["free"] and found["contrasts"][0]["points"][0]["usd"] == 0
    assert "free" in words.power_text(found)


def test_an_unpriced_model_is_named(folder, power):
    folder.write("config/models.yaml", PAID)
    found = power(models=["paid", "unknown"])
    assert found["money"] == {
        "free": False,
        "unpriced": ["unknown"],
        "usd_per_item": None,
        "learned": 0,
    }
    text = words.power_text(found)
    assert "unpriced" in text and "no price is known for unknown" in text


def test_dollars_are_those_of_the_estimate_for_the_same_study(folder, planned, power):
    from splitplot.calls.estimate import estimate

    folder.write("config/models.yaml", PAID)
    plan, items = planned(models=["paid"], replications=2)
    total = estimate(plan, items, folder.path / "results/ledger")
    found = power(Wanted(items=[40], replications=[2], draws=20), models=["paid"], replications=2)
    [one] = found["contrasts"][0]["points"]
    assert one["answers"] == total.to_send == 160
    assert one["usd"] == pytest.approx(total.usd_expected, rel=0.01)
    assert "half as long as max_tokens" in words.power_text(found)


def test_answers_in_the_ledger_say_how_long_answers_are(folder, planned, tmp_path):
    folder.write("config/models.yaml", PAID)
    plan, items = planned(models=["paid"])
    before = money_of(plan, items, tmp_path / "ledger")
    for cell in plan["cells"]:
        trial, condition, replications = cell_of(plan, cell["trial"], cell["condition"])
        with LedgerWriter(tmp_path / "ledger", trial["hash"], {}) as ledger:
            for request, _, _ in cell_requests(trial, condition, replications, items[:5]):
                usage = Usage(input_tokens=10, output_tokens=3)
                ledger.response(
                    Response(request.key, "ok", text="2", usage=usage, route="realtime")
                )
    after = money_of(plan, items, tmp_path / "ledger")
    assert (before.to_json()["learned"], after.to_json()["learned"]) == (0, 5)
    # 3 tokens out at 2000 USD per million, in place of half of max_tokens = 64
    assert before.answers[0].tokens_out == 32 and after.answers[0].tokens_out == 3
    assert after.answers[0].usd < before.answers[0].usd


def test_the_sentence_says_how_many_items_are_needed_and_how_many_there_are(power):
    found = power(
        Wanted(items=[40], replications=[1, 3], draws=20),
        sampling=[{"name": "w", "temperature": 1.0}],
    )
    [block] = found["contrasts"]
    # 35 of 100 items differ with one answer each: 7.85 · 0.35/0.05² = 1,099, and by exact power some
    # 40 more (Connor 1987: with continuity 1,139)
    assert block["wanted"][0]["to_see"] == pytest.approx(1_139, rel=0.01)
    assert words.verdict_on_size(block, 40)[0] == (
        "To see a gap of 5.0 points 8 times in 10 you need about 1,100 items with 1 replication, "
        "or 730 with 3; this study has 40 items."
    )


def test_the_text_says_what_is_assumed_and_how_sure_the_chances_are(power):
    text = words.power_text(power())
    assert "No pilot was named: cautious defaults" in text
    assert "Each chance is from 40 simulated studies: give or take up to 15 points" in text
    assert "no difference" not in text and "significant" not in text


def test_a_size_without_a_verdict_says_why(power):
    found = power(Wanted(items=[10], replications=[1], draws=20))
    text = words.power_text(found)
    assert "no verdict" in text and "at least 20 are needed" in text


@pytest.mark.parametrize(
    ("chance", "said"), [(0.0, "0%"), (0.004, "<1%"), (0.5, "50%"), (0.997, ">99%"), (1.0, "100%")]
)
def test_a_chance_is_never_rounded_to_certainty(chance, said):
    assert words.share(chance) == said


def test_the_same_files_give_the_same_answer(power):
    assert power() == power()
