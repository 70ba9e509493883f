"""What changes an id and what must not; the crossing of trials, conditions and replications."""

import copy
import json
import random
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from splitplot.design import body_parameters, item_files, make_plan, package_digest, part_ids
from splitplot.study.sections import Sampling

REPOSITORY = Path(__file__).resolve().parents[2]


def ids(plan):
    return [entry["id"] for entry in plan["trials"] + plan["conditions"]]


def names(plan):
    """(model, sampling, condition, replications) of every cell."""
    trials = {trial["id"]: (trial["model"], trial["sampling"]) for trial in plan["trials"]}
    conditions = {condition["id"]: condition["name"] for condition in plan["conditions"]}
    return [
        (*trials[c["trial"]], conditions[c["condition"]], c["replications"]) for c in plan["cells"]
    ]


def test_the_crossing_is_full_by_default(root):
    plan = root.plan(models=["sims"], replications=3)
    assert names(plan) == [
        ("strong", "greedy", "direct", 3),
        ("strong", "greedy", "steps", 3),
        ("weak", "greedy", "direct", 3),
        ("weak", "greedy", "steps", 3),
    ]


def test_a_group_and_its_member_are_asked_once(root):
    assert len(root.plan(models=["sims", "strong"])["trials"]) == 2


def test_excluded_cells_are_left_out(root):
    plan = root.plan(models=["sims"], exclude=[{"model": "weak", "condition": "steps"}])
    assert [cell[:3] for cell in names(plan)] == [
        ("strong", "greedy", "direct"),
        ("strong", "greedy", "steps"),
        ("weak", "greedy", "direct"),
    ]


def test_an_excluded_condition_or_model_leaves_the_plan(root):
    plan = root.plan(models=["sims"], exclude=[{"model": "weak"}, {"condition": "steps"}])
    assert names(plan) == [("strong", "greedy", "direct", 1)]
    assert (len(plan["trials"]), len(plan["conditions"])) == (1, 1)


def test_a_sweep_is_crossed_with_every_sampling(root):
    plan = root.plan(
        sampling=[{"name": "a", "top_p": 0.9}, {"name": "b"}],
        sweep={"temperature": [0, 0.7], "max_tokens": {"from": 64, "to": 200, "step": 64}},
        exclude=[{"sampling": "b"}],
    )
    found = {trial["sampling"]: trial["parameters"] for trial in plan["trials"]}
    assert list(found) == [
        f"a-max_tokens={tokens}-temperature={heat}"
        for tokens in (64, 128, 192)
        for heat in ("0", "0.7")
    ]
    assert found["a-max_tokens=128-temperature=0.7"] == {
        "max_tokens": 128,
        "temperature": 0.7,
        "top_p": 0.9,
    }


def test_a_swept_range_of_decimals_is_exact(root):
    plan = root.plan(sweep={"temperature": {"from": 0, "to": 0.3, "step": 0.1}})
    assert [t["parameters"]["temperature"] for t in plan["trials"]] == [0, 0.1, 0.2, 0.3]


def test_listed_trials_replace_the_crossing(root):
    plan = root.plan(
        models=None,
        sampling=[{"name": "a"}, {"name": "b", "seed": 1}],
        trials=[
            {"model": "strong", "sampling": "a", "conditions": ["steps"], "replications": 5},
            {"model": "mini", "route": "litellm"},
        ],
    )
    assert names(plan)[0] == ("strong", "a", "steps", 5)
    assert len(names(plan)) == 1 + 2 * 2
    assert [trial["route"] for trial in plan["trials"]] == ["sim", "litellm", "litellm"]


def test_a_cell_listed_twice_is_refused(root):
    message = root.refusal(models=None, trials=[{"model": "weak"}, {"model": "sims"}])
    assert "trials[1]: weak × greedy × direct is listed before" in message


def test_the_same_model_and_settings_under_two_names_are_refused(root):
    message = root.refusal(models=["mini", "fast"])
    assert "mini × greedy and fast × greedy are the same model with the same settings" in message
    twice = [{"name": "a", "temperature": 0}, {"name": "b", "temperature": 0.0}]
    assert "tiny × a and tiny × b" in root.refusal(sampling=twice)


def test_conditions_with_the_same_content_are_refused(root):
    root.write("prompts/solver/again.md", "Answer only.\n\n{{ input }}\n")
    conditions = {"direct": "prompts/solver/direct.md", "again": "prompts/solver/again.md"}
    assert 'conditions "direct" and "again" have the same content' in root.refusal(
        conditions=conditions
    )


