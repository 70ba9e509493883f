"""Counting by the model's own tokenizer: what an answer is billed for, without an answer."""

import pytest

from splitplot.calls.engines.llama_cpp import serve
from splitplot.calls.engines.tokenizing import count_tokens
from splitplot.errors import ConfigError

from .test_llama_cpp import endpoint_of, post

PROMPTS = [
    [{"role": "user", "content": "What is 2 + 2?"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Señor, 请?"}],
]


@pytest.mark.model
def test_the_count_is_what_the_engine_says_it_has_read():
    pytest.importorskip("xllamacpp")
    found = count_tokens({"route": "local", "endpoint": endpoint_of()}, PROMPTS)
    with serve(endpoint_of(slots=1)) as server:
        for count, messages in zip(found, PROMPTS, strict=True):
            _, answer = post(server, {"messages": messages, "max_tokens": 1})
            assert count == answer["usage"]["prompt_tokens"]


@pytest.mark.parametrize(
    "trial",
    [
        {"route": "realtime", "endpoint": {}},
        {"route": "sim", "endpoint": {}},
        {"route": "local", "endpoint": {"engine": "vllm"}},
    ],
)
def test_nobody_counts_for_a_trial_that_llama_cpp_does_not_answer(trial):
    assert count_tokens(trial, PROMPTS) is None


def test_missing_weights_are_told(tmp_path):
    endpoint = endpoint_of(weights={"path": "gone.gguf"})
    with pytest.raises(ConfigError, match=r"gone\.gguf"):
        count_tokens({"route": "local", "endpoint": endpoint}, PROMPTS, tmp_path)
