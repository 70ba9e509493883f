import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splitplot.errors import ConfigError
from splitplot.files import read_jsonl, write_jsonl
from splitplot.items import read_items, write_items
from splitplot.items.item import Item
from splitplot.prompts import load_template, render, template_hash

ROOT = Path(__file__).resolve().parents[2]
FULL = """\
---
description: A template with everything.
system: You know about {{ tier }} things.
examples:
  - {user: "{{ not a template }}", assistant: "{% nor this %}"}
---
{% if context %}
{{ context }}

{% endif %}
{{ input }}
"""


@pytest.fixture
def load(tmp_path):
    def load_text(text):
        data = text if isinstance(text, bytes) else text.encode("utf-8")
        (tmp_path / "p.md").write_bytes(data)
        return load_template("p.md", tmp_path)

    return load_text


@pytest.fixture
def refusal(load):
    def message(text):
        with pytest.raises(ConfigError) as caught:
            load(text)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return message


def said(template, item):
    return render(template, item)[-1]["content"]


def test_front_matter_and_body_become_messages(load):
    item = Item("a", "What?", context="A passage.", tier="odd")
    assert render(load(FULL), item) == [
        {"role": "system", "content": "You know about odd things."},
        {"role": "user", "content": "{{ not a template }}"},
        {"role": "assistant", "content": "{% nor this %}"},
        {"role": "user", "content": "A passage.\n\nWhat?"},
    ]


def test_a_template_is_plain_json_without_its_description(load):
    template = load(FULL)
    assert set(template) == {"system", "examples", "body"}
    assert json.loads(json.dumps(template)) == template


def test_a_file_without_front_matter_is_all_body(load):
    template = load("Q: {{ input }}\n")
    assert template == {"system": None, "examples": [], "body": "Q: {{ input }}"}
    assert render(template, Item("a", "x")) == [{"role": "user", "content": "Q: x"}]


def test_a_system_text_that_comes_out_empty_is_not_sent(load):
    template = load("---\nsystem: '{% if context %}Read.{% endif %}'\n---\n{{ input }}")
    assert [message["role"] for message in render(template, Item("a", "x"))] == ["user"]
    assert len(render(template, Item("a", "x", context="c"))) == 2


def test_all_fields_can_be_shown(load):
    template = load("{{ id }} {{ tier }} {{ tags | join('+') }} {{ input }}: {{ choices[1] }}")
    item = Item("a", "x", choices=("p", "q"), tier="t", tags=("u", "v"))
    assert said(template, item) == "a t u+v x: q"


