"""Scorers by name and by import path: what is refused, and what changes a digest."""

import re
from pathlib import Path

import pytest

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring import (
    KNOWN,
    Score,
    ScoringError,
    check_scorer,
    make_scorer,
    registry,
    scorer_digest,
)
from splitplot.scoring.version import file_digest

ITEM = Item("q1", "?", ("yes",))
NEEDED = {"regex": {"pattern": "a"}, "json_field": {"field": "a"}}


def spec(scorer, **options):
    return {"name": "any", "scorer": scorer, "options": options}


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_scorer_is_made_and_has_a_digest(name, tmp_path):
    entry = spec(name, **NEEDED.get(name, {}))
    check_scorer(entry, tmp_path)
    assert callable(make_scorer(entry, tmp_path))
    assert re.fullmatch("[0-9a-f]{16}", scorer_digest(entry, tmp_path))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (spec("numerc"), 'unknown scorer "numerc"; did you mean "numeric"?'),
        (spec("numeric", tolerence=1), 'unknown option "tolerence"; did you mean "tolerance"?'),
        (spec("numeric", extract="lst"), "option \"extract\" is 'lst'; allowed: auto, last, first"),
        (spec("exact", first_line="yes"), "allowed: true or false"),
        (spec("exact", abstain="no"), 'option "abstain" is'),
        (spec("numeric", tolerance=True), "allowed: a number or a text"),
        ({"options": {}}, "allowed: "),
        (spec("nowhere.py:f"), "there is no file nowhere.py"),
    ],
)
def test_a_wrong_entry_is_refused_with_the_near_miss(entry, message, tmp_path):
    for function in (check_scorer, make_scorer, scorer_digest):
        with pytest.raises(ConfigError, match=re.escape(message)) as caught:
            function(entry, tmp_path)
        assert "\n" not in str(caught.value)


def test_a_default_that_is_spelled_out_does_not_change_the_digest(tmp_path):
    assert scorer_digest(spec("numeric"), tmp_path) == scorer_digest(
        spec("numeric", tolerance=0, extract="auto"), tmp_path
    )


def test_the_label_of_a_scorer_does_not_change_the_digest(tmp_path):
    assert scorer_digest({"scorer": "exact"}, tmp_path) == scorer_digest(spec("exact"), tmp_path)


def test_options_change_the_digest(tmp_path):
    entries = [
        spec("exact"),
        spec("exact", first_line=True),
        spec("exact", abstain=True),
        spec("f1"),
    ]
    assert len({scorer_digest(entry, tmp_path) for entry in entries}) == 4


def test_the_code_of_a_builtin_includes_what_it_imports_and_nothing_else():
    here = Path(registry.__file__).parent
    names = {file.stem for file in registry.version.library_files(here / "numeric.py")}
    assert names == {"numeric", "numeric_extract", "numbers", "latex", "markers", "score"}


def test_the_version_of_reasoning_gym_changes_its_digest(tmp_path, monkeypatch):
    before = scorer_digest(spec("reasoning_gym"), tmp_path)
    monkeypatch.setattr("splitplot.scoring.procedural.version", lambda: "99")
    assert scorer_digest(spec("reasoning_gym"), tmp_path) != before


SOURCE = "def score(response, item):\n    return response == 'yes'\n"


@pytest.mark.parametrize(
    ("source", "same"),
    [
        ('# said\ndef score(response, item):\n\n    return (response == "yes")  # why\n', True),
        (
            '"""Doc."""\ndef score(response, item):\n    """Doc."""\n    return response == \'yes\'\n',
            True,
        ),
        (SOURCE.replace("yes", "no"), False),
        (SOURCE.replace("==", "!="), False),
        ("LIMIT = 1\n" + SOURCE, False),
    ],
)
def test_only_what_the_code_does_changes_its_digest(source, same, tmp_path):
    file = tmp_path / "a.py"
    file.write_text(SOURCE)
    before = file_digest(file)
    file.write_text(source)
    assert (file_digest(file) == before) is same


