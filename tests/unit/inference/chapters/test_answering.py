"""The chapter `answering` on constructed tables: known flows, known rates, and the corners of a design."""

import json
import random

import numpy as np
import pytest

from splitplot.inference.answering.answers import STATES
from splitplot.inference.data import load_data
from splitplot.inference.summary import summarise
from splitplot.inference_schema import Inference

SCORERS = [
    {"name": "em", "scorer": "qa_em", "over": "answerable"},
    {"name": "f1", "scorer": "qa_f1", "over": "answerable"},
    {"name": "abstains", "scorer": "abstention"},
    {"name": "honest", "scorer": "no_false_answer"},
    {"name": "grounded", "scorer": "supported"},
]
PRIMARY = {
    "factor": "condition", "a": "treatment", "b": "control", "margin": 0.02,
    "margin_is_default": False, "scope": "items", "missing": "strict",
}  # fmt: skip
HONEST = PRIMARY | {"name": "fewer false answers", "metric": "honest"}
NOT_WORSE = PRIMARY | {
    "name": "no loss",
    "metric": "score",
    "margin": 0.1,
    "aim": "non-inferiority",
}


def of(path, plan):
    return json.loads(json.dumps(summarise(path, plan, None), allow_nan=False))


def one(entries, **wanted):
    found = [e for e in entries if all(e[key] == value for key, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]


FLOWS = {
    True: {("right", "right"): 30, ("right", "abstained"): 4, ("wrong", "abstained"): 6,
           ("wrong", "wrong"): 10, ("abstained", "right"): 1, ("wrong", "refused"): 2,
           ("right", "unusable"): 1},
    False: {("false_answer", "held_back"): 14, ("false_answer", "false_answer"): 8,
            ("held_back", "held_back"): 9, ("held_back", "false_answer"): 2,
            ("false_answer", "refuses unanswerable"): 3},
}  # fmt: skip
NAMED = {"refuses unanswerable": "held_back"}


@pytest.fixture
def known(answer):
    """The rows of FLOWS: 54 answerable items and 36 others."""
    rows, number = [], 0
    for kind in FLOWS.values():
        for pair, count in kind.items():
            for _ in range(count):
                for condition, happened, usd in zip(
                    ("control", "treatment"), pair, (0.001, 0.0015), strict=True
                ):
                    rows += answer(condition, f"i{number:03}", happened, usd=usd, tokens_in=100)
                number += 1
    return rows


def test_the_flows_are_those_that_the_table_was_made_of(study, known):
    found = of(*study(known))["answering"]
    for answerable, pairs in FLOWS.items():
        flow = one(found["flows"], answerable=answerable)
        expected = {}
        for (before, after), count in pairs.items():
            row = expected.setdefault(before, {})
            row[NAMED.get(after, after)] = row.get(NAMED.get(after, after), 0) + count
        assert flow["from_to"] == expected
        assert flow["n_pairs"] == sum(pairs.values())


def test_the_rates_of_an_arm_are_counts_over_items(study, known):
    found = of(*study(known))["answering"]
    control = one(found["arms"], condition="control")
    treatment = one(found["arms"], condition="treatment")
    assert (control["n_items"], control["n_answerable"], control["n_unanswerable"]) == (90, 54, 36)
    assert control["rates"]["false_answers"]["estimate"] == pytest.approx(25 / 36)
    assert treatment["rates"]["false_answers"]["estimate"] == pytest.approx(10 / 36)
    assert treatment["rates"]["abstention_answerable"]["estimate"] == pytest.approx(10 / 54)
    assert treatment["rates"]["refusals"]["estimate"] == pytest.approx(5 / 90)
    assert treatment["rates"]["unusable"]["estimate"] == pytest.approx(1 / 90)
    assert treatment["states"]["held_back"] == 26
    assert sum(treatment["states"].values()) == 90
    assert treatment["usd_per_1000"] == pytest.approx(1.5)
    assert control["tokens_in_mean"] == 100
    assert control["rates"]["unsupported"] is None  # no scorer of it graded anything


def test_the_interval_of_a_rate_is_wilsons(study, known):
    from statsmodels.stats.proportion import proportion_confint

    rate = of(*study(known))["answering"]["arms"][1]["rates"]["false_answers"]
    low, high = proportion_confint(10, 36, method="wilson")
    assert (rate["low"], rate["high"]) == pytest.approx((low, high))
    assert rate["n_items"] == rate["n_clusters"] == 36


def test_a_difference_of_false_answers_is_in_rates_and_is_that_of_the_scores_turned(study, known):
    from statsmodels.stats.contingency_tables import mcnemar

    summary = of(*study(known, primary=[HONEST]))
    gap = one(summary["answering"]["contrasts"], endpoint="false_answers")
    declared = summary["contrasts"][0]
    assert gap["difference"]["estimate"] == pytest.approx((10 - 25) / 36)
    assert gap["difference"]["low"] == -declared["difference"]["high"]
    assert gap["p_value"] == pytest.approx(mcnemar([[9, 17], [2, 8]], exact=True).pvalue)
    assert gap["lower_is_better"] is True
    assert (gap["primary"], gap["p_bh"]) == (True, None)
    assert gap["p_adjusted"] == declared["p_adjusted"] == gap["p_value"]
    assert gap["sentence"] == declared["sentence"]
    assert declared["sentence"].startswith("“treatment” makes fewer false answers than “control”: ")
    assert "on unanswerable questions like these" in declared["sentence"]
    assert "better" not in declared["sentence"]


def test_one_family_of_the_study_adjusts_the_metrics_together(study, known):
    from statsmodels.stats.multitest import multipletests

    path, plan = study(known, primary=[HONEST, NOT_WORSE], family="study")
    summary = of(path, plan)
    honest, loss = summary["contrasts"]
    entering = [honest["p_value"], min(1, 2 * loss["one_sided"]["non_inferiority"])]
    adjusted = [honest["p_adjusted"], loss["p_adjusted"]]
    assert adjusted == pytest.approx(multipletests(entering, method="holm")[1])
    assert [f["over"] for f in summary["families"][:2]] == ["study", "study"]
    shown = {c["endpoint"]: c for c in summary["answering"]["contrasts"] if c["primary"]}
    assert shown["exact_match"]["p_adjusted"] == loss["p_adjusted"]
    assert [shown[e]["against"] for e in ("exact_match", "false_answers")] == [-0.1, None]
    plan["analysis"]["family"] = "metric"
    assert of(path, plan)["contrasts"][0]["p_adjusted"] == honest["p_value"]


def test_a_declared_contrast_the_other_way_round_is_turned_back(study, known):
    turned = HONEST | {"a": "control", "b": "treatment"}
    straight, back = (
        one(of(*study(known, primary=[p]))["answering"]["contrasts"], endpoint="false_answers")
        for p in (HONEST, turned)
    )
    assert back["difference"] == straight["difference"]


def test_what_is_no_primary_is_adjusted_as_exploration(study, known):
    from statsmodels.stats.multitest import multipletests

    found = of(*study(known, primary=[HONEST, NOT_WORSE]))["answering"]["contrasts"]
    others = [e for e in found if not e["primary"]]
    expected = multipletests([e["p_value"] for e in others], method="fdr_bh")[1]
    assert [e["p_bh"] for e in others] == pytest.approx(expected)
    assert {e["endpoint"] for e in found if e["primary"]} == {"false_answers", "exact_match"}
    assert all(e["p_adjusted"] is None for e in others)


def test_the_price_is_the_ratio_of_the_extra_dollars_to_the_false_answers_avoided(study, known):
    price = of(*study(known))["answering"]["price"][0]
    assert price["extra_usd_per_1000"] == pytest.approx(0.5)
    assert price["avoided_per_1000"] == pytest.approx(1000 * 15 / 36)
    # 90 questions cost 0.0005 dollars more each, and 15 false answers are avoided.
    assert price["usd_per_avoided"]["estimate"] == pytest.approx(90 * 0.0005 / 15)
    assert price["usd_per_avoided"]["low"] < 0.003 < price["usd_per_avoided"]["high"]
    assert price["reason"] is None
    assert price["share_unanswerable"] == pytest.approx(36 / 90)


@pytest.mark.parametrize(
    ("usd", "reason", "says"),
    [
        ((0.002, 0.001), "it costs nothing more", "avoiding them is free"),
        ((0.0, 0.0), "it costs nothing more", "costs nothing more"),
        ((None, None), "no price of its answers is known", "is not known"),
    ],
)
def test_a_price_is_never_negative_and_never_made_up(study, known, usd, reason, says):
    for row in known:
        row["usd"] = usd[row["condition_id"].startswith("treatment")]
    price = of(*study(known))["answering"]["price"][0]
    assert (price["usd_per_avoided"], price["reason"]) == (None, reason)
    assert says in price["sentence"]


def test_without_a_gain_in_false_answers_there_is_no_price(study, answer):
    rows = []
    for n in range(40):
        for condition in ("control", "treatment"):
            happened = "false_answer" if (n + (condition == "control")) % 2 else "held_back"
            rows += answer(condition, f"i{n}", happened, usd=0.001)
    price = of(*study(rows))["answering"]["price"][0]
    assert price["reason"] == "whether it avoids false answers at all is open"


@pytest.mark.long
def test_flips_are_at_most_five_a_direction_and_do_not_depend_on_the_order_of_rows(study, known):
    flips = of(*study(known))["answering"]["flips"]
    shuffled = list(known)
    random.Random(3).shuffle(shuffled)
    assert of(*study(shuffled))["answering"]["flips"] == flips
    held = [f for f in flips if f["direction"] == "false_answer→held_back"]
    assert len(held) == 5
    assert len({f["item_id"] for f in held}) == 5
    assert len([f for f in flips if f["direction"] == "wrong→refused"]) == 2
    assert all(f["direction"].split("→")[0] in STATES for f in flips)


@pytest.mark.long
def test_the_file_is_the_same_byte_by_byte_in_any_order_of_the_rows(study, known):
    first = json.dumps(of(*study(known, primary=[HONEST, NOT_WORSE])))
    for seed in (1, 2):
        random.Random(seed).shuffle(known)
        assert json.dumps(of(*study(known, primary=[HONEST, NOT_WORSE]))) == first


def test_the_file_is_what_its_schema_says(study, known):
    Inference.model_validate(of(*study(known, primary=[HONEST, NOT_WORSE], family="study")))


def test_arms_that_answer_alike_differ_in_nothing(study, answer):
    rows = []
    for n in range(60):
        happened = ("right", "wrong", "abstained", "held_back", "false_answer")[n % 5]
        for condition in ("control", "treatment"):
            rows += answer(condition, f"i{n}", happened, usd=0.001)
    found = of(*study(rows))["answering"]
    assert found["flips"] == []
    for gap in found["contrasts"]:
        assert gap["difference"]["estimate"] == 0
        assert gap["difference"]["low"] < 0 < gap["difference"]["high"]
        assert gap["p_value"] == 1
        assert "cannot tell" in gap["sentence"]
    assert "tells “treatment” and “control” apart" in found["power"][0]["sentence"]
    assert found["power"][0]["items_for_halving"] > 0


def test_without_unanswerable_items_nothing_is_said_of_them(study, answer):
    rows = []
    for n in range(30):
        for condition in ("control", "treatment"):
            rows += answer(condition, f"i{n}", "right" if n % 3 else "wrong")
    found = of(*study(rows))["answering"]
    arm = found["arms"][0]
    assert (arm["n_answerable"], arm["n_unanswerable"]) == (30, 0)
    assert arm["rates"]["false_answers"] is None
    assert found["power"] == []
    assert found["price"] == []
    assert found["misread"] is None
    assert [f["answerable"] for f in found["flows"]] == [True]


def test_without_a_scorer_of_false_answers_nobody_knows_what_is_answerable(study, known):
    scorers = [s for s in SCORERS if s["scorer"] != "no_false_answer"]
    rows = [row for row in known if row["scorer"] != "honest"]
    found = of(*study(rows, scorers=scorers))["answering"]
    assert found["arms"][0]["n_answerable"] is None
    assert found["arms"][0]["rates"]["abstention_answerable"] is None
    assert found["flows"][0]["answerable"] is None
    assert found["price"] == []


def test_a_study_of_other_scorers_has_no_such_chapter(study, make_row):
    rows = [make_row(c, f"i{n}", n % 2) for n in range(20) for c in ("control", "treatment")]
    path, plan = study(rows, scorers=[{"name": "exact", "scorer": "exact"}])
    assert of(path, plan)["answering"] is None


def test_an_arm_of_which_every_answer_was_lost_has_no_rates_and_no_contrast(study, answer):
    rows = []
    for n in range(30):
        rows += answer("control", f"i{n}", "false_answer" if n % 3 else "held_back")
        rows += [
            row | {"outcome": "error", "strict": None, "observed": None}
            for row in answer("treatment", f"i{n}", "held_back")
        ]
    found = of(*study(rows, primary=[HONEST]))["answering"]
    failed = one(found["arms"], condition="treatment")
    assert (failed["n_items"], failed["n_answers"], failed["states"]) == (0, 0, {"lost": 30})
    assert all(rate is None for rate in failed["rates"].values())
    assert found["flips"] == [] == found["flows"]
    gap = one(found["contrasts"], endpoint="false_answers")
    assert (gap["difference"], gap["rate"], gap["direction"]) == (None, None, None)
    assert "0 items answered by both" in gap["reasons"][0]
    assert "0 items answered by both" in one(found["contrasts"], endpoint="abstention")["sentence"]
    assert failed["no_rate"]["false_answers"] == "none of its answers came"


def test_replications_are_averaged_within_the_item(study, answer):
    """Two of three answers of each item held back: the rate is a third, of 30 items."""
    rows = []
    for n in range(30):
        for r, happened in enumerate(("held_back", "held_back", "false_answer")):
            rows += answer("treatment", f"i{n}", happened, replication=r)
            rows += answer("control", f"i{n}", "false_answer", replication=r)
    found = of(*study(rows, replications=3))["answering"]
    arm = one(found["arms"], condition="treatment")
    assert arm["rates"]["false_answers"]["estimate"] == pytest.approx(1 / 3)
    assert (arm["n_items"], arm["n_answers"]) == (30, 90)
    assert found["flows"][0]["n_pairs"] == 90
    gap = one(found["contrasts"], endpoint="false_answers")
    assert (gap["difference"]["estimate"], gap["n_items"]) == (pytest.approx(-2 / 3), 30)


def test_every_arm_is_averaged_over_the_same_trials(study, answer):
    rows = []
    for n in range(30):
        for sampling in ("greedy", "warm"):
            rows += answer("control", f"i{n}", "false_answer", sampling=sampling)
        rows += answer("treatment", f"i{n}", "held_back", sampling="greedy")
        rows += answer("treatment", f"i{n}", "false_answer", sampling="warm")
    found = of(*study(rows, samplings=("greedy", "warm")))["answering"]
    assert len(found["arms"]) == 2
    rate = one(found["arms"], condition="treatment")["rates"]["false_answers"]
    assert rate["estimate"] == pytest.approx(0.5)
    assert found["flows"][0]["n_pairs"] == 60


def test_clusters_have_cr2(study, answer):
    """Ten passages of six: interval and p-value of the declared contrast, and a design effect above 1."""
    rows = []
    for n in range(60):
        passage = n // 6
        rows += answer("control", f"i{n}", "false_answer", cluster=f"p{passage}")
        happened = "held_back" if passage < 5 else "false_answer"
        rows += answer("treatment", f"i{n}", happened, cluster=f"p{passage}")
    found = of(*study(rows, primary=[HONEST]))["answering"]
    gap = one(found["contrasts"], endpoint="false_answers")
    assert (gap["n_clusters"], gap["difference"]["method"]) == (10, "CR2 clustered t")
    assert found["arms"][1]["rates"]["false_answers"]["n_clusters"] == 10
    # CR2 over s²/n: all of a passage alike, 6·(10/9)·(59/60) by hand.
    assert found["power"][0]["design_effect"] == pytest.approx(6 * 10 / 9 * 59 / 60)


def test_another_control_may_be_named(study, known):
    path, plan = study(known)
    plan["analysis"]["control"] = "treatment"
    found = of(path, plan)["answering"]
    assert found["control"] == "treatment"
    gap = one(found["contrasts"], endpoint="false_answers")
    assert (gap["condition"], gap["difference"]["estimate"]) == (
        "control",
        pytest.approx((25 - 10) / 36),
    )


def test_the_first_condition_is_the_control_where_none_has_that_name(study, answer):
    rows = []
    for n in range(25):
        rows += answer("plain", f"i{n}", "right") + answer("other", f"i{n}", "wrong")
    found = of(*study(rows, conditions=("plain", "other")))["answering"]
    assert (found["control"], found["contrasts"][0]["condition"]) == ("plain", "other")


def test_parts_are_compared_and_adjusted_together_and_small_ones_left_out(study, answer):
    from statsmodels.stats.multitest import multipletests

    rows = []
    for n in range(110):
        source = "squad2" if n < 50 else "nq_open" if n < 100 else "tiny"
        book = n < 50
        for condition in ("control", "treatment"):
            last = n % (3 if condition == "control" else 5) == 0
            rows += answer(
                condition, f"i{n}", "wrong" if last else "right", source=source,
                support=(0.9, 1) if book else None,
            )  # fmt: skip
    found = of(*study(rows))["answering"]
    parts = {(s["by"], s["level"], s["endpoint"]) for s in found["subgroups"]}
    assert ("dataset", "squad2", "exact_match") in parts
    assert ("kind", "closed_book", "exact_match") in parts
    assert not any(level == "tiny" for _, level, _ in parts)
    assert not any(endpoint == "unsupported" for _, _, endpoint in parts)  # all of it is one part
    expected = multipletests([s["p_value"] for s in found["subgroups"]], method="fdr_bh")[1]
    assert [s["p_bh"] for s in found["subgroups"]] == pytest.approx(expected)
    pooled = one(found["across_datasets"], endpoint="exact_match")
    assert [row["dataset"] for row in pooled["rows"]] == ["nq_open", "squad2"]
    assert pooled["pooled"]["random"]["method"].startswith("random effects")


def test_one_dataset_has_nothing_to_pool(study, known):
    assert of(*study(known))["answering"]["across_datasets"] is None


def test_the_threshold_of_support_is_varied(study, answer):
    """Half of the treatment's answers have support 0.67, half 1; the control's 0.3."""
    rows = []
    for n in range(40):
        rows += answer("control", f"i{n}", "right", support=(0.3, 0))
        rows += answer("treatment", f"i{n}", "right", support=((0.67, 1.0)[n % 2], 1))
    # Who abstains claims nothing, and has no support.
    for condition in ("control", "treatment"):
        rows += answer(condition, "i40", "abstained", support=(None, 1))
    found = of(*study(rows))["answering"]["threshold"]
    rates = {t["threshold"]: (t["rate_control"], t["rate_arm"]) for t in found}
    assert rates[0.25] == (0, 0)
    assert rates[0.5] == pytest.approx((40 / 41, 0))
    assert rates[0.75] == pytest.approx((40 / 41, 20 / 41))
    assert one(found, threshold=0.5)["difference"]["estimate"] == pytest.approx(-40 / 41)


def test_the_items_for_a_halving_have_the_power_that_they_are_for(study, known):
    from splitplot.inference.mcnemar import mcnemar_power

    power = of(*study(known))["answering"]["power"][0]
    telling, halved = 19 / 36, 25 / 36 / 2
    p_b, p_c = (telling + halved) / 2, (telling - halved) / 2
    needed = power["items_for_halving"]
    assert mcnemar_power(needed, p_b, p_c) >= 0.8 > mcnemar_power(needed - 1, p_b, p_c)
    seen = power["smallest_detectable"]
    at = mcnemar_power(36, (telling + seen) / 2, (telling - seen) / 2)
    assert at == pytest.approx(0.8, abs=1e-6)


def test_the_text_of_an_answer_is_never_read(study, known):
    path, plan = study(known)
    assert "response" not in load_data(path, plan).table.text


def test_an_abstention_is_never_explored_as_better_or_worse(study, known):
    summary = of(*study(known))
    metrics = {entry["metric"] for entry in summary["exploration"]}
    assert "abstains" not in metrics
    shown = one(summary["answering"]["contrasts"], endpoint="abstention")
    assert shown["lower_is_better"] is None


def test_the_number_of_answers_without_known_rightness_is_kept_apart(study, known):
    """Without exact match an answer is neither right nor wrong."""
    scorers = [s for s in SCORERS if s["scorer"] in ("abstention", "no_false_answer")]
    rows = [row for row in known if row["scorer"] in ("abstains", "honest")]
    found = of(*study(rows, scorers=scorers[::-1]))["answering"]
    states = found["arms"][0]["states"]
    assert states["answered"] == 53
    assert np.isclose(sum(states.values()), 90)
