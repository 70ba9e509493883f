"""A comparison that the chapter `answering` shows is explored there and nowhere else."""

import json

import pytest

from splitplot.inference.summary import summarise

SCORERS = [
    {"name": "em", "scorer": "qa_em"},
    {"name": "f1", "scorer": "qa_f1"},
    {"name": "abstains", "scorer": "abstention"},
    {"name": "honest", "scorer": "no_false_answer"},
]
PRIMARY = {
    "factor": "condition", "a": "treatment", "b": "control", "margin": 0.02,
    "margin_is_default": False, "scope": "items", "missing": "strict",
}  # fmt: skip
HONEST = PRIMARY | {"name": "fewer false answers", "metric": "honest"}
NOT_WORSE = PRIMARY | {"name": "no loss", "metric": "em", "margin": 0.1, "aim": "non-inferiority"}
RATES = {
    "false_answers": "honest", "exact_match": "em", "f1": "f1", "abstention": "abstains",
}  # fmt: skip
PAIRS = (
    *(("right", "right"),) * 40, *(("right", "abstained"),) * 13, *(("abstained", "right"),) * 3,
    *(("false_answer", "false_answer"),) * 15, *(("false_answer", "held_back"),) * 12,
    *(("held_back", "false_answer"),) * 4, *(("held_back", "held_back"),) * 13,
)  # fmt: skip


@pytest.fixture
def found(answer, make_plan, write_with):
    """found(…): inference.json of 100 questions. second: whether there is a third condition."""

    def run(primary, scorers=SCORERS, second=False):
        names = ("control", "treatment", "second")[: 3 if second else 2]
        rows = []
        for number, pair in enumerate(PAIRS):
            for condition, happened in zip(names, (*pair, pair[number % 2]), strict=False):
                rows += answer(condition, f"i{number:03}", happened)
        plan = make_plan(conditions=names, primary=list(primary))
        plan["scorers"] = scorers
        path = write_with(rows, support="double", usd="double", tokens_in="int64")
        return json.loads(json.dumps(summarise(path, plan, None)))

    return run


@pytest.mark.parametrize(
    "primary",
    [
        pytest.param([], id="none", marks=pytest.mark.long),
        pytest.param([HONEST], id="one", marks=pytest.mark.long),
        pytest.param([HONEST, NOT_WORSE], id="both"),
        pytest.param(
            [HONEST | {"a": "control", "b": "treatment"}, NOT_WORSE],
            id="turned",
            marks=pytest.mark.long,
        ),
    ],
)
@pytest.mark.parametrize("first", range(len(SCORERS)), ids=[one["name"] for one in SCORERS])
def test_no_comparison_has_two_adjusted_p_values(found, primary, first):
    """Whatever is declared and whichever scorer is first: by metric, over everything in the file."""
    scorers = [SCORERS[first], *SCORERS[:first], *SCORERS[first + 1 :]]
    inference = found(primary, scorers)
    adjusted = {}
    for entry in (*inference["contrasts"], *inference["exploration"]):
        metric = scorers[0]["name"] if entry["metric"] == "score" else entry["metric"]
        adjusted.setdefault(metric, set()).add((entry["p_value"], entry["p_adjusted"]))
    rows = [e for e in inference["answering"]["contrasts"] if e["endpoint"] in RATES]
    assert {e["endpoint"] for e in rows} == set(RATES)
    for entry in rows:
        p = entry["p_adjusted"] if entry["primary"] else entry["p_bh"]
        adjusted.setdefault(RATES[entry["endpoint"]], set()).add((entry["p_value"], p))
    assert all(len(pairs) == 1 for pairs in adjusted.values()), adjusted
    declared = {RATES[e["endpoint"]] for e in rows if e["primary"]}
    assert declared == {one["metric"] for one in primary}


def test_between_two_other_conditions_the_declared_one_is_explored_by_the_other_scorers(found):
    others = HONEST | {"a": "second", "b": "treatment", "metric": "score"}
    exploration = found([others], second=True)["exploration"]
    assert {(e["metric"], e["a"], e["b"]) for e in exploration} == {
        ("f1", "second", "treatment"),
        ("honest", "second", "treatment"),
    }
    assert {e["adjustment"] for e in exploration} == {"Benjamini-Hochberg"}
