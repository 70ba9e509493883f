"""The study's key `confidence`: what it may say, and that a study without it is as it was."""

import pytest

from splitplot.study import load_study

TEXT = {"from": "text", "pattern": r"Confidence: (\d+)%"}
GREEDY = {"name": "greedy", "temperature": 0, "max_tokens": 64}


def test_a_study_without_the_key_has_nothing_of_it_in_its_plan(root):
    plan = root.plan()
    assert "confidence" not in plan
    assert load_study(root.save(), root.path).confidence is None


def test_the_plan_tells_what_is_read_with_its_defaults_and_a_digest(root):
    found = root.plan(confidence=TEXT)["confidence"]
    assert {k: v for k, v in found.items() if k != "digest"} == TEXT | {"scale": "percent"}
    assert len(found["digest"]) == 16
    explicit = root.plan(confidence=TEXT | {"scale": "percent"})["confidence"]
    assert explicit == found


def test_the_key_touches_the_scores_alone_and_no_id(root):
    before, after = root.plan(), root.plan(confidence=TEXT)
    changed = {k for k in before["digests"] if before["digests"][k] != after["digests"][k]}
    assert changed == {"plan", "scores"}
    assert before["trials"] == after["trials"]
    assert before["cells"] == after["cells"]
    other = root.plan(confidence=TEXT | {"scale": "unit"})
    assert other["digests"]["scores"] != after["digests"]["scores"]


def test_logprobs_need_a_sampling_that_asks_for_them(root):
    assert "needs a sampling with `logprobs: true`" in root.refusal(confidence={"from": "logprobs"})
    plan = root.plan(confidence={"from": "logprobs"}, sampling=[GREEDY | {"logprobs": True}])
    assert plan["confidence"]["from"] == "logprobs"
    assert "pattern" not in plan["confidence"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"from": "text"}, "needs a `pattern` with one group"),
        ({"from": "text", "pattern": r"\d+"}, "`pattern` has 0 groups; it needs one"),
        ({"from": "text", "pattern": r"(\d+)/(\d+)"}, "`pattern` has 2 groups"),
        ({"from": "text", "pattern": "(["}, "is no regular expression"),
        ({"from": "logprobs", "pattern": "(a)"}, "belong to `from: text`"),
        ({"from": "logprobs", "scale": "unit"}, "belong to `from: text`"),
        ({"from": "logprob"}, 'did you mean "logprobs"'),
        (TEXT | {"scale": "percents"}, 'did you mean "percent"'),
        (TEXT | {"patern": "x"}, "confidence.patern: unknown key"),
        ("text", "must be a mapping"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(root, value, said):
    message = root.refusal(confidence=value)
    assert "config/studies/s.yaml: " in message
    assert said in message
