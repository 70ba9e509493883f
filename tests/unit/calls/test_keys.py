"""Keys that are made in bulk are those of `request_key`, and what is kept for it is bounded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.calls import keys as module
from splitplot.calls.keys import Prompts, TrialKeys, messages_json
from splitplot.calls.records import request_key
from splitplot.calls.tokens import expected, sizes_of, text_bytes, upper_bound
from splitplot.items.item import Item

TEXT = st.text(max_size=8)  # with half of surrogate pairs, quotes, and other scripts
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
PARAMETERS = st.dictionaries(TEXT.filter(lambda name: name != "messages"), VALUES, max_size=4)
MESSAGES = st.lists(st.fixed_dictionaries({"role": TEXT, "content": TEXT}), min_size=1, max_size=3)
ARM = {"id": "a", "template": {"system": "Be {{ id }}.", "examples": [], "body": "{{ input }}"}}


@given(VALUES, PARAMETERS, MESSAGES, st.integers(0, 12))
def test_the_keys_of_all_replications_are_those_made_one_by_one(
    identity, parameters, messages, replications
):
    found = TrialKeys({"identity": identity, "parameters": parameters}).of(
        messages_json(messages), replications
    )
    body = {"messages": messages, **parameters}
    assert found == [request_key(identity, body, r) for r in range(replications)]


@given(st.dictionaries(st.sampled_from(["tools", "max_tokens"]), VALUES), MESSAGES)
def test_sizes_from_a_kept_prompt_are_those_of_the_body(parameters, messages):
    body = {"messages": messages, **parameters}
    text = text_bytes({"messages": messages}) + text_bytes({"messages": [], **parameters})
    assert sizes_of(text, len(messages)) == (expected(body), upper_bound(body))


@pytest.mark.parametrize("room", [0, 250, 10**6])
def test_prompts_are_the_same_whether_they_are_kept_or_rendered_anew(room, monkeypatch):
    monkeypatch.setattr(module, "KEPT_BYTES", room)
    prompts = Prompts()
    items = [Item(f"i{n}", "x" * 20 * n) for n in range(9)]
    first = [prompts.of(ARM, item) for item in items]
    assert [prompts.of(ARM, item) for item in items] == first
    assert sum(len(prompt.json) for prompt in prompts._known.values()) <= room
    for item, prompt in zip(items, first, strict=True):
        messages = json.loads(prompt.json)
        assert [message["content"] for message in messages] == [f"Be {item.id}.", item.input]
        assert (prompt.count, prompt.text) == (2, text_bytes({"messages": messages}))
