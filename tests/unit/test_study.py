"""What a study file may say, and what is said back when it says something else."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from splitplot.config_file import read_document
from splitplot.errors import ConfigError
from splitplot.study import load_study, study_schema
from splitplot.study.litellm_options import is_litellm_option
from splitplot.study.reference import study_reference

REPOSITORY = Path(__file__).resolve().parents[2]
STUDIES = sorted((REPOSITORY / "config/studies").glob("*.yaml"))


def test_ten_lines_are_enough(root):
    text = """
study: s
items: [{path: data/items.jsonl}]
models: [tiny]
conditions: {direct: prompts/solver/direct.md}
scorers: [numeric]
"""
    study = load_study(root.save(text), root.path)
    assert [(s.name, s.max_tokens) for s in study.sampling] == [("default", 1024)]
    assert (study.replications, study.budget.policy, study.execution.parts) == (1, "full", 1)
    assert (study.analysis.alpha, study.analysis.seed) == (0.05, 1337)


def test_the_study_of_the_design_document_is_accepted(root):
    root.write("prompts/solver/minimal.md", "{{ input }}")
    root.write("prompts/solver/standard.md", "Answer. {{ input }}")
    text = """
study: model_prompt_compare
question: Is B really better than A, or is the gap within run-to-run noise?
items:
  - {hf: MathArena/aime_2025, split: train, map: {id: problem_idx, input: problem, target: answer}}
  - {dataset: gsm8k}
  - {generate: reasoning_gym, tasks: {gcd: {weight: 2, max_value: 12}, chain_sum: }, size: 200, seed: 7}
models: [openai/gpt-5-mini, anthropic/claude-haiku-4-5]
sampling: [{name: low, reasoning_effort: low, max_tokens: 8192}]
conditions: {minimal: prompts/solver/minimal.md, standard: prompts/solver/standard.md}
replications: 3
scorers: [numeric]
judges: []
budget: {policy: dev, dev_items: 10, confirm_above_usd: 2, max_usd: 25, quota: {}}
execution: {route: auto, parts: 1, max_concurrent_batches: 4}
analysis:
  primary: {metric: score, contrast: [condition, standard, minimal], margin: 0.02, scope: items}
  alpha: 0.05
  seed: 1337
