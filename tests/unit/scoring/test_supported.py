"""Support of an answer by its passage: by words against the documented cases, by a model in its place."""

import sys
from fractions import Fraction
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring import ScoringError, check_scorer, entailment, make_scorer, scorer_digest
from splitplot.scoring.overlap import FUNCTION_WORDS, SPEAKING, content_words, overlap

PASSAGE = (
    "In 1066 Duke William II conquered England, killing King Harold II at the Battle of Hastings. "
    "Normandy's population was about 1,500,000; 3.5% lived in twenty-one towns."
)
ITEM = Item("q", "Who won?", ("William",), PASSAGE)
NLI = {"method": "nli", "model": "some/nli", "revision": "abc123"}


def spec(**options):
    return {"scorer": "supported", "options": options}


def test_the_support_of_an_answer_is_as_documented(support_case):
    answer, expected = support_case
    assert overlap(answer, PASSAGE) == pytest.approx(float(Fraction(expected)))


def test_the_documented_passage_is_this_one(repository):
    page = (repository / "docs/scorers.md").read_text(encoding="utf-8")
    assert PASSAGE in " ".join(page.split())


@given(st.text(max_size=60), st.text(max_size=60))
def test_overlap_is_a_share_and_a_passage_supports_itself(answer, passage):
    assert 0 <= overlap(answer, passage) <= 1
    assert overlap(answer, answer) == 1.0
    assert overlap(answer, f"{passage} . {answer}") == 1.0


def test_no_word_that_is_left_out_denies_or_counts():
    assert not (FUNCTION_WORDS | SPEAKING) & {"not", "no", "never", "none", "one", "two", "all"}
    text = "According to the passage, it was in the 3 of them, not two."
    assert content_words(text) == ["3", "not", "two"]


@pytest.mark.parametrize(
    ("options", "response", "value"),
    [
        ({}, "William", 1.0),
        ({}, "Philip", 0.0),
        ({}, "King Philip", 1.0),
        ({"threshold": 0.51}, "King Philip", 0.0),
        ({"threshold": 0}, "Philip", 1.0),
        ({"method": "none"}, "Philip", 1.0),
        ({}, "I thought a while. Answer: Philip", 0.0),
    ],
)
def test_an_answer_is_supported_from_the_threshold_on(options, response, value):
    score = make_scorer(spec(**options), None)(response, ITEM)
    assert (score.value, score.outcome) == (value, "scored")
    assert score.reason == f"support {score.support:.2f}"


def test_what_claims_nothing_is_no_unsupported_claim():
    scorer = make_scorer(spec(), None)
    silent = scorer("The passage does not say.", ITEM)
    assert (silent.value, silent.support) == (1.0, None)
    refused = scorer("I can't help with that.", ITEM)
    assert (refused.value, refused.outcome, refused.support) == (None, "refused", None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, 'option "threshold" is 1.5; allowed: 0 to 1'),
        ({"method": "bm25"}, "allowed: none, overlap, nli"),
        ({"model": "some/nli"}, 'option "model" is for method nli'),
        ({"method": "nli"}, r"needs the option\(s\) model, revision"),
        ({"method": "nli", "model": "some/nli"}, r"needs the option\(s\) revision"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        check_scorer(spec(**options), tmp_path)


def test_without_transformers_it_is_said_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(entailment, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"transformers and torch, which are not installed: pip install"
    ):
        check_scorer(spec(**NLI), tmp_path)  # fmt: skip


@pytest.fixture
def pipeline(monkeypatch):
    """A module in the place of transformers. pipeline(labels): what its classifier returns; the calls."""
    calls = []

    def install(labels, problem=None):
        def make(task, **options):
            calls.append((task, options))
            if problem:
                raise problem

            def classify(pair, **given):
                calls.append((pair, given))
                return labels

            return classify

        module = ModuleType("transformers")
        module.pipeline = make
        monkeypatch.setitem(sys.modules, "transformers", module)
        monkeypatch.setattr(entailment, "find_spec", lambda name: name)
        return calls

    return install


def labels(share):
    return [
        {"label": "CONTRADICTION", "score": 0.9 - share},
        {"label": "ENTAILMENT", "score": share},
        {"label": "NEUTRAL", "score": 0.1},
    ]


@pytest.mark.parametrize("found", [labels(0.75), [labels(0.75)]], ids=["flat", "nested"])
def test_a_model_is_asked_whether_the_passage_entails_the_answer(pipeline, found):
    calls = pipeline(found)
    scorer = make_scorer(spec(**NLI), None)
    assert calls == [], "nothing is loaded before the first answer"
    score = scorer("William", ITEM)
    assert (score.value, score.support) == (1.0, 0.75)
    scorer("Harold", ITEM)
    task, pair, _ = calls
    assert task == ("text-classification", {"model": "some/nli", "revision": "abc123"})
    assert pair == ({"text": PASSAGE, "text_pair": "Who won? William"},
                    {"top_k": None, "truncation": "only_first"})  # fmt: skip


def test_a_model_with_two_classes_is_read_by_the_right_one(pipeline):
    pipeline([{"label": "not_entailment", "score": 0.8}, {"label": "entailment", "score": 0.2}])
    score = make_scorer(spec(**NLI), None)("Harold", ITEM)
    assert (score.value, score.support) == (0.0, 0.2)


def test_a_model_of_something_else_is_refused(pipeline):
    pipeline([{"label": "POSITIVE", "score": 0.9}, {"label": "NEGATIVE", "score": 0.1}])
    with pytest.raises(
        ScoringError, match="has the labels POSITIVE, NEGATIVE and none of entailment"
    ):
        make_scorer(spec(**NLI), None)("William", ITEM)  # fmt: skip


def test_a_model_that_cannot_be_loaded_is_named(pipeline):
    pipeline([], problem=OSError("some/nli is not a local folder\nand more"))
    with pytest.raises(
        ConfigError,
        match=r"some/nli at revision abc123 cannot be loaded: some/nli is not a local folder$",
    ):
        make_scorer(spec(**NLI), None)("William", ITEM)  # fmt: skip


def test_all_that_can_change_a_score_is_in_the_digest(pipeline, tmp_path, monkeypatch):
    from splitplot.scoring import supported

    pipeline(labels(0.5))
    entries = [
        spec(),
        spec(threshold=0.6),
        spec(method="none"),
        spec(**NLI),
        spec(**NLI | {"model": "other/nli"}),
        spec(**NLI | {"revision": "def456"}),
    ]
    digests = [scorer_digest(entry, tmp_path) for entry in entries]
    assert len(set(digests)) == len(entries)
    monkeypatch.setattr(supported.metadata, "version", lambda package: "99")
    again = [scorer_digest(entry, tmp_path) for entry in entries]
    assert [a == b for a, b in zip(again, digests, strict=True)] == [True] * 3 + [False] * 3
