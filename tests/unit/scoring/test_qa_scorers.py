"""The scorers of question answering: what they say of an answer, which items they grade, their digests."""

import re
from pathlib import Path

import pytest

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring import ScoringError, check_scorer, make_scorer, registry, scorer_digest
from splitplot.scoring.registry import DOMAINS, scorer_domain, worth
from splitplot.scoring.scales import EVENTS, NEUTRAL, SCALES

ROOT = Path()
OPEN = Item("o", "Who?", ("William",), "William won in 1066.", metadata={"rule": "squad2"})
OPEN_NONE = Item("on", "Who?", (), "William won in 1066.", metadata={"rule": "squad2"})
CLOSED = Item("c", "Who?", ("The_Beatles", "Fab Four"), metadata={"rule": "triviaqa"})
CLOSED_NONE = Item("cn", "Who?", metadata={"rule": "nq_open"})
ITEMS = (OPEN, OPEN_NONE, CLOSED, CLOSED_NONE)

SILENT, REFUSAL = "I don't know.", "I'm sorry, but I can't help with that."


def told(scorer, response, item, **options):
    score = make_scorer({"scorer": scorer, "options": options}, ROOT)(response, item)
    return score.value, score.outcome


@pytest.mark.parametrize("scorer", ["qa_em", "qa_f1"])
@pytest.mark.parametrize(
    ("response", "item", "expected"),
    [
        ("the William!", OPEN, (1.0, "scored")),
        ("Harold", OPEN, (0.0, "scored")),
        (SILENT, OPEN, (None, "abstained")),
        (REFUSAL, OPEN, (None, "refused")),
        (SILENT, OPEN_NONE, (1.0, "scored")),
        ("William", OPEN_NONE, (0.0, "scored")),
        (REFUSAL, OPEN_NONE, (None, "refused")),
        ("The Beatles", CLOSED, (1.0, "scored")),
        ("It took a while. Answer: fab-four", CLOSED, (1.0, "scored")),
        ("Answer: ", OPEN, (0.0, "scored")),
    ],
)
def test_an_answer_is_graded_by_the_rule_of_its_item(scorer, response, item, expected):
    assert told(scorer, response, item) == expected


def test_a_rule_that_is_named_holds_for_all_items():
    assert told("qa_em", "the beatles", CLOSED)[0] == 1.0
    assert told("qa_em", "the beatles", CLOSED, rule="squad2")[0] == 0.0


def test_f1_counts_the_tokens_in_common():
    item = Item("q", "?", ("King William the First",))
    assert told("qa_f1", "William the First", item)[0] == pytest.approx(2 * 2 / (2 + 3))
    assert told("qa_em", "William the First", item)[0] == 0.0


def test_extraction_is_that_of_exact():
    long = "So it is.\nAnswer: William\nThat is clear."
    assert told("qa_em", long, OPEN)[0] == 0.0
    assert told("qa_em", long, OPEN, first_line=True)[0] == 1.0
    assert told("qa_em", "It is William", OPEN, extract="after") == (None, "unparseable")


def test_giving_a_gold_that_reads_like_an_abstention_is_an_answer():
    item = Item("q", "What is his attitude?", ("Unknown",))
    assert told("qa_em", "Unknown", item) == (1.0, "scored")
    assert told("abstention", "Unknown", item) == (0.0, "scored")


def test_a_rule_that_is_unknown_names_the_item():
    item = Item("q7", "?", ("a",), metadata={"rule": "trivaqa"})
    with pytest.raises(
        ScoringError, match=r'item "q7": metadata\.rule is "trivaqa"; allowed: squad2, triv'
    ):
        told("qa_em", "a", item)  # fmt: skip


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_abstention_says_what_a_response_does(item):
    assert [told("abstention", text, item) for text in (SILENT, "William", REFUSAL)] == [
        (1.0, "scored"),
        (0.0, "scored"),
        (0.0, "scored"),
    ]


def test_only_an_answer_is_a_false_answer():
    assert told("no_false_answer", "William", OPEN_NONE) == (0.0, "scored")
    assert told("no_false_answer", "I'm not sure, but I think William", OPEN_NONE)[0] == 0.0
    assert told("no_false_answer", SILENT, OPEN_NONE) == (1.0, "scored")
    assert told("no_false_answer", REFUSAL, OPEN_NONE) == (None, "refused")
    for outcome in ("refused", "empty"):
        assert worth({"scorer": "no_false_answer"}, outcome) == 1.0
        assert worth({"scorer": "supported"}, outcome) == 1.0
        assert worth({"scorer": "qa_em"}, outcome) == worth({"scorer": "mine.py:f"}, outcome) == 0.0