HOSTILE = [
    "{{ context }}",
    "{% for x in range(9) %}",
    "{# gone? #}",
    "{%- endif -%}",
    '{"a": {"b": [1, 2]}}',
    r"\frac{{a}}{{b}} \text{if } x_{1}^{2}",
    "{{ ''.__class__.__mro__ }}",
    "<b>&amp;</b> \"quotes\" 'and' `ticks`",
    "  leading, trailing \n\n",
    "---\nsystem: no\n---",
    "\x00\x07 \u2028 \U0001f600 e\u0301",
    "%s %(x)s {0} {input}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_an_item_is_never_interpreted(load, text):
    template = load(FULL)
    item = Item("a", text, context=text, tier=text)
    messages = render(template, item)
    assert messages[0]["content"] == f"You know about {text} things."
    assert messages[-1]["content"] == f"{text}\n\n{text}"


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(
    st.text() | st.text("{}%#\"'\\\n\r $&<>"),
    st.text(),
    st.lists(st.text(), max_size=2).map(tuple),
)
def test_any_text_survives_table_rendering_and_json(tmp_path, text, context, choices):
    template = {
        "system": None,
        "examples": [],
        "body": "<{{ context }}|{{ choices | join('|') }}|{{ input }}>",
    }
    write_items(tmp_path / "items.parquet", [Item("a", text, context=context, choices=choices)])
    (item,) = read_items(tmp_path / "items.parquet")
    write_jsonl(tmp_path / "requests.jsonl", [{"messages": render(template, item)}])
    (request,) = read_jsonl(tmp_path / "requests.jsonl")
    assert request["messages"][-1]["content"] == f"<{context}|{'|'.join(choices)}|{text}>"


def test_printing_what_an_item_does_not_have_is_refused(load):
    template = load("{{ context }} {{ input }}")
    with pytest.raises(ConfigError) as caught:
        render(template, Item("q7", "x"), "prompts/p.md")
    assert str(caught.value).startswith('prompts/p.md: item "q7": the item has no context; ')


@pytest.mark.parametrize("body", ["{{ context | trim }}", "{{ 'x' ~ context }}", "{{ tier }}"])
def test_what_an_item_does_not_have_is_never_printed_as_none(load, body):
    with pytest.raises(ConfigError, match="the item has no"):
        render(load(body + "{{ input }}"), Item("a", "x"))


def test_a_default_stands_in_for_what_an_item_does_not_have(load):
    assert said(load("{{ context | default('-') }} {{ input }}"), Item("a", "x")) == "- x"


def test_an_unknown_variable_names_file_line_and_what_is_known(refusal):
    assert refusal("---\nsystem: x\n---\nHello\n{{ input }} {{ contxt }}\n") == (
        'p.md:5: unknown variable "contxt"; did you mean "context"? '
        "(known: choices, context, id, input, tags, tier)"
    )


def test_an_unknown_variable_is_found_in_a_branch_that_is_not_taken(refusal):
    text = "{% if false %}{% if true %}{{ nobody }}{% endif %}{% endif %}{{ input }}"
    assert 'unknown variable "nobody"' in refusal(text)


def test_an_unknown_variable_in_the_system_text_says_so(refusal):
    assert refusal("---\nsystem: '{{ nam }}'\n---\n{{ input }}").startswith(
        'p.md: system: unknown variable "nam"'
    )


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a\n{{ input }}\n{% if %}", "p.md:3: template error: "),
        ("---\nsystem: x\n---\n\n{{ input }\n", "p.md:5: template error: "),
        ("{{ input }}\n{{ input | shout }}", "p.md:2: template error: No filter named 'shout'"),
        ("{{ input }}{% include 'x' %}", 'p.md: item "example": cannot be rendered: '),
        ("---\nsystem: [x\n---\n{{ input }}", "p.md:2: front matter is not YAML: "),
        ("---\nsystem: x\n{{ input }}", "p.md:1: the front matter is not closed"),
        ("---\n- x\n---\n{{ input }}", "p.md:2: front matter must be"),
        ("---\nsystm: x\n---\n{{ input }}", 'p.md: unknown key "systm"; did you mean "system"?'),
        ("---\nsystem: 7\n---\n{{ input }}", "p.md: system must be a text, not 7"),
        ("---\nexamples: x\n---\n{{ input }}", "p.md: examples must be a list"),
        (
            "---\nexamples: [{user: a, assitant: b}]\n---\n{{ input }}",
            'p.md: examples[0]: unknown key "assitant"; did you mean "assistant"?',
        ),
        (
            "---\nexamples: [{user: a, assistant: 7}]\n---\n{{ input }}",
            "p.md: examples[0]: assistant must be a text, not 7; put quotes around it",
        ),
        (
            "---\nexamples: [{user: a}]\n---\n{{ input }}",
            "p.md: examples[0]: assistant is missing",
        ),
    ],
)
def test_a_wrong_template_is_refused_at_its_place(refusal, text, start):
    assert refusal(text).startswith(start)


@pytest.mark.parametrize(
    "body", ["Say hello.", "", "{# {{ input }} #}", "{% if input %}x{% endif %}"]
)
def test_a_body_that_never_shows_the_question_is_refused(refusal, body):
    assert "the body never shows the item's question" in refusal(body)


def test_a_body_may_show_the_question_only_where_there_is_no_context(load):
    load("{% if context %}{{ context }}{% else %}{{ input }}{% endif %}")