"""
    path = root.save(text, study="model_prompt_compare")
    study = load_study(path, root.path)
    assert study.analysis.primary[0].contrast == ["condition", "standard", "minimal"]
    assert [type(source).__name__ for source in study.items] == [
        "HubSource",
        "OfficialSource",
        "GeneratedSource",
    ]


def test_an_unknown_key_is_refused_with_its_near_miss_and_line(root):
    message = root.refusal(root.save().read_text() + "samplng: []\n")
    assert message.startswith(
        'config/studies/s.yaml: samplng: unknown key; did you mean "sampling"? (known: analysis, '
    )
    assert message.endswith("(line 15)")


def test_an_unknown_scorer_is_refused_as_the_style_guide_shows(root):
    message = root.refusal(scorers=["numeric", "numerc"])
    assert message.startswith(
        'config/studies/s.yaml: scorers[1]: unknown scorer "numerc"; did you mean "numeric"?'
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"items": None}, "items: is missing"),
        ({"items": []}, "items: must not be empty"),
        ({"items": [3]}, "items[0]: must be a mapping with one of the keys path, hf,"),
        ({"items": [{"path": "data/items.jsonl", "frmat": "csv"}]}, 'did you mean "format"?'),
        ({"items": [{"path": "data/x.jsonl"}]}, "items[0].path: no file data/x.jsonl"),
        ({"items": [{"path": "data/x.txt"}]}, "add format: jsonl, csv or parquet"),
        (
            {"items": [{"path": "data/items.jsonl", "map": {"targte": "a"}}]},
            'unknown item field "targte"; did you mean "target"?',
        ),
        ({"items": [{"dataset": "gsm9k"}]}, '"gsm9k" is not allowed; did you mean "gsm8k"?'),
        (
            {"items": [{"generate": "reasoning_gym", "tasks": {"gcd": {"weight": 0}}, "size": 1}]},
            "items[0].tasks: gcd.weight must be a number above 0",
        ),
        ({"models": None}, "name at least one model under `models`"),
        ({"models": ["tny"]}, 'models[0]: unknown model or group "tny"; did you mean "tiny"?'),
        ({"models": [1.1]}, 'models[0]: must be text; put it in quotes: "1.1"'),
        ({"models": ["local/x"]}, '"local/x" must be an entry of config/models.yaml'),
        ({"conditions": {"a": "prompts/solver/drect.md"}}, 'did you mean "direct.md"?'),
        ({"conditions": {"a": 3}}, "conditions.a: must be a mapping (key: value), not 3"),
        ({"conditions": {}}, "conditions: must not be empty"),
        ({"replications": 0}, "replications: must be at least 1, not 0"),
        ({"replications": 1.5}, "replications: must be a whole number, not 1.5"),
        ({"replications": True}, "replications: must be a whole number, not true"),
        ({"sampling": [{"temperature": "0"}]}, 'temperature: must be a number, not "0"'),
        ({"sampling": [{}, {}]}, 'sampling[1]: a second sampling named "default"'),
        ({"sampling": [{"top_logprobs": 3}]}, "top_logprobs needs `logprobs: true`"),
        ({"sampling": [{"extra": {"stream": True}}]}, "stream is set by the workflow"),
        ({"sampling": [{"extra": {"n": 2}}]}, "n is set by the workflow"),
        ({"sampling": [{"extra": {"messages": []}}]}, "messages is set by the workflow"),
        ({"sampling": [{"extra": {"model": "x"}}]}, "model is set by the workflow"),
        ({"sampling": [{"extra": {"api_key": "hunter2"}}]}, "api_key: a secret does not belong"),
        ({"sampling": {"extra": {"authorization": "x"}}}, "a secret does not belong"),
        (
            {"sampling": [{"extra": {"extra_headers": {"X-A": "b"}}}]},
            "no field of the request body",
        ),
        ({"sampling": [{"extra": {"user": "${ME}"}}]}, "${…} is not replaced here"),
        ({"question": "sk-proj-hunter2hunter2hunter2"}, "question: a secret does not belong"),
        (
            {"models": ["anthropic/x"], "sampling": [{"extra": {"num_retries": 3}}]},
            "sampling[0].extra.num_retries: is an option of litellm",
        ),
        ({"sampling": [{"extra": {"seed": 3}}]}, "write seed beside `extra`, not inside it"),
        ({"sweep": {"temprature": [1]}}, '"temprature" cannot be swept; did you mean'),
        ({"sweep": {"temperature": {"from": 1, "to": 0, "step": 1}}}, "`to` must be at least"),
        ({"sweep": {"temperature": ["hot"]}}, "sweep.temperature: 'hot'"),
        ({"sweep": {"max_tokens": [64, 64]}}, "comes up twice"),
        ({"scorers": ["numeric", "numeric"]}, 'a second scorer named "numeric"'),
        ({"judges": ["mini"]}, "judging is not available in this version"),
        ({"budget": {"policy": "devv"}}, '"devv" is not allowed; did you mean "dev"?'),
        (
            {"budget": {"quota": {"tny": {"calls": 1}}}},
            'no model of this study; did you mean "tiny"',
        ),
        (
            {"execution": {"route": "batches"}},
            'did you mean "batch"? (known: auto, batch, litellm, local, realtime, sim)',
        ),
        (
            {"execution": {"route": "batch"}},
            'models[0]: route batch cannot serve "tiny" (possible: auto, local, sim)',
        ),
        (
            {"models": ["strong"], "execution": {"route": "batch"}},
            'route batch cannot serve "strong", which is simulated',
        ),
        (
            {"models": ["azure/gpt"], "execution": {"route": "batch"}},
            'models[0]: route batch cannot serve "azure/gpt": azure\'s batch API needs an address',
        ),
        (
            {"models": ["deepseek/x"], "execution": {"route": "batch"}},
            'no batch API is known for "deepseek"',
        ),
        ({"execution": {"batch_at_least": 0}}, "batch_at_least: must be at least 1, not 0"),
        ({"execution": {"rescue": "realtme"}}, '"realtme" is not allowed; did you mean "realtime"'),
        ({"execution": {"max_concurrent_batches": 0}}, "must be at least 1, not 0"),
        ({"execution": {"route": "realtime"}}, 'route realtime cannot serve "tiny"'),
        ({"trials": [{"model": "tiny"}]}, "`trials` replaces the crossing of `models`"),
        ({"exclude": [{}]}, "exclude[0]: give at least one of model, sampling, condition"),
        ({"exclude": [{"condition": "stps"}]}, 'unknown condition "stps"; did you mean "steps"?'),
        ({"exclude": [{"model": "sims"}]}, "exclude[0]: matches no cell of the study"),
        ({"exclude": [{"model": "tiny"}]}, "exclude: leaves no cell to ask"),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(root, changes, expected):
    message = root.refusal(**changes)
    assert expected in message
    assert message.startswith("config/studies/s.yaml: ")
    assert len(message.splitlines()) == 1


def test_names_of_ones_own_are_no_secrets(root):
    tool = {"parameters": {"properties": {"password": {"type": "string"}}}}
    root.plan(
        conditions={"secret": "prompts/solver/direct.md"},
        scorers=[{"scorer": "regex", "pattern": "[x${]([0-9]+)"}],
        sampling=[{"extra": {"tools": [tool], "prompt_cache_key": "a"}}],
    )


@pytest.mark.parametrize("route", ["realtime", "sim"])
def test_an_option_of_litellm_is_an_ordinary_field_on_other_routes(root, route):
    extra = {"metadata": {"run": "a"}, "top_k": 40}
    root.plan(models=["mini"], sampling=[{"extra": extra}], execution={"route": route})


def test_every_option_of_litellm_is_known_and_fields_of_providers_are_not(monkeypatch):
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm.types.utils import all_litellm_params

    ours = {"timeout", "api_base", "api_key", "mock_response", "custom_llm_provider", "drop_params"}
    assert [name for name in (ours | set(all_litellm_params)) if not is_litellm_option(name)] == []
    sent = ["top_k", "min_p", "thinking", "response_format", "tools", "service_tier", "user"]
    sent += ["logit_bias", "verbosity", "store", "prompt_cache_key", "safety_settings"]
    assert [name for name in sent if is_litellm_option(name)] == []


def test_a_study_must_be_named_like_its_file(root):
    path = root.save().rename(root.path / "config/studies/other.yaml")
    with pytest.raises(ConfigError, match='study: must be "other", the name of its file, not "s"'):
        load_study(path, root.path)


@pytest.mark.parametrize(
    ("primary", "expected"),
    [
        ({"contrast": ["condition", "direct", "direct"]}, 'compares "direct" with itself'),
        ({"contrast": ["condition", "direct", "stps"]}, 'contrast[2]: unknown condition "stps"'),
        ({"contrast": ["conditon", "a", "b"]}, 'unknown factor "conditon"; did you mean'),
        ({"contrast": ["condition", "a"]}, "analysis.primary.contrast: must have 3 entries"),
        ({"contrast": ["condition", "direct", "steps"], "margin": 0}, "margin: must be above 0"),
        ({"contrast": ["condition", "direct", "steps"], "scope": "all"}, '"all" is not allowed'),
        (
            {"contrast": ["condition", "direct", "steps"], "metric": "numerik"},
            'unknown metric "numerik"; did you mean "numeric"?',
        ),
        (
            {"contrast": ["condition", "direct", "steps"], "scope": "prompts"},
            "a contrast of two conditions cannot speak of prompts like these",
        ),
        (
            {"contrast": ["model", "strong", "weak"], "scope": "prompts"},
            "prompts like these need `random: [condition]`",
        ),
        (
            {"contrast": ["model", "strong", "weak"], "scope": "datasets"},
            "datasets like these need at least two entries of `items`",
        ),
    ],
)
def test_a_primary_contrast_must_make_sense(root, primary, expected):
    assert expected in root.refusal(models=["strong", "weak"], analysis={"primary": primary})


def test_looks_without_a_stopping_rule_are_not_ignored(root):
    assert "add `stopping: anytime`" in root.refusal(analysis={"looks": 4})


def test_the_first_scorer_has_one_name_as_a_metric(root):
    contrast = {"contrast": ["condition", "direct", "steps"], "metric": "numeric"}
    plan = root.plan(scorers=["numeric"], analysis={"primary": contrast})
    assert plan["analysis"]["primary"][0]["metric"] == "score"


def test_an_unknown_key_is_told_the_keys_as_they_are_written(root):
    message = root.refusal(analysis={"pilot": {"form": "other"}})
    assert 'did you mean "from"' in message


def test_two_conditions_are_no_sample_of_prompts(root):
    message = root.refusal(analysis={"random": ["condition"]})
    assert "analysis.random: 2 conditions cannot stand for prompts like these" in message


def test_prompts_that_are_compared_are_no_sample(root):
    for name in "abc":
        root.write(f"prompts/solver/{name}.md", f"{name} {{{{ input }}}}")
    message = root.refusal(
        conditions={name: f"prompts/solver/{name}.md" for name in "abc"},
        analysis={"random": ["condition"], "primary": {"contrast": ["condition", "a", "b"]}},
    )
    assert "conditions that a primary contrast compares are no random sample" in message


def test_a_contrast_without_a_common_cell_is_refused(root):
    message = root.refusal(
        models=None,
        trials=[
            {"model": "strong", "conditions": ["direct"]},
            {"model": "weak", "conditions": ["steps"]},
        ],
        analysis={"primary": {"contrast": ["condition", "direct", "steps"]}},
    )
    assert '"direct" and "steps" never meet the same model and sampling' in message


def test_several_problems_are_reported_together_in_the_order_of_the_file(root):
    lines = root.refusal(models=["tny"], scorers=["numerc"], items=[{"path": "x.csv"}]).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["items[0].path", "models[0]", "scorers[0]"]


def test_a_condition_named_like_a_truth_value_needs_quotes(root):
    text = root.save().read_text().replace("direct:", "on:")
    assert 'write "on" in quotes' in root.refusal(text)
    plan = root.plan(text.replace(" on:", ' "on":'))
    assert plan["conditions"][0]["name"] == "on"


def test_a_study_cannot_take_the_folder_of_the_ledger(root):
    assert "results/ledger keeps the answers" in root.refusal(study="ledger")


def test_a_study_extends_another(root):
    root.save(budget={"policy": "dev", "max_usd": 3})
    study = load_study(
        root.save(
            "study: child\nextends: s\nbudget: {max_usd: null}\nmodels: [strong]\n", study="child"
        ),
        root.path,
    )
    assert (study.models, study.budget.policy, study.budget.max_usd) == (["strong"], "dev", None)


def test_null_in_a_map_leaves_a_column_out_and_stands_in_the_plan(root):
    mapping = {"difficulty": None, "target": None, "targets": "answers"}
    plan = root.plan(items=[{"path": "data/items.jsonl", "map": mapping}])
    assert plan["items"][0]["map"] == mapping
    refusal = root.refusal(
        items=[{"path": "data/items.jsonl", "map": mapping | {"target": "answer"}}]
    )
    assert "items[0].map: give target (one answer) or targets (a list), not both" in refusal


def test_a_mistake_in_the_extended_study_is_reported_there(root):
    root.save(scorers=["numerc"])
    with pytest.raises(ConfigError, match=r"^config/studies/s\.yaml: scorers\[0\]"):
        load_study(root.save("study: child\nextends: s\n", study="child"), root.path)


def test_studies_that_extend_each_other_are_refused(root):
    root.save("study: s\nextends: config/studies/child.yaml\n")
    with pytest.raises(ConfigError, match="goes in a circle"):
        load_study(root.save("study: child\nextends: s\n", study="child"), root.path)


def test_an_unknown_study_to_extend_is_refused_with_the_near_miss(root):
    root.save()
    with pytest.raises(ConfigError, match='no study "ss"; did you mean "s"'):
        load_study(root.save("study: child\nextends: ss\n", study="child"), root.path)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_shipped_studies_fit_the_schema(path):
    # The reader is checked against an independent validator of JSON Schema.
    jsonschema.Draft202012Validator(study_schema()).validate(read_document(path, REPOSITORY).value)


def test_the_schema_refuses_what_the_reader_refuses(root):
    validator = jsonschema.Draft202012Validator(study_schema())
    validator.validate(root.study)
    for wrong in ({"samplng": []}, {"replications": 0}, {"conditions": {"a": 3}}, {"items": [{}]}):
        assert not validator.is_valid(root.study | wrong)
    assert not validator.is_valid({k: v for k, v in root.study.items() if k != "items"})
    assert validator.is_valid({"study": "child", "extends": "s"})


def test_every_key_of_the_schema_is_described():
    schema = study_schema()
    for definition in (schema, *schema["$defs"].values()):
        for key, field in definition["properties"].items():
            assert field.get("description") or "$ref" in field, key


def test_the_exported_schema_is_in_sync():
    exported = REPOSITORY / "workflow/schemas/study.schema.json"
    assert json.loads(exported.read_text(encoding="utf-8")) == study_schema(), (
        "run: python -m splitplot.study --schema > workflow/schemas/study.schema.json"
    )


def test_the_reference_in_the_docs_is_in_sync():
    text = (REPOSITORY / "docs/study.md").read_text(encoding="utf-8")
    generated = text.split("<!-- generated: -->\n")[1]
    assert generated.strip() == study_reference().strip(), (
        "replace what follows the marker by the output of: python -m splitplot.study --reference"
    )


def test_examples_in_the_docs_are_valid_yaml():
    text = (REPOSITORY / "docs/study.md").read_text(encoding="utf-8")
    for block in text.split("```yaml\n")[1:]:
        yaml.safe_load(block.split("```")[0])