@pytest.mark.parametrize("scorer", ["qa_em", "qa_f1", "abstention", "no_false_answer", "supported"])
def test_the_option_abstain_changes_nothing_for_those_that_tell_by_themselves(scorer, tmp_path):
    plain, with_it = {"scorer": scorer}, {"scorer": scorer, "options": {"abstain": True}}
    assert scorer_digest(plain, tmp_path) == scorer_digest(with_it, tmp_path)
    for text in (SILENT, REFUSAL, "William"):
        for item in ITEMS:
            assert make_scorer(plain, ROOT)(text, item) == make_scorer(with_it, ROOT)(text, item)


GRADED = {
    "all": "o on c cn",
    "answerable": "o c",
    "unanswerable": "on cn",
    "open_book": "o on",
    "closed_book": "c cn",
}


@pytest.mark.parametrize("over", DOMAINS)
@pytest.mark.parametrize("scorer", ["qa_em", "numeric", "mine.py:grade"])
def test_over_says_which_items_a_scorer_grades(scorer, over):
    grades = scorer_domain({"scorer": scorer, "options": {"over": over}})
    assert " ".join(item.id for item in ITEMS if grades(item)) == GRADED[over]


@pytest.mark.parametrize(
    ("scorer", "over", "graded"),
    [
        ("no_false_answer", "all", "on cn"),
        ("no_false_answer", "open_book", "on"),
        ("supported", "all", "o on"),
        ("supported", "answerable", "o"),
    ],
)
def test_a_scorer_with_items_of_its_own_keeps_to_them(scorer, over, graded):
    grades = scorer_domain({"scorer": scorer, "options": {"over": over}})
    assert " ".join(item.id for item in ITEMS if grades(item)) == graded


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"scorer": "exact", "options": {"over": "answerabel"}}, "over\" is 'answerabel'; allowed: all"),
        ({"scorer": "exact", "options": {"over": True}}, "option \"over\" is True; allowed: all, answer"),
        ({"scorer": "no_false_answer", "options": {"over": "answerable"}},
         "it grades unanswerable items only, so `over: answerable` leaves none; allowed: all, unanswerable"),
        ({"scorer": "supported", "options": {"over": "closed_book"}}, "grades open_book items only"),
        ({"scorer": "exact", "options": {"ovr": "all"}}, 'did you mean "over"'),
        ({"scorer": "qa_em", "options": {"rule": "squad"}}, "allowed: item, squad2, triviaqa, nq_open"),
    ],
)  # fmt: skip
def test_a_wrong_choice_of_items_or_rule_is_refused(spec, message, tmp_path):
    for function in (check_scorer, make_scorer, scorer_digest):
        with pytest.raises(ConfigError, match=re.escape(message)):
            function(spec, tmp_path)


def test_over_changes_the_digest_and_its_default_does_not(tmp_path):
    def digest(scorer, **options):
        return scorer_digest({"scorer": scorer, "options": options}, tmp_path)

    assert digest("exact") == digest("exact", over="all")
    assert len({digest("exact", over=over) for over in DOMAINS}) == len(DOMAINS)
    assert digest("qa_em", rule="item") == digest("qa_em")


def test_a_users_scorer_takes_over_without_seeing_it(tmp_path):
    (tmp_path / "mine.py").write_text("def grade(response, item):\n    return 1\n")
    spec = {"scorer": "mine.py:grade", "options": {"over": "answerable"}}
    check_scorer(spec, tmp_path)
    assert make_scorer(spec, tmp_path)("x", OPEN).value == 1.0


@pytest.mark.parametrize("scorer", ["qa_em", "no_false_answer"])
def test_the_code_that_tells_an_items_kind_is_in_the_digest(scorer, tmp_path, monkeypatch):
    before = scorer_digest({"scorer": scorer}, tmp_path)
    changed = tmp_path / "qa.py"
    changed.write_text("def kind_of(item):\n    return 'open_book'\n")
    monkeypatch.setattr(registry.qa, "__file__", str(changed))
    monkeypatch.setattr(registry, "_QA", changed)
    assert scorer_digest({"scorer": scorer}, tmp_path) != before


def test_the_scales_know_what_a_score_of_0_is():
    assert set(NEUTRAL) | set(EVENTS) <= set(SCALES)
    assert EVENTS == {"no_false_answer": "false answers", "supported": "unsupported claims"}
