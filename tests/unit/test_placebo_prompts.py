"""Placebo texts: what each kind keeps of the treatment, for any text, and what has no placebo."""

import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from splitplot.calls.tokens import sizes_of
from splitplot.canonical import digest
from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.placebo_prompts import KINDS, placebo_template, placebo_text, units
from splitplot.placebo_text import SENTENCES, WORDS
from splitplot.prompts import load_template, render, template_hash

TREATMENT = """\
# Rules

You answer from the passage. If it does not say, reply "It does not say." Never guess,
e.g. when unsure.

Do this:
- Read the passage twice. Then think.
- Quote one line,
  not two.
1) Be BRIEF!

<tone>
Kind
</tone>"""

UNITS = [
    "# Rules\n\nYou answer from the passage.",
    'If it does not say, reply "It does not say."',
    "Never guess,\ne.g. when unsure.",
    "Do this:\n- Read the passage twice. Then think.",
    "- Quote one line,\n  not two.",
    "1) Be BRIEF!",
    "<tone>",
    "Kind",
    "</tone>",
]

letters = st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"]), max_size=30)
prose = st.lists(
    st.sampled_from(
        [
            "Do not guess.",
            "be brief",
            "Señor, ¿qué?",
            "请勿猜测。",
            "Не угадывай!",
            "- a",
            "2. Two",
            "# H",
        ]
    )
    | letters,
    min_size=1,
    max_size=12,
)
texts = st.tuples(prose, st.sampled_from([" ", "\n", "\n\n", "\r\n", "\n \n"])).map(
    lambda drawn: drawn[1].join(drawn[0])
)


