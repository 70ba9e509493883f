"""A system prompt of known effect on questions with passages, through the whole workflow on simulated
answers: the verdicts are right, and the report shows what became of the answers."""

import json
import re
from html import unescape

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PASSAGES = 180
ABSTAINED = {"control": 0.1, "treatment": 0.2, "length": 0.1}
HELD_BACK = {"control": 0.6, "treatment": 0.8, "length": 0.6}
STUDY = {
    "study": "s",
    "question": "Does the careful prompt make the model invent less?",
    "items": [{"path": "data/items.jsonl"}],
    "models": ["robot"],
    "sampling": [{"name": "low", "max_tokens": 50}],
    "conditions": {
        "control": "prompts/control.md",
        "treatment": "prompts/treatment.md",
        "length": {"placebo_of": "treatment", "kind": "length"},
    },
    "scorers": [
        {"name": "exact_match", "scorer": "qa_em", "over": "answerable"},
        {"name": "f1", "scorer": "qa_f1", "over": "answerable"},
        "abstention",
        "no_false_answer",
        {"scorer": "supported", "threshold": 0.5},
    ],
    "analysis": {
        "family": "study",
        "control": "control",
        "primary": [
            {
                "name": "false answers",
                "metric": "no_false_answer",
                "contrast": ["condition", "treatment", "control"],
                "margin": 0.02,
            },
            {
                "name": "right answers",
                "metric": "exact_match",
                "aim": "non-inferiority",
                "contrast": ["condition", "treatment", "control"],
                "margin": 0.2,
            },
            {
                "name": "placebo",
                "metric": "no_false_answer",
                "contrast": ["condition", "length", "control"],
                "margin": 0.02,
            },
        ],
    },
}
TEMPLATE = "---\nsystem: {}\n---\nPassage: {{{{ context }}}}\n\nQuestion: {{{{ input }}}}\n"


def items():
    """Passages of three questions, of which the last has no answer; a passage is hard or easy as a whole."""
    rows = []
    for p in range(PASSAGES):
        passage = f"Tower {p} is {100 + p} feet high and was built in {1200 + p}."
        for q, (asked, targets) in enumerate(
            (("high is", [f"{100 + p} feet"]), ("old is", [f"{1200 + p}"]), ("heavy is", []))
        ):
            rows.append(
                {
                    "id": f"p{p:03d}q{q}",
                    "input": f"How {asked} tower {p}?",
                    "targets": targets,
                    "context": passage,
                    "cluster": f"tower {p}",
                    "difficulty": (-2.5, -1.0, 0.5)[p % 3],
                }
            )
    return rows


@pytest.fixture(scope="module")
def done(tmp_path_factory, new_workspace):
    workspace = new_workspace(tmp_path_factory.mktemp("answering"))
    workspace.study, workspace.items = STUDY, items()
    robot = {"seed": 7, "rates": {"abstained": ABSTAINED, "held_back": HELD_BACK}}
    workspace.models = {"models": {"robot": {"model": "sim/robot", "route": "sim", "sim": robot}}}
    workspace.write("prompts/control.md", TEMPLATE.format("You answer questions."))
    careful = "You answer questions. Never guess. If the passage does not say, admit that."
    workspace.write("prompts/treatment.md", TEMPLATE.format(careful))
    workspace.save()
    workspace.snakemake()
    return workspace


@pytest.fixture(scope="module")
def found(done):
    return json.loads(done.path("inference.json").read_text())


def test_the_verdicts_are_those_of_the_known_effects(found):
    words = {entry["name"]: entry["verdict"] for entry in found["contrasts"]}
    assert words["false answers"] in ("BETTER", "BETTER, SIZE OPEN")
    assert words["right answers"] == "NON-INFERIOR"
    assert words["placebo"] in ("NOT SETTLED", "NOT BETTER BY MARGIN", "EQUIVALENT")
    [family, *_] = found["families"]
    assert (family["adjustment"], family["over"]) == ("Holm", "study")


def test_the_rates_and_their_differences_hold_what_was_simulated(found):
    chapter = found["answering"]
    assert chapter["control"] == "control"
    for arm in chapter["arms"]:
        assert (arm["n_answerable"], arm["n_unanswerable"]) == (2 * PASSAGES, PASSAGES)
        name, rates = arm["condition"], arm["rates"]
        for rate, true in (
            ("false_answers", 1 - HELD_BACK[name]),
            ("abstention_answerable", ABSTAINED[name]),
        ):
            # Three arms, two rates each: at 95 % one of them may well be missed, by little.
            width = rates[rate]["high"] - rates[rate]["low"]
            assert abs(rates[rate]["estimate"] - true) < width
    gaps = {
        entry["endpoint"]: entry["difference"]
        for entry in chapter["contrasts"]
        if entry["condition"] == "treatment"
    }
    assert gaps["false_answers"]["high"] < 0 < gaps["abstention"]["low"]
    assert gaps["exact_match"]["method"] == "CR2 clustered t"


def test_flows_count_every_pair_of_answers(found):
    flows = [one for one in found["answering"]["flows"] if one["condition"] == "treatment"]
    assert {flow["answerable"]: flow["n_pairs"] for flow in flows} == {
        True: 2 * PASSAGES,
        False: PASSAGES,
    }


def test_the_report_has_the_section_the_flow_picture_and_the_verdicts(done, found):
    page = done.path("report.html").read_text()
    section = page.partition('<section id="answering"')[2].partition("</section>")[0]
    assert "Answers, abstentions and false answers</h2>" in section
    figure = section.partition('aria-labelledby="answering-flow-caption"')[2].partition(
        "</figure>"
    )[0]
    [wide, *_] = re.findall(r"<svg.*?</svg>", figure, flags=re.DOTALL)
    labels = re.findall(r"<text[^>]*>([^<]*)", wide)
    for state in ("right", "abstained", "held back", "false answer"):
        assert any(state in label for label in labels), labels
    text = "".join(unescape(re.sub(r"<[^>]*>", "", page)).split())
    for entry in found["contrasts"]:
        assert "".join(entry["verdict"].split()) in text
        assert "".join(entry["sentence"].split()) in text


def test_nothing_is_left_to_do_and_nothing_was_sent_twice(done):
    assert done.sent() == 3 * 3 * PASSAGES
    assert "Nothing to be done" in done.snakemake()
    assert yaml.safe_load((done.root / "config/studies/s.yaml").read_text()) == STUDY
