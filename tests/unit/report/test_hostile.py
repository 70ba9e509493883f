"""What a model wrote can be looked at, and can do nothing."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markupsafe import escape

from splitplot.report.hostile import cut, encodable, fence, inline_markdown, visible, visible_html

anything = st.text(
    st.one_of(
        st.characters(), st.sampled_from("\u202e\u2066\u200b\x00\r\n\t`|<>&\"'[]()*_#\\~\ud800")
    ),
    max_size=300,
)


def test_a_right_to_left_override_is_written_out():
    assert visible("pay \u202e001\u202c now") == "pay ⟨U+202E⟩001⟨U+202C⟩ now"


def test_a_run_of_hidden_characters_is_counted():
    assert visible("a" + "\u200b" * 40 + "b") == "a⟨U+200B ×40⟩b"


def test_a_mark_is_named_for_who_points_at_it():
    assert 'title="right-to-left override"' in visible_html("\u202e")


def test_emoji_and_persian_joiners_stay_as_they_are():
    for text in ("👩\u200d💻", "می\u200cخواهم", "tab\tand\nnewline"):
        assert visible(text) == text


def test_a_joiner_between_latin_letters_is_shown():
    assert visible("ad\u200dmin") == "ad⟨U+200D⟩min"


@given(anything)
def test_nothing_hidden_survives_and_all_of_it_encodes(text):
    shown = visible(text)
    shown.encode("utf-8")
    kept = [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert set(kept) <= set("\t\n\u200c\u200d") | {c for c in kept if c > "\u0600"} - set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200e\u200f\u2028\u2029\ufeff"
    )


@given(anything)
def test_html_of_any_text_holds_no_markup_but_our_marks(text):
    marks = visible_html(text)
    plain = str(marks).replace("</span>", "")
    while '<span class="hid"' in plain:
        start = plain.index('<span class="hid"')
        plain = plain[:start] + plain[plain.index(">", start) + 1 :]
    assert plain == str(escape(visible(text)))


@given(anything, st.integers(1, 200))
def test_a_cut_text_is_a_beginning_within_the_limit_of_bytes(text, limit):
    head, left = cut(text, limit)
    assert text.startswith(head) and len(head) + left == len(text)
    assert len(visible_html(head).encode()) <= limit


@given(anything)
def test_no_text_breaks_out_of_its_fence(text):
    tokens = MarkdownIt("commonmark").parse(f"before\n\n{fence(text)}\n\nafter")
    blocks = [t.type for t in tokens if t.type != "inline"]
    assert blocks == [
        "paragraph_open",
        "paragraph_close",
        "fence",
        "paragraph_open",
        "paragraph_close",
    ]


@given(anything.filter(lambda t: t.strip()))
def test_no_inline_text_becomes_markup_in_a_table_cell(text):
    source = f"| a | b |\n| --- | --- |\n| x {inline_markdown(text)} | y |\n"
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(source)
    cells = [t for t in tokens if t.type == "inline"]
    assert len(cells) == 4
    assert {child.type for child in cells[2].children} <= {"text", "text_special"}


def test_an_address_in_inline_text_is_no_link():
    assert "http://" not in inline_markdown("see http://evil.example and www.evil.example")


def test_lone_surrogates_in_json_become_question_marks():
    assert encodable({"a\ud800": ["\udfff", 1, None]}) == {"a?": ["?", 1, None]}