def test_a_file_that_the_users_scorer_imports_counts(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from helper import right\n" + SOURCE.replace("'yes'", "right")
    )
    (tmp_path / "helper.py").write_text("right = 1\n")
    (tmp_path / "other.py").write_text("x = 1\n")
    entry = spec("mine.py:score")
    before = scorer_digest(entry, tmp_path)
    (tmp_path / "other.py").write_text("x = 2\n")
    assert scorer_digest(entry, tmp_path) == before
    (tmp_path / "helper.py").write_text("right = 0\n")
    assert scorer_digest(entry, tmp_path) != before


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("1", Score(1.0, None, "own scorer")),
        ("True", Score(1.0, None, "own scorer")),
        ("0.25", Score(0.25, None, "own scorer")),
        ("None", Score(None, None, "no answer could be read", "unparseable")),
        ("{'score': 1, 'extracted': response, 'reason': 'mine'}", Score(1.0, "yes", "mine")),
        ("{'score': None, 'reason': 'mine'}", Score(None, None, "mine", "unparseable")),
        ("Score(0.5, 'y', 'own')", Score(0.5, "y", "own")),
        ("Score(None, None, 'own', 'abstained')", Score(None, None, "own", "abstained")),
        ("np.float64(0.5)", Score(0.5, None, "own scorer")),
    ],
)
def test_what_a_users_function_returns_becomes_a_score(returned, expected, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nfrom splitplot.scoring import Score\n"
        f"def score(response, item):\n    return {returned}\n"
    )
    assert make_scorer(spec("mine.py:score"), tmp_path)("yes", ITEM) == expected


@pytest.mark.parametrize(
    "returned",
    ["'good'", "float('nan')", "{'scor': 1}", "Score(None, None, 'x')", "[1]", "1/0", "'1'"],
)
def test_what_is_no_score_names_the_item(returned, tmp_path):
    (tmp_path / "mine.py").write_text(
        f"from splitplot.scoring import Score\ndef score(response, item):\n    return {returned}\n"
    )
    with pytest.raises(ScoringError, match='item "q1"'):
        make_scorer(spec("mine.py:score"), tmp_path)("yes", ITEM)


def test_a_users_scorer_is_checked_without_being_run(tmp_path):
    (tmp_path / "mine.py").write_text(
        "raise SystemExit\ndef score(response, item):\n    return 1\n"
    )
    check_scorer(spec("mine.py:score"), tmp_path)
    with pytest.raises(ConfigError, match='no function "scor"; did you mean "score"'):
        check_scorer(spec("mine.py:scor"), tmp_path)


def test_a_users_file_that_cannot_be_parsed_or_imported_is_named(tmp_path):
    (tmp_path / "broken.py").write_text("def score(:\n")
    (tmp_path / "absent.py").write_text("import no_such_module\n" + SOURCE)
    with pytest.raises(ConfigError, match=r"broken\.py is not valid Python"):
        check_scorer(spec("broken.py:score"), tmp_path)
    with pytest.raises(ConfigError, match=r"absent\.py cannot be imported"):
        make_scorer(spec("absent.py:score"), tmp_path)


def test_options_of_a_users_scorer_are_keyword_arguments(tmp_path):
    (tmp_path / "mine.py").write_text("def score(response, item, least=1):\n    return least < 4\n")
    assert make_scorer(spec("mine.py:score", least=4), tmp_path)("yes", ITEM).value == 0.0
    with pytest.raises(ConfigError, match='unknown option "lest"; did you mean "least"'):
        check_scorer(spec("mine.py:score", lest=4), tmp_path)


def test_a_scorer_is_found_in_a_package_below_the_root(tmp_path):
    (tmp_path / "own_scorers_pkg").mkdir()
    (tmp_path / "own_scorers_pkg/__init__.py").write_text("")
    (tmp_path / "own_scorers_pkg/mine.py").write_text(SOURCE)
    entry = spec("own_scorers_pkg.mine:score", abstain=True)
    assert make_scorer(entry, tmp_path)("yes", ITEM).value == 1.0
    assert make_scorer(entry, tmp_path)("I don't know", ITEM).outcome == "abstained"
