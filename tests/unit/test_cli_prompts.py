"""`splitplot prompts`: the arms, what they add, what is shared or paid for, and their text."""

import json
from pathlib import Path

import pytest

from splitplot.calls.ledger import LedgerWriter
from splitplot.calls.records import Response, Usage
from splitplot.calls.requests import cell_requests
from splitplot.cli import main
from splitplot.design import make_plan
from splitplot.items import load_items

SYSTEM = "Answer from the passage.\n  Say when it has no answer. Do not guess. Be brief."


@pytest.fixture
def here(root, monkeypatch):
    """A workspace with a simulated study of a control, a treatment and two placebos; 3 items, 2 runs."""
    monkeypatch.chdir(root.path)
    rows = [{"id": str(n), "input": f"What is {n}?", "target": n} for n in (1, 2, 3)]
    root.write("data/items.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    root.write("prompts/careful.md", f"---\nsystem: |\n  {SYSTEM}\n---\n{{{{ input }}}}\n")
    root.study |= {
        "models": ["strong"],
        "replications": 2,
        "conditions": {
            "control": "prompts/solver/direct.md",
            "careful": "prompts/careful.md",
            "neutral": {"placebo_of": "careful", "kind": "length"},
            "half": {"placebo_of": "careful", "kind": "share-50"},
        },
    }
    root.save()
    return root


@pytest.fixture
def call(capsys):
    def run(*arguments):
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def answer(root, study, condition, count):
    """Record answers to the first requests of a condition, as a run would."""
    plan = make_plan(Path(f"config/studies/{study}.yaml"), root.path)
    items, _ = load_items(plan["items"], root=root.path, limit=None, pins=root.path, read_only=True)
    arm = next(arm for arm in plan["conditions"] if arm["name"] == condition)
    trial = plan["trials"][0]
    with LedgerWriter(Path("results/ledger"), trial["hash"], {"study": study}) as writer:
        for request, _, _ in list(cell_requests(trial, arm, 2, items))[:count]:
            usage = Usage(5, 10)
            writer.response(Response(request.key, "ok", text="1", usage=usage, study=study))


def test_every_arm_is_told_with_what_it_adds_to_the_control(here, call):
    code, out, err = call("prompts", "s", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    arms = {arm["condition"]: arm for arm in found["arms"]}
    assert found["control"] == "control"
    assert list(arms) == ["control", "careful", "neutral", "half"]
    assert arms["careful"]["characters"] == arms["neutral"]["characters"]
    assert arms["half"]["added_tokens"] < arms["careful"]["added_tokens"]
    assert arms["half"]["placebo"] == {"of": "careful", "kind": "share-50"}
    assert arms["neutral"]["path"] == "prompts/careful.md"
    assert (found["requests"], found["shared"], found["in_ledger"]) == (24, 0, 0)
    assert {row["reason"] for row in found["costs"]} == {"simulated: nothing is paid"}


def test_the_answers_to_the_control_of_another_study_are_in_the_ledger(here, call):
    here.save(study="earlier", conditions={"plain": "prompts/solver/direct.md"})
    answer(here, "earlier", "plain", 5)
    found = json.loads(call("prompts", "s", "--json")[1])
    assert [arm["in_ledger"] for arm in found["arms"]] == [5, 0, 0, 0]
    estimated = json.loads(call("estimate", "s", "--json")[1])
    assert found["in_ledger"] == estimated["in_ledger"] == 5
    out = call("prompts", "s")[1]
    assert "5 answers are in the ledger, in whichever study they were bought" in out


def test_requests_of_items_with_the_same_text_are_shared(here, call):
    rows = [{"id": str(n), "input": "What is it?", "target": 1} for n in (1, 2, 3)]
    here.write("data/items.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found = json.loads(call("prompts", "s", "--json")[1])
    assert (found["requests"], found["shared"]) == (24, 16)


def test_an_arm_is_shown_as_it_will_be_sent(here, call):
    code, out, _ = call("prompts", "s", "--show", "half")
    assert code == 0
    first, shown = out.split("\n\n", 1)
    assert first.startswith("half (prompts/careful.md, share-50 of careful, ")
    half = "--- system\nAnswer from the passage.\nSay when it has no answer.\n\n"
    assert shown == half + "--- user, with the item in its places\n{{ input }}\n"
    whole = json.loads(call("prompts", "s", "--show", "neutral", "--json")[1])
    assert len(whole["template"]["system"]) == len(SYSTEM.replace("\n  ", "\n"))


def test_an_unknown_arm_is_refused_with_the_near_miss(here, call):
    code, _, err = call("prompts", "s", "--show", "neutrl")
    assert code == 2
    assert 'config/studies/s.yaml: --show: no condition "neutrl"; did you mean "neutral"?' in err


def test_hidden_characters_of_a_prompt_are_shown(here, call):
    here.write("prompts/careful.md", '---\nsystem: "Be\\u202e kind."\n---\n{{ input }}\n')
    here.save(conditions={"careful": "prompts/careful.md"})
    out = call("prompts", "s", "--show", "careful")[1]
    assert "Be⟨U+202E⟩ kind." in out
