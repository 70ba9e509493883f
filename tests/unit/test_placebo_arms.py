"""Conditions that are placebos of others: their place in the plan, their ids, and every refusal."""

import pytest

from splitplot.placebo_prompts import KINDS, placebo_text
from splitplot.study import load_study

SYSTEM = "Answer from the passage. Say when it has no answer. Do not guess. Be brief."
TREATMENT = "prompts/careful.md"
ARMS = {"control": "prompts/solver/direct.md", "careful": TREATMENT}


def write(root, system=SYSTEM, body="{{ input }}", name=TREATMENT):
    front = f"---\nsystem: {system}\n---\n" if system else ""
    root.write(name, f"{front}{body}\n")


@pytest.fixture
def arms(root):
    """A study with a control, a treatment, and whatever placebos are given."""
    write(root)
    root.study["conditions"] = ARMS

    def conditions(**placebos):
        return {
            name: {"placebo_of": given[0], "kind": given[1]} if isinstance(given, tuple) else given
            for name, given in (ARMS | placebos).items()
        }

    root.conditions = conditions
    return root


def of(plan, name):
    return next(arm for arm in plan["conditions"] if arm["name"] == name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_placebo_is_the_treatment_with_another_system_text(arms, kind):
    plan = arms.plan(conditions=arms.conditions(p=("careful", kind)))
    treatment, placebo = of(plan, "careful"), of(plan, "p")
    assert placebo["placebo"] == {"of": "careful", "kind": kind}
    assert placebo["path"] == TREATMENT
    assert placebo["template"] == {
        **treatment["template"],
        "system": placebo_text(SYSTEM, kind),
    }
    assert placebo["hash"] != treatment["hash"]
    assert "placebo" not in treatment


def test_a_study_without_placebos_has_the_plan_it_had(arms):
    """Placebos that are not asked leave no trace; the plan digests of older studies are pinned elsewhere."""
    plan = arms.plan()
    assert all(set(arm) == {"id", "hash", "name", "path", "template"} for arm in plan["conditions"])
    excluded = arms.conditions(p=("careful", "length"))
    again = arms.plan(conditions=excluded, exclude=[{"condition": "p"}])
    assert again["digests"] == plan["digests"]


def test_a_placebo_outlives_the_exclusion_of_its_treatment(arms):
    conditions = arms.conditions(p=("careful", "length"))
    plan = arms.plan(conditions=conditions, exclude=[{"condition": "careful"}])
    assert [arm["name"] for arm in plan["conditions"]] == ["control", "p"]


def test_a_changed_treatment_changes_its_placebos_and_a_comment_does_not(arms):
    conditions = arms.conditions(p=("careful", "length"), q=("careful", "share-50"))
    before = arms.plan(conditions=conditions)
    write(arms, SYSTEM, "{# a note #}{{ input }}")
    assert arms.plan(conditions=conditions)["conditions"] == before["conditions"]
    write(arms, "Be kind. " + SYSTEM)
    after = arms.plan(conditions=conditions)
    for name in ("careful", "p", "q"):
        assert of(after, name)["id"] != of(before, name)["id"]
    assert of(after, "control") == of(before, "control")


def test_an_edit_of_the_neutral_text_changes_the_ids_of_what_is_made_of_it(arms, monkeypatch):
    conditions = arms.conditions(p=("careful", "length"), q=("careful", "shuffled"))
    before = arms.plan(conditions=conditions)
    monkeypatch.setattr("splitplot.placebo_prompts.SENTENCES", ("The oak stood by the lane.",) * 3)
    after = arms.plan(conditions=conditions)
    assert of(after, "p")["hash"] != of(before, "p")["hash"]
    assert of(after, "q")["hash"] == of(before, "q")["hash"]


def test_a_placebo_may_be_laid_over_by_another_study(arms):
    arms.save(conditions=arms.conditions(p=("careful", "length")))
    path = arms.write(
        "config/studies/t.yaml", "study: t\nextends: s\nconditions: {p: {kind: shuffled}}\n"
    )
    assert load_study(path, arms.path).conditions["p"].kind == "shuffled"


REFUSED = [
    (
        {"placebo_of": "careful"},
        "conditions.p: `placebo_of` needs a `kind`: length, shuffled, structure",
    ),
    ({"kind": "length"}, "conditions.p: give `template`, or `placebo_of` with `kind`"),
    ({}, "conditions.p: give `template`, or `placebo_of` with `kind`"),
    ({"template": TREATMENT, "kind": "length"}, "conditions.p: `kind` belongs to `placebo_of`"),
    (
        {"template": TREATMENT, "placebo_of": "careful", "kind": "length"},
        "conditions.p: give `template` or `placebo_of`, not both",
    ),
    (
        {"placebo_of": "careful", "kind": "lenght"},
        'conditions.p.kind: "lenght" is not allowed; did you mean "length"?',
    ),
    (
        {"placebo_of": "carefull", "kind": "length"},
        'conditions.p.placebo_of: no condition "carefull"; did you mean "careful"?',
    ),
    (
        {"placebo_of": "p", "kind": "length"},
        "conditions.p.placebo_of: itself is a placebo; a placebo is",
    ),
    ({"placebo_for": "careful", "kind": "length"}, 'did you mean "placebo_of"?'),
]


@pytest.mark.parametrize(("entry", "message"), REFUSED)
def test_a_condition_that_is_no_placebo_is_refused_with_its_place(arms, entry, message):
    assert message in arms.refusal(conditions=arms.conditions(p=entry))


def test_a_placebo_of_a_placebo_is_refused(arms):
    conditions = arms.conditions(p=("careful", "length"), q=("p", "shuffled"))
    message = arms.refusal(conditions=conditions)
    assert (
        'conditions.q.placebo_of: "p" is a placebo; a placebo is made of a condition that'
        in message
    )
    assert "(known: careful, control)" in message


def test_a_treatment_without_a_system_text_is_refused_with_what_to_do(arms):
    message = arms.refusal(conditions=arms.conditions(p=("control", "length")))
    assert "conditions.p.kind: length: prompts/solver/direct.md has no system text" in message
    assert "put what is tested under `system:` in its front matter" in message


def test_jinja_in_the_system_text_is_refused(arms):
    write(arms, '"{% if context %}Read.{% endif %} Be kind."')
    message = arms.refusal(conditions=arms.conditions(p=("careful", "length")))
    assert (
        "conditions.p.kind: length: prompts/careful.md: the system text has Jinja ({%)" in message
    )


def test_a_missing_treatment_is_told_once(arms):
    conditions = arms.conditions(careful="prompts/gone.md", p=("careful", "length"))
    message = arms.refusal(conditions=conditions)
    assert message.count("\n") == 0
    assert "no template prompts/gone.md" in message


def test_shares_that_come_out_the_same_say_how_many_sentences_there_are(arms):
    write(arms, "Do not guess. Be brief.")
    conditions = arms.conditions(p=("careful", "share-25"), q=("careful", "share-50"))
    message = arms.refusal(conditions=conditions)
    assert 'conditions "p" (share-25) and "q" (share-50) come out as the same text' in message
    assert 'the system text of "careful" has 2 sentences or list lines, too few for both' in message


def test_a_share_of_one_sentence_is_refused(arms):
    write(arms, "Do not guess.")
    message = arms.refusal(conditions=arms.conditions(p=("careful", "share-75")))
    assert (
        "conditions.p.kind: share-75: prompts/careful.md: the system text is one sentence"
        in message
    )


def test_a_share_that_is_another_arm_is_refused(arms):
    write(arms, "Answer from the passage. Say when it has no answer.", name="prompts/half.md")
    conditions = arms.conditions(half="prompts/half.md", p=("careful", "share-50"))
    message = arms.refusal(conditions=conditions)
    assert 'conditions "half" and "p" (share-50) come out as the same text' in message


def test_the_same_placebo_under_two_names_is_refused(arms):
    conditions = arms.conditions(p=("careful", "length"), q=("careful", "length"))
    message = arms.refusal(conditions=conditions)
    assert 'conditions "p" (length) and "q" (length) come out as the same text' in message
    assert message.endswith("; remove one of them")