def plain(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").rstrip()


def made(text, kind):
    """The placebo, where there is one; the refusals have tests of their own."""
    assume(plain(text).strip() and not any(mark in text for mark in ("{{", "{%", "{#")))
    try:
        return placebo_text(text, kind)
    except ConfigError:
        assume(False)


@settings(deadline=None)
@given(texts, st.sampled_from(KINDS))
def test_a_placebo_is_never_the_treatment_and_always_the_same(text, kind):
    placebo = made(text, kind)
    assert placebo != plain(text)
    assert placebo.strip()
    assert placebo == placebo_text(text, kind) == placebo_text(plain(text), kind)


@settings(deadline=None)
@given(texts, st.sampled_from(KINDS))
def test_a_placebo_is_sent_as_it_stands(text, kind):
    """Nothing in it is taken for Jinja, and a template with it has one content whenever it is hashed."""
    template = {"system": plain(text), "examples": [], "body": "{{ input }}"}
    placebo = made(text, kind)
    assert placebo_template(template, kind, "p.md") == {**template, "system": placebo}
    if placebo:
        assert render({**template, "system": placebo}, Item("a", "?"))[0]["content"] == placebo
    assert template_hash({**template, "system": placebo}) == template_hash(
        {**template, "system": placebo + "\n"}
    )


@settings(deadline=None)
@given(texts)
def test_neutral_text_has_the_length_of_the_treatment(text):
    placebo = made(text, "length")
    size, wanted = len(placebo.encode()), len(plain(text).encode())
    assert size == wanted
    assert abs(sizes_of(size, 1)[0] - sizes_of(wanted, 1)[0]) <= 1
    if plain(text).isascii():
        assert len(placebo) == len(plain(text))
    blank = r"\n[^\S\n]*(?:\n[^\S\n]*)+"
    assert re.findall(blank, placebo) == re.findall(blank, plain(text))


@settings(deadline=None)
@given(st.integers(1, 9000), st.integers(0, 9))
def test_neutral_text_of_any_length_is_whole_words_of_our_own(size, seed):
    placebo = placebo_text("x" * size + f"\n\n{seed}", "length").split("\n\n")[0]
    assert len(placebo) == size
    ours = " ".join(SENTENCES).split() + [word for words in WORDS.values() for word in words]
    known = {word.strip(".,").lower() for word in ours}
    assert {word.strip(".,").lower() for word in placebo.split()} <= known


def test_neutral_text_is_about_no_question_and_asks_for_nothing():
    words = set(re.findall(r"[a-z]+", " ".join(SENTENCES).lower()))
    words |= {word for group in WORDS.values() for word in group}
    about = "answer question true truth false honest honestly know knowledge passage text source fact guess"
    about += " sure unsure certain say tell read write think please must should never always not do you your"
    about += " correct wrong error mistake reply respond if cannot only brief careful carefully"
    assert words & set(about.split()) == set()
    assert all(len(word) == size for size, group in WORDS.items() for word in group)
    assert len(set(SENTENCES)) == len(SENTENCES)


@settings(deadline=None)
@given(texts)
def test_shuffled_words_are_the_same_words_in_the_same_lines(text):
    placebo, before = made(text, "shuffled"), plain(text)
    assert Counter(placebo.split()) == Counter(before.split())
    assert sorted(placebo) == sorted(before)
    counts = [[len(line.split()) for line in some.split("\n")] for some in (placebo, before)]
    assert counts[0] == counts[1]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b"]), min_size=2, max_size=6))
def test_words_are_in_another_order_wherever_there_is_one(words):
    if len(set(words)) == 1:
        with pytest.raises(ConfigError, match="no two different words"):
            placebo_text(" ".join(words), "shuffled")
    else:
        assert placebo_text(" ".join(words), "shuffled") != " ".join(words)


@settings(deadline=None)
@given(texts)
def test_structure_keeps_everything_but_the_words(text):
    placebo, before = made(text, "structure"), plain(text)
    for now, then in zip(placebo.split("\n"), before.split("\n"), strict=True):
        assert re.findall(r"\d", now) == re.findall(r"\d", then)
        letter = unicodedata.category(then[:1] or " ")[0] in "LM"  # or a mark of one
        assert now[:1] == then[:1] or letter
        assert abs(len(now) - len(then)) == 0
        if then and not then[-1].isalnum() and then[-1].isascii():
            assert now[-1] == then[-1]


def test_structure_replaces_each_word_by_one_as_long_with_its_capitals():
    placebo = placebo_text(TREATMENT, "structure")
    shape = re.sub(r"[a-z]", "x", re.sub(r"[A-Z]", "X", TREATMENT))
    assert re.sub(r"[a-z]", "x", re.sub(r"[A-Z]", "X", placebo)) == shape
    start, end = re.findall(r"</?(\w+)>", placebo)
    assert start == end
    ours = {word for group in WORDS.values() for word in group}
    assert set(re.findall(r"[a-z]+", placebo.lower())) <= ours


def test_the_words_of_other_scripts_are_replaced_too():
    placebo = placebo_text(
        "# नियम\n- केवल उत्तर दें।\n- 请勿猜测,只根据段落回答问题并且保持简短。", "structure"
    )
    assert re.fullmatch(r"# \w+\n- \w+ \w+ \w+।\n- \w+,[\w ]+。", placebo, re.ASCII)


def test_a_unit_is_a_sentence_or_an_entry_of_a_list():
    ends = units(TREATMENT)
    found = [TREATMENT[a:b].strip() for a, b in zip([0, *ends], ends, strict=False)]
    assert found == UNITS


@pytest.mark.parametrize(("share", "count"), [(25, 2), (50, 4), (75, 6)])
def test_a_share_is_the_first_units(share, count):
    placebo = placebo_text(TREATMENT, f"share-{share}")
    assert TREATMENT.startswith(placebo)
    assert placebo.endswith(UNITS[count - 1])
    assert len(units(placebo)) == count


@settings(deadline=None)
@given(texts)
def test_shares_are_beginnings_of_the_treatment_that_grow(text):
    shares = [made(text, f"share-{share}") for share in (25, 50, 75)]
    for share in shares:
        assert plain(text).startswith(share)
        assert 0 < len(share) < len(plain(text))
    assert [len(share) for share in shares] == sorted(len(share) for share in shares)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "One sentence only.",
            "share-50",
            "p.md: the system text is one sentence, of which there is no",
        ),
        ("Same same", "shuffled", "Same"),
        ("same same", "shuffled", "has no two different words"),
        ("1. 2!", "structure", "has no words to replace"),
        ("Be {{ tier }}. Be kind.", "length", "p.md: the system text has Jinja ({{)"),
        ("Be kind. {% if context %}Read.{% endif %}", "share-25", "has Jinja ({%)"),
        (
            None,
            "length",
            "p.md has no system text, and a placebo replaces that; put what is tested under",
        ),
    ],
)
def test_what_has_no_placebo_is_refused_with_what_to_do(text, kind, message):
    template = {"system": text, "examples": [], "body": "{{ input }}"}
    if message == "Same":  # of one word with and without a capital there is another order
        assert placebo_template(template, kind, "p.md")["system"] == "same Same"
        return
    with pytest.raises(ConfigError) as refused:
        placebo_template(template, kind, "p.md")
    assert message in str(refused.value)


def test_a_file_with_windows_line_ends_has_the_same_placebos(tmp_path):
    text = "---\nsystem: |\n  One rule.\n  Another rule.\n\n  - a list\n---\n{{ input }}\n"
    found = []
    for ends in ("\n", "\r\n"):
        (tmp_path / "p.md").write_bytes(text.replace("\n", ends).encode())
        template = load_template("p.md", tmp_path)
        found.append([placebo_template(template, kind, "p.md") for kind in KINDS])
    assert found[0] == found[1]


def test_placebos_are_the_same_on_every_machine_and_after_every_start():
    """Pinned: another text is another condition, which is asked and paid for anew."""
    program = (
        "import json, sys; from splitplot.placebo_prompts import KINDS, placebo_text\n"
        "print(json.dumps([placebo_text(sys.argv[1], kind) for kind in KINDS]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, TREATMENT], capture_output=True, text=True, check=True
    )
    here = [placebo_text(TREATMENT, kind) for kind in KINDS]
    assert json.loads(done.stdout) == here
    assert digest(here) == "b22bb68ce4425255"


def test_another_treatment_has_other_neutral_text():
    assert placebo_text("Be brief. Be kind.", "length") != placebo_text(
        "Be short. Be kind.", "length"
    )
