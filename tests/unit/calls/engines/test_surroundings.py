"""What an engine gets to see of our environment, and what its log may not repeat."""

from splitplot.calls.engines.process import tail_of
from splitplot.calls.engines.surroundings import environment, masked, provider_variables


def test_keys_of_providers_and_of_the_registry_stay_with_us(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "LAB_SECRET", "HF_TOKEN", "PLAIN"):
        monkeypatch.setenv(name, "value")
    assert environment().keys() >= {"LAB_SECRET", "HF_TOKEN", "PLAIN"}
    (tmp_path / "config").mkdir()
    (tmp_path / "config/models.yaml").write_text(
        "models:\n  a: {model: lab/a, api_key_env: LAB_SECRET}\n  b: {api_key_env: null}\n  c: ]["
    )
    given = environment()
    assert given.keys() >= {"HF_TOKEN", "PLAIN", "PATH"}  # weights behind a gate need HF_TOKEN
    assert not given.keys() & {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "LAB_SECRET"}
    assert "null" not in provider_variables()


def test_values_of_keys_and_tokens_are_written_as_their_names(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789")
    monkeypatch.setenv("SHORT_KEY", "abc")
    (tmp_path / "log").write_text("loading abc with hf_0123456789\nkey inner-key-1 of here")
    assert tail_of(tmp_path / "log", {"VLLM_API_KEY": "inner-key-1"}) == [
        "loading abc with <HF_TOKEN>",
        "key <VLLM_API_KEY> of here",
    ]
    longer = {"A_KEY": "12345678", "B_TOKEN": "12345678-9"}
    assert masked("12345678-9 12345678", longer) == "<B_TOKEN> <A_KEY>"