def test_body_parameters_hold_what_is_set_in_one_canonical_form():
    sampling = Sampling.model_validate(
        {"temperature": 0.0, "stop": "END", "max_tokens": 8, "extra": {"top_k": 40.0, "a": [1.0]}}
    )
    parameters = body_parameters(sampling)
    assert json.dumps(parameters) == json.dumps(
        {"a": [1], "max_tokens": 8, "stop": ["END"], "temperature": 0, "top_k": 40}
    )


def test_parts_sort_as_they_count():
    assert part_ids(1) == ["0-of-1"]
    assert part_ids(12)[3] == "03-of-12"
    assert part_ids(10)[9] == "9-of-10"
    for count in (1, 9, 10, 11, 100, 101):
        assert part_ids(count) == sorted(part_ids(count))
        assert len(set(part_ids(count))) == count


def test_the_budget_policy_dev_limits_the_items(root):
    assert root.plan()["item_limit"] is None
    assert root.plan(budget={"policy": "dev", "dev_items": 7})["item_limit"] == 7


def test_the_primary_contrast_says_whether_its_margin_was_chosen(root):
    contrast = {"contrast": ["condition", "steps", "direct"]}
    assert root.plan()["analysis"]["primary"] == []
    assert root.plan(analysis={"primary": contrast})["analysis"]["primary"] == [
        {
            "name": "steps − direct",
            "metric": "score",
            "factor": "condition",
            "a": "steps",
            "b": "direct",
            "margin": 0.01,
            "margin_is_default": True,
            "scope": "items",
            "missing": "strict",
        }
    ]
    chosen = root.plan(analysis={"primary": [contrast | {"margin": 0.02}]})
    assert chosen["analysis"]["primary"][0]["margin_is_default"] is False


def test_item_sources_are_resolved_with_defaults(root):
    plan = root.plan(items=[{"path": "data/items.jsonl", "map": {"target": "answer"}}])
    assert plan["items"] == [
        {
            "kind": "path",
            "path": "data/items.jsonl",
            "format": "jsonl",
            "map": {"target": "answer"},
            "metadata": [],
            "limit": None,
            "tier": None,
            "tags": [],
            "id_prefix": None,
        }
    ]
    assert item_files(plan) == ["data/items.jsonl"]


# --- what changes an id, and what must not ---

scalars = st.one_of(st.integers(0, 9), st.floats(0, 1), st.text("abc", min_size=1, max_size=3))


@pytest.fixture(scope="module")
def rich(shared_root):
    """A study that uses most keys, its plan, and the way to plan a variant of it."""
    study = shared_root.study | {
        "question": "Which one?",
        "models": ["tiny", "mini", "weak"],
        "sampling": [
            {
                "name": "greedy",
                "temperature": 0,
                "max_tokens": 64,
                "extra": {"b": 1, "a": {"x": 1}},
            },
            {"name": "warm", "temperature": 0.7, "max_tokens": 64, "stop": ["A", "B"]},
        ],
        "items": [
            {"path": "data/items.jsonl", "map": {"id": "id", "input": "input"}},
            {"generate": "reasoning_gym", "tasks": {"gcd": {"a": 1, "b": 2}, "add": {}}, "size": 9},
        ],
        "replications": 2,
        "scorers": [{"scorer": "numeric", "tolerance": 0.5, "name": "n"}],
        "analysis": {"primary": {"contrast": ["condition", "steps", "direct"], "margin": 0.02}},
    }
    return study, shared_root.plan(**study), shared_root


def shuffled(value, order):
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    return [shuffled(inner, order) for inner in value] if isinstance(value, list) else value


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), flow=st.booleans(), width=st.integers(20, 120))
def test_key_order_comments_and_spacing_never_change_ids_or_digests(rich, seed, flow, width):
    study, plan, root = rich
    order = random.Random(seed)
    text = yaml.safe_dump(
        shuffled(copy.deepcopy(study), order),
        sort_keys=False,
        default_flow_style=flow,
        width=width,
        indent=order.choice([2, 3, 4]),
    )
    if not flow:
        lines = text.splitlines()
        text = "\n".join(
            part
            for line in lines
            for part in order.choice([(line,), ("", "# note", line + "  # x")])
        )
    other = root.plan(text)
    assert sorted(ids(other)) == sorted(ids(plan))
    assert other["digests"] == plan["digests"]


