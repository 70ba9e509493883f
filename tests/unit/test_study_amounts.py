"""Primary contrasts of tokens, dollars and seconds: what a study may declare, and what is refused."""

import pytest

PAID = """
models:
  paid:
    model: lab/paid
    base_url: http://127.0.0.1:9/v1
    api_key_env: NO_SUCH_KEY
    price: {usd_per_million_input_tokens: 1, usd_per_million_output_tokens: 2}
  gift:
    model: lab/gift
    base_url: http://127.0.0.1:9/v1
    api_key_env: NO_SUCH_KEY
    price: {usd_per_million_input_tokens: 0, usd_per_million_output_tokens: 0}
  unknown: {model: lab/unknown, base_url: "http://127.0.0.1:9/v1", api_key_env: NO_SUCH_KEY}
  strong: {model: sim/strong, route: sim, sim: {ability: 1}}
"""
PAIR = {"contrast": ["condition", "direct", "steps"]}
MODELS = {"contrast": ["model", "paid", "strong"]}


@pytest.fixture
def priced(root):
    root.write("config/models.yaml", PAID)
    return root


@pytest.mark.parametrize("metric", ["tokens_out", "usd", "latency_s", "usd_per_correct"])
def test_an_amount_can_be_declared(priced, metric):
    plan = priced.plan(models=["paid"], analysis={"primary": PAIR | {"metric": metric}})
    [entry] = plan["analysis"]["primary"]
    assert (entry["metric"], entry["margin"], entry["margin_is_default"]) == (metric, 0.1, True)


def test_a_declared_margin_is_kept_and_a_score_keeps_its_own_default(priced):
    declared = [PAIR | {"metric": "usd", "margin": 0.25, "name": "dollars"}, PAIR]
    plan = priced.plan(models=["paid"], analysis={"primary": declared})
    assert [entry["margin"] for entry in plan["analysis"]["primary"]] == [0.25, 0.01]


REFUSED = [
    (["paid"], {"metric": "usd", "scope": "prompts"}, 'a ratio of usd has no interval for scope "prompts"'),
    (["paid"], {"metric": "usd", "scope": "datasets"}, "usd_per_correct: items, these items"),
    (["paid"], {"metric": "tokens_out", "margin": 1}, "the margin of tokens_out is the share that is saved"),
    (["paid"], {"metric": "usd", "missing": "observed"}, "an unusable answer took its usd too"),
    (["paid"], {"metric": "usd_per_correct", "missing": "observed"}, "divided by right answers"),
    (["strong"], {"metric": "usd"}, "answers of strong cost nothing, and there is no ratio to 0 dollars"),
    (["gift"], {"metric": "usd_per_correct"}, "answers of gift cost nothing"),
    (["unknown"], {"metric": "usd"}, "no price is known for unknown; set `price` in config/models.yaml"),
    (["paid"], {"metric": "tokens_ot"}, 'unknown metric "tokens_ot"; did you mean "tokens_out"?'),
    (["paid", "strong"], MODELS | {"metric": "usd"}, "answers of strong cost nothing"),
    (["paid", "strong"], MODELS | {"metric": "latency_s"}, "the arms go by realtime against sim"),
]  # fmt: skip


@pytest.mark.parametrize(("models", "primary", "expected"), REFUSED)
def test_what_cannot_have_a_verdict_is_refused(priced, models, primary, expected):
    message = priced.refusal(models=models, analysis={"primary": PAIR | primary})
    assert expected in message and "analysis.primary." in message


def test_seconds_of_answers_that_may_come_by_batch_are_refused(root):
    declared = {"primary": PAIR | {"metric": "latency_s"}}
    message = root.refusal(models=["mini"], sampling=[{"name": "s"}], analysis=declared)
    assert "answers of mini may come by batch" in message
    root.plan(
        models=["mini"],
        sampling=[{"name": "s"}],
        analysis=declared,
        execution={"route": "realtime"},
    )


@pytest.mark.parametrize("metric", ["tokens_out", "usd", "latency_s", "usd_per_correct"])
def test_a_study_that_may_stop_early_watches_no_amount(priced, metric):
    declared = {"primary": PAIR | {"metric": metric}, "stopping": "anytime"}
    message = priced.refusal(models=["paid"], analysis=declared)
    assert f'"{metric}" has no upper bound: stopping: anytime needs scores within 0 to 1' in message


def test_a_scorer_that_is_called_like_an_amount_comes_first(priced):
    plan = priced.plan(
        models=["strong"],
        scorers=["numeric", {"scorer": "numeric", "name": "usd", "tolerance": 0.1}],
        analysis={"primary": PAIR | {"metric": "usd"}},
    )
    assert plan["analysis"]["primary"][0]["margin"] == 0.01
