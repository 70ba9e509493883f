"""The official rules of question answering, against cases worked by hand from their published code.

The tables are in docs/scorers.md. Sources: evaluate-v2.0.py (SQuAD 2.0), evaluation/triviaqa_evaluation.py
(github.com/mandarjoshi90/triviaqa), language/orqa/utils/eval_utils.py (github.com/google-research/language).
"""

import unicodedata
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.scoring.qa_rules import RULES, best_f1, exact_match, f1, nq_open, squad2, triviaqa

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.lists(
    st.sampled_from(["the", "The", "a", "an", "king", "King", "of", "-", "'", "’", "_", ".", "é", "1"]),
    max_size=8,
).map(" ".join)  # fmt: skip
RULE = st.sampled_from(list(RULES))


def split(cell: str) -> list[str]:
    return [] if cell == "∅" else cell.split("; ")


def test_a_text_is_normalised_as_documented(normalised_case):
    text, *expected = normalised_case
    assert [rule(text) for rule in (squad2, triviaqa, nq_open)] == [
        "" if cell == "∅" else cell for cell in expected
    ]


def test_an_answer_compares_as_documented(compared_case):
    rule, answer, golds, exact, overlap = compared_case
    answer, wanted = answer.replace("∅", ""), split(golds)
    assert exact_match(answer, wanted, rule) == float(exact)
    assert best_f1(answer, wanted, rule) == pytest.approx(float(Fraction(overlap)))


def test_an_accent_is_a_mark_of_its_own_by_nq_open():
    """unicodedata.normalize("NFD", …) of eval_utils.py: two spellings of é are one, e is another."""
    composed, apart = "Beyonc\u00e9", "Beyonce\u0301"
    assert exact_match(composed, [apart], "nq_open") == 1.0
    assert exact_match(composed, [apart], "squad2") == 0.0
    assert exact_match("Beyonce", [composed], "nq_open") == 0.0
    assert nq_open(composed) == "beyonce\u0301"


def test_a_letter_beside_an_accent_counts_as_an_article_by_nq_open():
    """In NFD "Andréa" ends in e, U+0301, a; the mark is no \\w, so \\b(a|an|the)\\b finds the a."""
    assert nq_open("Andr\u00e9a") == "andre\u0301"
    assert nq_open("\u00e0 la carte") == "\u0300 la carte"
    assert squad2("Andr\u00e9a") == "andr\u00e9a"


def test_without_golds_only_nothing_is_right():
    """evaluate-v2.0.py: "For unanswerable questions, only correct answer is empty string"."""
    for answer, expected in (("", 1.0), ("The", 1.0), ("Paris", 0.0)):
        assert exact_match(answer, [], "squad2") == exact_match(answer, [""], "squad2") == expected
        assert best_f1(answer, [], "squad2") == best_f1(answer, [""], "squad2") == expected


@pytest.mark.parametrize("rule", ["squad2", "triviaqa"])
@given(text=TEXTS)
def test_normalising_twice_is_normalising_once(rule, text):
    once = RULES[rule](text)
    assert RULES[rule](once) == once


@given(text=TEXTS)
def test_normalising_twice_is_normalising_once_by_nq_open_without_marks_that_stand_alone(text):
    plain = "".join(c for c in text if not unicodedata.category(c).startswith("M"))
    once = nq_open(plain)
    assert nq_open(once) == once


def test_nq_open_is_not_idempotent_where_punctuation_parts_two_marks():
    """U+0323 (below, class 220) sorts before U+0301 (above, class 230) once nothing stands between them."""
    once = nq_open("o\u0301.\u0323")
    assert (once, nq_open(once)) == ("o\u0301\u0323", "o\u0323\u0301")


@given(rule=RULE, answer=TEXTS, golds=st.lists(TEXTS, max_size=4), seed=st.randoms())
def test_the_order_of_golds_and_their_copies_change_nothing(rule, answer, golds, seed):
    other = golds * 2
    seed.shuffle(other)
    assert exact_match(answer, other, rule) == exact_match(answer, golds, rule)
    assert best_f1(answer, other, rule) == best_f1(answer, golds, rule)


@given(rule=RULE, a=TEXTS, b=TEXTS)
def test_f1_is_symmetric_and_within_0_and_1(rule, a, b):
    assert f1(a, b, rule) == f1(b, a, rule)
    assert 0 <= f1(a, b, rule) <= 1


@given(rule=RULE, answer=TEXTS, golds=st.lists(TEXTS, max_size=3))
def test_what_matches_exactly_has_an_f1_of_1(rule, answer, golds):
    """But for what has no tokens left by TriviaQA, whose code has no case for it (num_same == 0: 0)."""
    if exact_match(answer, golds, rule):
        nothing = rule == "triviaqa" and not triviaqa(answer)
        assert best_f1(answer, golds, rule) == (0.0 if nothing else 1.0)


@given(rule=RULE, a=TEXTS, b=TEXTS)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(rule, a, b):
    found, wanted = (Counter(RULES[rule](text).split()) for text in (a, b))
    same = sum(min(found[word], wanted[word]) for word in found)
    if same:
        precision, recall = Fraction(same, found.total()), Fraction(same, wanted.total())
        expected = 2 * precision * recall / (precision + recall)
        assert f1(a, b, rule) == pytest.approx(float(expected))


@given(answer=TEXTS, golds=st.lists(TEXTS, min_size=1, max_size=3), rule=RULE)
def test_another_gold_never_lowers_a_score(answer, golds, rule):
    if rule == "squad2" and not any(map(squad2, golds)):
        return  # these golds count as none, so that nothing is the answer, and another gold is a first one
    assert exact_match(answer, [*golds, "king"], rule) >= exact_match(answer, golds, rule)
    assert best_f1(answer, [*golds, "king"], rule) >= best_f1(answer, golds, rule)