@settings(max_examples=40, deadline=None)
@given(
    key=st.sampled_from(
        ["temperature", "top_p", "max_tokens", "seed", "reasoning_effort", "extra"]
    ),
    one=scalars,
    two=scalars,
)
def test_any_change_of_a_sampling_value_changes_the_parameters(key, one, two):
    def parameters(value):
        body = {"extra": {"top_k": value}} if key == "extra" else {key: value}
        try:
            return body_parameters(Sampling.model_validate(body))
        except ValueError:
            return None

    if parameters(one) is not None and parameters(two) is not None:
        assert (parameters(one) == parameters(two)) == (one == two)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.1},
        {"max_tokens": 65},
        {"seed": 1},
        {"stop": "x"},
        {"reasoning_effort": "low"},
        {"presence_penalty": 0.5},
        {"logprobs": True},
        {"extra": {"top_k": 1}},
    ],
)
def test_a_changed_setting_is_another_trial(root, change):
    before = root.plan()
    after = root.plan(sampling=[root.study["sampling"][0] | change])
    assert after["trials"][0]["id"] != before["trials"][0]["id"]
    assert after["trials"][0]["hash"] != before["trials"][0]["hash"]
    assert after["conditions"] == before["conditions"]


@settings(max_examples=25, deadline=None)
@given(words=st.lists(st.text("abcdefgh ", min_size=1), min_size=2, max_size=2, unique=True))
def test_any_change_of_a_template_is_another_condition(shared_root, words):
    found = []
    for text in words:
        shared_root.write("prompts/p.md", f"x {text} x\n{{{{ input }}}}")
        plan = shared_root.plan(conditions={"p": "prompts/p.md"})
        found.append(plan["conditions"][0]["id"])
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ab" * 32, "cd" * 32),
        ("model: local/tiny", "model: local/other"),
        ("weights:", "context: 4096\n    weights:"),
        ("weights:", "chat_template: prompts/solver/direct.md\n    weights:"),
    ],
)
def test_another_model_behind_the_same_name_is_another_trial(root, old, new):
    before = root.plan()
    registry = root.path / "config/models.yaml"
    registry.write_text(registry.read_text().replace(old, new, 1))
    assert root.plan()["trials"][0]["hash"] != before["trials"][0]["hash"]


def test_another_name_in_the_request_is_another_trial(root):
    before = root.plan(models=["mini"])
    registry = root.path / "config/models.yaml"
    registry.write_text(
        registry.read_text().replace("openai/gpt-5-mini", "openai/gpt-5-mini, sent_as: other", 1)
    )
    assert root.plan(models=["mini"])["trials"][0]["hash"] != before["trials"][0]["hash"]


@pytest.mark.parametrize(
    ("model", "old", "new"),
    [
        ("tiny", "weights:", "slots: 2\n    threads: 3\n    weights:"),
        ("tiny", "tiny.gguf", "elsewhere/tiny.gguf"),
        (
            "mini",
            "openai/gpt-5-mini",
            "openai/gpt-5-mini, max_concurrency: 3, request_timeout_s: 9",
        ),
        ("mini", "openai/gpt-5-mini", "openai/gpt-5-mini, base_url: 'https://proxy.example/v1'"),
        ("mini", "openai/gpt-5-mini", "openai/gpt-5-mini, route: litellm, api_key_env: MINE"),
        ("mini", "openai/gpt-5-mini", "openai/gpt-5-mini, batch: false"),
        ("mini", "openai/gpt-5-mini", "openai/gpt-5-mini, batch: {window_h: 48, model: other}"),
        (
            "mini",
            "openai/gpt-5-mini",
            "openai/gpt-5-mini, price: "
            "{usd_per_million_input_tokens: 1, usd_per_million_output_tokens: 2}",
        ),
    ],
)
def test_how_a_model_is_reached_run_or_priced_changes_no_id(root, model, old, new):
    before = root.plan(models=[model])
    registry = root.path / "config/models.yaml"
    registry.write_text(registry.read_text().replace(old, new, 1))
    after = root.plan(models=[model])
    assert ids(after) == ids(before)
    assert after["trials"][0]["identity"] == before["trials"][0]["identity"]
    assert after["digests"]["grid"] == before["digests"]["grid"]
    assert after["trials"] != before["trials"]


