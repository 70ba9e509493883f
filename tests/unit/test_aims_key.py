"""`analysis.primary[].aim`, `analysis.family` and `analysis.control`: what they may say, and that a study
without them is as it was."""

import pytest

PRIMARY = {"contrast": ["condition", "steps", "direct"], "margin": 0.05}
AIM = PRIMARY | {"aim": "non-inferiority"}
KEYS = ("family", "control", "aim")


def test_a_study_without_the_keys_has_nothing_of_them_in_its_plan(root):
    plan = root.plan(analysis={"primary": PRIMARY})
    assert not set(KEYS) & {*plan["analysis"], *plan["analysis"]["primary"][0]}
    said = {"primary": PRIMARY | {"aim": "difference"}, "family": "metric"}
    assert root.plan(analysis=said)["digests"] == plan["digests"]


@pytest.mark.parametrize(
    "more", [{"primary": AIM}, {"family": "study"}, {"control": "direct"}], ids=str
)
def test_each_is_part_of_what_is_frozen_and_of_nothing_that_is_sent_or_scored(root, more):
    before = root.plan(analysis={"primary": PRIMARY})["digests"]
    after = root.plan(analysis={"primary": PRIMARY} | more)["digests"]
    assert {k for k in before if before[k] != after[k]} == {"plan", "analysis"}


@pytest.mark.parametrize(
    ("analysis", "where", "said"),
    [
        ({"primary": PRIMARY | {"aim": "equal"}}, "aim: ", "non-inferiority"),
        ({"family": "all"}, "analysis.family: ", "study"),
        ({"control": "stepz"}, "analysis.control: ", 'did you mean "steps"?'),
        ({"primary": AIM | {"metric": "tokens_out"}}, "aim: ", '"non-inferiority" is for scores'),
        (
            {"primary": AIM, "stopping": "anytime"},
            "aim: ",
            "it needs stopping: fixed; allowed with stopping: anytime: difference",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(root, analysis, where, said):
    message = root.refusal(analysis=analysis)
    assert where in message
    assert said in message


def test_a_scorer_that_is_neither_good_nor_bad_decides_nothing(root, monkeypatch):
    from splitplot.study import aims

    monkeypatch.setattr(aims, "NEUTRAL", ("exact",))
    contrast = PRIMARY | {"metric": "exact"}
    message = root.refusal(scorers=["numeric", "exact"], analysis={"primary": contrast})
    assert '"exact" is neither good nor bad' in message
    assert "allowed: score, numeric" in message
    message = root.refusal(scorers=["exact", "numeric"], analysis={"primary": PRIMARY})
    assert "scorers[0]" in message
    assert "list one of these first: numeric" in message