@pytest.mark.parametrize(
    "body",
    [
        "{{ input.__class__ }}",
        "{{ tags.append('x') }}",
        "{{ ''.join.__globals__ }}",
        "{% set x = input.__init__ %}{{ x }}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(refusal, body):
    assert "cannot be rendered" in refusal(body + "{{ input }}") or "no attribute" in refusal(
        body + "{{ input }}"
    )


@pytest.mark.parametrize("body", ["{{ lipsum() }}", "{{ tags | random }}"])
def test_what_is_not_repeatable_is_not_offered(refusal, body):
    assert refusal(body + "{{ input }}")


def test_files_that_are_not_there_or_not_text_are_refused(tmp_path, refusal):
    with pytest.raises(ConfigError, match=r"q\.md: no such template"):
        load_template("q.md", tmp_path)
    assert refusal(b"a\n{{ input }} \xe4").startswith("p.md:2: not UTF-8")


def test_an_absolute_path_is_named_relative_to_the_root(tmp_path):
    (tmp_path / "p.md").write_text("{{ x }}")
    with pytest.raises(ConfigError, match=r'^p\.md:1: unknown variable "x"'):
        load_template(tmp_path / "p.md", tmp_path)


SAME = [
    FULL.replace("\n", "\r\n"),
    "\ufeff" + FULL,
    FULL + "\n\n  \n",
    FULL.replace("A template with everything.", "Another description."),
    FULL.replace("description: A template with everything.\n", ""),
    FULL.replace("system: You know", "system:    You know"),
    FULL.replace("system: You know about {{ tier }} things.\n", "").replace(
        "examples:", "system: |\n  You know about {{ tier }} things.\nexamples:"
    ),
    FULL.replace("---\ndescription", "---\n# a comment\ndescription"),
    FULL.replace("{{ input }}", "{# a comment #}{{ input }}"),
    FULL.replace("{{ input }}", "  {# on a line\n of its own #}\n{{ input }}"),
    FULL.replace("{{ input }}\n", "{{ input }}\n{# at the end #}\n"),
]


@pytest.mark.parametrize("text", SAME)
def test_what_is_not_sent_does_not_change_the_hash(load, text):
    original = load(FULL)
    assert template_hash(load(text)) == template_hash(original)
    assert load(text) == original


DIFFERENT = [
    FULL.replace("{{ input }}", " {{ input }}"),
    FULL.replace("{{ input }}", "{{ input }}."),
    FULL.replace("{{ input }}", "{{ input }}\n\n{{ input }}"),
    FULL.replace("about", "of"),
    FULL.replace("{% nor this %}", "{% nor that %}"),
    FULL.replace("{{ not a template }}", "{# not a comment #}"),
    FULL.replace("system: You know about {{ tier }} things.\n", ""),
]


def test_whatever_is_sent_changes_the_hash(load):
    hashes = {template_hash(load(text)) for text in [FULL, *DIFFERENT]}
    assert len(hashes) == len(DIFFERENT) + 1


def test_the_hash_does_not_depend_on_the_order_of_keys(load):
    template = load(FULL)
    assert template_hash(dict(reversed(template.items()))) == template_hash(template)
    assert len(template_hash(template)) == 64


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ("a {# c #} b {{ input }}", "a  b x"),
        ("a\n{# c #}\nb {{ input }}", "a\nb x"),
        ("a {#- c -#} b {{ input }}", "ab x"),
        ("{% raw %}{# kept #}{% endraw %}{{ input }}", "{# kept #}x"),
        ('{{ "{# kept #}" }}{{ input }}', "{# kept #}x"),
        ("{ {#- c #}{ input }} {{ input }}", "{{ input }} x"),
    ],
)
def test_comments_are_left_out_as_jinja_leaves_them_out(load, body, sent):
    assert said(load(body), Item("a", "x")) == sent


def test_rendering_is_the_same_every_time_and_quick(load):
    template = load(FULL)
    items = [Item(f"a{number}", f"Question {number}?", tier="t") for number in range(10_000)]
    started = time.perf_counter()
    first = [render(template, item) for item in items]
    assert time.perf_counter() - started < 5
    assert first == [render(template, item) for item in items]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "prompts/solver").glob("*.md")), ids=lambda p: p.stem
)
def test_the_templates_that_come_with_the_workflow_can_be_loaded(path):
    template = load_template(path, ROOT)
    text = said(template, Item("a", "Why {{ so }}?", context="Because {% this %}."))
    assert "Why {{ so }}?" in text
    assert "Because {% this %}." in text
    assert text == text.strip()


@pytest.mark.parametrize("name", ["minimal", "direct", "steps"])
def test_templates_for_any_item_show_passage_and_choices_only_where_there_are_some(name):
    template = load_template(f"prompts/solver/{name}.md", ROOT)
    assert said(template, Item("a", "Why?")).startswith("Why?")
    text = said(template, Item("a", "Why?", context="P", choices=("x", "y")))
    assert text.startswith("P\n\nWhy?\nA) x\nB) y")
