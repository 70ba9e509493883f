"""The study's key `analysis.raters`: what it may say, and that a study without it is as it was."""

import pytest

SCORERS = ["numeric", "exact", {"scorer": "regex", "pattern": "2"}, "f1"]
PRIMARY = {"contrast": ["condition", "steps", "direct"]}


def analysis(*raters, **more):
    return {"scorers": SCORERS, "analysis": {"raters": list(raters), "primary": PRIMARY, **more}}


def test_a_study_without_the_key_has_nothing_of_it_in_its_plan(root):
    plan = root.plan(**analysis())
    assert "raters" not in plan["analysis"]
    assert plan["digests"] == root.plan(scorers=SCORERS, analysis={"primary": PRIMARY})["digests"]


def test_the_key_is_part_of_what_is_frozen_and_of_nothing_that_is_sent_or_scored(root):
    before, after = root.plan(**analysis()), root.plan(**analysis("numeric", "exact"))
    assert after["analysis"]["raters"] == ["numeric", "exact"]
    changed = {k for k in before["digests"] if before["digests"][k] != after["digests"][k]}
    assert changed == {"plan", "analysis"}


def test_a_contrast_of_any_rater_will_do(root):
    metric = PRIMARY | {"metric": "exact"}
    plan = root.plan(**analysis("regex", "exact", primary=metric))
    assert plan["analysis"]["raters"] == ["regex", "exact"]


@pytest.mark.parametrize(
    ("raters", "where", "said"),
    [
        (["numeric"], "analysis.raters: ", "1 rater has nobody to agree with; name at least 2"),
        (["numeric", "exakt"], "analysis.raters[1]: ", 'did you mean "exact"? (known: '),
        (["numeric", "numeric"], "analysis.raters[1]: ", "is listed before"),
        (["numeric", "score"], "analysis.raters[1]: ", 'write its name, "numeric"'),
        (["numeric", "confidence"], "analysis.raters[1]: ", "is what an answer tells of itself"),
        (["numeric", "usd"], "analysis.raters[1]: ", "is an amount, and no scorer (known: "),
        (["numeric", "f1"], "analysis.raters[1]: ", '"f1" grades 0 to 1, "numeric" 0 or 1'),
        (["exact", "regex"], "analysis.raters: ", 'judged by "numeric", which is not among'),
    ],
)
def test_raters_that_cannot_be_compared_are_refused_with_their_place(root, raters, where, said):
    message = root.refusal(**analysis(*raters))
    assert f"config/studies/s.yaml: {where}" in message
    assert said in message


def test_two_names_of_one_scorer_are_no_two_raters(root):
    scorers = ["numeric", {"name": "again", "scorer": "numeric"}]
    message = root.refusal(scorers=scorers, analysis={"raters": ["numeric", "again"]})
    assert "could never disagree with it" in message


def test_the_scale_of_a_scorer_of_your_own_is_known_only_from_its_scores(root):
    root.write("mine.py", "def grade(response, item):\n    return 3.5\n")
    scorers = ["numeric", {"name": "mine", "scorer": "mine.py:grade"}]
    plan = root.plan(scorers=scorers, analysis={"raters": ["numeric", "mine"]})
    assert plan["analysis"]["raters"] == ["numeric", "mine"]


def test_partial_credit_decides_the_scale_of_reasoning_gym():
    from splitplot.scoring.registry import KNOWN
    from splitplot.scoring.scales import BINARY, SCALES, SHARE, scale_of

    assert set(SCALES) == set(KNOWN), "every built-in scorer has a scale"
    assert scale_of("reasoning_gym", {}) == SHARE
    assert scale_of("reasoning_gym", {"partial_credit": False}) == BINARY
    assert scale_of("mine.py:grade", {}) is None