GOLDEN = {
    "tiny": "91ebfed4959a19ca",
    "mini": "016b48c52deaf05c",
    "weak": "db5f7a6f223f2da1",
    "anthropic/claude-haiku-4-5": "91b677257b412c99",
    "azure/gpt": "bfe5c1fd03b368db",
    "together/meta/llama": "e3029805240c8480",
}
"""Hashes of trials that version 0.1.0 made, before any trial went by batch: answers lie under them."""


def test_trials_keep_the_hashes_under_which_their_answers_were_bought(root, spoken):
    plan = root.plan(models=list(GOLDEN))
    assert {trial["model"]: trial["hash"] for trial in plan["trials"]} == GOLDEN


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        ("demo", ["smollm2-135m-greedy--4459c596", "smollm2-135m-warm--e569fa66"]),
        ("gsm8k", ["smollm2-135m-greedy--d242d675"]),
    ],
)
def test_the_shipped_studies_keep_their_trials(study, expected):
    # As version 0.1.0 made them.
    plan = make_plan(Path(f"config/studies/{study}.yaml"), REPOSITORY)
    assert [trial["id"] for trial in plan["trials"]] == expected


@pytest.mark.parametrize(
    "execution",
    [
        {"route": "auto"},
        {"route": "batch"},
        {"route": "realtime"},
        {"route": "litellm"},
        {"batch_at_least": 1},
        {"rescue": "realtime"},
        {"max_concurrent_batches": 1},
        {"parts": 7},
    ],
)
def test_execution_changes_no_id_and_no_key(root, spoken, execution):
    from splitplot.calls.requests import cell_requests
    from splitplot.items.item import Item

    def keys(plan):
        items = [Item(str(n), f"{n}?") for n in range(3)]
        trial, condition = plan["trials"][0], plan["conditions"][0]
        return [request.key for request, _, _ in cell_requests(trial, condition, 2, items)]

    before, after = root.plan(models=["mini"]), root.plan(models=["mini"], execution=execution)
    assert ids(after) == ids(before)
    assert [trial["hash"] for trial in after["trials"]] == [GOLDEN["mini"]]
    assert keys(after) == keys(before)
    assert after["digests"]["grid"] == before["digests"]["grid"]


def test_a_trial_goes_by_batch_where_its_provider_has_one_and_nothing_else_is_said(root, spoken):
    plan = root.plan(models=["mini", "tiny", "weak", "deepseek/chat"])
    found = {trial["model"]: trial["batch"] for trial in plan["trials"]}
    assert found["mini"]["at_least"] == 500
    assert found["mini"]["protocol"] == "openai"
    assert [found[name] for name in ("tiny", "weak", "deepseek/chat")] == [None] * 3
    assert {trial["batch_reason"] for trial in plan["trials"]} == {None}
    assert [trial["route"] for trial in plan["trials"]] == ["realtime", "local", "sim", "realtime"]


@pytest.mark.parametrize("route", ["realtime", "litellm", "sim"])
def test_another_route_is_not_by_batch(root, spoken, route):
    trial = root.plan(models=["mini"], execution={"route": route})["trials"][0]
    assert (trial["route"], trial["batch"], trial["batch_reason"]) == (route, None, None)
    assert spoken.asked == []


def test_every_part_goes_by_batch_when_that_is_asked_for_also_of_one_trial(root, spoken):
    trial = root.plan(models=["mini"], execution={"route": "batch"})["trials"][0]
    assert (trial["route"], trial["batch"]["at_least"]) == ("realtime", 1)
    trials = [{"model": "mini", "route": "batch"}, {"model": "groq/x"}, {"model": "tiny"}]
    plan = root.plan(models=None, trials=trials, execution={"batch_at_least": 9})
    found = [trial["batch"] and trial["batch"]["at_least"] for trial in plan["trials"]]
    assert found == [1, 9, None]
    mixed = [{"model": "mini", "route": "auto"}]
    plan = root.plan(models=None, trials=mixed, execution={"route": "batch", "batch_at_least": 3})
    assert plan["trials"][0]["batch"]["at_least"] == 3


def test_a_setting_that_cannot_go_by_batch_leaves_the_trial_to_real_time_and_says_so(root, spoken):
    plan = root.plan(
        models=["mini"],
        sampling=[{"name": "a", "max_tokens": 8}, {"name": "b", "logprobs": True}],
    )
    one, other = plan["trials"]
    assert (one["batch"]["protocol"], one["batch_reason"]) == ("openai", None)
    assert (other["batch"], other["batch_reason"]) == (None, "logprobs: not by batch; remove it")
    assert spoken.asked[0] == ({"max_tokens": 8}, one["batch"])


