"""The official rules by which answers to questions are compared: SQuAD 2.0, TriviaQA, NQ-Open.

Read in the evaluation code of their authors: evaluate-v2.0.py (Rajpurkar, Jia & Liang 2018,
https://rajpurkar.github.io/SQuAD-explorer/), evaluation/triviaqa_evaluation.py (Joshi et al. 2017,
https://github.com/mandarjoshi90/triviaqa) and language/orqa/utils/eval_utils.py (Lee, Chang & Toutanova
2019, https://github.com/google-research/language), with which EfficientQA (Min et al. 2021) scores too.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from splitplot.scoring.normalise import squad_tokens

_SPACES = str.maketrans(dict.fromkeys("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~‘’´", " "))
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def squad2(text: str) -> str:
    """normalize_answer of evaluate-v2.0.py: lower case, ASCII punctuation taken out (which joins what it
    stood between), the articles a, an, the, runs of white space as one space.

    Idempotent: lower case and what is left of punctuation stay so, and an article goes to a space, which
    makes no new word beside it.
    """
    return " ".join(squad_tokens(text))


def triviaqa(text: str) -> str:
    """normalize_answer of triviaqa_evaluation.py: as SQuAD's, but punctuation becomes a space, the
    underscore and the marks ‘ ’ ´ ` among it.

    Idempotent for the same reason, so that TriviaQA's normalised aliases may go through it again.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_SPACES)).split())


def nq_open(text: str) -> str:
    """normalize_answer of eval_utils.py: Unicode NFD, then as SQuAD.

    After NFD an accent is a character of its own and no letter, so that the `a` of "Andréa", and "à", count
    as articles, there as here. Not idempotent: where punctuation stood between two combining marks, a
    second NFD puts them in another order. A text is therefore normalised once.
    """
    return squad2(unicodedata.normalize("NFD", text))


RULES: dict[str, Callable[[str], str]] = {
    "squad2": squad2,
    "triviaqa": triviaqa,
    "nq_open": nq_open,
}
"""Name of a rule, as in an item's metadata, and its normalisation."""


def exact_match(answer: str, golds: Sequence[str], rule: str) -> float:
    """1.0 where the answer equals any gold after normalisation, else 0.0. No golds: only "" is right."""
    plain = RULES[rule]
    return float(plain(answer) in {plain(gold) for gold in _golds(golds, rule)})


def best_f1(answer: str, golds: Sequence[str], rule: str) -> float:
    """The largest token F1 over the golds, 0 to 1. No golds: 1.0 for "", else 0.0."""
    return max(f1(answer, gold, rule) for gold in _golds(golds, rule))


def f1(answer: str, gold: str, rule: str) -> float:
    """Harmonic mean of precision and recall of tokens (with multiplicity) after normalisation.

    Where a side has no tokens left, SQuAD gives 1 if neither has and else 0, and TriviaQA gives 0.
    NQ-Open has no F1 of its own: this is SQuAD's, of its normalisation's tokens.
    """
    plain = RULES[rule]
    found, wanted = plain(answer).split(), plain(gold).split()
    if not found or not wanted:
        return float(found == wanted and rule != "triviaqa")
    common = sum((Counter(found) & Counter(wanted)).values())
    return 2 * common / (len(found) + len(wanted))


def _golds(golds: Sequence[str], rule: str) -> Sequence[str]:
    """The golds that count: SQuAD drops those of which nothing is left, and has "" where none is."""
    kept = [gold for gold in golds if squad2(gold)] if rule == "squad2" else golds
    return kept or [""]
