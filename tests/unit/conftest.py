"""A small workflow root to plan studies in."""

import pytest
import yaml

MODELS = """
models:
  tiny:
    model: local/tiny
    weights: {path: tiny.gguf}
    sha256: "%s"
  mini: {model: openai/gpt-5-mini}
  fast: {alias_of: mini}
  strong: {model: sim/strong, sim: {seed: 1, ability: 1.5}}
  weak: {model: sim/weak, sim: {seed: 2}}
groups: {sims: [strong, weak]}
""" % ("ab" * 32)


class Root:
    """A folder with a registry, two templates and a data file, and a study as plain values."""

    def __init__(self, path):
        self.path = path
        self.write("config/models.yaml", MODELS)
        self.write("prompts/solver/direct.md", "Answer only.\n\n{{ input }}\n")
        self.write("prompts/solver/steps.md", "Think first.\n\n{{ input }}\n")
        self.write("data/items.jsonl", '{"id": "1", "input": "1 + 1?", "target": "2"}\n')
        self.study = {
            "study": "s",
            "items": [{"path": "data/items.jsonl"}],
            "models": ["tiny"],
            "sampling": [{"name": "greedy", "temperature": 0, "max_tokens": 64}],
            "conditions": {
                "direct": "prompts/solver/direct.md",
                "steps": "prompts/solver/steps.md",
            },
            "scorers": ["numeric"],
        }

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def save(self, text=None, **changes):
        """Write the study (its values with `changes`, None removing a key, or `text`)."""
        values = {k: v for k, v in (self.study | changes).items() if v is not None}
        name = changes.get("study", "s")
        text = text if text is not None else yaml.safe_dump(values, sort_keys=False)
        return self.write(f"config/studies/{name}.yaml", text)

    def plan(self, text=None, **changes):
        from splitplot.design import make_plan

        return make_plan(self.save(text, **changes), self.path)

    def refusal(self, text=None, **changes):
        """The message of the ConfigError that this study ends in."""
        from splitplot.errors import ConfigError

        with pytest.raises(ConfigError) as caught:
            self.plan(text, **changes)
        return str(caught.value)


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


@pytest.fixture(scope="session")
def shared_root(tmp_path_factory):
    """A root for property tests, which rewrite the study again and again."""
    return Root(tmp_path_factory.mktemp("root"))


class Spoken:
    """A batch protocol that takes everything but `logprobs`, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def check(self, parameters, settings):
        from splitplot.errors import ConfigError

        self.asked.append((parameters, settings))
        if "logprobs" in parameters:
            raise ConfigError("logprobs: not by batch; remove it")


@pytest.fixture
def spoken(monkeypatch):
    """In place of every provider's batch protocol."""
    stand_in = Spoken()
    monkeypatch.setattr("splitplot.calls.batch.protocols.provider", lambda name: stand_in)
    return stand_in