def test_a_setting_that_cannot_go_by_batch_is_refused_where_batches_are_asked_for(root, spoken):
    message = root.refusal(
        models=["mini"],
        sampling=[{"name": "a"}, {"name": "b", "logprobs": True}],
        execution={"route": "batch"},
    )
    assert message.startswith(
        'config/studies/s.yaml: sampling[1]: route batch cannot serve "mini" with this sampling: '
        "logprobs: not by batch; remove it"
    )


def test_what_is_missing_for_batches_is_told_in_the_plan(root, spoken):
    trial = root.plan(models=["azure/gpt"])["trials"][0]
    assert trial["batch"] is None
    assert "azure's batch API needs an address" in trial["batch_reason"]


def test_names_are_for_readers_and_not_part_of_a_hash(root):
    one = root.plan()
    two = root.plan(
        sampling=[root.study["sampling"][0] | {"name": "cold"}],
        conditions={"short": "prompts/solver/direct.md"},
    )
    assert two["trials"][0]["hash"] == one["trials"][0]["hash"]
    assert two["conditions"][0]["hash"] == one["conditions"][0]["hash"]
    assert two["trials"][0]["id"] == f"tiny-cold--{one['trials'][0]['hash'][:8]}"


ANYTIME = {"stopping": "anytime", "primary": {"contrast": ["condition", "steps", "direct"]}}


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"question": "Other?"}, {"plan"}),
        ({"execution": {"parts": 4}}, {"plan", "money", "sending"}),
        ({"execution": {"rescue": "realtime"}}, {"plan", "money", "sending"}),
        ({"execution": {"max_concurrent_batches": 9}}, {"plan"}),
        ({"budget": {"max_usd": 9}}, {"plan", "money"}),
        ({"budget": {"policy": "dev"}}, {"plan", "money", "items"}),
        ({"items": [{"path": "data/items.jsonl", "limit": 3}]}, {"plan", "items"}),
        ({"replications": 2}, {"plan", "money", "grid", "sending"}),
        ({"scorers": ["exact"]}, {"plan", "scores"}),
        ({"analysis": {"alpha": 0.1}}, {"plan", "analysis"}),
        ({"analysis": {"seed": 3}}, {"plan", "analysis"}),
        ({"analysis": ANYTIME}, {"plan", "analysis", "money", "sending"}),  # five parts, not one
        ({"analysis": {"stopping": "fixed", "looks": 7}}, set()),
        ({"analysis": {"placebo_runs": 50}}, {"plan"}),
        ({"analysis": {"pilot": {"from": "before", "gap": 0.1}}}, set()),
    ],
)
def test_a_change_touches_the_digests_of_the_stages_that_depend_on_it(root, change, stages):
    before, after = root.plan()["digests"], root.plan(**change)["digests"]
    assert {stage for stage in before if before[stage] != after[stage]} == stages


def test_naming_a_contrast_is_no_change_of_the_analysis(root):
    contrast = {"contrast": ["condition", "steps", "direct"], "margin": 0.01}
    one = root.plan(analysis={"primary": contrast})["digests"]["analysis"]
    assert root.plan(analysis={"primary": contrast | {"name": "A"}})["digests"]["analysis"] == one
    other = contrast | {"missing": "observed"}
    assert root.plan(analysis={"primary": other})["digests"]["analysis"] != one


def test_a_plan_is_plain_json(root):
    plan = root.plan()
    assert json.loads(json.dumps(plan, allow_nan=False)) == plan


def test_a_plan_reads_no_data(root):
    root.write("data/items.jsonl", "this is not an item")
    assert root.plan()["items"][0]["path"] == "data/items.jsonl"


def test_the_demo_has_the_size_that_was_promised():
    plan = make_plan(Path("config/studies/demo.yaml"), REPOSITORY)
    assert (len(plan["trials"]), len(plan["conditions"]), len(plan["cells"])) == (2, 2, 4)
    assert plan["items"][0]["size"] >= 60
    assert {cell["replications"] for cell in plan["cells"]} == {2}


def test_code_digests_tell_packages_apart():
    assert package_digest("inference") != package_digest("report")
    assert package_digest("inference") == package_digest("inference")
